"""One key: import, export, what is refused."""

import json
from collections.abc import Mapping
from math import prod

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from support.jose import ASYMMETRIC, b64, key_for
from valetkey.jose import ConfigurationError, InvalidKey, Jwk, jwt
from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS
from valetkey.jose.jwk import signer_of
from valetkey.jose.weak_keys import _ROCA_PRIMES, is_roca


@pytest.mark.parametrize("algorithm", SIGNATURE_ALGORITHMS)
def test_a_generated_key_survives_export_and_import(algorithm: str) -> None:
    key = key_for(algorithm)
    again = Jwk.parse(json.dumps(key.as_private_dict()))
    assert again.thumbprint() == key.thumbprint()
    assert again.as_private_dict() == key.as_private_dict()
    assert (again.kid, again.algorithm, again.use) == (key.kid, algorithm, "sig")


@pytest.mark.parametrize("algorithm", SIGNATURE_ALGORITHMS)
def test_a_key_never_shows_its_private_parts(algorithm: str) -> None:
    # covers: JWK-03, JWS-35
    key = key_for(algorithm)
    private = {name: value for name, value in key.as_private_dict().items() if name not in key.as_dict()}
    assert private
    for value in private.values():
        assert str(value) not in repr(key) + str(key) + str(key.as_dict())


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_the_public_part_of_a_key_cannot_sign_or_be_exported_as_private(algorithm: str) -> None:
    public = key_for(algorithm).public()
    assert not public.is_private
    assert public.thumbprint() == key_for(algorithm).thumbprint()
    with pytest.raises(ConfigurationError):
        signer_of(public)
    with pytest.raises(InvalidKey):
        public.as_private_dict()


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519", "ML-DSA-44"])
@pytest.mark.requirement("RFC8037-2/public-only")
@pytest.mark.requirement("RFC9964-3/public-only")
@pytest.mark.requirement("RFC7517-9.2/private")
def test_a_key_with_a_private_member_is_not_taken_for_a_public_one(algorithm: str) -> None:
    # covers: JWK-03
    key = key_for(algorithm)
    assert Jwk.parse_public(key.as_dict()).thumbprint() == key.thumbprint()
    with pytest.raises(InvalidKey):
        Jwk.parse_public(key.as_private_dict())


def test_a_symmetric_key_has_no_public_part() -> None:
    with pytest.raises(InvalidKey):
        key_for("HS256").public()


@pytest.mark.requirement("RFC7638-3/thumbprint")
def test_the_thumbprint_is_that_of_the_rfc() -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9"
        "1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = Jwk.parse({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
    assert key.thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_thumbprint_uri_names_its_hash() -> None:
    members = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    key = Jwk.parse(members, algorithm="EdDSA")
    assert key.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key.thumbprint_uri() == f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{key.thumbprint()}"


def _rsa(**changes: object) -> dict[str, object]:
    return key_for("RS256").as_private_dict() | changes


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@pytest.mark.parametrize(
    "changes",
    [
        {"e": _number(1)},
        {"e": _number(4)},
        {"e": _number(2**32 + 1)},
        {"e": "AAEAAQ"},
        {"oth": []},
        {"qi": _number(3)},
        {"dp": _number(3)},
        {"dq": _number(3)},
        {"d": _number(65539)},
        {"p": _number(3)},
        {"n": _number(2**2048 - 2)},
        {"n": _number(2**1023 + 1)},
        {"n": b64(b"\xff" * 1025)},
        {"n": ""},
        {"n": 17},
        {"e": "AQAB="},
    ],
)
@pytest.mark.requirement("RFC7518-3.3/key-size")
@pytest.mark.requirement("RFC7518-2/minimal")
@pytest.mark.requirement("RFC7518-6.3.2.7/oth")
def test_an_unsound_rsa_key_is_refused(changes: Mapping[str, object]) -> None:
    # covers: JWK-01
    assert Jwk.parse(_rsa()).is_private
    with pytest.raises(InvalidKey):
        Jwk.parse(_rsa(**changes))


@pytest.mark.requirement("RFC7518-6.3.2/all")
def test_an_rsa_key_with_a_part_of_its_private_members_is_refused() -> None:
    members = _rsa()
    del members["q"]
    with pytest.raises(InvalidKey):
        Jwk.parse(members)


def test_an_rsa_modulus_of_the_broken_generator_is_known_by_its_residues() -> None:
    # covers: JWK-01
    marked = pow(65537, 12345, prod(_ROCA_PRIMES))
    assert is_roca(marked)
    assert not is_roca(marked + 2)


