"""Whatever a request object holds, it makes parameters of texts or is refused by its one answer."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.house import ISSUER, NOW, client_key
from support.request_objects import signing_client
from valetkey.authorization_server.authorization.request_object import (
    Expected,
    assembled,
    is_evident,
    used_up,
    verified_claims,
)
from valetkey.authorization_server.policy import PROFILES
from valetkey.jose import JwkSet, jws
from valetkey.jose.encoding import json_octets
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.types import ClientId

KEYS = (JwkSet((client_key().public(),)),)
NAMES = st.sampled_from(
    (
        *("iss", "aud", "exp", "nbf", "iat", "jti", "sub", "client_id", "response_type", "scope", "state", "nonce"),
        *("redirect_uri", "max_age", "claims", "resource", "request", "request_uri", "registration", "prompt"),
        *("request object", "shown redirect_uri", "x", ""),
    )
)
TEXTS = st.sampled_from(("web", ISSUER.url, "code", "openid", "", "\u2028", "a b")) | st.text(max_size=8)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | TEXTS
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
SOUND = {"iss": "web", "aud": ISSUER.url, "client_id": "web", "exp": NOW + 60}
SENT = Parameters.of((("client_id", "web"), ("request", "x"), ("state", "outer"), ("response_type", "code")))


@given(
    claims=st.dictionaries(NAMES, VALUES, max_size=6),
    is_sound=st.booleans(),
    profile=st.sampled_from(sorted(PROFILES)),
)
def test_any_claims_are_parameters_or_refused(claims: dict[str, Any], is_sound: bool, profile: str) -> None:  # noqa: FBT001 - drawn
    expected = Expected(signing_client(), ISSUER, PROFILES[profile], NOW)
    text = jws.sign_compact(json_octets(claims | SOUND if is_sound else claims), client_key(), header={})
    try:
        found = assembled(SENT, verified_claims(text, expected, KEYS), expected)
    except OAuthError as error:
        assert error.code is ErrorCode.INVALID_REQUEST_OBJECT
        return
    assert (found.get("client_id"), is_evident(found)) == ("web", True)
    assert not {"request", "request_uri", "shown redirect_uri"} & found.names()
    values = [value for _, value in found.as_pairs()]
    assert {type(value) for value in values} == {str}
    assert "" not in values
    # What an interaction stores comes back as it was.
    assert Parameters.of(found.as_pairs()).as_pairs() == found.as_pairs()
    use = used_up(found, ClientId("web"), NOW)
    assert use is None or use.expires_at > NOW


@given(text=st.text(max_size=60) | st.text("ey.A-_", max_size=60))
def test_any_text_is_refused(text: str) -> None:
    for policy in PROFILES.values():
        expected = Expected(signing_client(), ISSUER, policy, NOW)
        try:
            verified_claims(text, expected, KEYS)
        except OAuthError as error:
            assert error.code is ErrorCode.INVALID_REQUEST_OBJECT
        else:
            raise AssertionError(text)
