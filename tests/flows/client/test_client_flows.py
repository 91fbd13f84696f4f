"""Every flow of `valetkey.client` against the real server."""

import json
import threading
from collections.abc import Iterator

import httpx2
import pytest

from support.dev_server import DevServer
from support.playing import PATIENCE, SCOPE, browse, enter_code, native
from valetkey.client import (
    AsyncBearerAuth,
    AsyncMachineTokens,
    AsyncOAuthClient,
    BearerAuth,
    ClientAuthentication,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    Exchange,
    Kind,
    MachineTokens,
    OAuthClient,
    PrivateKeyJwt,
    ServerRefused,
    TimedOut,
    TokenType,
    async_sign_in,
    sign_in,
)
from valetkey.jose import Jwk, jwt
from valetkey.oauth.types import Scope

ALBUMS = Scope({"albums.read"})


def secret(dev: DevServer, name: str) -> ClientSecretBasic:
    return ClientSecretBasic(dev.client(name)["client_secret"])


@pytest.fixture
def machine(dev: DevServer) -> Iterator[OAuthClient]:
    with OAuthClient(dev.issuer, "machine", secret(dev, "machine")) as client:
        yield client


def test_a_person_signs_in_by_a_loopback_redirect(dev: DevServer) -> None:
    signed_in = native(dev)
    assert signed_in.claims is not None
    assert signed_in.claims["sub"] == jwt.peek(signed_in.tokens.access_token).claims["sub"]
    assert signed_in.tokens.refresh_token is not None
    assert signed_in.tokens.scope == Scope({"openid", "albums.read"})


async def test_the_same_sign_in_from_an_event_loop(dev: DevServer) -> None:
    async with AsyncOAuthClient(dev.issuer, "native") as client:
        show = browse(dev)
        signed_in = await async_sign_in(client, SCOPE, resource=dev.api, show=show, seconds=PATIENCE)
        assert signed_in.claims is not None
        assert signed_in.claims["aud"] == "native"
        with pytest.raises(TimedOut):
            await async_sign_in(client, SCOPE, show=lambda _: None, seconds=0.1)


def test_nobody_who_signs_in_is_not_waited_for_for_ever(dev: DevServer) -> None:
    with OAuthClient(dev.issuer, "native") as client, pytest.raises(TimedOut):
        sign_in(client, "openid", show=lambda _: None, seconds=0.1)


def test_a_web_application_starts_and_finishes_a_sign_in_itself(dev: DevServer) -> None:
    with OAuthClient(dev.issuer, "web", secret(dev, "web")) as client:
        redirect_uri = dev.client("web")["redirect_uris"][0]
        started = client.start_code(redirect_uri, SCOPE, resource=dev.api, prompt="login")
        answer = dev.person().authorize(started.url)
        signed_in = client.finish_code(started, str(httpx2.QueryParams(answer)))
        assert signed_in.claims is not None
        assert signed_in.claims["aud"] == "web"
        with pytest.raises(ServerRefused) as caught:
            client.finish_code(started, str(httpx2.QueryParams(answer)))
        assert caught.value.code == "invalid_grant"


def test_a_device_waits_while_a_person_enters_its_code(dev: DevServer) -> None:
    with OAuthClient(dev.issuer, "tv") as client:
        device = client.start_device("albums.read", resource=dev.api)
        person = threading.Timer(1, enter_code, (dev, device.verification_uri, device.user_code))
        person.start()
        tokens = client.finish_device(device)
        person.join(PATIENCE)
        assert tokens.scope == ALBUMS
        assert jwt.peek(tokens.access_token).claims["client_id"] == "tv"


def test_a_device_that_a_person_turned_down_gets_nothing(dev: DevServer) -> None:
    with OAuthClient(dev.issuer, "tv") as client:
        device = client.start_device("albums.read")
        enter_code(dev, device.verification_uri, device.user_code, "device-deny")
        with pytest.raises(ServerRefused) as caught:
            client.finish_device(device)
        assert caught.value.code == "access_denied"


async def test_the_same_device_flow_runs_in_an_event_loop(dev: DevServer) -> None:
    async with AsyncOAuthClient(dev.issuer, "tv") as client:
        device = await client.start_device("albums.read", resource=dev.api)
        shown = (dev, device.verification_uri, device.user_code)
        threading.Thread(target=enter_code, args=shown, daemon=True).start()
        assert (await client.finish_device(device)).scope == ALBUMS


