"""Every kind of token presented to the verifier of every kind: only the diagonal passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from support.jose import NOW, key_for, key_set
from valetkey.jose import (
    AlgorithmNotAllowed,
    ClaimInvalid,
    ClaimMissing,
    ConfigurationError,
    InvalidToken,
    MalformedToken,
    SignatureInvalid,
    TokenNotYetValid,
    TypMismatch,
    Verifier,
    jws,
    jwt,
)
from valetkey.jose import token_kinds as kinds
from valetkey.jose.dpop_proof import DpopProofVerifier
from valetkey.jose.encoding import json_octets
from valetkey.jose.token_kinds import TokenKind

KEY = key_for("ES256")
KEYS = key_set(KEY)
# One name stands for issuer, client and audience alike: nothing but the kind sets the tokens apart.
NAME = "https://one.example"
TIMES = {"iat": NOW, "exp": NOW + 60}
EVENT = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"

CLAIMS: Mapping[str, Mapping[str, object]] = {
    "access token": {**TIMES, "sub": "alice", "client_id": NAME, "jti": "1", "scope": "read"},
    "ID Token": {**TIMES, "sub": "alice", "nonce": "n", "auth_time": NOW},
    "client assertion": {**TIMES, "sub": NAME, "jti": "1"},
    "client's own token": {**TIMES, "sub": NAME, "jti": "1", "scope": "read"},
    "identity assertion": {
        **TIMES,
        "sub": "alice",
        "client_id": NAME,
        "jti": "1",
        "scope": "read",
        "credential": "access_token",
    },
    "logout token": {**TIMES, "sub": "alice", "jti": "1", "events": {kinds.BACKCHANNEL_LOGOUT: {}}},
    "security event token": {"iat": NOW, "jti": "1", "events": {EVENT: {}}},
    "request object": {**TIMES, "client_id": NAME, "response_type": "code"},
    "authorization response": {"exp": NOW + 60, "code": "c", "state": "s"},
    "introspection response": {"iat": NOW, "token_introspection": {"active": True}},
    "DPoP proof": {"iat": NOW, "jti": "1", "htm": "POST", "htu": "https://one.example/token"},
}
KINDS: Mapping[str, TokenKind] = {
    row.name: row
    for row in (
        kinds.AT_JWT,
        kinds.ID_TOKEN,
        kinds.CLIENT_ASSERTION,
        kinds.CLIENT_TOKEN,
        kinds.IDENTITY_ASSERTION,
        kinds.LOGOUT_TOKEN,
        kinds.SECURITY_EVENT_TOKEN,
        kinds.REQUEST_OBJECT,
        kinds.AUTHORIZATION_RESPONSE,
        kinds.INTROSPECTION_RESPONSE,
        kinds.DPOP_PROOF,
    )
}


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as its kind is issued, and once more without the typ where the kind allows that."""

    name: str
    typ: str | None

    def token(self, **changes: object) -> str:
        claims = {"iss": NAME, "aud": NAME} | dict(CLAIMS[self.name]) | changes
        header: dict[str, object] = {} if self.typ is None else {"typ": self.typ}
        if self.name == "DPoP proof":
            claims = {name: value for name, value in claims.items() if name not in {"iss", "aud"}}
        # Every token carries the key of a proof, so that a missing one is not what sets them apart.
        header["jwk"] = KEY.public().as_dict()
        left = {name: value for name, value in claims.items() if value is not None}
        return jws.sign_compact(json_octets(left), KEY, header=header)


PRESENTED = [Presented(name, row.typ) for name, row in KINDS.items()] + [
    Presented(name, None) for name, row in KINDS.items() if None in row.accepted
]


def _verify(kind: TokenKind) -> Callable[[str], object]:
    if kind is kinds.DPOP_PROOF:
        return lambda token: DpopProofVerifier(algorithms=["ES256"]).verify(token, now=NOW)
    verifier = Verifier.of_kind(kind, issuer=NAME, audience=NAME, algorithms=["ES256"])
    return lambda token: verifier.verify(token, KEYS, now=NOW)


