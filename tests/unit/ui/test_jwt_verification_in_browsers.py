"""What the debugger verifies and signs, in Node, which has the WebCrypto of browsers: vectors and the toolkit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.jose import AUDIENCE, ISSUER, NOW, claims_with, key_for
from support.jwt_modules import answers, result, results
from valetkey.jose import Jwk, JwkSet, Verifier, jwt
from valetkey.jose.encoding import b64url_encode

if TYPE_CHECKING:
    from collections.abc import Callable

COOKBOOK = Path(__file__).resolve().parents[2] / "vectors" / "rfc7520-cookbook" / "jws"
OFFERED = ("ES256", "ES384", "ES512", "Ed25519", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
SYMMETRIC = ("HS256", "HS384", "HS512")
KEY = key_for("ES256")
EXPECTED = {"algorithm": "ES256", "issuer": ISSUER, "audience": AUDIENCE, "typ": "at+jwt", "secretIs": "text"}


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


MAKERS: dict[str, Callable[[], ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "PS384": rsa_key,
    "RS256": rsa_key,
}


def verified(token: str, key: object, **expected: object) -> dict[str, Any]:
    text = key if isinstance(key, str) else json.dumps(key)
    answer: dict[str, Any] = result("verify", token=token, key=text, expected={**EXPECTED, **expected}, now=NOW)
    return answer


def failed(answer: dict[str, Any]) -> list[str]:
    assert answer["verdict"] == "refused"
    return [row["name"] for row in answer["rows"] if row["state"] == "failed"]


def signed(key: Jwk = KEY, typ: str = "at+jwt", **changes: object) -> str:
    return jwt.sign(claims_with(**changes), key, typ=typ)


@pytest.mark.parametrize("algorithm", [*OFFERED, *SYMMETRIC])
def test_what_the_toolkit_signs_is_verified(algorithm: str) -> None:
    key = key_for("Ed25519") if algorithm == "EdDSA" else key_for(algorithm)
    if algorithm == "EdDSA":
        key = Jwk.parse({**key.as_private_dict(), "alg": "EdDSA"})
    members = key.as_private_dict() if algorithm in SYMMETRIC else key.as_dict()
    answer = verified(signed(key), {"keys": [members, KEY.as_dict()]}, algorithm=algorithm)
    assert answer["verdict"] == "verified", answer
    assert answer["rows"][0]["values"] == {"kid": key.kid}


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "PS384", "RS256"])
def test_a_public_key_in_pem_verifies(algorithm: str) -> None:
    private = MAKERS[algorithm]()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    token = signed(Jwk.from_key(private, algorithm=algorithm))
    answer = verified(token, pem, algorithm=algorithm)
    assert answer["verdict"] == "verified"
    assert answer["rows"][0]["name"] == "signed_by_thumbprint"


def test_a_shared_secret_verifies_as_text_and_as_base64url() -> None:
    secret = b"correct horse battery staple, at length"
    token = signed(Jwk.from_secret(secret, algorithm="HS256"))
    for text, written in ((secret.decode(), "text"), (b64url_encode(secret), "base64url")):
        answer = verified(token, text, algorithm="HS256", secretIs=written)
        assert answer["verdict"] == "verified"
        assert answer["rows"][0]["name"] == "signed_by_secret"


@pytest.mark.parametrize(
    "name",
    ["4_1.rsa_v15_signature", "4_2.rsa-pss_signature", "4_3.ecdsa_signature", "4_4.hmac-sha2_integrity_protection"],
)
def test_the_signatures_of_the_cookbook_hold(name: str) -> None:
    vector = json.loads((COOKBOOK / f"{name}.json").read_text())
    answer = verified(vector["output"]["compact"], vector["input"]["key"], algorithm=vector["input"]["alg"])
    # Its payload is a sentence, not claims.
    assert answer["rows"][0] == {
        "state": "passed",
        "name": "signed_by_kid",
        "values": {"kid": vector["input"]["key"]["kid"]},
    }
    assert failed(answer) == ["claims_not_json"]


JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC7515 = {
    "A.1": (
        "HS256",
        {
            "kty": "oct",
            "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        },
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ),
    "A.3": (
        "ES256",
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        (
            f"eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
            "Kg6NU1Q"
        ),
    ),
}


@pytest.mark.parametrize("example", RFC7515)
def test_the_examples_of_rfc_7515_hold_until_they_expire(example: str) -> None:
    algorithm, key, token = RFC7515[example]
    expected = {"algorithm": algorithm, "issuer": "joe", "audience": "", "typ": "", "secretIs": "text"}
    moments = (1300819379, 1300819380)
    given = [{"token": token, "key": json.dumps(key), "expected": expected, "now": now} for now in moments]
    before, after = results(("verify", one) for one in given)
    assert before["verdict"] == "partly"
    assert failed(after) == ["exp_wrong"]


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"issuer": "https://other.example"}, ["iss_wrong"]),
        ({"audience": "https://other.example"}, ["aud_wrong"]),
        ({"typ": "JWT"}, ["typ_wrong"]),
        ({"algorithm": "ES384"}, ["algorithm_other"]),
    ],
)
def test_a_token_that_is_not_what_was_expected_is_refused(answer: dict[str, object], names: list[str]) -> None:
    assert failed(verified(signed(), KEY.as_dict(), **answer)) == names


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"exp": NOW}, ["exp_wrong"]),
        ({"exp": None}, ["exp_absent"]),
        ({"nbf": NOW + 11}, ["nbf_wrong"]),
        ({"iat": NOW + 11}, ["iat_wrong"]),
        ({"iss": None}, ["iss_wrong"]),
        ({"aud": ["https://one.example", "https://two.example"]}, ["aud_wrong"]),
    ],
)
def test_claims_are_judged(changes: dict[str, object], names: list[str]) -> None:
    token = jwt.sign(claims_with(**changes), KEY, typ="at+jwt")
    assert failed(verified(token, KEY.as_dict())) == names


def test_an_audience_among_several_is_enough() -> None:
    token = signed(aud=["https://one.example", AUDIENCE])
    assert verified(token, KEY.as_dict())["verdict"] == "verified"


@pytest.mark.parametrize("name", ["issuer", "audience", "typ"])
def test_what_nobody_expects_is_told_and_keeps_the_token_from_being_called_verified(name: str) -> None:
    answer = verified(signed(), KEY.as_dict(), **{name: ""})
    assert answer["verdict"] == "partly"
    assert [row["state"] for row in answer["rows"]].count("skipped") == 1


def tampered(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{b64url_encode(json.dumps(claims_with(sub='mallory')).encode())}.{signature}"


def forged(header: bytes, claims: bytes = b"{}") -> str:
    return f"{b64url_encode(header)}.{b64url_encode(claims)}.{b64url_encode(b's' * 64)}"


@pytest.mark.parametrize(
    ("token", "names"),
    [
        (tampered(signed()), ["signature_wrong"]),
        (signed(Jwk.parse({**key_for("ES256", 1).as_private_dict(), "kid": KEY.kid})), ["signature_wrong"]),
        (signed() + "=", ["token_not_base64url"]),
        (signed() + ".", ["token_not_compact"]),
        ("", ["token_absent"]),
        ("a.b.c.d.e", ["token_encrypted"]),
        ("a" * 20_000, ["token_large"]),
        (forged(b'{"alg":"none"}'), ["algorithm_other"]),
        (forged(b'{"alg":"HS256"}'), ["algorithm_other"]),
        (forged(b'{"alg":"ES256","crit":["b64"],"b64":false}'), ["crit_refused"]),
        (forged(b'{"alg":"none","alg":"ES256"}'), ["duplicates"]),
        (forged(b"[]"), ["header_not_json"]),
    ],
)
def test_a_token_that_is_not_by_the_key_is_refused(token: str, names: list[str]) -> None:
    assert failed(verified(token, {**KEY.as_dict(), "kid": "ES256-0"})) == names


@pytest.mark.parametrize(
    ("key", "algorithm", "name"),
    [
        ("", "ES256", "key_absent"),
        ("secret", "ES256", "key_unreadable"),
        ("{", "ES256", "key_not_json"),
        ('{"kty":"EC","kty":"EC"}', "ES256", "key_duplicates"),
        ('{"keys":[]}', "ES256", "key_set_empty"),
        ("{}", "ES256", "key_without_kty"),
        (json.dumps(key_for("RS256").as_dict()), "ES256", "key_misfit"),
        ('{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}', "ES256", "key_malformed"),
        ("short", "HS256", "secret_short"),
        ("-----BEGIN PUBLIC KEY-----", "HS256", "pem_unreadable"),
        ("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----", "HS256", "key_public_as_secret"),
        ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "ES256", "pem_other"),
        ("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----", "ES256", "key_misfit"),
        (json.dumps({"kty": "RSA", "n": b64url_encode(b"\xff" * 128), "e": "AQAB"}), "RS256", "rsa_short"),
    ],
)
def test_a_key_that_will_not_do_is_told_in_words(key: str, algorithm: str, name: str) -> None:
    assert failed(verified(forged(json.dumps({"alg": algorithm}).encode()), key, algorithm=algorithm)) == [name]


def test_a_set_without_the_named_key_is_told() -> None:
    keys = {"keys": [key_for("ES256", number).as_dict() for number in (1, 2)]}
    assert failed(verified(signed(), keys)) == ["key_unknown"]


@pytest.mark.parametrize("algorithm", [*OFFERED, *SYMMETRIC])
def test_what_is_signed_here_is_believed_by_the_toolkit(algorithm: str) -> None:
    claims = json.dumps(claims_with(), indent=2)
    made = result("sign", claims=claims, algorithm=algorithm, typ="JWT")
    members = made["publicKey"] or made["key"]
    assert (made["publicKey"] is None) is (algorithm in SYMMETRIC)
    assert {"d", "p", "k"} & set(made["publicKey"] or {}) == set()
    verifier = Verifier(issuer=ISSUER, audience=AUDIENCE, typ="JWT", algorithms=[algorithm], clock=lambda: NOW)
    assert verifier.verify(made["token"], JwkSet((Jwk.parse(members),))).claims["sub"] == "alice"
    if algorithm not in SYMMETRIC:
        assert members["kid"] == Jwk.parse(members).thumbprint()


def test_a_pasted_key_signs_and_long_numbers_stay_as_they_are() -> None:
    claims = '{ "n" : 12345678901234567890, "s": "a  b" }'
    key = json.dumps(KEY.as_private_dict())
    made = result("signWith", claims=claims, algorithm="ES256", typ="x+jwt", key=key)
    assert jwt.peek(made["token"]).claims == {"n": 12345678901234567890, "s": "a  b"}
    assert jwt.peek(made["token"]).header == {"alg": "ES256", "kid": KEY.kid, "typ": "x+jwt"}
    assert made["publicKey"].keys() == KEY.as_dict().keys()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"claims": "[]"}, "claims_not_json"),
        ({"claims": '{"a":NaN}'}, "claims_not_json"),
        ({"claims": '{"a":1,"a":2}'}, "duplicates"),
        ({"key": json.dumps(KEY.as_dict())}, "key_not_private"),
        ({"key": json.dumps({"keys": [KEY.as_dict()] * 2})}, "key_not_one"),
        ({"algorithm": "ES384"}, "key_misfit"),
        ({"algorithm": "HS256", "key": "secret"}, "secret_short"),
    ],
)
def test_nothing_is_signed_that_is_not_sound(given: dict[str, object], problem: str) -> None:
    asked = {"claims": "{}", "algorithm": "ES256", "typ": "", "key": json.dumps(KEY.as_private_dict()), **given}
    assert answers([("signWith", asked)])[0]["problem"] == problem
