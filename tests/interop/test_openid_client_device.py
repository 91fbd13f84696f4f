"""npm openid-client 6 as a device: it asks for codes, a person answers in a browser, it polls (RFC 8628)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.dev_server import DevServer
from support.node import NodePeer, PeerRefusal, node_peer

pytestmark = pytest.mark.interop

PUBLIC = "openid-tv"
CONFIDENTIAL = "openid-kiosk"
SCOPE = "openid profile offline_access albums.read"
DEVICE = (
    "--grant-type", "urn:ietf:params:oauth:grant-type:device_code", "--grant-type", "refresh_token",
    "--scope", SCOPE,
)  # fmt: skip


@pytest.fixture(scope="module", params=[PUBLIC, CONFIDENTIAL])
def device(request: pytest.FixtureRequest, dev: DevServer) -> Iterator[NodePeer]:
    is_public = request.param == PUBLIC
    method = ("--authentication-method", "none") if is_public else ()
    added = dev.add_client(request.param, *DEVICE, *method, "--resource", dev.api)
    proof = {"method": "none"} if is_public else {"method": "client_secret_basic", "secret": added["client_secret"]}
    with node_peer("openid_client.mjs") as peer:
        metadata = peer.call("discover", issuer=dev.issuer, client_id=request.param, **proof)
        assert metadata["device_authorization_endpoint"] == f"{dev.issuer}/device_authorization"
        yield peer


def test_a_device_waits_while_its_person_signs_in_and_allows_it(dev: DevServer, device: NodePeer) -> None:
    started = device.call("device", scope=SCOPE)
    assert (started["expires_in"], started["interval"]) == (600, 5)
    person = dev.person()
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(device.call, "poll", device=started)
        # The link of the QR code fills the code in; the person sends it.
        link = person.open(started["verification_uri_complete"])
        assert started["user_code"] in link.text
        done = person.connect(started["user_code"])
        assert 'data-device="allowed"' in done.text
        tokens = polling.result()
    assert set(tokens["scope"].split()) == set(SCOPE.split())
    assert tokens["claims"]["iss"] == dev.issuer
    assert device.call("userinfo", access_token=tokens["access_token"], subject=tokens["claims"]["sub"])["name"]
    read = device.call("call_api", access_token=tokens["access_token"], url=f"{dev.api}/albums")
    assert read["status"] == 200
    refreshed = device.call("refresh", refresh_token=tokens["refresh_token"])
    assert refreshed["refresh_token"] != tokens["refresh_token"]


def test_a_device_is_told_that_its_person_denied(dev: DevServer, device: NodePeer) -> None:
    started = device.call("device", scope=SCOPE)
    assert 'data-device="denied"' in dev.person().connect(started["user_code"].lower(), "device-deny").text
    with pytest.raises(PeerRefusal) as refusal:
        device.call("poll", device=started)
    assert refusal.value.error == "access_denied"


def test_a_device_without_a_right_is_told_so_at_once(device: NodePeer) -> None:
    with pytest.raises(PeerRefusal) as refusal:
        device.call("device", scope="openid albums.write")
    assert refusal.value.error == "invalid_scope"
