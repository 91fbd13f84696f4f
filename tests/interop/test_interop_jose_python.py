"""JWTs to and from joserfc, jwcrypto and PyJWT, with their claims, header and key sets, both ways."""

import json
from collections.abc import Callable

import jwt as pyjwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import Key, import_key
from jwcrypto import jwk as jwcrypto_jwk  # type: ignore[import-untyped]  # it has no types
from jwcrypto import jws as jwcrypto_jws

from support.jose import NOW, claims_with, key_for, key_set, token_by, verifier_for
from valetkey.jose import Jwk

pytestmark = [
    pytest.mark.interop,
    # joserfc warns of names that are on their way out; we speak them because others do.
    pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning"),
]

RSA_AND_EC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K")
HMAC = ("HS256", "HS384", "HS512")
PEERS: dict[str, tuple[str, ...]] = {
    "joserfc": (*HMAC, *RSA_AND_EC, "EdDSA", "Ed25519", "Ed448"),
    "jwcrypto": (*HMAC, *RSA_AND_EC, "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"),
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


def test_a_thumbprint_is_the_same_on_both_sides() -> None:
    for algorithm in ("RS256", "ES256", "Ed25519", "HS256"):
        key = key_for(algorithm)
        assert jwcrypto_jwk.JWK(**key.as_private_dict()).thumbprint() == key.thumbprint()
