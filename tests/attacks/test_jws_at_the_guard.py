"""Every row of the group JWS that can reach a guard, thrown at every face: refused alike, and quoted nowhere."""

from __future__ import annotations

import hmac
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.faces.asynchronous import asgi_face, fastapi_face, litestar_face, starlette_face
from support.faces.stage import RESOURCE
from support.faces.synchronous import django_async_face, django_face, flask_face, rest_framework_face, wsgi_face
from support.issuer import ISSUER, NOW
from support.jose import b64, key_for, raw_token
from valetkey.jose import Jwk, JwkSet
from valetkey.jose.encoding import b64url_decode
from valetkey.jose.jwk import signer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.faces.asking import Face

pytestmark = pytest.mark.anyio

EC, RSA, EDWARDS, P384 = key_for("ES256"), key_for("RS256"), key_for("Ed25519"), key_for("ES384")
KEYS = JwkSet(tuple(key.public() for key in (EC, RSA, EDWARDS, P384)))
FOREIGN = Jwk.generate("ES256", kid="foreign")
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
EDWARDS_ORDER = 2**252 + 27742317777372353535851937790883648493


def claims(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": RESOURCE,
        "client_id": "web",
        "iat": NOW - 10,
        "exp": NOW + 300,
        "jti": "token-1",
        "scope": "albums.read",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def header(key: Jwk = EC, **changes: object) -> dict[str, object]:
    given: dict[str, object] = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    return {name: value for name, value in (given | changes).items() if value is not None}


def signed(key: Jwk = EC, **changes: object) -> str:
    """Return a token by `key` whose header is changed."""
    return raw_token(header(key, **changes), claims(), key)


def saying(**changes: object) -> str:
    """Return a truly signed token with some claims changed."""
    return raw_token(header(), claims(**changes), EC)


def with_signature(signature: bytes, key: Jwk = EC) -> str:
    return f"{signed(key).rpartition('.')[0]}.{b64(signature)}"


def signature_of(key: Jwk) -> bytes:
    first = signed(key).rpartition(".")[0]
    return signer_of(key)(first.encode())


def unsecured() -> Iterator[str]:  # JWS-01
    for algorithm in ("none", "None", "NONE", "nOnE", "none "):
        for end in (b"", b"x", signature_of(EC)):
            yield f"{b64(json.dumps(header(alg=algorithm)).encode())}.{signed().split('.')[1]}.{b64(end)}"


def keyed_with_a_public_key() -> Iterator[str]:  # JWS-02
    for key in (EC, RSA):
        public = _public_key_of(key)
        texts = [
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
            json.dumps(key.public().as_dict()).encode(),
        ]
        for text in texts:
            for algorithm in ("HS256", "HS384", "HS512"):
                yield _by_secret(text, algorithm, key.kid)


def _public_key_of(key: Jwk) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    members = key.public().as_dict()
    numbers = {name: int.from_bytes(b64url_decode(str(members[name]))) for name in "xyne" if name in members}
    if "n" in numbers:
        return rsa.RSAPublicNumbers(numbers["e"], numbers["n"]).public_key()
    return ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], ec.SECP256R1()).public_key()


def _by_secret(secret: bytes, algorithm: str, kid: str | None) -> str:
    first = f"{b64(json.dumps(header(alg=algorithm, kid=kid)).encode())}.{b64(json.dumps(claims()).encode())}"
    return f"{first}.{b64(hmac.digest(secret, first.encode(), 'sha' + algorithm[2:]))}"


def other_algorithms() -> Iterator[str]:  # JWS-04, JWS-37
    for key, algorithm in (
        (RSA, "PS256"),
        (RSA, "RS512"),
        (EC, "ES384"),
        (P384, "ES256"),
        (EC, "EdDSA"),
        (EC, "HS256"),
    ):
        yield signed(key, alg=algorithm)


def key_references() -> Iterator[str]:  # JWS-06
    for where in ("https://evil.example/jwks.json", "http://127.0.0.1:9/jwks.json", "file:///etc/passwd"):
        for name in ("jku", "x5u"):
            yield signed(FOREIGN, **{name: where})
            yield raw_token({**header(FOREIGN, kid=EC.kid), name: where}, claims(), FOREIGN)
    yield signed(FOREIGN, x5c=["MIIB"])
    yield signed(FOREIGN, jwk=FOREIGN.public().as_dict())
    yield signed(FOREIGN, kid=None, jwk=FOREIGN.public().as_dict())


