"""Authlib's httpx2 client: authorization code with PKCE, refresh and client credentials (RFC 6749, RFC 7636)."""

from base64 import urlsafe_b64encode
from os import urandom

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped] # it carries no types
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped] # it carries no types
from joserfc import jwt
from joserfc.jwk import KeySet

from support.dev_server import DevServer

pytestmark = pytest.mark.interop

SCOPE = "openid email albums.read"
CLIENTS = [
    ("web", "client_secret_basic", "http://localhost:3000/callback"),
    ("native", "none", "http://127.0.0.1:50123/callback"),
]


def metadata_of(dev: DevServer) -> dict[str, str]:
    found: dict[str, str] = httpx2.get(dev.report["links"]["openid_configuration"], trust_env=False).json()
    return found


def oauth_client(dev: DevServer, name: str, method: str, redirect_uri: str | None = None) -> OAuth2Client:
    return OAuth2Client(
        client_id=name,
        client_secret=dev.client(name).get("client_secret"),
        token_endpoint_auth_method=method,
        redirect_uri=redirect_uri,
        scope=SCOPE,
        code_challenge_method="S256",
        trust_env=False,
        timeout=20,
    )


@pytest.mark.parametrize(("name", "method", "redirect_uri"), CLIENTS)
def test_authlib_redeems_a_code_calls_the_api_and_refreshes(
    dev: DevServer, name: str, method: str, redirect_uri: str
) -> None:
    metadata, verifier = metadata_of(dev), urlsafe_b64encode(urandom(48)).decode()
    with oauth_client(dev, name, method, redirect_uri) as client:
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, resource=dev.api, nonce="nonce-1"
        )
        answer = dev.person().authorize(url)
        assert (answer["state"], answer["iss"]) == (state, dev.issuer)
        token = client.fetch_token(metadata["token_endpoint"], code=answer["code"], code_verifier=verifier)
        keys = KeySet.import_key_set(client.request("GET", metadata["jwks_uri"], withhold_token=True).json())
        id_token = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
        api = client.get(f"{dev.api}/albums")
        userinfo = client.get(metadata["userinfo_endpoint"])
        refreshed = client.refresh_token(metadata["token_endpoint"])
        again = client.get(f"{dev.api}/albums")
    assert set(token["scope"].split()) == set(SCOPE.split())
    assert (id_token.claims["iss"], id_token.claims["aud"], id_token.claims["nonce"]) == (
        dev.issuer,
        name,
        "nonce-1",
    )
    assert (api.status_code, userinfo.status_code, again.status_code) == (200, 200, 200)
    assert userinfo.json()["sub"] == id_token.claims["sub"]
    assert refreshed["access_token"] != token["access_token"]


def test_a_wrong_code_is_reported_as_invalid_grant(dev: DevServer) -> None:
    with oauth_client(dev, *CLIENTS[0]) as client, pytest.raises(OAuthError) as refused:
        client.fetch_token(metadata_of(dev)["token_endpoint"], code="vk_ac_" + "x" * 43, code_verifier="v" * 43)
    assert refused.value.error == "invalid_grant"


def test_a_machine_gets_a_token_that_the_api_accepts(dev: DevServer) -> None:
    with oauth_client(dev, "machine", "client_secret_basic") as client:
        token = client.fetch_token(
            metadata_of(dev)["token_endpoint"], grant_type="client_credentials", scope="albums.read"
        )
        assert client.get(f"{dev.api}/albums").status_code == 200
    assert token["scope"] == "albums.read"
    assert "refresh_token" not in token
