"""What a server-side client keeps of signed-in browsers, and the port of its store (RFC 10017, 6.1.2.3)."""

from __future__ import annotations

from dataclasses import field
from typing import Protocol

from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One signed-in browser, as its store sees it: nothing in it can be read without the browser's cookie.

    `row_id` is a digest of the cookie's handle, `profile` and `tokens` are sealed under a key from that handle.
    `subject_key` and `sid_key` are keyed digests of whom the session belongs to. `revision` counts the writes of
    `tokens`. Times are seconds since the epoch: it ends at the earlier of both.
    """

    row_id: bytes
    profile: bytes = field(repr=False)
    tokens: bytes = field(repr=False)
    subject_key: bytes
    sid_key: bytes | None
    idle_ends_at: int
    ends_at: int
    revision: int = 0


@dataclass(frozen=True, slots=True)
class UsedLogoutToken:
    """A logout token that is used up: a digest of its `jti`, to be remembered `until` then."""

    token_id: bytes
    until: int


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose sessions are meant: of a subject, of one `sid`, or, with both, that `sid` if it is the subject's."""

    subject_key: bytes | None
    sid_key: bytes | None

    def __post_init__(self) -> None:
        if self.subject_key is None and self.sid_key is None:
            raise ValueError("an owner is named by a subject, a sid, or both")


class SessionRecords(Protocol):
    """Keeps the rows for every process that serves the same browsers; raises Unavailable where it cannot."""

    async def add(self, row: SessionRow, replaces: bytes | None, now: int) -> None:
        """Keep a new session and remove the one whose row id is `replaces`; what has ended may be purged."""
        ...

    async def find(self, row_id: bytes, now: int) -> SessionRow | None:
        """Return the session that lives at `now`."""
        ...

    async def touch(self, row_id: bytes, idle_ends_at: int) -> None:
        """Move the end of an idle session to later; one that is gone stays gone."""
        ...

    async def swap(self, row_id: bytes, revision: int, tokens: bytes) -> bool:
        """Replace the tokens and count the revision up if it still is `revision`; say whether it was."""
        ...

    async def remove(self, row_id: bytes) -> bool:
        """End a session; say whether there was one."""
        ...

    async def log_out(self, owner: Owner, token: UsedLogoutToken, now: int) -> bool:
        """End the sessions of an owner and use the logout token up, both or neither; False if it was used up."""
        ...