@pytest.mark.requirement("RFC8725-3.12/exclusive-rules")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("presented", PRESENTED, ids=lambda one: f"{one.name} {one.typ}")
def test_a_token_is_believed_only_by_the_verifier_of_its_own_kind(presented: Presented, kind: TokenKind) -> None:
    # covers: JWS-30
    if presented.name == kind.name:
        _verify(kind)(presented.token())
    else:
        with pytest.raises(InvalidToken):
            _verify(kind)(presented.token())


@pytest.mark.parametrize("typ", ["JWT", None, "application/jwt", "id+jwt", "at+jwt "])
def test_an_access_token_names_its_kind(typ: str | None) -> None:
    # covers: JWS-31
    with pytest.raises(TypMismatch):
        _verify(kinds.AT_JWT)(Presented("access token", typ).token())
    for good in ("at+jwt", "application/at+jwt", "AT+JWT"):
        _verify(kinds.AT_JWT)(Presented("access token", good).token())


@pytest.mark.parametrize("subject", [None, "", "s" * 256, ["alice"], 7])
def test_the_subject_of_an_access_token_is_a_string_of_sensible_length(subject: object) -> None:
    # covers: JWS-32
    with pytest.raises(ClaimInvalid):
        _verify(kinds.AT_JWT)(Presented("access token", "at+jwt").token(sub=subject))
    _verify(kinds.AT_JWT)(Presented("access token", "at+jwt").token(sub="s" * 255))


@pytest.mark.parametrize(("name", "row"), KINDS.items())
def test_each_claim_that_a_kind_requires_is_missed(name: str, row: TokenKind) -> None:
    for claim in row.required:
        with pytest.raises(ClaimMissing) as caught:
            _verify(row)(Presented(name, row.typ).token(**{claim: None}))
        assert caught.value.claim == claim


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("access token", {"scope": ["read"]}),
        ("access token", {"client_id": ""}),
        ("ID Token", {"aud": [NAME, "other"]}),
        ("client assertion", {"sub": "other"}),
        ("client assertion", {"aud": [NAME, "https://other.example"]}),
        ("client assertion", {"jti": ""}),
        ("client's own token", {"sub": "other"}),
        ("client's own token", {"jti": ""}),
        ("client's own token", {"scope": ["read"]}),
        ("identity assertion", {"credential": 1}),
        ("identity assertion", {"scope": ["read"]}),
        ("logout token", {"nonce": "n"}),
        ("logout token", {"sub": None}),
        ("logout token", {"events": {}}),
        ("logout token", {"events": {kinds.BACKCHANNEL_LOGOUT: "x"}}),
        ("logout token", {"events": [kinds.BACKCHANNEL_LOGOUT]}),
        ("security event token", {"events": {kinds.BACKCHANNEL_LOGOUT: {}}}),
        ("security event token", {"exp": NOW + 60}),
        ("request object", {"sub": NAME}),
        ("request object", {"client_id": "other"}),
        ("request object", {"request_uri": "https://one.example/r"}),
        ("authorization response", {"code": None}),
        ("introspection response", {"token_introspection": {"active": "true"}}),
        ("introspection response", {"sub": "alice"}),
        ("DPoP proof", {"htm": 7}),
        ("DPoP proof", {"htu": "h" * 2_049}),
        ("DPoP proof", {"jti": ""}),
    ],
)
def test_a_claim_that_does_not_fit_its_kind_is_refused(name: str, changes: Mapping[str, object]) -> None:
    row = KINDS[name]
    with pytest.raises(ClaimInvalid):
        _verify(row)(Presented(name, row.typ).token(**changes))


def test_a_logout_token_may_name_a_session_instead_of_a_subject() -> None:
    _verify(kinds.LOGOUT_TOKEN)(Presented("logout token", "logout+jwt").token(sub=None, sid="s"))


PROOFS = DpopProofVerifier(algorithms=["ES256", "Ed25519"])


