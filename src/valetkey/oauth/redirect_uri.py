"""Redirect URIs: what may be registered, and the one door to a redirect (RFC 6749, 3.1.2; RFC 8252, 7 and 8)."""

from __future__ import annotations

import re
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAXIMUM_LENGTH: Final = 2_000

_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HIDDEN: Final = re.compile(r"%(?:2[ef]|5c|[01][0-9a-f]|7f)", re.IGNORECASE)
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*")
_PRIVATE_USE: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
_LOOPBACK: Final = re.compile(
    r"http://(?P<host>127\.0\.0\.1|\[::1\]|localhost)(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>[/?].*)?"
)
_HIGHEST_PORT: Final = 65_535
_OURS: Final = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "response", "session_state"}
    | {"access_token", "id_token"}
)
"""What the response adds: a registered query that already names one would let a client be deceived."""
_PROOF: Final = object()


class ApplicationType(StrEnum):
    """OpenID Connect Registration, 2: decides which redirect URIs a client may have."""

    WEB = "web"
    NATIVE = "native"


class LoopbackPort(StrEnum):
    """On which loopback hosts the port of a redirect URI may differ from the registered one (RFC 8252, 7.3)."""

    AS_REGISTERED = "as_registered"
    ANY_ON_IP_LITERAL = "any_on_ip_literal"
    ANY_ON_IP_LITERAL_AND_LOCALHOST = "any_on_ip_literal_and_localhost"


_ANY_PORT: Final = {
    LoopbackPort.AS_REGISTERED: frozenset[str](),
    LoopbackPort.ANY_ON_IP_LITERAL: frozenset({"127.0.0.1", "[::1]"}),
    LoopbackPort.ANY_ON_IP_LITERAL_AND_LOCALHOST: frozenset({"127.0.0.1", "[::1]", "localhost"}),
}


class RedirectUriMismatch(OAuthError):
    """The redirect URI is not one of the client's: the browser must not be sent there."""

    def __init__(self, description: str, requirement: str) -> None:
        super().__init__(ErrorCode.INVALID_REQUEST, description, requirement)


@dataclass(frozen=True, slots=True)
class VerifiedRedirect:
    """A redirect URI that is the client's own: only `verify` and `sole` make one."""

    uri: str
    _proof: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._proof is not _PROOF:
            raise TypeError("a VerifiedRedirect comes from redirect_uri.verify() alone")

    @property
    def origin_or_scheme(self) -> str:
        """The source expression that lets a form's answer be redirected there (CSP3, 6.7.2.8)."""
        parts = urlsplit(self.uri)
        # The grammar of source expressions has no IPv6 literal: only the scheme can name such a host.
        if parts.scheme not in {"http", "https"} or "[" in parts.netloc:
            return f"{parts.scheme}:"
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @property
    def host(self) -> str:
        """What a person is shown: the host with its port, or the scheme of an app."""
        parts = urlsplit(self.uri)
        return parts.netloc.lower() if parts.scheme in {"http", "https"} else parts.scheme

    @property
    def is_https(self) -> bool:
        """Whether only the owner of a domain receives what is sent there (RFC 8252, 8.6)."""
        return self.uri.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether it stays on the person's own machine, where any program may listen."""
        return _LOOPBACK.fullmatch(self.uri) is not None


def verify(requested: str, registered: Sequence[str], ports: LoopbackPort) -> VerifiedRedirect:
    """Return where the answer may go; raises RedirectUriMismatch.

    Compared as sent, character by character: two spellings of one URL are two redirect URIs. The port of a
    loopback redirect is the only part that may differ, and only as `ports` says (RFC 8252, 7.3).
    """
    if requested in registered:
        return VerifiedRedirect(requested, _PROOF)
    asked = _LOOPBACK.fullmatch(requested)
    if asked is not None and asked["host"] in _ANY_PORT[ports] and int(asked["port"] or 80) <= _HIGHEST_PORT:
        for ours in map(_LOOPBACK.fullmatch, registered):
            if ours is not None and (ours["host"], ours["rest"]) == (asked["host"], asked["rest"]):
                return VerifiedRedirect(requested, _PROOF)  # RFC8252-7.3
    raise RedirectUriMismatch("The redirect_uri is not registered.", "OIDCC-3.1.2.1/redirect-uri")


def sole(registered: Sequence[str]) -> VerifiedRedirect:
    """Return the one registered redirect URI, for a request that names none; raises RedirectUriMismatch."""
    if len(registered) != 1:
        raise RedirectUriMismatch("The parameter redirect_uri is missing.", "RFC6749-3.1.2.3")
    return VerifiedRedirect(registered[0], _PROOF)


def parse_registered(uri: str, application_type: ApplicationType) -> str:
    """Return `uri` when a client of that type may register it; raises ValueError that says what is wrong.

    https, http on loopback, and for native applications a private-use scheme with a dot (RFC 8252, 7.1).
    """
    if not _CHARACTERS.fullmatch(uri) or len(uri) > MAXIMUM_LENGTH:
        # OIDCR-2/redirect-fragment
        raise ValueError(
            f"expected at most {MAXIMUM_LENGTH} URI characters, without fragment, wildcard, space or backslash"
        )
    if _BAD_PERCENT.search(uri) or _HIDDEN.search(uri):
        raise ValueError("a percent-encoded dot, slash, backslash or control character has no place in it")
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not an absolute URL with a host") from None
    if parts.netloc.endswith(":") or port == 0:
        raise ValueError("the port is no port number")
    if "@" in parts.netloc or "%" in parts.netloc:
        raise ValueError("it carries no user name, password or percent-encoding before the path")
    _judge_path(parts.path)
    if any(name in _OURS for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError(f"its query holds none of {', '.join(sorted(_OURS))}: the response adds them")
    _judge_scheme(uri, host, application_type)
    return uri


def _judge_path(path: str) -> None:
    segments = path.removeprefix("/").split("/")
    if any(segment.partition(";")[0] in {".", ".."} for segment in segments) or "//" in path:
        raise ValueError("its path holds no empty, '.' or '..' segment")


def _judge_scheme(uri: str, host: str | None, application_type: ApplicationType) -> None:
    scheme, _, rest = uri.partition(":")
    if scheme == "https":
        if not host or not (_HOST.fullmatch(host) or f"[{host}]" in uri):
            raise ValueError("an https redirect URI names a host")
        return
    if scheme == "http":
        if not _LOOPBACK.fullmatch(uri):
            # RFC9700-2.6/no-http-redirect
            raise ValueError("http is for 127.0.0.1, [::1] and localhost alone: use https")
        return
    if application_type is not ApplicationType.NATIVE or not _PRIVATE_USE.fullmatch(scheme):  # RFC8252-7.1
        raise ValueError(
            "expected https, http on loopback or, for a native application, a scheme of its own in reverse"
            " domain notation, such as com.example.app:/callback"
        )
    if not rest.startswith("/"):
        raise ValueError("a private-use scheme is followed by a path, such as com.example.app:/callback")
