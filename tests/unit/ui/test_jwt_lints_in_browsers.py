"""The debugger's lints are the toolkit's: both run over one corpus and must find the same."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from support.jwt_modules import TABLES, result, results
from valetkey.jose import Jwk, jwe, jws_json, jwt
from valetkey.jose.claim_lints import CLAIMS_OF_KINDS
from valetkey.jose.dissection import dissect
from valetkey.jose.encoding import b64url_encode, decode_segment
from valetkey.jose.errors import MalformedToken
from valetkey.jose.lint_texts import LINTS
from valetkey.jose.lints import lint_key, lint_token

NOW = 1_800_000_000
KEY = Jwk.generate("ES256", kid="k1")
OTHER = Jwk.generate("Ed25519")
CLAIMS: dict[str, Any] = {
    "iss": "https://login.example", "aud": "https://api.example", "sub": "alice", "jti": "1",
    "iat": NOW - 60, "exp": NOW + 240,
}  # fmt: skip
HEADER: dict[str, Any] = {"alg": "ES256", "kid": "k1", "typ": "JWT"}


def b64(value: object) -> str:
    return b64url_encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def token(header: object = None, claims: object = None, signature: bytes = b"s" * 64) -> str:
    head = {**HEADER, **header} if isinstance(header, dict) else HEADER if header is None else header
    return f"{b64(head)}.{b64(CLAIMS if claims is None else claims)}.{b64(signature)}"


def jwe_with(**header: object) -> str:
    return ".".join([b64({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "k", **header}), *[b64(b"x" * 16)] * 4])


def mac(secret: bytes, algorithm: str) -> str:
    signed = f"{b64({**HEADER, 'alg': algorithm})}.{b64(CLAIMS)}"
    digest = "sha" + algorithm.removeprefix("HS")
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), digest))}"


def with_claims(**claims: object) -> str:
    return token(claims={**CLAIMS, **claims})


def without(*names: str) -> str:
    return token(claims={name: value for name, value in CLAIMS.items() if name not in names})


def with_each(name: str, *values: object) -> list[str]:
    return [with_claims(**{name: value}) for value in values]


def oct_key(secret: bytes, **members: object) -> dict[str, object]:
    return {"kty": "oct", "k": b64(secret), **members}


DEEP = "[" * 40 + "]" * 40
GENERAL = {"payload": b64(CLAIMS), "signatures": [{"protected": b64(HEADER), "signature": b64(b"s" * 64)}] * 2}

CORPUS: list[str] = [
    jwt.sign(CLAIMS, KEY, typ="at+jwt"),
    *("", "no token", "a.b", "a.b.c", "..", "....", "{}", "[]", '{"payload":"e30"}', "null", "\N{SNOWMAN}.e30.e30"),
    *(f"Bearer {token()}", f"authorization: DPoP {token()}", f' "{token()}" ', f"bearer bearer {token()}"),
    *(token() + ".", token() + "=", "!!!." + token().partition(".")[2], token(b"\xff"), token(b"[]"), token(b"7")),
    *(token(DEEP.encode()), token(claims=b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"), token(claims=b"{'a':1}")),
    *(token(claims=b'{"exp":1'), token(claims=b'{"exp":1,"exp":2}'), token(claims=b'{"a":{"b":1,"b":2}}')),
    *(token(claims=b'{"a":1,}'), token(claims=b'{"a":01}'), token(claims=b'{"exp":NaN}'), token(claims=b" {} ")),
    *(token(claims=b'{"exp":Infinity,"iat":-Infinity}'), token(claims=b'{"a":"\n"}'), token(claims=b'"text"')),
    *(token(claims=b'{"exp":1e999}'), token(claims=b'{"exp":1.8e9}'), token(claims=b"\xef\xbb\xbf{}")),
    *(token(claims=b'{"__proto__":{"password":"x"},"constructor":1}'), token(b'{"alg":"none","alg":"ES256"}')),
    *(with_claims(groups=["g" * 100] * size) for size in (40, 70, 200)),
    jwe.encrypt(b"{}", Jwk.generate("ECDH-ES+A256KW"), encryption="A256GCM"),
    *(token({"alg": alg}) for alg in ("none", "nOnE", "HS257", ["ES256"], None, 7, "EdDSA", "ML-DSA-44", "")),
    *(token({"alg": alg}, signature=b"s" * 64) for alg in ("HS256", "HS512", "ES512", "ES256K", "Ed448", "RS256")),
    *(token({"alg": "HS256", name: "x"}, signature=b"s" * 32) for name in ("jku", "jwk", "x5c", "x5u", "x5t")),
    *(token(b'{"typ":"JWT"}'), token(b"{}"), token({"typ": None}), token({"typ": 3}), token({"crit": ["b64"]})),
    *(jwe_with(alg=alg) for alg in ("ES256", "RSA1_5", "dir", None, "A128GCMKW", 4)),
    *(jwe_with(p2c=count) for count in (1000, 99_999, 100_000, 200_000, 200_001, 2**31, "many")),
    *(jwe_with(enc=enc) for enc in ("A256GCM", "A256CBC-HS512", "none", None, 1)),
    *(jwe_with(zip="DEF"), jwe_with(kid=None), jwe_with(crit="x"), jwe_with(jku="https://keys.example")),
    *(
        token({"kid": kid})
        for kid in ("../../etc/passwd", "https://x", "a'b", "1 UNION 2", "/a", "a/b", 7, None, "")
    ),
    *(token({"jku": "https://keys.example"}), token({"x5u": "x", "x5c": ["x"]}), token({"jwk": {}, "kid": None})),
    *(token({"jwk": {}, "typ": "dpop+jwt"}), token({"x5t": "x", "kid": None}), token({"x5t#S256": 1, "kid": None})),
    *(token(signature=signature) for signature in (b"", b"0" + b"s" * 69, b"s" * 63, b"0" + b"s" * 63)),
    *(mac(secret, "HS256") for secret in (b"secret", b"", b"your-256-bit-secret", bytes(range(32)))),
    *(mac(b"keyboard cat", algorithm) for algorithm in ("HS384", "HS512")),
    *(without(name) for name in CLAIMS),
    *(with_claims(**{name: None}) for name in CLAIMS),
    *with_each("exp", NOW, NOW - 1, NOW + 0.5, NOW - 60, NOW - 61, NOW + 86_339, NOW + 86_341),
    *with_each("exp", NOW * 1000, 10**400, "soon", True, [], {}, -1, 253_402_300_800, None),
    *with_each("nbf", NOW, NOW + 60, NOW + 61, NOW * 1000, "now"),
    *with_each("iat", NOW + 60, NOW + 61, NOW + 240, NOW * 1000, "now"),
    *(token({"typ": typ}, {**CLAIMS, "exp": NOW + 4_000}) for typ in ("at+jwt", "application/AT+JWT", "JWT")),
    *(token({"typ": typ}, {"iat": NOW}) for typ in ("x", *CLAIMS_OF_KINDS)),
    *(
        with_claims(scope="a", client_id="b"),
        with_claims(scope="a", client_id="b", nonce="n"),
        with_claims(scope="a"),
    ),
    token({"typ": "at+jwt"}, {**CLAIMS, "scope": "a", "client_id": "b"}),
    *with_each("password", "x", "", None, 0, 1, 2, False, [], {}, {"a": 1}),
    *(with_claims(**{name: "x"}) for name in ("apiKey", "client-secret", "userPIN", "pinned", "OTP", "secretary")),
    *(with_claims(**{name: "x"}) for name in ("email", "phoneNumber", "given-name", "name", "ip", "address")),
    *with_each("email", None, "", False),
    *(with_claims(a={"b": [{"cardNumber": "4"}]}), with_claims(a=[["vk_at_x"]]), with_claims(a="ghp_" + "a" * 20)),
    *(with_claims(u="postgres://u:p@host/db"), with_claims(u="https://host/a:b"), with_claims(u="AKIA" + "A" * 16)),
    *(
        with_claims(u=text)
        for text in ("-----BEGIN RSA PRIVATE KEY-----", "$argon2id$", "$2b$", "xoxb-1", "glpat-")
    ),
    with_claims(a={"b": {"c": {"d": {"e": {"f": {"g": {"h": {"password": "x"}}}}}}}}),
    json.dumps(GENERAL),
    json.dumps({**GENERAL, "signatures": []}),
    json.dumps({**GENERAL, "signatures": "x"}),
    json.dumps({**GENERAL, "payload": 7}),
    json.dumps({"payload": b64(CLAIMS), "protected": b64(HEADER), "signature": b64(b"s" * 64)}),
    json.dumps({"payload": b64(CLAIMS), "protected": b64(HEADER), "header": {"alg": "x"}, "signature": "s"}),
    json.dumps({"payload": b64(CLAIMS), "header": HEADER, "signature": b64(b"s" * 64)}),
    json.dumps(
        {"ciphertext": "AA", "protected": b64({"alg": "dir", "enc": "A256GCM"}), "unprotected": {"enc": "x"}}
    ),
    json.dumps(
        {"ciphertext": "AA", "unprotected": {"enc": "A256GCM"}, "recipients": [{"header": {"alg": "dir"}}] * 2}
    ),
    '{"payload":"e30","payload":"e30","signature":"AA"}',
    json.dumps(jws_json.sign_general(b"{}", [jws_json.JwsSigner(key=KEY), jws_json.JwsSigner(key=OTHER)])),
]

KEYS: list[dict[str, object]] = [
    KEY.as_dict(),
    KEY.as_private_dict(),
    OTHER.as_private_dict(),
    Jwk.generate("RS256").as_private_dict(),
    {"kty": "RSA", "n": b64(b"\xff" * 128), "e": "AQAB", "alg": "RS256"},
    *(oct_key(bytes(range(128, 168)), alg=alg) for alg in ("HS256", "HS384", "HS512", None)),
    *(oct_key(k, alg="HS256", kid="s") for k in (b"secret", b"a" * 40, b"", b"caf\xe9" * 10)),
    *(oct_key(k, alg="HS256", kid="s") for k in (b"-----BEGIN PUBLIC KEY-----", b"ssh-rsa A")),
    {"kty": "oct", "alg": "HS256", "k": b64(json.dumps(KEY.as_dict()).encode())},
]


def test_the_corpus_meets_every_lint_about_tokens() -> None:
    met = {finding.code for text in CORPUS for finding in lint_token(text, now=NOW)}
    about_keys = {code for code in LINTS if code.startswith("key_")} - {"key_embedded", "key_by_url"}
    assert set(LINTS) - met == about_keys


def test_a_browser_finds_in_each_token_what_the_toolkit_finds() -> None:
    found = results(("lint", {"token": text, "now": NOW, "tables": TABLES}) for text in CORPUS)
    expected = [[finding.code for finding in lint_token(text, now=NOW)] for text in CORPUS]
    assert [
        (text[:200], theirs, ours)
        for text, theirs, ours in zip(CORPUS, found, expected, strict=True)
        if sorted(theirs) != sorted(ours)
    ] == []


def test_a_browser_finds_in_each_key_what_the_toolkit_finds() -> None:
    found = results(("lintKey", {"key": key, "tables": TABLES}) for key in KEYS)
    # What makes a key unsound is told by the attempt to use it.
    expected = [[one.code for one in lint_key(key) if one.code != "key_unsound"] for key in KEYS]
    assert [sorted(codes) for codes in found] == [sorted(codes) for codes in expected]


def test_a_browser_reads_the_same_parts() -> None:
    found = results(("dissect", {"token": text}) for text in CORPUS)
    for text, theirs in zip(CORPUS, found, strict=True):
        ours = dissect(text)
        assert theirs == {
            "form": ours.form.value,
            "octets": ours.octets,
            "prefix": ours.had_prefix,
            "faults": len(ours.faults),
            "headers": [sorted(header.members) for header in ours.headers],
            "duplicates": [list(header.duplicates) for header in ours.headers],
            "claims": None if ours.claims is None else sorted(ours.claims.members),
        }, text


def test_a_browser_takes_the_same_base64url() -> None:
    texts = [
        "",
        "A",
        "AA",
        "AB",
        "AAA",
        "AAB",
        "AAAA",
        "AA==",
        "A+AA",
        "A/AA",
        "-_-_",
        "AA\n",
        "AAAAA",
        "Ab_9",
        "AE",
    ]
    for text, theirs in zip(texts, results(("strict", {"text": text}) for text in texts), strict=True):
        try:
            ours: list[int] | None = list(decode_segment(text.encode()))
        except MalformedToken:
            ours = None
        assert theirs == ours, text


def test_a_text_is_shown_as_it_was_written() -> None:
    read = result("json", text='{"n":12345678901234567890,"a":[1.50,"\\u00e9\N{RIGHT-TO-LEFT OVERRIDE}"],"n":{}}')
    assert read["shown"] == (
        '{\n  "n": 12345678901234567890,\n  "a": [\n    1.50,\n    "\\u00e9\\u202e"\n  ],\n  "n": {}\n}'
    )
    assert read["duplicates"] == ["n"]


@pytest.mark.parametrize("key", [KEY, OTHER, Jwk.generate("RS256")], ids=["EC", "OKP", "RSA"])
def test_a_thumbprint_is_that_of_the_toolkit(key: Jwk) -> None:
    assert result("thumbprint", key=key.as_dict()) == key.thumbprint()