def test_a_gateway_exchanges_a_persons_token_and_acts_for_them(dev: DevServer) -> None:
    subject_token = native(dev).tokens.access_token
    with OAuthClient(dev.issuer, "api-gateway", secret(dev, "api-gateway")) as client:
        tokens = client.exchange(Exchange(subject_token, resources=(dev.api,)))
        assert tokens.issued_token_type == TokenType.ACCESS_TOKEN
        claims, before = jwt.peek(tokens.access_token).claims, jwt.peek(subject_token).claims
        assert (claims["sub"], claims["client_id"]) == (before["sub"], "api-gateway")
        act = claims["act"]
        assert isinstance(act, dict)
        assert act["client_id"] == "api-gateway"
        with pytest.raises(ServerRefused) as caught:
            client.exchange(Exchange(subject_token, resources=("https://unknown.example",)))
        assert caught.value.code == "invalid_target"


def test_a_revoked_refresh_token_is_dead_for_its_client(dev: DevServer) -> None:
    tokens = native(dev).tokens
    assert tokens.refresh_token is not None
    with OAuthClient(dev.issuer, "native") as client:
        renewed = client.refresh(tokens.refresh_token, "albums.read")
        assert renewed.scope == ALBUMS
        assert renewed.refresh_token is not None
        client.revoke(renewed.refresh_token)
        client.revoke(renewed.refresh_token)
        with pytest.raises(ServerRefused) as caught:
            client.refresh(renewed.refresh_token)
        assert caught.value.code == "invalid_grant"


def test_a_client_learns_what_becomes_of_its_own_token(dev: DevServer, machine: OAuthClient) -> None:
    token = machine.client_credentials("albums.read", resource=dev.api).access_token
    said = machine.introspect(token)
    assert (said.active, said.members["client_id"]) == (True, "machine")
    signed = machine.introspect_signed(token)
    assert (signed.active, signed.members["jti"]) == (True, jwt.peek(token).claims["jti"])
    machine.revoke(token, Kind.ACCESS_TOKEN)
    assert machine.introspect(token).active is False
    assert machine.introspect_signed(token).active is False


@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]
)
def test_a_client_authenticates_as_it_is_registered(dev: DevServer, method: str) -> None:
    key, name = Jwk.generate("ES256"), f"job-{method.replace('_', '-')}"
    jwks = dev.state.parent / f"{name}.json"
    jwks.write_text(json.dumps({"keys": [key.public().as_dict()]}))
    keys = ("--jwks", str(jwks)) if method == "private_key_jwt" else ()
    rights = ("--grant-type", "client_credentials", "--scope", "albums.read")
    view = dev.add_client(name, *rights, "--authentication-method", method, *keys)
    authentication: ClientAuthentication = PrivateKeyJwt(key)
    if method == "client_secret_basic":
        authentication = ClientSecretBasic(view["client_secret"])
    elif method == "client_secret_post":
        authentication = ClientSecretPost(view["client_secret"])
    elif method == "client_secret_jwt":
        authentication = ClientSecretJwt(view["client_secret"])
    with OAuthClient(dev.issuer, name, authentication) as client:
        for _ in range(2):
            assert client.client_credentials("albums.read").scope == ALBUMS


def test_a_wrong_secret_is_the_servers_no(dev: DevServer) -> None:
    with OAuthClient(dev.issuer, "machine", ClientSecretBasic("w" * 43)) as client:
        with pytest.raises(ServerRefused) as caught:
            client.client_credentials()
        assert (caught.value.code, caught.value.status) == ("invalid_client", 401)


def test_an_api_is_called_with_a_token_that_is_fetched_when_needed(dev: DevServer, machine: OAuthClient) -> None:
    tokens = MachineTokens(machine, "albums.read", resource=dev.api)
    with httpx2.Client(auth=BearerAuth(tokens, dev.api), trust_env=False) as http:
        assert http.get(f"{dev.api}/albums").json()["asked_by"] == "machine"
        assert "authorization" not in http.get(f"{dev.issuer}/jwks.json").request.headers
        # Too few rights is no dead token: it is not asked for again.
        first = tokens.access_token()
        assert http.post(f"{dev.api}/albums").status_code == 403
        assert tokens.access_token() == first


async def test_the_same_call_from_an_event_loop(dev: DevServer) -> None:
    async with AsyncOAuthClient(dev.issuer, "machine", secret(dev, "machine")) as client:
        tokens = AsyncMachineTokens(client, "albums.read", resource=dev.api)
        async with httpx2.AsyncClient(auth=AsyncBearerAuth(tokens, dev.api), trust_env=False) as http:
            assert (await http.get(f"{dev.api}/albums")).json()["asked_by"] == "machine"
