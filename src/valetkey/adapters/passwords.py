"""Argon2id (RFC 9106) off the event loop, in a bounded pool that refuses what it cannot take."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from valetkey.authorization_server.model import PasswordHash
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.oauth.types import SecretText

Outcome = TypeVar("Outcome")

# OWASP Password Storage Cheat Sheet, 2026: 19 MiB, two passes, one lane.
MEMORY_KIB: Final = 19_456
PASSES: Final = 2
LANES: Final = 1
_SALT_OCTETS: Final = 16
_HASH_OCTETS: Final = 32

LONGEST_OCTETS: Final = 1024
"""Bytes of a password in UTF-8 that are hashed at most; a longer one matches nothing."""
_WAITING_PER_WORKER: Final = 16
"""At about 30 ms each, nobody waits longer than a login page may take."""


class Argon2Passwords:
    """The PasswordHasher of the server; passwords are compared in Unicode NFC (RFC 8265, 4.2)."""

    def __init__(self, workers: int | None = None, waiting_per_worker: int = _WAITING_PER_WORKER) -> None:
        self._workers = workers or max(1, (os.cpu_count() or 1) - 1)
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="argon2")
        self._places = self._workers * (1 + waiting_per_worker)
        self._dummy = _dummy_hash()

    async def matches(self, presented: SecretText, stored: PasswordHash | None) -> bool:
        """Compare; with no stored hash a dummy one is verified, so that the time does not tell.

        Raises Unavailable when too many attempts already wait.
        """
        password = _octets(presented)
        known = stored or self._dummy
        verdict = await self._run(lambda: _verify(password or b"", known))
        return verdict and bool(stored) and bool(password)

    async def hash(self, password: SecretText) -> PasswordHash:
        """Return the PHC string of `password`; raises ValueError when it is empty or too long."""
        octets = _octets(password)
        if not octets:
            raise ValueError(f"a password has 1 to {LONGEST_OCTETS} bytes")
        return await self._run(lambda: hash_octets(octets))

    def close(self) -> None:
        """Let the running attempts end and start no other."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Outcome]) -> Outcome:
        if self._places == 0:
            raise Unavailable("the password pool")
        self._places -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._places += 1


def hash_octets(password: bytes) -> PasswordHash:
    """Return the PHC string of `password`: about 30 ms of a core."""
    function = Argon2id(
        salt=os.urandom(_SALT_OCTETS),
        length=_HASH_OCTETS,
        iterations=PASSES,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return PasswordHash(function.derive_phc_encoded(password))


def _octets(password: SecretText) -> bytes | None:
    text = password.reveal()
    # Normalising comes after the cap: it costs time with the length.
    if len(text) > LONGEST_OCTETS:
        return None
    octets = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    return octets if len(octets) <= LONGEST_OCTETS else None


def _verify(password: bytes, stored: PasswordHash) -> bool:
    try:
        Argon2id.verify_phc_encoded(password, stored)
    except InvalidKey:
        return False
    return True


def _dummy_hash() -> PasswordHash:
    # Nothing hashes to chance: verifying it costs the same and always fails.
    salt, digest = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (_SALT_OCTETS, _HASH_OCTETS))
    return PasswordHash(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}")
