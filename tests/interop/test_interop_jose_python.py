"""Tokens to and from joserfc, jwcrypto and PyJWT: whatever both support, both ways."""

import json
from collections.abc import Callable

import jwt as pyjwt
import pytest
from joserfc import jwe as joserfc_jwe
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import Key, import_key
from jwcrypto import jwe as jwcrypto_jwe  # type: ignore[import-untyped]  # it has no types
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws

from support.jose import NOW, claims_with, key_for, key_set, token_by, verifier_for
from valetkey.jose import Decrypter, Jwk, JwkSet, jwe
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENT_ALGORITHMS
from valetkey.jose.jwe_json import JweContent, decrypt_json, encrypt_flattened, encrypt_general
from valetkey.jose.jws_json import JwsSigner, Signatures, sign_flattened, sign_general, verify_json

pytestmark = [
    pytest.mark.interop,
    # joserfc warns of names that are on their way out; we speak them because others do.
    pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning"),
]

RSA_AND_EC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K")
HMAC = ("HS256", "HS384", "HS512")
PEERS: dict[str, tuple[str, ...]] = {
    "joserfc": (*HMAC, *RSA_AND_EC, "EdDSA", "Ed25519", "Ed448"),
    "jwcrypto": (*HMAC, *RSA_AND_EC, "EdDSA"),
    "PyJWT": (*HMAC, *RSA_AND_EC, "EdDSA"),
}
CLAIMS = claims_with(exp=4_000_000_000, iat=1_700_000_000)


def _public(key: Jwk) -> dict[str, object]:
    return key.as_private_dict() if key.is_symmetric else key.as_dict()


def _imported(members: dict[str, object]) -> Key:
    return import_key(members)  # type: ignore[arg-type]  # their type names the members' types


def _header(key: Jwk) -> dict[str, object]:
    return {"alg": key.algorithm, "kid": key.kid, "typ": "example+jwt"}


def _joserfc(key: Jwk, token: str) -> tuple[str, object]:
    name = key.algorithm
    theirs = joserfc_jwt.encode(_header(key), CLAIMS, _imported(key.as_private_dict()), algorithms=[name])
    return theirs, joserfc_jwt.decode(token, _imported(_public(key)), algorithms=[name]).claims


def _jwcrypto(key: Jwk, token: str) -> tuple[str, object]:
    name = key.algorithm
    made = jwcrypto_jws.JWS(json.dumps(CLAIMS))
    made.allowed_algs = [name]
    made.add_signature(jwcrypto_jwk.JWK(**key.as_private_dict()), protected=json.dumps(_header(key)))
    read = jwcrypto_jws.JWS()
    read.allowed_algs = [name]
    read.deserialize(token, jwcrypto_jwk.JWK(**_public(key)))
    return made.serialize(compact=True), json.loads(read.payload)


def _pyjwt(key: Jwk, token: str) -> tuple[str, object]:
    name = key.algorithm
    headers = {"kid": key.kid, "typ": "example+jwt"}
    theirs = pyjwt.encode(dict(CLAIMS), pyjwt.PyJWK(key.as_private_dict()), algorithm=name, headers=headers)
    read = pyjwt.decode(token, pyjwt.PyJWK(_public(key)), algorithms=[name], audience=str(CLAIMS["aud"]))
    return theirs, read


EXCHANGES: dict[str, Callable[[Jwk, str], tuple[str, object]]] = {
    "joserfc": _joserfc,
    "jwcrypto": _jwcrypto,
    "PyJWT": _pyjwt,
}


