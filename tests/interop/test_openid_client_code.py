"""npm openid-client 6 gets tokens by authorization code with PKCE, with every check of its own (OIDCC 3.1)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.dev_server import DevServer
from support.node import NodePeer, PeerRefusal, node_peer

pytestmark = pytest.mark.interop

SCOPE = "openid profile email offline_access albums.read"
CLIENTS = [
    ("web", "client_secret_basic", "http://localhost:3000/callback"),
    ("web", "client_secret_post", "http://localhost:3000/callback"),
    ("spa", "none", "http://localhost:5173/callback"),
    ("native", "none", "http://127.0.0.1:49152/callback"),
]


@contextmanager
def openid_client(
    dev: DevServer, name: str = "web", method: str = "client_secret_basic", **metadata: object
) -> Iterator[NodePeer]:
    secret = dev.client(name).get("client_secret")
    with node_peer("openid_client.mjs") as peer:
        peer.call("discover", issuer=dev.issuer, client_id=name, method=method, secret=secret, metadata=metadata)
        yield peer


def redirect(dev: DevServer, peer: NodePeer, redirect_uri: str, **parameters: str) -> str:
    """Sign in and consent, and return the whole address that the browser was sent to."""
    url = peer.call("begin", redirect_uri=redirect_uri, **{"scope": SCOPE, "resource": dev.api} | parameters)
    person = dev.person()
    sight = person.open(url)
    if "login-submit" in sight.ids:
        sight = person.sign_in(sight)
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    assert sight.status == 303, sight.error
    return sight.url


def tokens_of(dev: DevServer, peer: NodePeer, redirect_uri: str = CLIENTS[0][2], **parameters: str) -> Any:
    return peer.call("finish", url=redirect(dev, peer, redirect_uri, **parameters))


@pytest.mark.parametrize("algorithm", ["oidc", "oauth2"])
def test_both_metadata_documents_are_accepted_for_their_issuer(dev: DevServer, algorithm: str) -> None:
    with node_peer("openid_client.mjs") as peer:
        found = peer.call(
            "discover", issuer=dev.issuer, client_id="spa", method="none", secret=None, algorithm=algorithm
        )
    assert found["issuer"] == dev.issuer
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert {"none", "client_secret_basic", "client_secret_post", "private_key_jwt"} <= set(
        found["token_endpoint_auth_methods_supported"]
    )


@pytest.mark.parametrize(("name", "method", "redirect_uri"), CLIENTS)
def test_every_kind_of_client_gets_tokens_that_the_api_and_userinfo_accept(
    dev: DevServer, name: str, method: str, redirect_uri: str
) -> None:
    with openid_client(dev, name, method) as peer:
        tokens = tokens_of(dev, peer, redirect_uri, prompt="consent")
        called = peer.call("call_api", access_token=tokens["access_token"], url=f"{dev.api}/albums")
        claims = tokens["claims"]
        known = peer.call("userinfo", access_token=tokens["access_token"], subject=claims["sub"])
    assert claims["aud"] == name
    assert tokens["token_type"] == "bearer"
    assert set(tokens["scope"].split()) == set(SCOPE.split())
    assert tokens["refresh_token"].startswith("vk_rt_")
    assert called["status"] == 200
    assert called["body"]["asked_by"] == claims["sub"]
    assert known["sub"] == claims["sub"]
    assert known["email"] == "alice@example.com"
    assert known["email_verified"] is True
    assert isinstance(known["updated_at"], int)


@pytest.mark.requirement("OIDCC-11/ignored")
def test_offline_access_is_left_out_where_no_consent_was_prompted_for(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        scope = tokens_of(dev, peer)["scope"]
    assert set(scope.split()) == set(SCOPE.split()) - {"offline_access"}


@pytest.mark.parametrize(("name", "method", "redirect_uri"), CLIENTS)
def test_a_refresh_gives_new_tokens_of_the_same_subject_and_narrows_the_scope_on_demand(
    dev: DevServer, name: str, method: str, redirect_uri: str
) -> None:
    with openid_client(dev, name, method) as peer:
        first = tokens_of(dev, peer, redirect_uri)
        second = peer.call("refresh", refresh_token=first["refresh_token"])
        third = peer.call("refresh", refresh_token=second["refresh_token"], scope="openid albums.read")
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert second["claims"]["sub"] == first["claims"]["sub"]
    assert set(third["scope"].split()) == {"openid", "albums.read"}


def test_a_superseded_refresh_token_is_refused_once_its_successor_was_used(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        first = tokens_of(dev, peer)
        second = peer.call("refresh", refresh_token=first["refresh_token"])
        third = peer.call("refresh", refresh_token=second["refresh_token"])
        for dead in (first, third):
            with pytest.raises(PeerRefusal) as refused:
                peer.call("refresh", refresh_token=dead["refresh_token"])
            assert (refused.value.error, refused.value.facts["status"]) == ("invalid_grant", 400)


def test_max_age_is_answered_by_a_fresh_auth_time(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        url = redirect(dev, peer, CLIENTS[0][2], max_age="60")
        claims = peer.call("finish", url=url, max_age=60)["claims"]
    assert 0 <= claims["iat"] - claims["auth_time"] <= 60


def test_the_client_refuses_an_answer_of_another_request_or_another_issuer(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        url = redirect(dev, peer, CLIENTS[0][2])
        issuer = f"iss={dev.issuer.replace(':', '%3A').replace('/', '%2F')}"
        assert issuer in url
        for forged, changed in (
            (url, {"state": "of another request"}),
            (url.replace(issuer, "iss=https%3A%2F%2Fanother.example"), {}),
            (url.replace(f"&{issuer}", "").replace(f"{issuer}&", ""), {}),
        ):
            with pytest.raises(PeerRefusal) as refused:
                peer.call("finish", url=forged, changed=changed)
            assert refused.value.facts["name"] == "ClientError"
            assert refused.value.error is None
        # Nothing was sent: the code still buys tokens.
        assert peer.call("finish", url=url)["claims"]["aud"] == "web"


def test_the_client_refuses_an_id_token_with_another_nonce(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        url = redirect(dev, peer, CLIENTS[0][2])
        with pytest.raises(PeerRefusal) as refused:
            peer.call("finish", url=url, changed={"nonce": "of another request"})
    assert "nonce" in refused.value.facts["cause"]


def test_a_code_buys_nothing_with_another_verifier_nor_twice_nor_when_invented(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        url = redirect(dev, peer, CLIENTS[0][2])
        peer.call("finish", url=url)
        code = url.split("code=")[1].split("&")[0]
        other = redirect(dev, peer, CLIENTS[0][2])
        for asked, changed in (
            (url, {}),
            (other, {"verifier": "v" * 43}),
            (other.replace(other.split("code=")[1].split("&")[0], f"{code[:-4]}AAAA"), {}),
        ):
            state = asked.split("state=")[1].split("&")[0]
            with pytest.raises(PeerRefusal) as refused:
                peer.call("finish", url=asked, changed=changed | {"state": state})
            assert (refused.value.error, refused.value.facts["status"]) == ("invalid_grant", 400)


def test_a_declined_consent_reaches_the_client_as_access_denied(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        url = peer.call("begin", redirect_uri=CLIENTS[0][2], scope=SCOPE, prompt="consent")
        person = dev.person()
        sight = person.submit(person.sign_in(person.open(url)), "consent-deny")
        assert sight.status == 303
        with pytest.raises(PeerRefusal) as refused:
            peer.call("finish", url=sight.url)
    assert refused.value.error == "access_denied"


def test_prompt_none_without_a_session_reaches_the_client_as_login_required(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        url = peer.call("begin", redirect_uri=CLIENTS[0][2], scope="openid", prompt="none")
        sight = dev.person().open(url)
        assert sight.status == 303
        with pytest.raises(PeerRefusal) as refused:
            peer.call("finish", url=sight.url)
    assert refused.value.error == "login_required"


def test_prompt_none_with_a_session_and_a_remembered_consent_needs_no_page(dev: DevServer) -> None:
    with openid_client(dev) as peer:
        person = dev.person()
        person.authorize(peer.call("begin", redirect_uri=CLIENTS[0][2], scope="openid email"))
        sight = person.open(peer.call("begin", redirect_uri=CLIENTS[0][2], scope="openid email", prompt="none"))
        assert sight.status == 303
        assert peer.call("finish", url=sight.url)["claims"]["aud"] == "web"


def test_single_claims_come_from_where_they_were_asked_for(dev: DevServer) -> None:
    asked = {
        "userinfo": {"email": {"essential": True}},
        "id_token": {"name": None, "auth_time": {"essential": True}},
    }
    with openid_client(dev) as peer:
        tokens = tokens_of(dev, peer, scope="openid", claims=json.dumps(asked))
        subject = tokens["claims"]["sub"]
        known = peer.call("userinfo", access_token=tokens["access_token"], subject=subject)
        renewed = peer.call("refresh", refresh_token=tokens["refresh_token"])
    assert known == {"sub": subject, "email": "alice@example.com"}
    for claims in (tokens["claims"], renewed["claims"]):
        assert claims["name"]
        assert "email" not in claims
        assert claims["auth_time"] <= claims["iat"]


def test_a_request_about_somebody_else_is_refused_before_any_tokens(dev: DevServer) -> None:
    claims = json.dumps({"id_token": {"sub": {"value": "somebody-else"}}})
    with openid_client(dev) as peer, pytest.raises(PeerRefusal, match="login_required"):
        tokens_of(dev, peer, claims=claims)
