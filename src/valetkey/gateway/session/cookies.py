"""The cookies of the session layer: read strictly, written with every protection (RFC 10017, 6.1.3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.gateway.session.sealing import SessionHandle

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpRequest

SESSION: Final = "vk_gateway_session"
LOGIN: Final = "vk_gateway_login_"
"""Followed by the beginning of the `state`: two tabs may sign in at once."""
LOGOUT: Final = "vk_gateway_logout"
LOGIN_SECONDS: Final = 15 * 60
LOGOUT_SECONDS: Final = 60
MOST_LOGINS: Final = 5
_STATE_PART: Final = 16
_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{1,3800}")
_PREFIX: Final = "__Host-"


class SameSite(StrEnum):
    """When a browser sends a cookie that another site's page asks for."""

    # The session: only fetches of the application's own pages need it. A navigation from elsewhere finds the
    # application's files, which are nobody's, and they ask who is signed in.
    STRICT = "Strict"
    # The sign-in under way: the issuer's redirect comes from another site, and has to find it.
    LAX = "Lax"


class RepeatedCookie(Exception):
    """A request brings one of our cookies twice: somebody tossed one in, and nobody knows which."""


@dataclass(frozen=True, slots=True)
class Cookies:
    """Names and flags at one origin: `__Host-` over TLS, the same names without it over loopback http."""

    is_https: bool

    def name(self, name: str) -> str:
        """Return the name on the wire."""
        return f"{_PREFIX}{name}" if self.is_https else name

    def login_name(self, state: str) -> str:
        """Return the name, without prefix, of the cookie of a sign-in under way."""
        return f"{LOGIN}{state[:_STATE_PART]}"

    def read(self, request: HttpRequest, name: str) -> str | None:
        """Return the one value of a cookie of ours; None where it is absent or cannot be ours.

        Raises RepeatedCookie.
        """
        found = request.cookies(self.name(name))
        if len(found) > 1:
            raise RepeatedCookie(name)
        return found[0] if found and _VALUE.fullmatch(found[0]) else None

    def shown_handle(self, request: HttpRequest) -> SessionHandle | None:
        """Return the handle of the session that the browser shows; raises RepeatedCookie."""
        text = self.read(request, SESSION)
        return None if text is None else SessionHandle.parse(text)

    def logins(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the names, without prefix, of the sign-ins that this browser has under way."""
        start = self.name(LOGIN)
        parts = (
            part.strip().partition("=")[0] for line in request.all_headers(b"cookie") for part in line.split(";")
        )
        shape = re.compile(re.escape(start) + r"[A-Za-z0-9_-]{1,16}")
        found = dict.fromkeys(name for name in parts if shape.fullmatch(name))
        return tuple(name.removeprefix(_PREFIX) for name in found)

    def written(self, name: str, value: str, same_site: SameSite, max_age: int | None = None) -> tuple[str, str]:
        """Return the `Set-Cookie` header; without `max_age` (seconds) the cookie ends with the browser."""
        age = "" if max_age is None else f"; Max-Age={max_age}"
        # RFC10017-6.1.3.2/secure RFC10017-6.1.3.2/httponly RFC10017-6.1.3.2/samesite
        # RFC10017-6.1.3.2/path RFC10017-6.1.3.2/domain
        # Over loopback http there is no TLS that Secure could ask for.
        secure = "; Secure" if self.is_https else ""
        return "set-cookie", f"{self.name(name)}={value}; Path=/{age}; HttpOnly; SameSite={same_site}{secure}"

    def removed(self, name: str, same_site: SameSite = SameSite.LAX) -> tuple[str, str]:
        """Return the `Set-Cookie` header that takes a cookie away."""
        return self.written(name, "", same_site, 0)
