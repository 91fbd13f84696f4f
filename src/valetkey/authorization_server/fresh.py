"""The one clock reading and the random values of a request: time and chance come in by this door."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import field

from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, OpaqueToken


@dataclass(frozen=True, slots=True)
class Fresh:
    """`now`, and a 64-byte seed from which every value of the request is derived by its label.

    The same label gives the same value, so a decision that is taken again after a lost race draws the same.
    """

    now: NumericDate
    _seed: bytes = field(repr=False)

    def draw(self, label: str) -> bytes:
        """Return the 32 bytes that belong to `label`: unpredictable without the seed."""
        return hashlib.blake2b(label.encode(), digest_size=32, key=self._seed).digest()

    def token(self, prefix: str, label: str = "") -> OpaqueToken:
        """Return the secret with `prefix` that belongs to `label`."""
        return OpaqueToken.from_entropy(prefix, self.draw(prefix + label))

    def identifier(self, label: str) -> str:
        """Return a public identifier of 128 bits, base64url, that never begins with a dash."""
        text = urlsafe_b64encode(self.draw(label)[:16]).rstrip(b"=").decode()
        # On a command line, what begins with a dash is taken for an option.
        return f"A{text[1:]}" if text.startswith("-") else text