def _proof(header: Mapping[str, object], **changes: object) -> str:
    claims = {**CLAIMS["DPoP proof"], **changes}
    return jws.sign_compact(json_octets(claims), KEY, header={"typ": "dpop+jwt", **header})


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        "x",
        {},
        KEY.as_private_dict(),
        key_for("HS256").as_private_dict(),
        key_for("Ed25519").as_dict(),
        key_for("ES256").as_dict() | {"x": "AA"},
    ],
)
def test_a_proof_without_a_sound_public_key_is_refused(jwk: object) -> None:
    # covers: JWK-03
    with pytest.raises(MalformedToken):
        PROOFS.verify(_proof({"jwk": jwk}), now=NOW)


def test_a_proof_shows_possession_of_the_key_that_it_carries() -> None:
    verified = PROOFS.verify(_proof({"jwk": KEY.as_dict()}), now=NOW)
    assert verified.key.thumbprint() == KEY.thumbprint()
    with pytest.raises(SignatureInvalid):
        PROOFS.verify(_proof({"jwk": key_for("ES256", 1).as_dict()}), now=NOW)
    with pytest.raises(AlgorithmNotAllowed):
        DpopProofVerifier(algorithms=["Ed25519"]).verify(_proof({"jwk": KEY.as_dict()}), now=NOW)


def test_a_proof_is_young_and_not_of_the_future() -> None:
    good = {"jwk": KEY.as_dict()}
    PROOFS.verify(_proof(good, iat=NOW - 60), now=NOW)
    PROOFS.verify(_proof(good, iat=NOW + 10), now=NOW)
    for wrong in (NOW - 61, "x", -1):
        with pytest.raises(ClaimInvalid):
            PROOFS.verify(_proof(good, iat=wrong), now=NOW)
    with pytest.raises(TokenNotYetValid):
        PROOFS.verify(_proof(good, iat=NOW + 11), now=NOW)


def test_a_proof_is_never_signed_with_a_shared_secret() -> None:
    with pytest.raises(ConfigurationError):
        DpopProofVerifier(algorithms=["HS256"])


def test_what_is_signed_as_a_kind_names_it() -> None:
    assert jwt.peek(jwt.sign({}, KEY, typ=jwt.AT_JWT)).header["typ"] == "at+jwt"


# covers: JWS-30
@pytest.mark.parametrize("presented", PRESENTED, ids=lambda one: f"{one.name} {one.typ}")
def test_what_is_no_request_object_is_not_taken_for_one_that_need_not_say_much(presented: Presented) -> None:
    if presented.name == "request object":
        _verify(kinds.OPENID_REQUEST_OBJECT)(presented.token())
    else:
        with pytest.raises(InvalidToken):
            _verify(kinds.OPENID_REQUEST_OBJECT)(presented.token())


@pytest.mark.parametrize("typ", ["oauth-authz-req+jwt", "JWT", None])
def test_a_request_object_of_openid_connect_may_lack_what_it_is_judged_by_where_it_is_there(
    typ: str | None,
) -> None:
    bare: dict[str, object] = dict.fromkeys(("iss", "aud", "exp", "iat", "client_id"))
    believed = _verify(kinds.OPENID_REQUEST_OBJECT)
    believed(Presented("request object", typ).token(**bare))
    with pytest.raises(ClaimMissing):
        _verify(kinds.REQUEST_OBJECT)(Presented("request object", typ).token(**bare))
    faults: tuple[dict[str, object], ...] = (
        {"iss": "other"},
        {"iss": ""},
        {"aud": "other"},
        {"aud": []},
        {"exp": NOW},
        {"nbf": NOW + 100},
        {"client_id": "other", "iss": NAME},
        {"client_id": 7},
        {"sub": NAME},
        {"sub": "alice"},
        {"jti": 7},
        {"request": "e30.e30."},
        {"request_uri": "https://one.example/r"},
    )
    for fault in faults:
        with pytest.raises(ClaimInvalid if "exp" not in fault and "nbf" not in fault else InvalidToken):
            believed(Presented("request object", typ).token(**(bare | fault)))
