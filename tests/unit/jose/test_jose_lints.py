"""Lints: every row of the table is found where it should be, and nothing is found in a sound token."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.jose import Jwk, jwe, jws_json, jwt
from valetkey.jose.claim_lints import LONG_LIFE_SECONDS
from valetkey.jose.dissection import Form, dissect
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.lints import LINTS, Finding, Severity, lint_key, lint_token

NOW = 1_800_000_000
KEY = Jwk.generate("ES256")
SECRET = Jwk.from_secret(bytes(range(32)), algorithm="HS256", kid="s1")
CLAIMS: dict[str, Any] = {
    "iss": "https://login.example.com", "aud": "https://api.example.com", "sub": "alice", "jti": "1",
    "iat": NOW - 60, "exp": NOW + 240,
}  # fmt: skip
HEADER: dict[str, Any] = {"alg": "ES256", "kid": "k1", "typ": "JWT"}


def b64(value: object) -> str:
    return b64url_encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def token(header: dict[str, Any] | None = None, claims: object = None, signature: bytes = b"s" * 64) -> str:
    """A token that only looks like one: lints verify nothing."""
    return f"{b64({**HEADER, **(header or {})})}.{b64(CLAIMS if claims is None else claims)}.{b64(signature)}"


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in CLAIMS.items() if name not in names}


def header_without(name: str) -> str:
    header = {key: value for key, value in HEADER.items() if key != name}
    return f"{b64(header)}.{b64(CLAIMS)}.{b64(b's' * 64)}"


def jwe_with(**header: object) -> str:
    return ".".join([b64({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "k", **header}), *[b64(b"x" * 16)] * 4])


GUESSABLE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)

TOKENS: list[tuple[str, str]] = [
    ("malformed", "no token at all"),
    ("malformed", token() + "."),
    ("malformed", "{}"),
    ("malformed", "!!!." + token().partition(".")[2]),
    ("malformed", token(claims=b'{"exp":1') + "="),
    ("duplicate_member", token(claims=b'{"exp":1,"exp":2}')),
    ("duplicate_member", ".".join([b64(b'{"alg":"none","alg":"ES256"}'), b64(CLAIMS), ""])),
    ("bearer_prefix", "Authorization: Bearer " + token()),
    ("oversize_cookie", token(claims={**CLAIMS, "groups": ["g" * 100] * 40})),
    ("oversize", token(claims={**CLAIMS, "groups": ["g" * 100] * 70})),
    ("oversize_limit", token(claims={**CLAIMS, "groups": ["g" * 100] * 200})),
    ("encrypted", jwe.encrypt(b"{}", Jwk.generate("ECDH-ES+A256KW"), encryption="A256GCM")),
    ("alg_none", token({"alg": "none"}, signature=b"")),
    ("alg_none", token({"alg": "nOnE"})),
    ("alg_missing", header_without("alg")),
    ("alg_missing", ".".join([b64({"enc": "A256GCM"}), *[b64(b"x" * 16)] * 4])),
    ("alg_unknown", token({"alg": "HS257"})),
    ("alg_unknown", token({"alg": ["ES256"]})),
    ("alg_unknown", jwe_with(alg="ES256")),
    ("alg_symmetric", token({"alg": "HS256"}, signature=b"s" * 32)),
    ("alg_confusion", token({"alg": "HS256", "x5u": "https://keys.example"}, signature=b"s" * 32)),
    ("alg_polymorphic", token({"alg": "EdDSA"})),
    ("alg_rsa1_5", jwe_with(alg="RSA1_5")),
    ("pbes2_count", jwe_with(alg="PBES2-HS256+A128KW", p2c=1000)),
    ("pbes2_count_high", jwe_with(alg="PBES2-HS256+A128KW", p2c=2**31)),
    ("enc_unknown", jwe_with(enc="A512GCM")),
    ("zip", jwe_with(zip="DEF")),
    ("typ_missing", header_without("typ")),
    ("typ_access_token", token(claims={**CLAIMS, "scope": "read", "client_id": "shop"})),
    ("kid_missing", header_without("kid")),
    ("kid_suspicious", token({"kid": "../../dev/null"})),
    ("kid_suspicious", token({"kid": "1' UNION SELECT 'secret"})),
    ("key_by_url", token({"jku": "https://evil.example/jwks.json"})),
    ("key_by_url", token({"x5u": "https://evil.example/chain.pem"})),
    ("key_embedded", token({"jwk": KEY.as_dict()})),
    ("crit", token({"crit": ["exp"], "exp": 1})),
    ("claims_missing", token(claims=b"a signed text")),
    ("claims_missing", token(claims=b"[1]")),
    ("exp_missing", token(claims=without("exp"))),
    ("exp_past", token(claims={**CLAIMS, "exp": NOW})),
    ("time_malformed", token(claims={**CLAIMS, "exp": "tomorrow"})),
    ("time_malformed", token(claims={**CLAIMS, "nbf": True})),
    ("time_malformed", token(claims={**CLAIMS, "iat": -1})),
    ("time_in_milliseconds", token(claims={**CLAIMS, "exp": (NOW + 60) * 1000})),
    ("exp_before_iat", token(claims={**CLAIMS, "iat": NOW + 300})),
    ("iat_future", token(claims={**CLAIMS, "iat": NOW + 120})),
    ("nbf_future", token(claims={**CLAIMS, "nbf": NOW + 120})),
    ("long_life", token(claims={**CLAIMS, "exp": NOW + LONG_LIFE_SECONDS})),
    ("long_life", token({"typ": "at+jwt"}, {**CLAIMS, "exp": NOW + 7200})),
    ("iat_missing", token(claims=without("iat"))),
    ("iss_missing", token(claims=without("iss"))),
    ("aud_missing", token(claims=without("aud"))),
    ("sub_missing", token(claims=without("sub"))),
    ("jti_missing", token(claims=without("jti"))),
    ("secret_claim", token(claims={**CLAIMS, "password": "correct horse"})),
    ("secret_claim", token(claims={**CLAIMS, "user": {"apiKey": "x"}})),
    ("secret_claim", token(claims={**CLAIMS, "databases": ["postgres://app:hunter2@db/app"]})),
    ("secret_claim", token(claims={**CLAIMS, "k": "-----BEGIN EC PRIVATE KEY-----"})),
    ("personal_claim", token(claims={**CLAIMS, "email": "alice@example.com"})),
    ("signature_empty", token(signature=b"")),
    ("signature_length", token(signature=b"s" * 63)),
    ("signature_der", token(signature=b"\x30\x45" + b"s" * 69)),
    ("secret_guessable", GUESSABLE),
]

KEYS: list[tuple[str, dict[str, object]]] = [
    ("key_unsound", {"kty": "EC", "crv": "P-256", "x": b64(b"x" * 32), "y": b64(b"y" * 32), "alg": "ES256"}),
    ("key_unsound", {"kty": "quantum"}),
    ("key_short", {"kty": "RSA", "n": b64(b"\xc3" * 128), "e": "AQAB", "alg": "RS256"}),
    ("key_short", {"kty": "oct", "k": b64(b"secret"), "alg": "HS256"}),
    ("secret_guessable", {"kty": "oct", "k": b64(b"your-256-bit-secret"), "alg": "HS256"}),
    ("key_from_words", {"kty": "oct", "k": b64(b"the quick brown fox jumps over it"), "alg": "HS256"}),
    ("key_public_as_secret", {"kty": "oct", "k": b64(b"-----BEGIN PUBLIC KEY-----\n..."), "alg": "HS256"}),
    ("key_private", KEY.as_private_dict()),
    ("key_without_alg", {name: part for name, part in KEY.as_dict().items() if name != "alg"}),
    ("key_without_kid", {name: part for name, part in KEY.as_dict().items() if name != "kid"}),
]


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings}


@pytest.mark.parametrize(
    ("code", "text"), TOKENS, ids=[f"{code}-{place}" for place, (code, _) in enumerate(TOKENS)]
)
def test_a_token_that_deserves_a_lint_gets_it(code: str, text: str) -> None:
    assert code in codes(lint_token(text, now=NOW))


@pytest.mark.parametrize(("code", "members"), KEYS, ids=[f"{code}-{place}" for place, (code, _) in enumerate(KEYS)])
def test_a_key_that_deserves_a_lint_gets_it(code: str, members: dict[str, object]) -> None:
    assert code in codes(lint_key(members))


def test_every_row_of_the_table_is_shown_here_to_be_found() -> None:
    shown = {code for code, _ in TOKENS} | {code for code, _ in KEYS} | {"key_other_algorithm"}
    assert shown == set(LINTS)


def test_a_sound_token_and_a_sound_key_get_none() -> None:
    assert lint_token(jwt.sign(CLAIMS, KEY, typ="JWT"), now=NOW) == ()
    assert lint_token(jwt.sign(CLAIMS, KEY, typ="JWT"), now=NOW, key=KEY.as_dict()) == ()
    assert lint_key(KEY.as_dict()) == ()
    assert lint_key({**SECRET.as_private_dict(), "kid": "s1"}) == ()


def test_the_gravest_finding_stands_first_and_each_stands_once() -> None:
    found = lint_token(token({"alg": "none"}, without("iss", "sub"), b""), now=NOW)
    order = [list(Severity).index(finding.severity) for finding in found]
    assert order == sorted(order)
    assert len(set(found)) == len(found)


def test_a_symmetric_algorithm_with_a_public_key_is_a_confusion() -> None:
    text = token({"alg": "HS256"}, signature=b"s" * 32)
    assert "alg_confusion" in codes(lint_token(text, now=NOW, key=KEY.as_dict()))
    assert "alg_confusion" not in codes(lint_token(text, now=NOW, key=SECRET.as_private_dict()))


def test_a_key_for_another_algorithm_is_told() -> None:
    text = token({"alg": "PS256"}, signature=b"s" * 256)
    assert "key_other_algorithm" in codes(lint_token(text, now=NOW, key=KEY.as_dict()))


def test_a_dpop_proof_brings_its_key_and_lives_by_its_iat() -> None:
    claims = {"iat": NOW, "jti": "1", "htm": "GET", "htu": "https://api.example.com/albums"}
    assert lint_token(token({"typ": "dpop+jwt", "jwk": KEY.as_dict()}, claims), now=NOW) == ()


def test_a_kind_is_judged_by_the_claims_that_it_must_bear() -> None:
    introspection = {"iss": "a", "aud": "b", "iat": NOW, "token_introspection": {"active": False}}
    assert lint_token(token({"typ": "token-introspection+jwt"}, introspection), now=NOW) == ()
    event = {"iss": "a", "aud": "b", "iat": NOW, "jti": "1", "events": {"https://x.example": {}}}
    assert lint_token(token({"typ": "secevent+jwt"}, event), now=NOW) == ()
    del event["jti"]
    assert codes(lint_token(token({"typ": "application/secevent+jwt"}, event), now=NOW)) == {"jti_missing"}


def test_no_detail_shows_a_secret() -> None:
    claims = {**CLAIMS, "password": "correct horse battery staple"}
    details = [finding.detail for finding in lint_token(token(claims=claims), now=NOW)]
    members = KEY.as_private_dict() | {"x": "broken"}
    details += [finding.detail for finding in lint_key(members)]
    assert not [detail for detail in details if "correct" in detail or str(members["d"]) in detail]


def test_a_json_serialization_is_read_signature_by_signature() -> None:
    other = Jwk.generate("Ed25519")
    signers = [jws_json.JwsSigner(key=KEY), jws_json.JwsSigner(key=other, unprotected={"jku": "https://x.example"})]
    text = json.dumps(jws_json.sign_general(json.dumps(CLAIMS).encode(), signers))
    read = dissect(text)
    assert read.form is Form.JSON_JWS
    assert [header.members["alg"] for header in read.headers] == ["ES256", "Ed25519"]
    assert read.claims is not None
    assert read.claims.members == CLAIMS
    assert "key_by_url" in codes(lint_token(text, now=NOW))


def test_every_sentence_is_one_sentence() -> None:
    for lint in LINTS.values():
        assert lint.sentence[0].isupper(), lint
        assert lint.sentence.endswith("."), lint
        assert lint.sentence.count(". ") == 0, lint


@given(st.text() | st.binary().map(lambda octets: f"{b64(octets)}.{b64(octets)}.{b64(octets)}"))
def test_nothing_escapes_whatever_the_text(text: str) -> None:
    assert all(finding.code in LINTS for finding in lint_token(text, now=NOW))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["alg", "typ", "kid", "exp", "iat", "jwk", "jku", "crit", "p2c", "enc", "kty", "k", "n", "e"]
)


@given(st.dictionaries(NAMES, JSON), st.dictionaries(NAMES, JSON), st.dictionaries(NAMES, JSON))
def test_nothing_escapes_whatever_the_members(
    header: dict[str, Any], claims: dict[str, Any], key: dict[str, Any]
) -> None:
    for text in (
        f"{b64(header)}.{b64(claims)}.eA",
        jwe_with(**header),
        json.dumps({**claims, "ciphertext": header}),
    ):
        assert all(finding.code in LINTS for finding in lint_token(text, now=NOW, key=key))


def test_a_nest_of_a_hundred_thousand_brackets_is_malformed_and_nothing_else() -> None:
    deep = b"[" * 100_000
    assert "claims_missing" in codes(lint_token(f"{b64(HEADER)}.{b64(deep)}.eA", now=NOW))
    nested = b'{"a":' * 60 + b"1" + b"}" * 60
    assert "claims_missing" in codes(lint_token(f"{b64(HEADER)}.{b64(nested)}.eA", now=NOW))
