"""Keys of one-time codes, which are read again for each code: sealed, each for its own end-user and factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.adapters.keys.sealing import SealBroken, Sealer
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import SecretText, Subject, TenantId

if TYPE_CHECKING:
    from valetkey.authorization_server.second_factor import OneTimeCodeFactor

PURPOSE: Final = "one-time code key"


@dataclass(frozen=True, slots=True)
class SealedOneTimeCodeKeys:
    """`SealedFactorKeys` of one tenant."""

    _sealer: Sealer
    _tenant: TenantId

    def seal(self, subject: Subject, factor_id: str, key: SecretText) -> bytes:
        """Return the key sealed."""
        return self._sealer.seal(PURPOSE, place_of(self._tenant, subject, factor_id), key.reveal().encode())

    def open(self, factor: OneTimeCodeFactor) -> SecretText:
        """Return the key; raises Unavailable when the key-encryption key does not open it."""
        place = place_of(self._tenant, factor.subject, factor.factor_id)
        try:
            return SecretText(self._sealer.open(PURPOSE, place, factor.sealed_key).decode())
        except SealBroken as broken:
            raise Unavailable(f"a second factor ({broken})") from None


def place_of(tenant: TenantId, subject: Subject, factor_id: str) -> str:
    """Return where a sealed key belongs: moved to another row, it does not open."""
    return f"{tenant} {subject} {factor_id}"
