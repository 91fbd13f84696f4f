import pytest

from support.scripted import START, Script, answer
from valetkey.client import (
    Party,
    Registration,
    ResponseRejected,
    Server,
    ServerRefused,
    ServerUnreachable,
    TimedOut,
)
from valetkey.client.device import DeviceAuthorization, poll_device, start_device
from valetkey.oauth.types import Scope

SERVER = Server(
    "https://as.example",
    None,
    "https://as.example/token",
    sends_issuer=False,
    device_authorization_endpoint="https://as.example/device_authorization",
)
PARTY = Party(SERVER, Registration("tv"))
STARTED: dict[str, object] = {
    "device_code": "vk_dc_secret",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://as.example/device",
    "verification_uri_complete": "https://as.example/device?user_code=WDJB-MJHT",
    "expires_in": 600,
    "interval": 3,
}
TOKENS = answer({"access_token": "a", "token_type": "Bearer"})
PENDING = answer({"error": "authorization_pending"}, 400)
SLOW_DOWN = answer({"error": "slow_down"}, 400)


def started(**changes: object) -> DeviceAuthorization:
    members = {name: value for name, value in (STARTED | changes).items() if value is not None}
    return Script(answer(members)).run(start_device(PARTY, Scope({"albums.read"})))


def test_the_code_is_asked_for_with_the_rights_it_is_for() -> None:
    script = Script(answer(STARTED))
    device = script.run(start_device(PARTY, Scope({"albums.read"}), "https://api.example"))
    assert script.urls == [SERVER.device_authorization_endpoint]
    assert script.form() == {
        "scope": ["albums.read"], "resource": ["https://api.example"], "client_id": ["tv"],
    }  # fmt: skip
    assert (device.user_code, device.interval, device.expires_at) == ("WDJB-MJHT", 3, START + 600)
    assert "vk_dc_secret" not in repr(device)


@pytest.mark.requirement("RFC8628-3.2/default-interval")
def test_without_an_interval_five_seconds_lie_between_questions() -> None:
    assert started(interval=None).interval == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"device_code": None},
        {"user_code": ""},
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "http://as.example/device"},
        {"verification_uri": "http://127.0.0.1/device"},
        {"verification_uri_complete": "file:///etc/passwd"},
        {"expires_in": None},
        {"expires_in": "600"},
        {"interval": -1},
        {"interval": True},
    ],
)
def test_an_answer_that_cannot_be_shown_or_polled_is_rejected(changes: dict[str, object]) -> None:
    with pytest.raises(ResponseRejected):
        started(**changes)


def test_a_server_without_device_endpoint_says_so() -> None:
    party = Party(Server("https://as.example", None, "https://as.example/token", False), Registration("tv"))
    with pytest.raises(ResponseRejected, match="device_authorization_endpoint"):
        Script().run(start_device(party, Scope()))


@pytest.mark.requirement("RFC8628-3.5/slower-client")
def test_asking_is_patient_and_slower_for_good_after_each_slow_down() -> None:
    script = Script(PENDING, SLOW_DOWN, PENDING, SLOW_DOWN, TOKENS)
    tokens = script.run(poll_device(PARTY, started()))
    assert (tokens.access_token, script.waits) == ("a", [3, 3, 8, 8, 13])
    assert script.form()["grant_type"] == ["urn:ietf:params:oauth:grant-type:device_code"]
    assert script.form()["device_code"] == ["vk_dc_secret"]


@pytest.mark.requirement("RFC8628-3.5/timeout")
def test_a_server_that_is_away_is_asked_half_as_often_each_time() -> None:
    script = Script(ServerUnreachable("away"), (503, b""), TOKENS)
    script.run(poll_device(PARTY, started()))
    assert script.waits == [3, 6, 12]


@pytest.mark.requirement("RFC8628-3.5/stop")
@pytest.mark.parametrize("code", ["access_denied", "expired_token", "invalid_grant", "unheard_of"])
def test_every_other_refusal_ends_it(code: str) -> None:
    script = Script(PENDING, answer({"error": code}, 400))
    with pytest.raises(ServerRefused) as caught:
        script.run(poll_device(PARTY, started()))
    assert caught.value.code == code


def test_when_the_time_of_the_code_is_up_nobody_asks_any_more() -> None:
    script = Script(PENDING, PENDING)
    with pytest.raises(TimedOut):
        script.run(poll_device(PARTY, started(expires_in=8)))
    assert len(script.requests) == 2
