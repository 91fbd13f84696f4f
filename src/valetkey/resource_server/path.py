"""The target of a request, read so that it can mean one path only (RFC 3986, 3.3; RFC 9110, 4.2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

LONGEST_TARGET: Final = 8_192
MOST_SEGMENTS: Final = 64

_PCHAR: Final = r"A-Za-z0-9\-._~!$&'()*+,=:@"
# Without ";": some servers end a segment there, others do not.
_PATH: Final = re.compile(rf"/(?:[{_PCHAR}/]|%[0-9A-Fa-f]{{2}})*", re.ASCII)
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@-]+(?:[.][A-Za-z0-9_~!$&'()*+,=:@-]+)*)+/?", re.ASCII)
_QUERY: Final = re.compile(r"[\x21\x22\x24-\x7e]*", re.ASCII)
# What becomes a separator, a dot, a control or the mark of another encoding once it is decoded.
_NEVER_ENCODED: Final = re.compile(r"%(?:2[eEfF5]|5[cC]|3[bB]|[01][0-9A-Fa-f]|7[fF])")


class BadTarget(ValueError):
    """Servers do not agree on what the target of a request means; the text says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A path as its decoded segments: `/orders/7` is ("orders", "7"), `/` is (""), `/orders/` ends with ""."""

    segments: tuple[str, ...]

    @property
    def path(self) -> str:
        """The decoded path."""
        return "/" + "/".join(self.segments)


def parse_target(target: str) -> Target:
    """Return the path of a request's target; raises BadTarget where two servers could read two paths in it.

    Refused are dot segments and double slashes, encoded slashes, dots, backslashes, semicolons, percent signs and
    controls, path parameters, octets that are not UTF-8, and everything that no path may hold.
    """
    if len(target) > LONGEST_TARGET:
        raise BadTarget("The target of the request is too long.")
    path, mark, query = target.partition("?")
    if mark and not _QUERY.fullmatch(query):
        raise BadTarget("The query holds characters that no query may hold.")
    if not _PLAIN_PATH.fullmatch(path):
        _refuse_odd(path)
    segments = path[1:].split("/")
    if len(segments) > MOST_SEGMENTS:
        raise BadTarget("The path has too many segments.")
    if "%" in path:
        segments = [_decoded(segment) for segment in segments]
    return Target(tuple(segments))


def _refuse_odd(path: str) -> None:
    if not path.startswith("/"):
        raise BadTarget("The target of the request is no path.")
    if not _PATH.fullmatch(path):
        raise BadTarget("The path holds characters that no path may hold, or a broken percent-encoding.")
    if _NEVER_ENCODED.search(path):
        raise BadTarget("The path holds an encoded separator, dot, percent sign or control character.")
    if "//" in path:
        raise BadTarget("The path holds an empty segment.")
    for segment in path.split("/"):
        # "a." and "a" are one file where names end with dots in vain.
        if segment.endswith("."):
            raise BadTarget("A segment of the path ends with a dot.")


def _decoded(segment: str) -> str:
    try:
        text = unquote_to_bytes(segment).decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise BadTarget("The path is not UTF-8.") from None
    if not text.isprintable():
        raise BadTarget("The path holds characters that cannot be seen.")
    return text
