"""Changes to the keys of a tenant: of nodes that want the same at once, one wins (OpenID Connect Core, 10.1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from valetkey.authorization_server.model import Client, KeyState, SigningKey
from valetkey.oauth.types import NumericDate


@dataclass(frozen=True, slots=True)
class AddSigningKey:
    """Adds a key; wins while its algorithm has no other one that is ANNOUNCED, or ACTIVE, as this one is."""

    key: SigningKey


@dataclass(frozen=True, slots=True)
class PromoteSigningKey:
    """Makes an announced key the active one of its algorithm, and retires the one before in the same moment.

    Wins while the key is ANNOUNCED.
    """

    kid: str
    now: NumericDate


@dataclass(frozen=True, slots=True)
class RetireSigningKey:
    """Lets a key sign no more; wins while it is ACTIVE."""

    kid: str
    now: NumericDate


@dataclass(frozen=True, slots=True)
class RemoveSigningKey:
    """Removes a key: what it signed is not believed any more. Wins while the key is in `state`."""

    kid: str
    state: KeyState


@dataclass(frozen=True, slots=True)
class ResealedKey:
    """The private part of a key, sealed anew."""

    kid: str
    sealed_private_jwk: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResealSecrets:
    """Replaces all that a tenant keeps under the key-encryption key, sealed anew, and nothing else.

    Wins while the tenant's configuration is the one of `version`, so that no other change is lost by it.
    """

    version: int
    keys: tuple[ResealedKey, ...]
    clients: tuple[Client, ...]


KeyStep = AddSigningKey | PromoteSigningKey | RetireSigningKey | RemoveSigningKey
"""A step in the life of a key."""
KeyChange = KeyStep | ResealSecrets