def key_names() -> Iterator[str]:  # JWS-07, JWS-08
    for kid in (
        "../../etc/passwd",
        "' OR 1=1 --",
        "*)(uid=*",
        "\x00",
        "k" * 65_536,
        7,
        ["ES256-0"],
        {"a": 1},
        True,
    ):
        yield signed(FOREIGN, kid=kid)
    yield signed(FOREIGN, kid=None)
    yield signed(FOREIGN, kid=EC.kid)


def critical() -> Iterator[str]:  # JWS-09
    wrong: tuple[object, ...] = (["unknown"], [], "exp", ["alg"], ["absent", "absent"], [7], {}, None)
    for crit in wrong:
        yield raw_token({**header(), "crit": crit, "unknown": 1}, claims(), EC)


def elliptic_signatures() -> Iterator[str]:  # JWS-11
    good = signature_of(EC)
    first, second = int.from_bytes(good[:32]), int.from_bytes(good[32:])
    for r, s in (
        (0, second),
        (first, 0),
        (0, 0),
        (ORDER, second),
        (first, ORDER),
        (2**256 - 1, 2**256 - 1),
        (1, 1),
    ):
        yield with_signature(r.to_bytes(32) + s.to_bytes(32))
    for octets in (encode_dss_signature(first, second), good[:-1], good + b"\0", b"\0" + good, b"", good * 2):
        yield with_signature(octets)


def rsa_signatures() -> Iterator[str]:  # JWS-12
    good = signature_of(RSA)
    size = len(good)
    for octets in (good[:-1], good + b"\0", b"\0" + good, b"\0" * size, b"\xff" * size, b"", good[::-1], b"\1"):
        yield with_signature(octets, RSA)


def edwards_signatures() -> Iterator[str]:  # JWS-13
    good = signature_of(EDWARDS)
    scalar = int.from_bytes(good[32:], "little") + EDWARDS_ORDER
    yield with_signature(good[:32] + scalar.to_bytes(32, "little"), EDWARDS)
    for octets in (good[:-1], good + b"\0", b"\0" * 64, b"\1" + b"\0" * 63, good[32:] + good[:32]):
        yield with_signature(octets, EDWARDS)
    yield signed(EDWARDS, alg="Ed448")
    yield signed(EDWARDS, alg="ES256")


def mac_tags() -> Iterator[str]:  # JWS-14
    good = _by_secret(b"secret", "HS256", None)
    yield from (good, good[:-2], good.rpartition(".")[0] + ".", good + "AA")


def encodings() -> Iterator[str]:  # JWS-15
    first, second, third = signed().split(".")
    yield from (f"{first}.{second}.{third}{end}" for end in ("=", "==", "+", "/", "?", "²", " x", "A"))
    yield f"{first}=.{second}.{third}"
    yield f"{first}.{second[:-1]}{'/' if second[-1] != '/' else '+'}.{third}"
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield f"{first}.{second}.{third[:-1]}{last[last.index(third[-1]) | 1]}"  # the bits that no octet needs


def dots() -> Iterator[str]:  # JWS-16
    first, second, third = signed().split(".")
    yield from (
        first,
        f"{first}.{second}",
        f"{first}.{second}.{third}.",
        f"{first}.{second}.{third}.x.y",
        "." * 1_000_000,
    )
    yield from ("..", "a..", ".a.", "..a")


def repeated_members() -> Iterator[str]:  # JWS-18
    good_header, good_claims = json.dumps(header()).encode(), json.dumps(claims()).encode()
    yield raw_token(good_header[:-1] + b', "alg": "ES256"}', good_claims, EC)
    yield raw_token(good_header, good_claims[:-1] + b', "aud": "x"}', EC)
    yield raw_token(good_header, good_claims[:-1] + b', "x": {"a": 1, "a": 2}}', EC)


