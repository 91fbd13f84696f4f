"""How often client authentication may fail for one client from one source, asked before a proof is looked at."""

from __future__ import annotations

from typing import Protocol


class FailedClients(Protocol):
    """Counts the failures of a client and a source together: nobody locks a client out from anywhere else."""

    async def wait(self, client_id: str, source: str) -> int:
        """Return the seconds until another proof is looked at; 0 where one may come now."""
        ...

    async def count(self, client_id: str, source: str) -> None:
        """Count a proof that failed."""
        ...


class UncountedFailures:
    """Counts nothing: what an authorization server is given that nobody limits."""

    async def wait(self, client_id: str, source: str) -> int:
        """Return 0: a proof may always come."""
        del client_id, source
        return 0

    async def count(self, client_id: str, source: str) -> None:
        """Forget it."""