def _ec(**changes: object) -> dict[str, object]:
    return key_for("ES256").as_private_dict() | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"x": b64(b"\x01" * 32)},
        {"x": b64(b"\x01" * 31)},
        {"x": b64(b"\x01" * 33)},
        {"y": b64(b"\x00" * 32)},
        {"d": b64(b"\x00" * 32)},
        {"d": b64(b"\xff" * 32)},
        {"d": b64(b"\x01" * 32)},
        {"d": b64(b"\x01" * 31)},
        {"crv": "P-384"},
        {"crv": "P-257"},
        {"crv": None},
        {"alg": "ES384"},
        {"alg": "RS256"},
        {"kty": "RSA"},
        {"kty": "XX"},
        {"kty": None},
        {"use": "sig", "key_ops": ["sign", "wrapKey"]},
        {"use": "enc"},
        {"use": "both"},
        {"kid": 7},
        {"key_ops": ["encrypt"]},
        {"key_ops": ["sign", "sign"]},
        {"key_ops": "sign"},
    ],
)
@pytest.mark.requirement("RFC7518-6.2.1.2/coordinate-length")
@pytest.mark.requirement("RFC7517-4.3/unique-operations")
@pytest.mark.requirement("RFC7517-4.3/consistent")
@pytest.mark.requirement("RFC7517-4.1/kty")
@pytest.mark.requirement("RFC7518-6.2.2.1/length")
def test_an_unsound_elliptic_curve_key_is_refused(changes: Mapping[str, object]) -> None:
    # covers: JWK-02
    assert Jwk.parse(_ec()).is_private
    with pytest.raises(InvalidKey):
        Jwk.parse(_ec(**changes))


@pytest.mark.parametrize("algorithm", ["Ed25519", "Ed448", "ML-DSA-44"])
@pytest.mark.requirement("RFC8037-2/curve")
@pytest.mark.requirement("RFC8037-2/public")
@pytest.mark.requirement("RFC9964-3/alg")
@pytest.mark.requirement("RFC9964-4/seed")
@pytest.mark.requirement("RFC9964-7.3/seed-length")
def test_an_octet_key_of_wrong_length_or_with_a_foreign_private_part_is_refused(algorithm: str) -> None:
    # covers: JWK-02
    good = key_for(algorithm).as_private_dict()
    public, private = ("pub", "priv") if algorithm.startswith("ML") else ("x", "d")
    for name in (public, private):
        with pytest.raises(InvalidKey):
            Jwk.parse(good | {name: str(good[name])[:-4]})
    with pytest.raises(InvalidKey):
        Jwk.parse(good | {public: Jwk.generate(algorithm).as_dict()[public]})
    for absent in (public, "alg" if algorithm.startswith("ML") else "crv"):
        with pytest.raises(InvalidKey):
            Jwk.parse({name: value for name, value in good.items() if name != absent})


@pytest.mark.parametrize(
    ("curve", "wrong"),
    [
        ("Ed25519", "ECDH-ES"),
        ("Ed448", "ECDH-ES+A128KW"),
        ("X25519", "Ed25519"),
        ("X25519", "EdDSA"),
        ("X448", "Ed448"),
    ],
)
@pytest.mark.requirement("RFC8037-3.1/not-agreement")
@pytest.mark.requirement("RFC8037-3.2/not-signing")
def test_a_curve_is_for_signatures_or_for_agreement_and_never_for_both(curve: str, wrong: str) -> None:
    key = Jwk.generate(curve) if curve.startswith("Ed") else Jwk.generate("ECDH-ES", curve=curve)
    members = {name: value for name, value in key.as_dict().items() if name not in {"alg", "use"}}
    assert Jwk.parse(members, algorithm=key.algorithm).thumbprint() == key.thumbprint()
    with pytest.raises(InvalidKey):
        Jwk.parse(members, algorithm=wrong)
    with pytest.raises(InvalidKey):
        Jwk.generate(wrong, curve=curve)


_P = 2**255 - 19
_Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826


@pytest.mark.parametrize("y", [0, 1, _P - 1, _P, _P + 1, _Y8, _P - _Y8])
@pytest.mark.parametrize("sign", [0, 2**255])
def test_a_point_of_small_order_is_no_key(y: int, sign: int) -> None:
    # covers: JWS-13
    members = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": b64((y + sign).to_bytes(32, "little"))}
    with pytest.raises(InvalidKey):
        Jwk.parse(members)


@pytest.mark.requirement("RFC7518-3.2/key-size")
@pytest.mark.requirement("RFC8725-3.5/entropy")
def test_a_secret_shorter_than_its_hash_is_refused() -> None:
    # covers: JWS-34
    for algorithm, octets in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
        assert Jwk.from_secret(b"\x07" * octets, algorithm=algorithm).is_symmetric
        for secret in (b"", b"secret", b"\x07" * (octets - 1)):
            with pytest.raises(InvalidKey):
                Jwk.from_secret(secret, algorithm=algorithm)


