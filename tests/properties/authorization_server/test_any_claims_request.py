"""Whatever is sent as a claims request: it is understood or refused, and what is kept of it reads as it was."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from support.house import clients, end_users
from valetkey.authorization_server.claims import releasable, user_claims
from valetkey.authorization_server.claims_request import ClaimsRequest
from valetkey.authorization_server.standard_claims import OF_PROTOCOL
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import Scope

NAMES = st.sampled_from(
    [
        "name",
        "name#de",
        "email",
        "birthdate",
        "sub",
        "acr",
        "auth_time",
        "password_hash",
        "roles",
        "department",
        "x#",
        "a b",
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ASKED = st.none() | st.fixed_dictionaries(
    {}, optional={"essential": st.booleans(), "values": st.lists(JSON, max_size=3), "value": JSON, "other": JSON}
)
REQUESTS = st.fixed_dictionaries(
    {}, optional={name: st.dictionaries(NAMES, ASKED | JSON, max_size=4) for name in ("userinfo", "id_token")}
)
ALICE = end_users()["alice"]


def parsed(text: str, locales: str) -> ClaimsRequest | None:
    try:
        return ClaimsRequest.parse(text, locales)
    except OAuthError as refusal:
        assert refusal.code is ErrorCode.INVALID_REQUEST
        return None


# covers: AUT-16
@given(text=st.text(max_size=60) | REQUESTS.map(json.dumps) | JSON.map(json.dumps), locales=st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_claims_request_or_is_refused(text: str, locales: str) -> None:
    request = parsed(text, locales)
    if request is None:
        return
    assert ClaimsRequest.restored(json.loads(json.dumps(request.as_document()))) == request
    released = releasable(request, clients()["web"], ALICE)
    told = user_claims(ALICE, Scope(), released.userinfo, released.locales)
    assert {name.partition("#")[0] for name in told} <= released.names
    assert not OF_PROTOCOL & told.keys()
    assert not {"password_hash", "roles"} & told.keys()
    assert all(value not in (None, "", {}, []) for value in told.values())
