"""URLs that somebody else names and that we will ask: what they must look like (Client ID Metadata Document, 3)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

LONGEST_URL: Final = 2_000

_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HIDDEN: Final = re.compile(r"%(?:2[ef]|5c|[01][0-9a-f]|7f)", re.IGNORECASE)
_PUBLIC_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
"""At least two labels, of which the last begins with a letter: no IP address in any spelling has that."""
_INSIDE: Final = frozenset({"localhost", "local", "internal", "intranet", "lan", "home", "corp", "private"})
"""Last labels of names that lead into a network of one's own (RFC 6761; RFC 6762; ICANN SAC113)."""


def outward_url_fault(url: str) -> str | None:
    """Return what forbids `url`, in words; None for an https URL of ordinary form whose host has a public name.

    Where its name leads to, only the connection can tell.
    """
    fault = _form_fault(url)
    if fault is not None:
        return fault
    host = urlsplit(url).hostname or ""
    if not _PUBLIC_NAME.fullmatch(host):
        return "expected a host with a public name, not an address"
    if host.rpartition(".")[2] in _INSIDE:
        return "expected a host with a public name, not one of a network of your own"
    return None


def own_url_fault(url: str) -> str | None:
    """Return what forbids `url` where an operator named it: it may lead into their own network."""
    return _form_fault(url)


def _form_fault(url: str) -> str | None:
    if not _CHARACTERS.fullmatch(url) or len(url) > LONGEST_URL:
        return f"expected at most {LONGEST_URL} URL characters, without fragment, space or backslash"
    if _BAD_PERCENT.search(url) or _HIDDEN.search(url):
        return "a percent-encoded dot, slash, backslash or control character has no place in it"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "expected an absolute URL with a host"
    if not url.startswith("https://") or not host or port == 0 or parts.netloc.endswith(":"):
        return "expected an https URL with a host"
    if "@" in parts.netloc or "%" in parts.netloc:
        return "it carries no user name, password or percent-encoding before the path"
    if any(segment.partition(";")[0] in {".", ".."} for segment in parts.path.split("/")):
        return "its path holds no '.' or '..' segment"
    return None