def _public_texts() -> list[bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return [
        public.public_bytes(serialization.Encoding.PEM, spki),
        b"\n " + public.public_bytes(serialization.Encoding.PEM, spki),
        public.public_bytes(serialization.Encoding.DER, spki),
        public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(serialization.Encoding.DER, spki),
        key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        json.dumps(key_for("ES256").as_dict()).encode(),
    ]


@pytest.mark.parametrize("text", _public_texts(), ids=range(7))
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_an_asymmetric_key_never_becomes_a_secret(text: bytes, algorithm: str) -> None:
    # covers: JWS-02
    with pytest.raises(InvalidKey, match="asymmetric"):
        Jwk.from_secret(text + b" " * max(0, 64 - len(text)), algorithm=algorithm)
    with pytest.raises(InvalidKey):
        Jwk.parse({"kty": "oct", "k": b64(text)}, algorithm=algorithm)


def test_a_key_that_names_no_algorithm_is_bound_only_where_one_is_left() -> None:
    members = _ec()
    del members["alg"]
    assert Jwk.parse(members).algorithm == "ES256"
    rsa_members = _rsa()
    del rsa_members["alg"]
    with pytest.raises(InvalidKey):
        Jwk.parse(rsa_members)
    assert Jwk.parse(rsa_members, algorithm="PS384").algorithm == "PS384"


def test_a_key_is_never_rebound_to_another_algorithm() -> None:
    # covers: JWS-04
    with pytest.raises(InvalidKey):
        Jwk.parse(_rsa(), algorithm="PS256")


@pytest.mark.parametrize("value", ["", "[]", '{"kty":"EC","kty":"EC"}', b"\xff", "{" * 100, '{"kty":1}', "{}", 7])
@pytest.mark.requirement("RFC7517-4/unique-members")
def test_text_that_is_no_key_is_refused(value: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        Jwk.parse(value)


def test_a_text_longer_than_any_key_is_not_parsed() -> None:
    with pytest.raises(InvalidKey, match="large"):
        Jwk.parse('{"kty":"oct","k":"' + "A" * 70_000 + '"}')


@pytest.mark.parametrize("algorithm", ["none", "None", "", "HS1", "ES521", "*"])
@pytest.mark.requirement("RFC7518-3.6/none")
def test_an_unknown_algorithm_makes_no_key(algorithm: str) -> None:
    # covers: JWS-01
    with pytest.raises(InvalidKey):
        Jwk.generate(algorithm)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
def test_a_pem_key_is_the_key_of_its_jwk(algorithm: str) -> None:
    key = key_for(algorithm)
    private = key._material.private
    public = key._material.public
    texts = [
        private.private_bytes(  # type: ignore[attr-defined]
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        public.public_bytes(  # type: ignore[attr-defined]
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    ]
    assert Jwk.from_pem(texts[0], algorithm=algorithm, kid="k").as_private_dict()["d"] == key.as_private_dict()["d"]
    assert Jwk.from_pem(texts[1].decode(), algorithm=algorithm).kid == key.thumbprint()


@pytest.mark.parametrize(
    "pem", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "secret", b"\x00"]
)
def test_text_that_is_no_pem_key_is_refused(pem: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        Jwk.from_pem(pem, algorithm="ES256")


def test_a_key_object_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidKey):
        Jwk.from_key(dsa.generate_private_key(2048), algorithm="ES256")
    with pytest.raises(InvalidKey):
        Jwk.from_key(ec.generate_private_key(ec.BrainpoolP256R1()), algorithm="ES256")
    with pytest.raises(InvalidKey):
        Jwk.from_key(ec.generate_private_key(ec.SECP384R1()), algorithm="ES256")


def test_a_key_for_verifying_only_does_not_sign_and_one_for_signing_only_does_not_verify() -> None:
    # covers: JWS-04
    with pytest.raises(ConfigurationError):
        signer_of(Jwk.parse(_ec(key_ops=["verify"])))
    key = Jwk.parse(_ec(key_ops=["sign"]))
    assert signer_of(key)(b"x")
    assert key._bound is not None
    with pytest.raises(InvalidKey):
        key._bound.verify(b"x" * 64, b"x")
    assert key.public().as_dict()["key_ops"] == ["verify"]


def test_a_secret_that_somebody_chose_is_not_named_by_its_hash_unless_that_is_asked_for() -> None:
    secret = b"correct horse battery staple and more"
    unnamed = Jwk.from_secret(secret, algorithm="HS256")

    assert unnamed.kid is None
    assert "kid" not in jwt.peek(jwt.sign({"a": 1}, unnamed, typ="JWT")).header
    assert Jwk.from_secret(secret, algorithm="HS256", kid="mine").kid == "mine"
    # What we draw cannot be guessed from its hash.
    assert Jwk.generate("HS256").kid is not None
