"""Authorization headers of pushed streams: sealed, each for its own stream and receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.adapters.keys.sealing import SealBroken, Sealer
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import SecretText, TenantId

if TYPE_CHECKING:
    from valetkey.authorization_server.signals.streams import Stream, StreamId

PURPOSE: Final = "stream authorization header"


@dataclass(frozen=True, slots=True)
class SealedHeaders:
    """`SealedStreamSecrets` of one tenant."""

    _sealer: Sealer
    _tenant: TenantId

    def seal(self, stream_id: StreamId, header: SecretText) -> bytes:
        """Return the header sealed."""
        return self._sealer.seal(PURPOSE, place_of(self._tenant, stream_id), header.reveal().encode())

    def open(self, stream: Stream) -> SecretText | None:
        """Return the header, None where there is none; raises Unavailable when the key does not open it."""
        sealed = stream.delivery.sealed_authorization
        if sealed is None:
            return None
        try:
            return SecretText(self._sealer.open(PURPOSE, place_of(self._tenant, stream.stream_id), sealed).decode())
        except SealBroken as broken:
            raise Unavailable(f"the header of a stream ({broken})") from None


def place_of(tenant: TenantId, stream_id: StreamId) -> str:
    """Return where a sealed header belongs: moved to another row, it does not open."""
    return f"{tenant} {stream_id}"
