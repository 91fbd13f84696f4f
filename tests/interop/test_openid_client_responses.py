"""npm openid-client 6 by every response type that it knows, from an address and from a form (OIDCC 3.2, 3.3)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from support.dev_server import DevServer
from support.node import NodePeer, PeerRefusal, node_peer
from valetkey.jose import jwt

pytestmark = pytest.mark.interop

CALLBACK = "http://127.0.0.1:3998/callback"
SCOPE = "openid email"
ALGORITHMS = ["RS256", "ES256"]


@pytest.fixture(scope="module")
def secrets(dev: DevServer) -> dict[str, str]:
    """A client for each algorithm, with its secret; at a loopback address it is a native application."""
    found = {}
    for algorithm in ALGORITHMS:
        client_id = f"npm-{algorithm.lower()}"
        view = dev.add_client(
            client_id,
            *("--grant-type", "authorization_code", "--grant-type", "implicit", "--application-type", "native"),
            *("--authentication-method", "client_secret_basic", "--redirect-uri", CALLBACK, "--scope", SCOPE),
            *("--profile", "OPENID", "--id-token-signed-response-alg", algorithm),
        )
        found[client_id] = view["client_secret"]
    return found


@contextmanager
def openid_client(dev: DevServer, client_id: str, secret: str, response_type: str) -> Iterator[NodePeer]:
    algorithm = {"id_token_signed_response_alg": client_id.removeprefix("npm-").upper()}
    with node_peer("openid_client.mjs") as peer:
        asked = {"issuer": dev.issuer, "client_id": client_id, "method": "client_secret_basic", "secret": secret}
        peer.call("discover", **asked, metadata=algorithm)
        peer.call("expect", response_type=response_type)
        yield peer


def arrived(dev: DevServer, peer: NodePeer, mode: str | None, button: str = "consent-allow") -> dict[str, Any]:
    """Sign in and answer; return what the client is brought, and how."""
    mode_asked = {} if mode is None else {"response_mode": mode}
    url = peer.call("begin", redirect_uri=CALLBACK, scope=SCOPE, prompt="consent", **mode_asked)
    person = dev.person()
    sight = person.submit(person.sign_in(person.open(url)), button)
    if mode != "form_post":
        assert sight.status == 303, sight.error
        return {"url": sight.url}
    form = sight.form_with("form-post-continue")
    return {"url": form.action, "posted": form.hidden}


def changed(brought: dict[str, Any], **values: str) -> dict[str, Any]:
    """Return what was brought with other values for some of its parameters."""
    if "posted" in brought:
        return {**brought, "posted": {**brought["posted"], **values}}
    address, _, fragment = brought["url"].partition("#")
    return {"url": f"{address}#{urlencode(dict(parse_qsl(fragment)) | values)}"}


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_a_code_comes_in_the_query_and_in_a_form(dev: DevServer, secrets: dict[str, str], mode: str) -> None:
    with openid_client(dev, "npm-rs256", secrets["npm-rs256"], "code") as peer:
        tokens = peer.call("finish", **arrived(dev, peer, mode))
        known = peer.call("userinfo", access_token=tokens["access_token"], subject=tokens["claims"]["sub"])
    assert known["email"] == "alice@example.com"


@pytest.mark.parametrize("mode", [None, "fragment", "form_post"])
@pytest.mark.parametrize("client_id", [f"npm-{algorithm.lower()}" for algorithm in ALGORITHMS])
def test_a_code_and_an_id_token_are_bound_to_each_other_and_lead_to_tokens(
    dev: DevServer, secrets: dict[str, str], client_id: str, mode: str | None
) -> None:
    with openid_client(dev, client_id, secrets[client_id], "code id_token") as peer:
        brought = arrived(dev, peer, mode)
        tokens = peer.call("finish", **brought)
        known = peer.call("userinfo", access_token=tokens["access_token"], subject=tokens["claims"]["sub"])
    parameters = brought.get("posted") or dict(parse_qsl(urlsplit(brought["url"]).fragment))
    first = jwt.peek(parameters["id_token"]).claims
    assert {name: first[name] for name in ("iss", "sub", "nonce", "auth_time", "sid")} == {
        name: tokens["claims"][name] for name in ("iss", "sub", "nonce", "auth_time", "sid")
    }
    assert known["email"] == "alice@example.com"


@pytest.mark.parametrize("mode", [None, "form_post"])
def test_a_code_of_another_response_is_noticed(dev: DevServer, secrets: dict[str, str], mode: str | None) -> None:
    with openid_client(dev, "npm-rs256", secrets["npm-rs256"], "code id_token") as peer:
        brought = arrived(dev, peer, mode)
        for wrong in ({"code": "vk_ac_" + "a" * 43}, {"state": "another"}, {"iss": "https://another.example"}):
            with pytest.raises(PeerRefusal) as refused:
                peer.call("finish", **changed(brought, **wrong))
            assert refused.value.error is None
        with pytest.raises(PeerRefusal):
            peer.call("finish", **brought, changed={"nonce": "another"})
        assert peer.call("finish", **brought)["access_token"]


@pytest.mark.parametrize("mode", [None, "fragment", "form_post"])
@pytest.mark.parametrize("client_id", [f"npm-{algorithm.lower()}" for algorithm in ALGORITHMS])
def test_an_id_token_alone_signs_somebody_in(
    dev: DevServer, secrets: dict[str, str], client_id: str, mode: str | None
) -> None:
    with openid_client(dev, client_id, secrets[client_id], "id_token") as peer:
        brought = arrived(dev, peer, mode)
        claims = peer.call("finish_implicit", **brought)
        with pytest.raises(PeerRefusal):
            peer.call("finish_implicit", **brought, changed={"nonce": "another"})
    assert (claims["aud"], claims["iss"]) == (client_id, dev.issuer)
    assert claims["sub"]
    # There is no token to ask UserInfo with.
    assert claims["email"] == "alice@example.com"


@pytest.mark.parametrize("response_type", ["code", "code id_token", "id_token"])
def test_a_refusal_is_understood_in_a_form(dev: DevServer, secrets: dict[str, str], response_type: str) -> None:
    with openid_client(dev, "npm-rs256", secrets["npm-rs256"], response_type) as peer:
        brought = arrived(dev, peer, "form_post", "consent-deny")
        with pytest.raises(PeerRefusal) as refused:
            peer.call("finish_implicit" if response_type == "id_token" else "finish", **brought)
    assert refused.value.error == "access_denied"
