"""The options of `valetkey client` for OpenID Connect metadata: one for each member of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.refusal import ActRefused
from valetkey.oauth.client_members import CLIENT_MEMBERS, Member, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _option(member: Member) -> Callable[[Callable[..., None]], Callable[..., None]]:
    name = member.name.replace("_", "-")
    match member.shape:
        case Shape.FLAG:
            return click.option(f"--{name}/--no-{name}", member.name, default=None, help=member.doc)
        case Shape.TEXTS | Shape.URLS:
            singular = name.removesuffix("s")
            return click.option(f"--{singular}", member.name, multiple=True, help=f"{member.doc} Repeatable.")
        case Shape.SECONDS:
            return click.option(f"--{name}", member.name, metavar="SECONDS", help=member.doc)
        case Shape.TEXT | Shape.URL | Shape.PAGE:
            return click.option(f"--{name}", member.name, help=member.doc)


MEMBER_OPTIONS: Final = tuple(map(_option, CLIENT_MEMBERS))
"""An empty text takes a member away."""


def members_said(options: Mapping[str, Any]) -> Mapping[str, object]:
    """Return what the options say, None for what is taken away; raises ActRefused."""
    return {
        member.name: _value(member, given)
        for member in CLIENT_MEMBERS
        if (given := options[member.name]) not in (None, ())
    }


def _value(member: Member, given: Any) -> object:
    if given in ("", ("",)):
        return None
    value = int(given) if member.shape is Shape.SECONDS and given.isdecimal() and given.isascii() else given
    try:
        return member.read(value)
    except ValueError as error:
        raise ActRefused(f"{member.name}: expected {error}") from None
