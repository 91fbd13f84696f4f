"""What is kept of clients that register themselves, and the changes to it (RFC 7591; RFC 7592)."""

from __future__ import annotations

from dataclasses import field

from valetkey.authorization_server.model import Client
from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, GrantType, NumericDate, Scope, TokenDigest


@dataclass(frozen=True, slots=True)
class RegistrationToken:
    """An initial access token (RFC 7591, 1.2): whoever holds it may register clients, within what it allows."""

    token_id: str
    digest: TokenDigest = field(repr=False)
    created_at: NumericDate
    expires_at: NumericDate
    uses_left: int | None = None
    """None: as many as they like until it expires."""
    scope: Scope | None = None
    """What its clients may ask for; None leaves that to the tenant."""
    grant_types: frozenset[GrantType] = frozenset()
    """Grant types that its clients may use beside those of everybody who registers."""

    def is_live(self, now: NumericDate) -> bool:
        """Say whether it still admits anybody."""
        return now < self.expires_at and self.uses_left != 0


@dataclass(frozen=True, slots=True)
class RegistrationUse:
    """Whether a client that registered itself is used, and until when it is kept."""

    client_id: ClientId
    last_used_at: NumericDate | None
    expires_at: NumericDate | None
    """None: for good."""


@dataclass(frozen=True, slots=True)
class RegisterClient:
    """Adds a client that registered itself; wins while its id is free and fewer than `most` of them are there."""

    client: Client
    expires_at: NumericDate | None
    """When it is forgotten, unless it is used before."""
    most: int


@dataclass(frozen=True, slots=True)
class ReplaceRegisteredClient:
    """Replaces a client that changed its own metadata; wins while it is there and not disabled."""

    client: Client


@dataclass(frozen=True, slots=True)
class KeepRegistration:
    """Notes that a self-registered client is used, once a day at most: it is kept until `expires_at` at least."""

    client_id: ClientId
    expires_at: NumericDate
    now: NumericDate


@dataclass(frozen=True, slots=True)
class ForgetConsents:
    """Forgets what end-users allowed a client, which has become another than the one they were shown."""

    client_id: ClientId


@dataclass(frozen=True, slots=True)
class AddRegistrationToken:
    """Stores an initial access token; its id is new."""

    token: RegistrationToken


@dataclass(frozen=True, slots=True)
class RemoveRegistrationToken:
    """Takes an initial access token back; the clients that it let in stay."""

    token_id: str


@dataclass(frozen=True, slots=True)
class UseRegistrationToken:
    """Takes one use from an initial access token; wins while it is live."""

    digest: TokenDigest
    now: NumericDate


RegistrationChange = (
    RegisterClient
    | ReplaceRegisteredClient
    | KeepRegistration
    | ForgetConsents
    | AddRegistrationToken
    | RemoveRegistrationToken
    | UseRegistrationToken
)

DAY = 86_400
"""Seconds between two notes that a client is used."""
