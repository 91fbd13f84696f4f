"""Access tokens that a store knows of: opaque ones, and those of either format that were revoked by themselves."""

from __future__ import annotations

from collections.abc import Mapping

from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, TokenDigest


@dataclass(frozen=True, slots=True)
class OpaqueAccessToken:
    """What an opaque access token stands for: the very claims that a JWT would carry, in their wire types."""

    digest: TokenDigest
    claims: Mapping[str, object]
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class AddAccessToken:
    """Stores an opaque access token; idempotent.

    It judges nothing: the generations in its claims and its authorization are judged whenever it is used.
    """

    token: OpaqueAccessToken


@dataclass(frozen=True, slots=True)
class RevokeAccessToken:
    """Marks one access token of either format revoked until it would expire; idempotent."""

    token_id_digest: TokenDigest
    """SHA-256 of its `jti`."""
    expires_at: NumericDate
    audience: tuple[str, ...] = ()
    """Whom it was meant for, and who therefore hears of it; empty where that is not known: everybody."""


AccessTokenChange = AddAccessToken | RevokeAccessToken
