"""requests-oauth2client proves itself by a key, signs what it asks for, and judges the ID Token (RFC 9101)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from requests_oauth2client import AuthorizationResponseError, IdToken, OAuth2Client, PrivateKeyJwt

from support.dev_server import DevServer
from support.person import Sight
from valetkey.jose import Jwk

pytestmark = pytest.mark.interop

CALLBACK = "https://signing.example.com/callback"
KEY = Jwk.generate("ES256")


@pytest.fixture(scope="module")
def library(dev: DevServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuth2Client]:
    published = tmp_path_factory.mktemp("signing") / "jwks.json"
    published.write_text(json.dumps({"keys": [KEY.public().as_dict()]}))
    dev.add_client(
        "signing",
        *("--redirect-uri", CALLBACK, "--scope", "openid email", "--grant-type", "authorization_code"),
        *("--authentication-method", "private_key_jwt", "--jwks", str(published), "--consent", "first_party"),
        *("--profile", "OPENID", "--require-signed-request-object", "--id-token-signed-response-alg", "ES256"),
    )
    found = OAuth2Client.from_discovery_endpoint(
        issuer=dev.issuer,
        auth=PrivateKeyJwt("signing", KEY.as_private_dict(), aud=dev.issuer),
        redirect_uri=CALLBACK,
        id_token_signed_response_alg="ES256",
        testing=True,
    )
    with found.session:
        yield found


def requested(dev: DevServer, library: OAuth2Client, **asked: Any) -> Any:
    """Return an authorization request with what a request object says of itself."""
    return library.authorization_request(scope="openid email", iss="signing", aud=dev.issuer, **asked)


def followed(dev: DevServer, request: Any, key: Jwk = KEY) -> Sight:
    """Sign the request and let a browser follow it."""
    # OpenID Connect asks for the first two outside of the object too (Core, 6.1); who cannot read it sends `state`.
    outside = {"response_type": "code", "scope": "openid", "state": request.state}
    signed = request.sign(key.as_private_dict(), alg="ES256", lifetime=60, **outside)
    person = dev.person()
    sight = person.open(signed.uri)
    return person.sign_in(sight) if "login-submit" in sight.ids else sight


def test_a_signed_request_leads_to_tokens_that_the_library_accepts(dev: DevServer, library: OAuth2Client) -> None:
    request = requested(dev, library, max_age=600)
    answer = request.validate_callback(followed(dev, request).url)
    tokens = library.authorization_code(answer)
    assert isinstance(tokens.id_token, IdToken)
    assert tokens.id_token.claims["nonce"] == request.nonce
    assert tokens.id_token.claims["aud"] == "signing"
    assert library.userinfo(tokens)["email"] == "alice@example.com"


def test_a_request_signed_by_another_key_or_by_none_is_refused(dev: DevServer, library: OAuth2Client) -> None:
    request = requested(dev, library)
    with pytest.raises(AuthorizationResponseError) as forged:
        request.validate_callback(followed(dev, request, Jwk.generate("ES256")).url)
    assert forged.value.error == "invalid_request_object"
    with pytest.raises(AuthorizationResponseError) as unsigned:
        request.validate_callback(dev.person().open(request.uri).url)
    assert unsigned.value.error == "invalid_request"
