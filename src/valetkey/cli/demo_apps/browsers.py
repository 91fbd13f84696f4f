"""The browsers that the server-side application knows: who is signed in there, and what happened to them."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from valetkey.client import MemoryTokenStore, StartedCodeFlow

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    def sid(self) -> str:
        """The session at the authorization server."""
        return str(self.claims.get("sid", ""))


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

    def find(self, handle: str | None) -> Browser | None:
        """Return the browser of a cookie."""
        return None if handle is None else self._known.get(handle)

    def keep(self, browser: Browser) -> str:
        """Return a new handle for a browser: an older one is worth nothing from now on."""
        for handle in [handle for handle, known in self._known.items() if known is browser]:
            del self._known[handle]
        handle = secrets.token_urlsafe(32)
        self._known[handle] = browser
        while len(self._known) > MOST_BROWSERS:
            self._known.popitem(last=False)
        return handle

    def signed_in(self, subject: str | None, sid: str | None) -> Iterator[Browser]:
        """Return the browsers that a logout token means: of a session, or of all sessions of somebody."""
        for browser in list(self._known.values()):
            visitor = browser.visitor
            if visitor is not None and (visitor.sid == sid if sid else visitor.claims.get("sub") == subject):
                yield browser
