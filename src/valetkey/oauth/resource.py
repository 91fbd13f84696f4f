"""Resource indicators (RFC 8707): the grammar of an identifier, and which of ours a misspelt one is nearest to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!$&-;=?-Z_a-z~@%\[\]]{1,2000}")


def is_identifier(text: str) -> bool:
    """Say whether `text` is an absolute URI without fragment (RFC 8707, 2)."""
    if not _ABSOLUTE.fullmatch(text):
        return False
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:
        return False


def nearest(sent: str, identifiers: Iterable[str]) -> str | None:
    """Return the identifier that differs from `sent` only by a trailing slash or the case of scheme and host.

    It is for the error text alone: identifiers are compared exactly as sent.
    """
    wanted = _spelling(sent)
    return next((known for known in identifiers if _spelling(known) == wanted), None)


def _spelling(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl().rstrip("/")
