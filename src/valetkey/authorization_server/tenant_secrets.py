"""What a tenant draws once and reads again: the salt of its pairwise subjects (OpenID Connect Core, 8.1)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.jose.records import dataclass
from valetkey.oauth.types import AuthorizationId, NumericDate, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

PAIRWISE_SALT: Final = "pairwise salt"
"""The purpose of the 32 bytes from which pairwise subjects are derived."""


@dataclass(frozen=True, slots=True)
class AddTenantSecret:
    """Stores a secret of the tenant, sealed; wins while the tenant has none for the `purpose`."""

    purpose: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotePairwiseToken:
    """Notes that an access token lives in which its end-user goes by another `sub`; idempotent.

    When something happens to the end-user, security events name its authorization too: by `sub`, no guard could
    tell that the token is meant.
    """

    subject: Subject
    """The public one, which security events name."""
    authorization_id: AuthorizationId
    expires_at: NumericDate


TenantSecretChange = AddTenantSecret | NotePairwiseToken


class TenantSecrets(Protocol):
    """The sealed secrets of one tenant."""

    async def list(self) -> Mapping[str, bytes]:
        """Return what is sealed, by purpose."""
        ...


class PairwiseSalt(Protocol):
    """The salt of one tenant's pairwise subjects, made when it is first asked for and never changed."""

    async def read(self) -> bytes:
        """Return its 32 bytes; raises Unavailable when it cannot be read or stored."""
        ...
