"""Where a browser goes after its sign-in: a path of this origin and nothing else (RFC 9700, 4.11)."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 1024
# A path and query as RFC 3986 writes them: no backslash, no control character, nothing beyond ASCII.
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
# What some browser or proxy may decode to another origin or to another path.
_DANGEROUS: Final = re.compile(r"%(?:2f|5c|0[0-9a-f]|1[0-9a-f]|7f|2e)", re.IGNORECASE)


def is_return_path(text: str) -> bool:
    """Say whether `text` is a relative reference that stays on this origin: `/path?query`."""
    if len(text) > _LONGEST or not _PATH.fullmatch(text):
        return False
    path = text.partition("?")[0]
    segments = path.split("/")
    return not ("//" in path or _DANGEROUS.search(path) or "." in segments or ".." in segments)


def with_error(path: str, code: str) -> str:
    """Return `path` with the query that tells the application why nobody was signed in."""
    return f"{path}{'&' if '?' in path else '?'}session_error={code}"