def odd_json() -> Iterator[str]:  # JWS-19
    good = json.dumps(claims()).encode()
    for octets in (
        *(good[:-1] + b', "x": ' + value + b"}" for value in (b"NaN", b"Infinity", b"1e999", b"9" * 5_000)),
        good[:-1] + b', "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        good[:-1] + b', "x": "\xff"}',
        b"\xef\xbb\xbf" + good,
        good.decode().encode("utf-16"),
        good.decode().encode("utf-32"),
        good + b"x",
        good + good,
        b"[]",
        b'"text"',
        b"null",
        b"",
        b"{",
    ):
        yield raw_token(header(), octets, EC)
        yield raw_token(octets, claims(), EC)


def json_serializations() -> Iterator[str]:  # JWS-20
    first, second, third = signed().split(".")
    text = json.dumps({"protected": first, "payload": second, "signature": third})
    yield from (text, f"{text}.x.y", f"{text}.{second}.{third}", b64(text.encode()))


def times() -> Iterator[str]:  # JWS-26
    for changes in (
        {"nbf": NOW + 600},
        {"iat": NOW + 600},
        {"iat": None},
        {"exp": None},
        {"exp": NOW},
        {"exp": "x"},
    ):
        yield saying(**changes)
    yield from (
        saying(nbf="soon"),
        saying(iat=True),
        saying(exp=True),
        saying(exp=NOW - 1),
        saying(exp=[NOW + 300]),
    )


def issuers() -> Iterator[str]:  # JWS-28
    for issuer in (
        None,
        ISSUER[:-1],
        ISSUER + "x",
        [ISSUER],
        ISSUER.upper(),
        ISSUER + "/",
        "",
        7,
        "https://as.example@x",
    ):
        yield saying(iss=issuer)


def other_kinds() -> Iterator[str]:  # JWS-30, JWS-31
    for typ in (
        None, "JWT", "jwt", "at+jwt ", "at", "id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "statuslist+jwt",
        7, "token-introspection+jwt", "oauth-authz-req+jwt", "client-authentication+jwt", ["at+jwt"], "",
    ):  # fmt: skip
        yield signed(typ=typ)


def subjects() -> Iterator[str]:  # JWS-32
    for subject in (None, "", [], ["alice"], 7, "s" * 256):
        yield saying(sub=subject)


ATTACKS = (
    unsecured, keyed_with_a_public_key, other_algorithms, key_references, key_names, critical, elliptic_signatures,
    rsa_signatures, edwards_signatures, mac_tags, encodings, dots, repeated_members, odd_json, json_serializations,
    times, issuers, other_kinds, subjects,
)  # fmt: skip
BUILDERS = (
    asgi_face, wsgi_face, starlette_face, fastapi_face, litestar_face, django_face, django_async_face,
    rest_framework_face, flask_face,
)  # fmt: skip


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    built: list[Face] = [build() for build in BUILDERS]
    for face in built:
        face.stage.keys.keys = KEYS
    return built


def bearing(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


@pytest.mark.parametrize("key", [EC, RSA, EDWARDS, P384], ids=lambda key: key.algorithm)
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_what_the_attacks_are_made_from_passes_every_face(faces: list[Face], key: Jwk, typ: str) -> None:
    for face in faces:
        assert (await face.ask("GET", "/albums", bearing(signed(key, typ=typ)))).status == 200, face.name


# covers: JWS-01, JWS-02, JWS-04, JWS-06, JWS-07, JWS-08, JWS-09, JWS-11, JWS-12, JWS-13, JWS-14, JWS-15, JWS-16
# covers: JWS-18, JWS-19, JWS-20, JWS-26, JWS-28, JWS-30, JWS-31, JWS-32, JWS-35, JWS-37
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_no_face_lets_a_hostile_token_through(
    faces: list[Face], attack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_connection(*_: object) -> None:
        raise AssertionError("a token made the guard open a connection")

    monkeypatch.setattr(socket.socket, "connect", no_connection)
    for number, token in enumerate(attack()):
        answers, parts = set(), {part for part in token.split(".") if len(part) > 12}
        for face in faces:
            reply = await face.ask("GET", "/albums", bearing(token))
            challenge = reply.header("www-authenticate") or ""
            assert reply.status in {400, 401}, (face.name, number, reply)
            assert "error=" in challenge, (face.name, number)
            told = challenge + reply.body.decode()
            assert not any(part in told for part in parts), (face.name, number)
            assert "alice" not in told
            answers.add((reply.status, challenge, reply.body))
        assert len(answers) == 1, (number, answers)
