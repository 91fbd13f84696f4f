"""Changes to the keys of a tenant: of nodes that want the same at once, one wins (OpenID Connect Core, 10.1.1)."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from valetkey.authorization_server.model import Client, KeyState, SigningKey
from valetkey.jose.records import dataclass
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


class SealedKind(StrEnum):
    """What is kept sealed under the key-encryption key, beside the secrets of clients."""

    PRIVATE_KEY = "private key"
    """By its `kid`."""
    TENANT_SECRET = "tenant secret"  # noqa: S105 - a name
    """By its purpose."""
    ONE_TIME_CODE_KEY = "one-time code key"
    """By the subject of its end-user."""
    STREAM_HEADER = "stream header"
    """By the id of its stream."""


@dataclass(frozen=True, slots=True)
class ResealedValue:
    """A value that was sealed anew; `name` is what its kind says."""

    kind: SealedKind
    name: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResealSecrets:
    """Replaces what a tenant keeps under the key-encryption key by the same, sealed anew, and changes nothing else.

    Wins while the tenant's configuration is the one of `version`, so that no change of a client is lost by it. A
    value that is another one meanwhile stays as it is.
    """

    version: int
    values: tuple[ResealedValue, ...]
    clients: tuple[Client, ...]


KeyStep = AddSigningKey | PromoteSigningKey | RetireSigningKey | RemoveSigningKey
"""A step in the life of a key."""
KeyChange = KeyStep | ResealSecrets
