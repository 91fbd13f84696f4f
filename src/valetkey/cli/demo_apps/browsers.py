"""The browsers that the server-side application knows: who is signed in there, and what happened to them."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from valetkey.client import EndedSessions, MemoryTokenStore, SignedInSessions, StartedCodeFlow
from valetkey.jose.records import dataclass

MOST_BROWSERS: Final = 200
"""The one that came longest ago is forgotten: the demonstration answers this computer only."""
_LONGEST_LOG: Final = 12
_MOST_STARTED: Final = 8


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that was begun, and what the person wanted."""

    flow: StartedCodeFlow = field(repr=False)
    why: str
    """`sign_in`, `silent`, or the action that wants a better sign-in: `order`, `empty`."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in: the claims of their ID Token, and a store that holds their tokens."""

    claims: Mapping[str, object]
    id_token: str = field(repr=False)
    store: MemoryTokenStore = field(repr=False)

    @property
    def sid(self) -> str | None:
        """The session at the authorization server."""
        sid = self.claims.get("sid")
        return sid if isinstance(sid, str) else None


class Browser:
    """One browser: its sign-ins under way, its visitor, and its log, newest line first."""

    def __init__(self) -> None:
        self.form_token = secrets.token_urlsafe(24)
        self.visitor: Visitor | None = None
        self.version = 0
        """Moves on with everything that changes the page."""
        self.log: deque[tuple[str, str]] = deque(maxlen=_LONGEST_LOG)
        self._started: OrderedDict[str, Started] = OrderedDict()

    def tell(self, words: str) -> None:
        """Write a line into the log."""
        self.version += 1
        self.log.appendleft((time.strftime("%H:%M:%S"), words))

    def begin(self, flow: StartedCodeFlow, why: str) -> None:
        """Remember a sign-in until its answer comes."""
        self._started[flow.state] = Started(flow, why)
        while len(self._started) > _MOST_STARTED:
            self._started.popitem(last=False)

    def answered(self, query: str) -> Started | None:
        """Return, once, the sign-in that the query of a redirect answers."""
        state = next((state for state, one in self._started.items() if one.flow.is_answer(query)), None)
        return None if state is None else self._started.pop(state)


class Browsers:
    """Browsers by the handle in their cookie."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Browser] = OrderedDict()
        self._signed_in = SignedInSessions()

    def find(self, handle: str | None) -> Browser | None:
        """Return the browser of a cookie."""
        return None if handle is None else self._known.get(handle)

    def keep(self, browser: Browser) -> str:
        """Return a new handle for a browser: an older one is worth nothing from now on."""
        for handle in [handle for handle, known in self._known.items() if known is browser]:
            self._forget(handle)
        handle = secrets.token_urlsafe(32)
        self._known[handle] = browser
        if browser.visitor is not None:
            self._signed_in.add(handle, str(browser.visitor.claims["sub"]), browser.visitor.sid)
        while len(self._known) > MOST_BROWSERS:
            self._forget(next(iter(self._known)))
        return handle

    def sign_out(self, ended: EndedSessions, words: str) -> None:
        """End every session that a logout token means, and say so on its page."""
        for browser in map(self._known.get, self._signed_in.take(ended)):
            if browser is not None and browser.visitor is not None:
                browser.visitor = None
                browser.tell(words)

    def _forget(self, handle: str) -> None:
        self._known.pop(handle, None)
        self._signed_in.remove(handle)
