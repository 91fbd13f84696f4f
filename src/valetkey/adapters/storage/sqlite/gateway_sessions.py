"""The session records of a gateway in a SQLite file of their own, shared by its workers."""

import asyncio
from typing import Final

import apsw

from valetkey.adapters.storage.sql.migrations import SchemaMismatchError, parse
from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.client.session_records import Owner, SessionRow, UsedLogoutToken
from valetkey.oauth.errors import Unavailable

_FIRST: Final = """-- works with: 1

-- Browsers that are signed in. `row_id` is derived from the handle in the browser's cookie, and so is the key under
-- which `profile` and `tokens` are sealed; `subject_key` and `sid_key` are digests under the gateway's own key.
CREATE TABLE gateway_sessions (
    row_id       BYTEA  NOT NULL PRIMARY KEY,
    profile      BYTEA  NOT NULL,
    tokens       BYTEA  NOT NULL,
    subject_key  BYTEA  NOT NULL,
    sid_key      BYTEA,
    idle_ends_at BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    revision     BIGINT NOT NULL
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX gateway_sessions_by_subject ON gateway_sessions (subject_key);
CREATE INDEX gateway_sessions_by_sid ON gateway_sessions (sid_key);
CREATE INDEX gateway_sessions_by_idle_end ON gateway_sessions (idle_ends_at);
CREATE INDEX gateway_sessions_by_end ON gateway_sessions (ends_at);

-- Logout tokens that were used, by a digest of their `jti`.
CREATE TABLE used_logout_tokens (
    token_id BYTEA  NOT NULL PRIMARY KEY,
    until    BIGINT NOT NULL
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX used_logout_tokens_by_end ON used_logout_tokens (until);
"""
MIGRATIONS: Final = parse({"0001_first.sql": _FIRST})

_PURGED = 100
_ADD = """
INSERT INTO gateway_sessions
    (row_id, profile, tokens, subject_key, sid_key, idle_ends_at, ends_at, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_PURGE_IDLE = """
DELETE FROM gateway_sessions WHERE row_id IN
    (SELECT row_id FROM gateway_sessions WHERE idle_ends_at <= $1 LIMIT $2)
"""
_PURGE_ENDED = """
DELETE FROM gateway_sessions WHERE row_id IN
    (SELECT row_id FROM gateway_sessions WHERE ends_at <= $1 LIMIT $2)
"""
_FIND = """
SELECT row_id, profile, tokens, subject_key, sid_key, idle_ends_at, ends_at, revision
FROM gateway_sessions WHERE row_id = $1 AND idle_ends_at > $2 AND ends_at > $2
"""
_TOUCH = "UPDATE gateway_sessions SET idle_ends_at = $2 WHERE row_id = $1 AND idle_ends_at < $2"
_SWAP = """
UPDATE gateway_sessions SET tokens = $3, revision = revision + 1 WHERE row_id = $1 AND revision = $2 RETURNING 1
"""
_REMOVE = "DELETE FROM gateway_sessions WHERE row_id = $1"
_REMOVE_IF_THERE = "DELETE FROM gateway_sessions WHERE row_id = $1 RETURNING 1"
# Each with an index of its own: a logout costs what it ends.
_REMOVE_OF_SUBJECT = "DELETE FROM gateway_sessions WHERE subject_key = $1"
_REMOVE_OF_SID = "DELETE FROM gateway_sessions WHERE sid_key = $1"
_REMOVE_OF_BOTH = "DELETE FROM gateway_sessions WHERE sid_key = $1 AND subject_key = $2"
_USE_UP = """
INSERT INTO used_logout_tokens (token_id, until) VALUES ($1, $2) ON CONFLICT (token_id) DO NOTHING RETURNING 1
"""
_PURGE_TOKENS = "DELETE FROM used_logout_tokens WHERE until <= $1"
_THE_STORE = "the store of sessions"


class SqliteSessionRecords:
    """SessionRecords in the file at `path`, made or brought to this version's schema when first used.

    Raises Unavailable where the file cannot be used. One instance is for one event loop.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._opening: asyncio.Task[SqliteEngine] | None = None

    async def add(self, row: SessionRow, replaces: bytes | None, now: int) -> None:
        """Keeps a new session and removes the one that it replaces, and some of those that ended."""
        engine = await self._opened()
        steps = [Step(_PURGE_IDLE, (now, _PURGED)), Step(_PURGE_ENDED, (now, _PURGED))]
        if replaces is not None:
            steps.append(Step(_REMOVE, (replaces,)))
        bindings = (row.row_id, row.profile, row.tokens, row.subject_key, row.sid_key)
        steps.append(Step(_ADD, (*bindings, row.idle_ends_at, row.ends_at, row.revision)))
        await engine.commit(steps)

    async def find(self, row_id: bytes, now: int) -> SessionRow | None:
        """The session that lives at `now`."""
        found = (await self._opened()).row(_FIND, row_id, now)
        return None if found is None else SessionRow(*found)

    async def touch(self, row_id: bytes, idle_ends_at: int) -> None:
        """Moves the end of an idle session to later."""
        await (await self._opened()).commit((Step(_TOUCH, (row_id, idle_ends_at)),))

    async def swap(self, row_id: bytes, revision: int, tokens: bytes) -> bool:
        """Replaces the tokens if nobody did meanwhile, in this process or another."""
        engine = await self._opened()
        return await engine.commit((Step(_SWAP, (row_id, revision, tokens), must_win=True),))

    async def remove(self, row_id: bytes) -> bool:
        """Ends a session."""
        return await (await self._opened()).commit((Step(_REMOVE_IF_THERE, (row_id,), must_win=True),))

    async def log_out(self, owner: Owner, token: UsedLogoutToken, now: int) -> bool:
        """Ends the sessions of an owner, and uses the logout token up."""
        engine = await self._opened()
        return await engine.commit(
            (
                Step(_PURGE_TOKENS, (now,)),
                Step(_USE_UP, (token.token_id, token.until), must_win=True),
                _removal(owner),
            )
        )

    async def close(self) -> None:
        """Commits what waits and closes the file; used again, it is opened again."""
        opening, self._opening = self._opening, None
        if opening is not None:
            await (await opening).close()

    async def _opened(self) -> SqliteEngine:
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
        try:
            return await asyncio.shield(self._opening)
        except (OSError, apsw.Error) as error:
            self._opening = None
            raise Unavailable(_THE_STORE) from error
        except SchemaMismatchError:
            self._opening = None
            raise

    async def _open(self) -> SqliteEngine:
        await asyncio.to_thread(upgrade, self._path, MIGRATIONS)
        return SqliteEngine(self._path)


def _removal(owner: Owner) -> Step:
    if owner.sid_key is None:
        return Step(_REMOVE_OF_SUBJECT, (owner.subject_key,))
    if owner.subject_key is None:
        return Step(_REMOVE_OF_SID, (owner.sid_key,))
    return Step(_REMOVE_OF_BOTH, (owner.sid_key, owner.subject_key))
