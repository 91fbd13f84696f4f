"""Which sessions of a relying party a logout token means, by subject and by sid (Back-Channel Logout, 2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from valetkey.client.logout_token import EndedSessions


class SignedInSessions:
    """The sessions of one process by whom they belong to; `handle` is whatever names a session at the application.

    A logout costs what it ends, however many sessions there are.
    """

    def __init__(self) -> None:
        self._whose: dict[str, tuple[str, str | None]] = {}
        self._by_subject: dict[str, set[str]] = {}
        self._by_sid: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._whose)

    def add(self, handle: str, subject: str, sid: str | None) -> None:
        """Note who is signed in by a session: `sub` and `sid` of the ID Token."""
        self.remove(handle)
        self._whose[handle] = (subject, sid)
        self._by_subject.setdefault(subject, set()).add(handle)
        if sid is not None:
            self._by_sid.setdefault(sid, set()).add(handle)

    def remove(self, handle: str) -> None:
        """Forget a session that ended otherwise; one that is unknown is forgotten already."""
        subject, sid = self._whose.pop(handle, (None, None))
        for index, key in ((self._by_subject, subject), (self._by_sid, sid)):
            if key is not None:
                index[key].discard(handle)
                if not index[key]:
                    del index[key]

    def take(self, ended: EndedSessions) -> Collection[str]:
        """Remove the sessions that a logout token means, and return their handles; none is no error (2.8)."""
        if ended.sid is not None:
            found = self._by_sid.get(ended.sid, set())
            # With both, the session has to be that subject's.
            meant = {one for one in found if ended.subject in {None, self._whose[one][0]}}
        else:
            meant = set(self._by_subject.get(ended.subject or "", ()))
        for handle in meant:
            self.remove(handle)
        return meant
