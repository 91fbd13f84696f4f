"""The session records of one process: for tests, and for a gateway whose restart may sign everybody out."""

from dataclasses import replace

from valetkey.client.session_records import Owner, SessionRow, UsedLogoutToken


class MemorySessionRecords:
    """SessionRecords on one event loop; what has ended is forgotten when somebody signs in."""

    def __init__(self) -> None:
        self._rows: dict[bytes, SessionRow] = {}
        self._used: dict[bytes, int] = {}

    async def add(self, row: SessionRow, replaces: bytes | None, now: int) -> None:
        """Keeps a new session and removes the one that it replaces."""
        for over in [one.row_id for one in self._rows.values() if not _lives(one, now)]:
            del self._rows[over]
        if replaces is not None:
            self._rows.pop(replaces, None)
        self._rows[row.row_id] = row

    async def find(self, row_id: bytes, now: int) -> SessionRow | None:
        """The session that lives at `now`."""
        row = self._rows.get(row_id)
        return row if row is not None and _lives(row, now) else None

    async def touch(self, row_id: bytes, idle_ends_at: int) -> None:
        """Moves the end of an idle session to later."""
        row = self._rows.get(row_id)
        if row is not None:
            self._rows[row_id] = replace(row, idle_ends_at=max(idle_ends_at, row.idle_ends_at))

    async def swap(self, row_id: bytes, revision: int, tokens: bytes) -> bool:
        """Replaces the tokens if nobody did meanwhile."""
        row = self._rows.get(row_id)
        if row is None or row.revision != revision:
            return False
        self._rows[row_id] = replace(row, tokens=tokens, revision=revision + 1)
        return True

    async def remove(self, row_id: bytes) -> bool:
        """Ends a session."""
        return self._rows.pop(row_id, None) is not None

    async def log_out(self, owner: Owner, token: UsedLogoutToken, now: int) -> bool:
        """Ends the sessions of an owner, and uses the logout token up."""
        for over in [token_id for token_id, until in self._used.items() if until <= now]:
            del self._used[over]
        if token.token_id in self._used:
            return False
        self._used[token.token_id] = token.until
        meant = [row.row_id for row in self._rows.values() if _belongs(row, owner)]
        for row_id in meant:
            del self._rows[row_id]
        return True


def _lives(row: SessionRow, now: int) -> bool:
    return now < row.idle_ends_at and now < row.ends_at


def _belongs(row: SessionRow, owner: Owner) -> bool:
    wanted = ((owner.subject_key, row.subject_key), (owner.sid_key, row.sid_key))
    return all(key is None or key == own for key, own in wanted)