@pytest.mark.parametrize(("peer", "algorithm"), [(peer, name) for peer, names in PEERS.items() for name in names])
def test_a_signed_token_is_read_alike_on_both_sides(peer: str, algorithm: str) -> None:
    key = key_for(algorithm)
    ours = token_by(key, exp=4_000_000_000, iat=1_700_000_000)
    theirs, read = EXCHANGES[peer](key, ours)
    assert read == CLAIMS
    assert verifier_for(algorithm).verify(theirs, key_set(key), now=NOW).claims == CLAIMS


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "PS512", "ES256", "ES512"])
def test_a_signature_in_json_is_read_alike_on_both_sides(algorithm: str) -> None:
    key = key_for(algorithm)
    peer_key = jwcrypto_jwk.JWK(**key.as_private_dict())
    for made in (sign_flattened(b"said", JwsSigner(key=key)), sign_general(b"said", [JwsSigner(key=key)])):
        read = jwcrypto_jws.JWS()
        read.deserialize(json.dumps(made), peer_key)
        assert read.payload == b"said"
    theirs = jwcrypto_jws.JWS("said")
    theirs.add_signature(peer_key, protected=json.dumps({"alg": algorithm}), header=json.dumps({"kid": key.kid}))
    found = verify_json(theirs.serialize(), key_set(key), algorithms=[algorithm], signatures=Signatures.ALL)
    assert found.payload == b"said"


MANAGEMENT = [
    (row.name, curve)
    for row in KEY_MANAGEMENT_ALGORITHMS.values()
    if row.encryption is None and row.name not in {"RSA1_5", "RSA-OAEP-384", "RSA-OAEP-512"}
    for curve in row.curves or ("",)
]
_KEYS: dict[tuple[str, str], Jwk] = {}


def _encryption_key(algorithm: str, curve: str) -> Jwk:
    return _KEYS.setdefault((algorithm, curve), Jwk.generate(algorithm, kid="e", curve=curve or None))


def _decrypter(key: Jwk) -> Decrypter:
    return Decrypter(keys=JwkSet((key,)), algorithms=[key.algorithm], encryptions=list(CONTENT_ENCRYPTIONS))


@pytest.mark.parametrize(("algorithm", "curve"), MANAGEMENT)
@pytest.mark.parametrize("encryption", ["A256GCM", "A128CBC-HS256"])
def test_an_encrypted_token_is_opened_on_both_sides(algorithm: str, curve: str, encryption: str) -> None:
    key = _encryption_key(algorithm, curve)
    names = [algorithm, encryption]
    peer_key = _imported(key.as_private_dict())
    ours = jwe.encrypt(b"unseen", key, encryption=encryption)
    assert joserfc_jwe.decrypt_compact(ours, peer_key, algorithms=names).plaintext == b"unseen"
    protected = {"alg": algorithm, "enc": encryption, "kid": "e"}
    theirs = joserfc_jwe.encrypt_compact(protected, b"unseen", peer_key, algorithms=names)
    assert _decrypter(key).decrypt(theirs).plaintext == b"unseen"


@pytest.mark.parametrize("algorithm", ["A128KW", "RSA-OAEP-256", "ECDH-ES+A256KW"])
def test_an_encryption_in_json_is_opened_on_both_sides(algorithm: str) -> None:
    key = Jwk.generate(algorithm)
    peer_key = jwcrypto_jwk.JWK(**key.as_private_dict())
    content = JweContent(plaintext=b"unseen", encryption="A256GCM", aad=b"seen")
    for made in (encrypt_flattened(content, key), encrypt_general(content, [key])):
        read = jwcrypto_jwe.JWE(algs=[algorithm, "A256GCM"])
        read.deserialize(json.dumps(made), peer_key)
        assert read.payload == b"unseen"
    theirs = jwcrypto_jwe.JWE(
        b"unseen", json.dumps({"alg": algorithm, "enc": "A128CBC-HS256"}), algs=[algorithm, "A128CBC-HS256"]
    )
    theirs.add_recipient(peer_key)
    assert decrypt_json(theirs.serialize(), _decrypter(key)).plaintext == b"unseen"


def test_a_thumbprint_is_the_same_on_both_sides() -> None:
    for algorithm in ("RS256", "ES256", "Ed25519", "HS256"):
        key = key_for(algorithm)
        assert jwcrypto_jwk.JWK(**key.as_private_dict()).thumbprint() == key.thumbprint()
