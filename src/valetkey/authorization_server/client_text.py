"""Texts for one client: claims that are signed, encrypted, or both, as it registered (OpenID Connect Core, 10)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.client_algorithms import is_symmetric
from valetkey.authorization_server.client_secrets import opened_secrets
from valetkey.authorization_server.outbound import Lane
from valetkey.jose import JoseError, Jwk, JwkSet, UnknownKey, jwt
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, DIRECT, KEY_MANAGEMENT_ALGORITHMS
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.client_algorithms import TextForm
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import NumericDate, SecretText

# Core, 10.2: the shortest SHA-2 hash that has as many octets as the key.
_HASHES: Final = ((32, "sha256"), (48, "sha384"), (64, "sha512"))
_JSON: Final = msgspec.json.Encoder()


class NoClientKey(Unavailable):
    """There is no key at the moment by which the client could be told: it is told nothing, rather than in clear."""


async def text_for(
    client: Client,
    claims: Mapping[str, object],
    form: TextForm,
    server: AuthorizationServer,
    now: NumericDate,
    *,
    typ: str,
) -> str:
    """Return `claims` as a text for `client`: a JWS, a JWE of one, a JWE of the JSON object, or that object itself.

    Raises NoClientKey where the client has no key for it, as the log is told, and Unavailable where we have none.
    """
    try:
        text, content_type = _JSON.encode(claims).decode(), None
        if form.signing_alg is not None:
            key = _mac_key(client, form.signing_alg, server, now)
            text = (
                await server.signer.sign(claims, typ=typ, algorithm=form.signing_alg)
                if key is None
                else jwt.sign(claims, key, typ=typ)
            )
            content_type = "JWT"
        if form.encryption_alg is None:
            return text
        # Signed first, then encrypted: OIDCC-10/order OIDCC-5.3.2/nested
        recipient = await _recipient(client, form.encryption_alg, form.encryption_enc, server, now)
        return await server.signer.encrypt(
            text, recipient, typ=typ, encryption=form.encryption_enc, content_type=content_type
        )
    except JoseError as error:
        server.log.write("client.key_missing", client_id=client.client_id, why=error.code)
        raise NoClientKey("a key of the client") from None


def derived_key(secret: SecretText, algorithm: str, encryption: str) -> Jwk:
    """Return the key that both sides derive from a client secret (Core, 10.2)."""
    if algorithm == DIRECT:
        # The key is that of the content itself, and as long as its `enc` wants it.
        name, octets = encryption, CONTENT_ENCRYPTIONS[encryption].key_octets
    else:
        name, octets = algorithm, KEY_MANAGEMENT_ALGORITHMS[algorithm, "oct"].size
    hashed = next(hashed for most, hashed in _HASHES if octets <= most)
    # OIDCC-10.2/derived-key OIDCC-10.2/left-most
    return Jwk.from_secret(hashlib.new(hashed, secret.reveal().encode()).digest()[:octets], algorithm=name)


async def client_keys(client: Client, server: AuthorizationServer, kid: str | None = None) -> JwkSet:
    """Return the public keys of a client, wherever they stand.

    Raises `valetkey.jose.KeySourceUnavailable` where they cannot be fetched.
    """
    if client.jwks_uri is None:
        return client.jwks or JwkSet(())
    lane = Lane.STRANGERS if client.is_unverified else Lane.REGISTERED
    return await server.remote_keys.find(client.jwks_uri, kid, lane)


def _mac_key(client: Client, algorithm: str, server: AuthorizationServer, now: NumericDate) -> Jwk | None:
    if not is_symmetric(algorithm):
        return None
    # OIDCC-10.1/mac-key
    return Jwk.from_secret(_secret(client, server, now).reveal().encode(), algorithm=algorithm)


async def _recipient(
    client: Client, algorithm: str, encryption: str, server: AuthorizationServer, now: NumericDate
) -> Jwk:
    if is_symmetric(algorithm):
        return derived_key(_secret(client, server, now), algorithm, encryption)
    # OIDCC-10.2/client-key
    try:
        return (await client_keys(client, server)).recipient(algorithm)
    except UnknownKey:
        # It may have been published since: whatever no key is called makes the source be asked again, at intervals.
        return (await client_keys(client, server, kid=algorithm)).recipient(algorithm)


def _secret(client: Client, server: AuthorizationServer, now: NumericDate) -> SecretText:
    secrets = opened_secrets(client, server.sealed_secrets, now)
    if not secrets:
        raise UnknownKey("The client has no secret that could be a key.")
    return secrets[0]
