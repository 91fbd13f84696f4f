"""How a request presents its access token: the `Authorization` header and nothing else (OAuth 2.1, 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

_B64TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_CHARACTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"


@dataclass(frozen=True, slots=True)
class NoToken:
    """The request presents no access token, or credentials of another scheme."""


@dataclass(frozen=True, slots=True)
class MalformedCredentials:
    """The request presents its token in a way that cannot be read; `reason` is fixed text."""

    reason: str


class BearerToken(msgspec.Struct, frozen=True):
    """The token as presented; nothing is known of it yet."""

    value: str

    def __repr__(self) -> str:
        return "BearerToken()"


Credentials = NoToken | MalformedCredentials | BearerToken


def read_credentials(authorization: Sequence[str]) -> Credentials:
    """Read every `Authorization` value of a request; a token in query or body is never looked for."""
    # OAUTH21-5.1/no-query: nothing but the header comes this far.
    if not authorization:
        return NoToken()
    if len(authorization) > 1:
        return MalformedCredentials("There is more than one Authorization header.")
    presented = authorization[0]
    if presented.startswith("Bearer ") and _is_b64token(presented[7:]):
        return BearerToken(presented[7:])  # as nearly all are written
    scheme, _, value = presented.strip().partition(" ")
    if scheme.lower() != "bearer":
        return NoToken()
    value = value.strip()
    if not _is_b64token(value):
        return MalformedCredentials("The Authorization header carries no bearer token.")
    return BearerToken(value)


def _is_b64token(value: str) -> bool:
    # To strike out what may stand in a token is several times as fast as to match it, and nearly every token, being
    # without padding, leaves nothing.
    if value and value.isascii() and not value.encode("ascii").translate(None, _CHARACTERS):
        return True
    return _B64TOKEN.fullmatch(value) is not None
