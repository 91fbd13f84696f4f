"""`WWW-Authenticate`, both directions (RFC 9110, 11.6.1; RFC 6750, 3; RFC 9728, 5.1)."""

from __future__ import annotations

import re
from typing import Final

from valetkey.jose.records import dataclass

_TCHAR: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER: Final = re.compile(rf'\s*({_TCHAR})\s*=\s*(?:({_TCHAR})|"((?:[^"\\]|\\.)*)")\s*(?:,|$)')
_SCHEME: Final = re.compile(rf"\s*({_TCHAR})(?:\s+|$|\s*,)")
_UNQUOTABLE: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_LONGEST: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: a scheme and its parameters, in order."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """Return the value of the parameter `name` (lower case), or None."""
        return next((value for key, value in self.parameters if key.lower() == name), None)

    def __str__(self) -> str:
        """Write the header value; characters that RFC 6750, 3 excludes from its values become spaces."""
        if not self.parameters:
            return self.scheme
        # RFC6750-3/characters
        written = ", ".join(f'{name}="{_UNQUOTABLE.sub(" ", value)}"' for name, value in self.parameters)
        return f"{self.scheme} {written}"


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a `WWW-Authenticate` value, in order; what cannot be read ends the list."""
    found: list[Challenge] = []
    position = 0
    text = header[:_LONGEST]
    while position < len(text):
        scheme = _SCHEME.match(text, position)
        if scheme is None:
            break
        position = scheme.end()
        parameters: list[tuple[str, str]] = []
        while (parameter := _PARAMETER.match(text, position)) is not None:
            name, bare, quoted = parameter.groups()
            parameters.append((name.lower(), bare if bare is not None else re.sub(r"\\(.)", r"\1", quoted)))
            position = parameter.end()
        found.append(Challenge(scheme.group(1), tuple(parameters)))
    return tuple(found)
