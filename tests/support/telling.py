"""Clients that want to be told things signed and encrypted, and outside libraries that read what they are told."""

import functools
import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any, Final

from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet, OctKey
from jwcrypto import jwe as jwcrypto_jwe  # type: ignore[import-untyped]  # it has no types
from jwcrypto import jwk as jwcrypto_jwk

from support.house import MAC_SECRET, USER_SCOPE, House, clients
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.jose import Jwk, JwkSet
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS

MACS: Final = ("HS256", "HS384", "HS512")
_CURVES: Final = {"ECDH-ES": "P-256", "ECDH-ES+A192KW": "P-521", "ECDH-ES+A256KW": "X25519"}
_OCTETS: Final = {"A128": 16, "A192": 24, "A256": 32}


@functools.cache
def encryption_key(algorithm: str) -> Jwk:
    """Return the private key of a client for an algorithm of key encryption or agreement."""
    return Jwk.generate(algorithm, curve=_CURVES.get(algorithm))


def is_by_secret(algorithm: str | None) -> bool:
    """Whether the key for an algorithm comes of the client's secret."""
    return algorithm is not None and (algorithm == "dir" or algorithm.startswith(("HS", "A1", "A2")))


def told_client(id_token_alg: str = "ES256", **members: Any) -> Client:
    """Return the seeded client `mac`, whose secret is MAC_SECRET, as one with these OpenID Connect metadata."""
    openid = OpenIdMetadata(**members)
    named = (openid.id_token_encrypted_response_alg, openid.userinfo_encrypted_response_alg)
    keys = {alg: encryption_key(alg).public() for alg in named if alg is not None and not is_by_secret(alg)}
    return replace(
        clients()["mac"],
        id_token_signed_response_alg=id_token_alg,
        jwks=JwkSet(tuple(keys.values())) if keys else None,
        scope=USER_SCOPE,
        openid=openid,
    )


async def put(house: House, client: Client) -> None:
    """Store a client beside the seeded ones."""
    await house.commit(PutClient(client))


def decrypted(token: str, algorithm: str, encryption: str, secret: str = MAC_SECRET) -> tuple[dict[str, Any], str]:
    """Return the header and the content of a JWE, as jwcrypto reads them."""
    read = jwcrypto_jwe.JWE(algs=[algorithm, encryption])
    read.deserialize(token, jwcrypto_jwk.JWK(**_decryption_key(algorithm, encryption, secret)))
    header = json.loads(read.objects["protected"])
    assert (header["alg"], header["enc"]) == (algorithm, encryption)
    return header, bytes(read.payload).decode()


async def signed_claims(house: House, token: str, algorithm: str, secret: str = MAC_SECRET) -> dict[str, Any]:
    """Return the claims of a JWS that joserfc verified, with the published keys or with the secret."""
    if algorithm in MACS:
        keys = KeySet([OctKey.import_key(secret.encode())])
    else:
        published = (await house.server.signer.public_keys()).as_dict()
        keys = KeySet.import_key_set(published)  # type: ignore[arg-type]  # they mean the same
    read = joserfc_jws.deserialize_compact(token, keys, algorithms=[algorithm])
    assert read.headers()["alg"] == algorithm
    return dict(json.loads(read.payload))


def _decryption_key(algorithm: str, encryption: str, secret: str) -> dict[str, Any]:
    if not is_by_secret(algorithm):
        return encryption_key(algorithm).as_private_dict()
    # OpenID Connect Core, 10.2, in other words than the house has.
    octets = CONTENT_ENCRYPTIONS[encryption].key_octets if algorithm == "dir" else _OCTETS[algorithm[:4]]
    hashed = hashlib.sha256 if octets <= 32 else hashlib.sha384 if octets <= 48 else hashlib.sha512
    return {"kty": "oct", "k": _b64(hashed(secret.encode()).digest()[:octets])}


def _b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
