"""Client secrets that must be read again, because they are keys of a MAC: sealed, each for its own place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.adapters.keys.sealing import SealBroken, Sealer
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import SecretText, TenantId

if TYPE_CHECKING:
    from valetkey.authorization_server.model import ClientSecret
    from valetkey.oauth.types import ClientId

_PURPOSE: Final = "client secret"


@dataclass(frozen=True, slots=True)
class SealedClientSecrets:
    """`SealedSecrets` of one tenant."""

    _sealer: Sealer
    _tenant: TenantId

    def seal(self, client_id: ClientId, secret: ClientSecret, text: SecretText) -> ClientSecret:
        """Return `secret` with `text` sealed in it."""
        sealed = self._sealer.seal(_PURPOSE, self._place(client_id, secret), text.reveal().encode())
        return replace(secret, sealed=sealed)

    def open(self, client_id: ClientId, secret: ClientSecret) -> SecretText:
        """Return the text of a sealed secret; raises Unavailable when the key-encryption key does not open it."""
        try:
            opened = self._sealer.open(_PURPOSE, self._place(client_id, secret), secret.sealed or b"")
        except SealBroken as broken:
            raise Unavailable(f"a client secret ({broken})") from None
        return SecretText(opened.decode())

    def reseal(self, client_id: ClientId, secret: ClientSecret) -> ClientSecret:
        """Return the secret sealed under the key of now, itself where it is already or was never sealed.

        Raises Unavailable when no key-encryption key opens it.
        """
        if secret.sealed is None:
            return secret
        try:
            anew = self._sealer.reseal(_PURPOSE, self._place(client_id, secret), secret.sealed)
        except SealBroken as broken:
            raise Unavailable(f"a secret of the client {client_id} ({broken})") from None
        return secret if anew is None else replace(secret, sealed=anew)

    def _place(self, client_id: ClientId, secret: ClientSecret) -> str:
        # Moved to another client's row, or beside another digest, it does not open.
        return f"{self._tenant} {client_id} {secret.digest.value.hex()}"
