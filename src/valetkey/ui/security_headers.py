"""The headers that every page carries (HARDENING CON-01, CON-08 and HTP-09)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from valetkey.oauth.types import Issuer

_SPELLABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//[A-Za-z0-9.-]+(:[0-9]{1,5})?)?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

_POLICY: Final = (
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",  # RFC9700-4.16/clickjacking
)

_FIXED: Final = (
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("cache-control", "no-store"),  # OAUTHFP-2/no-store
)
_OF_OWN_WINDOW: Final = frozenset({"x-frame-options", "cross-origin-opener-policy", "cross-origin-resource-policy"})
_TRANSPORT: Final = ("strict-transport-security", "max-age=31536000")


def page_headers(
    issuer: Issuer, redirect_source: str | None, frames: tuple[str, ...] = ()
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a page whose form may end at `redirect_source`, an origin or a scheme.

    `frames` are the addresses that it shows in frames: their origins may stand there, and no other.

    Chromium applies `form-action` to every redirect that follows a form's POST, so the verified redirect's
    origin or scheme has to stand there. Raises ValueError for a source without a scheme.
    """
    actions = " ".join(("form-action 'self'", *_sources(redirect_source)))
    sources = sorted({source for address in frames for source in _sources(_origin(address))})
    framing = (" ".join(("frame-src", *sources)),) if sources else ()
    policy = ("content-security-policy", "; ".join((*_POLICY, actions, *framing)))
    transport = (_TRANSPORT,) if issuer.url.startswith("https:") else ()
    return (policy, *_FIXED, *transport)


def frame_headers(issuer: Issuer, framed_by: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a page of ours that pages of the origins `framed_by`, and no other, may frame."""
    ancestors = " ".join(("frame-ancestors", *(framed_by or ("'none'",))))
    policy = ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'none'", ancestors)
    further = tuple(header for header in _FIXED if header[0] not in _OF_OWN_WINDOW)
    transport = (_TRANSPORT,) if issuer.url.startswith("https:") else ()
    return (
        ("content-security-policy", "; ".join(policy)),
        ("cross-origin-resource-policy", "cross-origin"),
        *further,
        *transport,
    )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def _sources(redirect_source: str | None) -> tuple[str, ...]:
    if redirect_source is None:
        return ()
    if _SPELLABLE.fullmatch(redirect_source):
        return (redirect_source,)
    # A source cannot spell an IPv6 address, for one (CSP Level 3, 2.3.1): the scheme is the narrowest that works.
    scheme = _SCHEME.match(redirect_source)
    if scheme is None:
        raise ValueError("a redirect source is an origin or a scheme")
    return (scheme[0],)
