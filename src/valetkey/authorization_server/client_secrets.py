"""Client secrets: drawn in one place, for operators and for clients that register themselves (RFC 7591, 3.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.client_algorithms import SecretUse
from valetkey.authorization_server.model import ClientSecret
from valetkey.jose import InvalidKey, Jwk, JwkSet
from valetkey.oauth.types import OpaqueToken, SecretDigest, SecretText

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.ports import SealedSecrets
    from valetkey.oauth.types import ClientId, NumericDate

SECRET_PREFIX: Final = "vk_cs_"  # noqa: S105 - the prefix that leak scanners know


def draw_secret(
    client_id: ClientId, use: SecretUse, fresh: Fresh, vault: SealedSecrets
) -> tuple[ClientSecret, OpaqueToken]:
    """Return a new secret as it is kept, and as it is shown once.

    It has 32 random bytes and is kept as a digest; where it is a key too it has 64, and is sealed.
    """
    is_key = use is SecretUse.KEY
    entropy = fresh.draw("client secret 1") + (fresh.draw("client secret 2") if is_key else b"")
    token = OpaqueToken.from_entropy(SECRET_PREFIX, entropy)
    text = SecretText(token.reveal())
    secret = ClientSecret(fresh.identifier("client secret"), SecretDigest(text.digest()), fresh.now)
    return (vault.seal(client_id, secret, text) if is_key else secret), token


def live_secrets(secrets: tuple[ClientSecret, ...], use: SecretUse, now: NumericDate) -> tuple[ClientSecret, ...]:
    """Return those of `secrets` that are still good for `use`."""
    if use is SecretUse.NONE:
        return ()
    is_key = use is SecretUse.KEY
    return tuple(each for each in secrets if each.is_live(now) and (each.sealed is not None or not is_key))


def opened_secrets(client: Client, vault: SealedSecrets, now: NumericDate) -> tuple[SecretText, ...]:
    """Return the live secrets of a client that are keys; raises Unavailable where one does not open.

    The longest known one comes first: a client that was just given another one may not know it yet.
    """
    sealed = [secret for secret in client.secrets if secret.sealed is not None and secret.is_live(now)]
    sealed.sort(key=lambda secret: secret.created_at)
    return tuple(vault.open(client.client_id, secret) for secret in sealed)


def mac_keys(header: Mapping[str, object], secrets: Iterable[SecretText]) -> tuple[JwkSet, ...]:
    """Return the key that each secret is for a token with this header: the octets of its UTF-8.

    One of a length that the algorithm does not take is passed over (RFC 7518, 3.2).
    """
    algorithm, kid = str(header.get("alg")), header.get("kid")
    found = []
    for secret in secrets:
        # RFC7518-3.2/key-size
        try:
            octets = secret.reveal().encode()
            key = Jwk.from_secret(octets, algorithm=algorithm, kid=kid if isinstance(kid, str) else None)
        except InvalidKey:
            continue
        found.append(JwkSet((key,)))
    return tuple(found)
