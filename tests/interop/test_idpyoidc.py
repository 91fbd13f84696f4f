"""idpyoidc, a library of Python, registers itself, believes nothing unseen, signs out and is told of logouts."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptojwt.exception import BadSignature  # type: ignore[import-untyped] # it carries no types
from cryptojwt.jws.jws import factory  # type: ignore[import-untyped] # it carries no types
from idpyoidc.client.oauth2.stand_alone_client import (  # type: ignore[import-untyped] # it carries no types
    StandAloneClient,
    backchannel_logout,
)
from idpyoidc.exception import MessageException  # type: ignore[import-untyped] # it carries no types

from support.logout_party import LogoutParty, logout_party
from support.person import Person
from support.production_server import ProductionServer, running_production

pytestmark = pytest.mark.interop

SECRET = "idpyoidc-" + "s" * 43
CALLBACK = "https://party.example.com/callback"
TYPES = ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"]
EVENT = "http://schemas.openid.net/event/backchannel-logout"
SERVICES = {
    "discovery": {"class": "idpyoidc.client.oidc.provider_info_discovery.ProviderInfoDiscovery"},
    "registration": {"class": "idpyoidc.client.oidc.registration.Registration"},
    "authorization": {"class": "idpyoidc.client.oidc.authorization.Authorization"},
    "access_token": {"class": "idpyoidc.client.oidc.access_token.AccessToken"},
    "refresh_access_token": {"class": "idpyoidc.client.oidc.refresh_access_token.RefreshAccessToken"},
    "userinfo": {"class": "idpyoidc.client.oidc.userinfo.UserInfo"},
    "end_session": {"class": "idpyoidc.client.oidc.end_session.EndSession"},
}
PKCE = {
    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
}
FURTHER = """
[[tenants]]
name = "default"
display_name = "Default"
registration = "open"
registration_scope = "openid profile email offline_access"

[[clients]]
client_id = "told"
name = "Told of logouts"
secret_file = "told"
consent = "first_party"
redirect_uris = ["{origin}/callback"]
post_logout_redirect_uris = ["{origin}/bye"]
backchannel_logout_uri = "{origin}/back"
backchannel_logout_session_required = true
scope = "openid profile email"

[[clients]]
client_id = "every"
name = "Every response type"
secret_file = "told"
consent = "first_party"
grant_types = ["authorization_code", "implicit", "refresh_token"]
userinfo_signed_response_alg = "RS256"
redirect_uris = ["https://party.example.com/callback"]
scope = "openid profile email"
"""


@pytest.fixture(scope="module")
def party() -> Iterator[LogoutParty]:
    with logout_party() as listening:
        yield listening


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, party: LogoutParty) -> Iterator[ProductionServer]:
    folder = tmp_path_factory.mktemp("idpyoidc")
    (folder / "told").write_text(SECRET)
    (folder / "told").chmod(0o600)
    environ = {"VALETKEY_PROFILE": "OPENID", "VALETKEY_OUTBOUND__ALLOW": "localhost"}
    with running_production(folder, environ=environ, further=FURTHER.format(origin=party.origin)) as started:
        yield started


def library(server: ProductionServer, *, registering: dict[str, str] | None = None, **config: object) -> Any:
    """Return the library's client, as its documentation configures one; it reads the metadata and the keys."""
    given = {
        "issuer": server.issuer,
        "client_type": "oidc",
        "base_url": "https://party.example.com",
        "redirect_uris": [CALLBACK],
        "add_ons": {"pkce": PKCE},
    }
    client = StandAloneClient(config=given | config, services=SERVICES)
    assert client.do_provider_info() == server.issuer
    client.do_client_registration(request_args=registering)
    return client


def told(server: ProductionServer, party: LogoutParty) -> Any:
    """Return the client that is told of logouts."""
    mine: dict[str, Any] = {
        "redirect_uris": [f"{party.origin}/callback"],
        "post_logout_redirect_uris": [f"{party.origin}/bye"],
    }
    return library(server, client_id="told", client_secret=SECRET, **mine)


def brought(client: Any, person: Person, **asked: object) -> dict[str, str]:
    """Do whatever the pages ask; return the parameters that the browser brings to the redirect URI."""
    sight = person.open(client.init_authorization(req_args={"scope": ["openid", "email"], **asked}))
    if "login-submit" in sight.ids:
        sight = person.sign_in(sight)
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    assert sight.status == 303, sight.error
    parts = urlsplit(sight.url)
    return dict(parse_qsl(parts.fragment or parts.query))


