"""A logout token ends sessions only when everything about it is as it must be."""

import msgspec
import pytest

from valetkey.client import LogoutReceiver, MemorySeenTokens, ResponseRejected
from valetkey.client.logout_token import MAXIMUM_AGE, EndedSessions, logged_out, not_logged_out
from valetkey.jose import InvalidToken, Jwk, JwkSet, jwt
from valetkey.jose.jwe import Decrypter
from valetkey.jose.token_kinds import BACKCHANNEL_LOGOUT

NOW = 1_800_000_000
KEY = Jwk.generate("ES256")
KEYS = JwkSet((KEY.public(),))
CLAIMS: dict[str, object] = {
    "iss": "https://as.example",
    "aud": "web",
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "first",
    "sub": "alice",
    "sid": "session-1",
    "events": {BACKCHANNEL_LOGOUT: {}},
}


def receiver(**changes: object) -> LogoutReceiver:
    return LogoutReceiver("https://as.example", "web", **changes)  # type: ignore[arg-type]  # by name


def token(changes: dict[str, object] | None = None, key: Jwk = KEY, typ: str = "logout+jwt") -> str:
    return jwt.sign(
        {name: value for name, value in (CLAIMS | (changes or {})).items() if value is not None}, key, typ=typ
    )


def refused(one: str, keys: JwkSet = KEYS, to: LogoutReceiver | None = None) -> ResponseRejected:
    with pytest.raises(ResponseRejected) as caught:
        (to or receiver()).verify(one, keys, now=NOW)
    return caught.value


@pytest.mark.requirement("OIDCBCL-2.6/sub-or-sid")
@pytest.mark.parametrize(
    ("changes", "ended"),
    [
        ({}, EndedSessions("alice", "session-1")),
        ({"sid": None}, EndedSessions("alice", None)),
        ({"sub": None}, EndedSessions(None, "session-1")),
        ({"aud": ["web", "other"]}, EndedSessions("alice", "session-1")),
    ],
)
def test_a_logout_token_says_whose_sessions_end(changes: dict[str, object], ended: EndedSessions) -> None:
    assert receiver().verify(token(changes), KEYS, now=NOW) == ended


# covers: LGO-07
@pytest.mark.requirement("OIDCBCL-2.6/nonce")
@pytest.mark.requirement("OIDCBCL-2.6/events")
@pytest.mark.requirement("OIDCBCL-2.6/claims")
@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "n"},
        {"events": None},
        {"events": {}},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"events": {BACKCHANNEL_LOGOUT: True}},
        {"aud": "other"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"jti": None},
        {"jti": ""},
        {"sub": None, "sid": None},
        {"sub": None, "sid": ""},
        {"sid": ""},
        {"sid": 7},
        {"iat": None},
        {"iat": NOW - MAXIMUM_AGE - 1},
        {"iat": NOW + 60},
        {"exp": NOW},
        {"exp": None},
    ],
    ids=str,
)
def test_a_logout_token_with_a_wrong_claim_ends_nothing(changes: dict[str, object]) -> None:
    refusal = refused(token(changes))
    assert refusal.code == "invalid_logout_token"
    assert isinstance(refusal.__cause__, InvalidToken)


# covers: LGO-07
@pytest.mark.requirement("OIDCBCL-2.6/signature")
@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "secevent+jwt"])
def test_a_token_of_another_kind_or_key_ends_nothing(typ: str) -> None:
    assert refused(token(typ=typ)).code == "invalid_logout_token"
    header, claims, _ = token().split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9"
    other = token(key=Jwk.generate("ES256"))
    for one in (f"{unsigned}.{claims}.", f"{header}.{claims}.", other, "", "x"):
        assert refused(one).code == "invalid_logout_token"


# covers: LGO-07
def test_a_logout_token_is_used_once() -> None:
    ours = receiver()
    ours.verify(token(), KEYS, now=NOW)
    assert refused(token(), to=ours).code == "replayed_logout_token"
    assert refused(token({"iat": NOW + 5}), to=ours).code == "replayed_logout_token"
    ours.verify(token({"jti": "second"}), KEYS, now=NOW)


def test_a_token_that_is_not_believed_spends_no_identifier() -> None:
    ours = receiver()
    refused(token({"aud": "other"}), to=ours)
    ours.verify(token(), KEYS, now=NOW)


def test_what_was_seen_is_forgotten_once_no_token_of_then_is_believed() -> None:
    seen = MemorySeenTokens()
    assert seen.is_first_use("a", NOW + 10, NOW)
    assert not seen.is_first_use("a", NOW + 20, NOW + 9)
    assert seen.is_first_use("a", NOW + 20, NOW + 10)


@pytest.mark.requirement("OIDCBCL-2.6/decrypt")
def test_an_encrypted_logout_token_is_opened_first() -> None:
    private = Jwk.generate("ECDH-ES+A256KW")
    sealed = jwt.sign_then_encrypt(CLAIMS, KEY, private.public(), typ="logout+jwt")
    ours = receiver(
        decrypter=Decrypter(keys=JwkSet((private,)), algorithms=["ECDH-ES+A256KW"], encryptions=["A256GCM"])
    )
    assert ours.verify(sealed, KEYS, now=NOW) == EndedSessions("alice", "session-1")
    assert refused(token(), to=ours).code == "invalid_logout_token"
    assert refused(sealed).code == "invalid_logout_token"


def test_a_secret_shared_with_the_server_signs_too() -> None:
    secret = Jwk.generate("HS256")
    ours = receiver(algorithms=["HS256"])
    assert ours.verify(token(key=secret), JwkSet((secret,)), now=NOW).sid == "session-1"
    assert refused(token(), to=ours).code == "invalid_logout_token"


@pytest.mark.parametrize("body", [b"", b"logout_token=", b"logout_token=a&logout_token=b", b"\xff", b"other=a"])
def test_a_form_without_exactly_one_token_is_refused(body: bytes) -> None:
    with pytest.raises(ResponseRejected) as caught:
        receiver().read(body)
    assert caught.value.code == "invalid_request"


# covers: LGO-07
@pytest.mark.requirement("OIDCBCL-2.8/failed")
@pytest.mark.requirement("OIDCBCL-2.8/succeeded")
def test_the_answers_are_those_of_the_specification_and_are_not_kept() -> None:
    assert receiver().read(b"logout_token=a.b.c&further=x") == "a.b.c"
    assert logged_out().status == 200
    refusal = not_logged_out("No.")
    assert (refusal.status, msgspec.json.decode(refusal.body)["error"]) == (400, "invalid_request")
    assert {answer.header("cache-control") for answer in (logged_out(), refusal)} == {"no-store"}
