"""Where the form of a page goes."""

from __future__ import annotations

from dataclasses import field

from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True)
class FormTarget:
    """Where a page's form posts to, with the hidden fields it carries (CSRF token, interaction handle)."""

    action: str
    """A path on our origin, the tenant's path included; a client's redirect URI where a response goes to it."""
    hidden: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    redirect_source: str | None = None
    """The verified redirect's origin or scheme, for the `form-action` directive."""
