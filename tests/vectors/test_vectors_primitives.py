"""Wycheproof's primitive files whose shape JOSE uses, judged by the rows of our own algorithm tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from support.jose import b64
from valetkey.jose import AlgorithmUnavailable, DecryptionFailed, InvalidKey, Jwk, MalformedToken, SignatureInvalid
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS
from valetkey.jose.key_agreement import _sharing_of
from valetkey.jose.key_management import unwrapped
from valetkey.jose.key_types import KEY_TYPES

HERE = Path(__file__).parent / "wycheproof"
Vector = dict[str, object]
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}


def _vectors(path: str) -> Iterator[tuple[Vector, Vector]]:
    document = json.loads((HERE / path).read_text())
    count = 0
    for group in document["testGroups"]:
        for test in group["tests"]:
            count += 1
            yield group, test
    assert count == document["numberOfTests"]


def _octets(value: object) -> bytes:
    return bytes.fromhex(cast("str", value))


def _verified(key: Jwk, signature: bytes, message: bytes) -> bool:
    assert key._bound is not None
    try:
        key._bound.verify(signature, message)
    except SignatureInvalid:
        return False
    return True


@pytest.mark.parametrize(
    ("file", "algorithm"),
    [
        ("ecdsa_secp256r1_sha256_p1363", "ES256"),
        ("ecdsa_secp384r1_sha384_p1363", "ES384"),
        ("ecdsa_secp521r1_sha512_p1363", "ES512"),
        ("ecdsa_secp256k1_sha256_p1363", "ES256K"),
        ("ed25519", "Ed25519"),
        ("ed448", "Ed448"),
    ],
)
def test_every_signature_of_a_primitive_file_is_judged_as_labelled(file: str, algorithm: str) -> None:
    # covers: JWS-11, JWS-13
    judged = 0
    for group, test in _vectors(f"primitives/{file}_test.json"):
        members = group.get("publicKeyJwk")
        given = cast("Vector", group.get("publicKey", {}))
        if "pk" in given:
            members = {"kty": "OKP", "crv": algorithm, "x": b64(_octets(given["pk"]))}
        elif members is None:
            point = _octets(given["uncompressed"])[1:]
            middle = len(point) // 2
            x, y = b64(point[:middle]), b64(point[middle:])
            members = {"kty": "EC", "crv": CURVES[algorithm], "x": x, "y": y}
        try:
            key = Jwk.parse({**cast("Vector", members), "alg": algorithm})
        except InvalidKey:
            assert test["result"] == "invalid", test["tcId"]
            continue
        found = _verified(key, _octets(test["sig"]), _octets(test["msg"]))
        assert found is (test["result"] == "valid"), test["tcId"]
        judged += 1
    assert judged > 80


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_every_mac_of_full_length_is_judged_as_labelled(bits: int) -> None:
    # covers: JWS-14
    judged = 0
    for group, test in _vectors(f"primitives/hmac_sha{bits}_test.json"):
        secret = _octets(test["key"])
        if len(secret) < bits // 8 or group["tagSize"] != bits:
            # Short secrets and truncated tags are not JOSE: the first never become keys, the second never match.
            if len(secret) >= bits // 8:
                key = Jwk.from_secret(secret, algorithm=f"HS{bits}")
                assert not _verified(key, _octets(test["tag"]), _octets(test["msg"]))
            continue
        key = Jwk.from_secret(secret, algorithm=f"HS{bits}")
        assert _verified(key, _octets(test["tag"]), _octets(test["msg"])) is (test["result"] == "valid")
        judged += 1
    assert judged > 20


@pytest.mark.parametrize(
    ("file", "name"),
    [("a128cbc_hs256", "A128CBC-HS256"), ("a192cbc_hs384", "A192CBC-HS384"), ("a256cbc_hs512", "A256CBC-HS512")],
)
def test_every_cbc_hmac_ciphertext_is_judged_as_labelled(file: str, name: str) -> None:
    # covers: JWE-06
    enc = CONTENT_ENCRYPTIONS[name]
    for _, test in _vectors(f"primitives/{file}_test.json"):
        key, iv, ciphertext, tag, aad = (_octets(test[part]) for part in ("key", "iv", "ct", "tag", "aad"))
        if test["result"] == "valid":
            assert enc.prepare(key).unseal(iv, ciphertext, tag, aad) == _octets(test["msg"])
        else:
            with pytest.raises(DecryptionFailed):
                enc.prepare(key).unseal(iv, ciphertext, tag, aad)


def test_every_wrapped_key_is_judged_as_labelled() -> None:
    for _, test in _vectors("primitives/aes_wrap_test.json"):
        secret, wrapped = _octets(test["key"]), _octets(test["ct"])
        if test["result"] == "valid":
            assert unwrapped(secret, wrapped) == _octets(test["msg"])
        elif test["result"] == "invalid":
            with pytest.raises(DecryptionFailed):
                unwrapped(secret, wrapped)


@pytest.mark.parametrize(
    "file",
    [
        "primitives/ecdh_secp256r1_webcrypto",
        "primitives/ecdh_secp384r1_webcrypto",
        "primitives/ecdh_secp521r1_webcrypto",
        "jose/x25519_jwk",
        "jose/x448_jwk",
    ],
)
def test_every_agreement_is_judged_as_labelled(file: str) -> None:
    for _, test in _vectors(f"{file}_test.json"):
        private, public = cast("Vector", test["private"]), cast("Vector", test["public"])
        try:
            ours = KEY_TYPES[str(private["kty"])].load(private)
            shared = _sharing_of(ours)(public)
        except (InvalidKey, MalformedToken, AlgorithmUnavailable, ValueError, KeyError):
            assert test["result"] != "valid", test["tcId"]
            continue
        assert test["result"] != "invalid", test["tcId"]
        assert shared == _octets(test["shared"]), test["tcId"]