def logout_token(party: LogoutParty) -> str:
    """Wait until the server tells of a logout."""
    assert party.arrived.wait(30)
    party.arrived.clear()
    return party.posted[-1]


@pytest.mark.parametrize("response_type", ["code", "code id_token"])
def test_it_registers_itself_and_then_signs_its_end_user_in(server: ProductionServer, response_type: str) -> None:
    # It compares the scope that it is given to its own list as one text.
    client = library(server, registering={"scope": "openid"}, response_types_supported=[response_type])
    registered = client.get_context().registration_response
    assert registered["response_types"] == [response_type]
    arrived = brought(client, server.person(), response_type=response_type, scope=["openid"])
    found = client.finalize(arrived)
    assert found["id_token"]["aud"] == [registered["client_id"]]
    assert found["userinfo"]["sub"] == found["id_token"]["sub"]
    assert found["session_state"]


@pytest.mark.parametrize("response_type", TYPES)
def test_it_accepts_each_response_type_and_what_userinfo_signs(
    server: ProductionServer, response_type: str
) -> None:
    config: dict[str, Any] = {"userinfo_signed_response_alg": "RS256", "response_types": TYPES}
    client = library(server, client_id="every", client_secret=SECRET, **config)
    arrived = brought(client, server.person(), response_type=response_type)
    assert arrived["iss"] == server.issuer
    found = client.finalize(arrived)
    assert "error" not in found
    claims = found["id_token"] or found["userinfo"]
    assert claims["sub"] == found["userinfo"]["sub"]


def test_it_notices_an_id_token_for_another_request(server: ProductionServer) -> None:
    client = library(server, client_id="every", client_secret=SECRET, response_types=TYPES)
    first, second = (brought(client, server.person(), response_type="id_token") for _ in range(2))
    with pytest.raises(Exception, match="nonce"):
        client.finalize(first | {"id_token": second["id_token"]})


def test_it_is_told_why_there_is_no_answer(server: ProductionServer) -> None:
    client = library(server, client_id="every", client_secret=SECRET, response_types=TYPES)
    for response_type in TYPES:
        person = server.person()
        arrived = brought(client, person, response_type=response_type, prompt="none")
        assert client.finalize(arrived)["error"] == "login_required"


# covers: LGO-06
def test_it_signs_its_end_user_out_and_believes_the_token_that_tells_of_it(
    server: ProductionServer, party: LogoutParty
) -> None:
    client = told(server, party)
    person, other = server.person(), server.person()
    sessions = [client.finalize(brought(client, one)) for one in (person, other)]
    asked = client.logout(sessions[0]["state"], post_logout_redirect_uri=f"{party.origin}/bye")
    sight = person.open(asked["url"])
    assert sight.url == f"{party.origin}/bye?{urlencode({'state': asked['request']['state']})}"
    token = logout_token(party)
    assert backchannel_logout(client, request_args={"logout_token": token})
    seen = factory(token).jwt
    assert seen.headers["typ"] == "logout+jwt"
    claims = seen.payload()
    assert (claims["iss"], claims["aud"], claims["events"]) == (server.issuer, "told", {EVENT: {}})
    assert claims["sid"] == sessions[0]["id_token"]["sid"] != sessions[1]["id_token"]["sid"]
    assert claims["sub"] == sessions[0]["id_token"]["sub"]
    assert claims["iat"] <= time.time() + 5 < claims["exp"] + 5
    assert "nonce" not in claims
    # The other device of the same end-user is still signed in, and its logout is told by a token of its own.
    assert "code" in brought(client, other, prompt="none")
    other.open(client.logout(sessions[1]["state"], post_logout_redirect_uri=f"{party.origin}/bye")["url"])
    second = factory(logout_token(party)).jwt.payload()
    assert second["sid"] == sessions[1]["id_token"]["sid"]
    assert second["jti"] != claims["jti"]


# covers: LGO-06
def test_it_takes_no_id_token_and_no_changed_token_for_a_logout(
    server: ProductionServer, party: LogoutParty
) -> None:
    client = told(server, party)
    person = server.person()
    found = client.finalize(brought(client, person))
    id_token = client.get_context().cstate.get_claim(found["state"], claim="id_token")
    with pytest.raises(MessageException, match="Bogus logout request"):
        backchannel_logout(client, request_args={"logout_token": id_token})
    person.open(client.logout(found["state"], post_logout_redirect_uri=f"{party.origin}/bye")["url"])
    head, claims, signature = logout_token(party).split(".")
    changed = f"{head}.{claims}.{'A' * len(signature)}"
    with pytest.raises(BadSignature):
        backchannel_logout(client, request_args={"logout_token": changed})
