"""Authlib's rules for ID Tokens of the authorization endpoint (OIDCC 3.2.2.11 and 3.3.2.12)."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from authlib.oidc.core.claims import get_claim_cls_by_response_type  # type: ignore[import-untyped] # without types
from joserfc import jwt
from joserfc.errors import InvalidClaimError
from joserfc.jwk import KeySet

from support.dev_server import DevServer
from support.house import VERIFIER
from valetkey.oauth.pkce import challenge_of

pytestmark = pytest.mark.interop

CALLBACK = "http://127.0.0.1:3997/callback"
TYPES = ["id_token", "id_token token", "code id_token", "code id_token token"]
ARTEFACTS = {"code": "code", "token": "access_token"}


@pytest.fixture(scope="module", params=["RS256", "ES256"])
def client_id(request: pytest.FixtureRequest, dev: DevServer) -> str:
    name = f"authlib-{request.param.lower()}"
    dev.add_client(
        name,
        *("--grant-type", "authorization_code", "--grant-type", "implicit", "--application-type", "native"),
        *(
            "--authentication-method",
            "none",
            "--redirect-uri",
            CALLBACK,
            "--scope",
            "openid",
            "--profile",
            "OPENID",
        ),
        *("--id-token-signed-response-alg", request.param),
    )
    return name


def answered(dev: DevServer, client_id: str, response_type: str) -> dict[str, str]:
    """Sign in and consent; return the parameters of the fragment."""
    parameters = {
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "response_type": response_type,
        "scope": "openid",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    person = dev.person()
    sight = person.sign_in(person.open(f"{dev.issuer}/authorize?{urlencode(parameters)}"))
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    return dict(parse_qsl(urlsplit(sight.url).fragment))


@pytest.mark.parametrize("response_type", TYPES)
def test_authlib_accepts_the_id_token_and_what_it_is_bound_to(
    dev: DevServer, client_id: str, response_type: str
) -> None:
    answer = answered(dev, client_id, response_type)
    keys = KeySet.import_key_set(httpx2.get(f"{dev.issuer}/jwks.json", trust_env=False).json())
    token = jwt.decode(answer["id_token"], keys, algorithms=[client_id.removeprefix("authlib-").upper()])
    rules = get_claim_cls_by_response_type(response_type)
    options = {"iss": {"value": dev.issuer}, "aud": {"value": client_id}}
    carried = {word: answer[name] for word, name in ARTEFACTS.items() if name in answer}
    assert set(carried) == set(response_type.split()) - {"id_token"}
    known = {"nonce": "nonce-1", **{ARTEFACTS[word]: value for word, value in carried.items()}}
    rules(token.claims, token.header, options, {**known, "client_id": client_id}).validate()
    for name in known:
        with pytest.raises(InvalidClaimError):
            rules(token.claims, token.header, options, {**known, name: "another"}).validate()
