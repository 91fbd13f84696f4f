"""`valetkey trusted-issuer`: what an operator does with issuers whose assertions buy tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.refusal import ActRefused
from valetkey.administration.trusted_issuers import (
    TrustedIssuerAct,
    TrustedIssuerFields,
    add_trusted_issuer,
    change_trusted_issuer,
    remove_trusted_issuer,
)
from valetkey.administration.views import trusted_issuer_view
from valetkey.authorization_server.trusted_issuer import SubjectMatch, TrustedIssuer
from valetkey.cli.client import keys_of, list_of, scope_of
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_record, show_table
from valetkey.oauth.types import ClientId, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.cli.desk import Desk

_COLUMNS: Final = ("issuer", "clients", "scope", "subject_claim", "subject_match", "managed_by", "disabled")
_FIELDS: Final = (
    click.option("--client", "clients", multiple=True, help="Who may present its assertions; repeatable."),
    click.option("--scope", help="The most that a token may have that its assertions buy, separated by spaces."),
    click.option("--jwks", type=click.Path(path_type=Path), help="JSON file with its public keys."),
    click.option("--jwks-uri", help="Where it publishes its public keys, instead of --jwks."),
    click.option(
        "--algorithm", "algorithms", multiple=True, help="An algorithm by which it signs; RS256 and ES256 at first."
    ),
    click.option("--subject-claim", help="The claim that says who is meant; sub at first."),
    click.option(
        "--subject-match",
        type=click.Choice([each.value for each in SubjectMatch]),
        help="What that claim is compared with; listed at first.",
    ),
    click.option(
        "--subject", "subjects", multiple=True, metavar="VALUE=USERNAME", help="Whom a value means; repeatable."
    ),
    click.option("--assertion-lifetime", type=int, help="Seconds that an assertion may still live; 300 at first."),
)


def _field_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FIELDS):
        command = option(command)
    return command


@click.group("trusted-issuer")
def trusted_issuer() -> None:
    """Add, list, show, change and remove issuers whose assertions buy tokens."""


@trusted_issuer.command("add")
@click.argument("issuer")
@_field_options
@desk_options
def add(issuer: str, **options: Any) -> None:
    r"""Trust an issuer: its assertions buy tokens for the end-users that they mean.

    \b
    Example: valetkey trusted-issuer add https://idp.example.com --jwks-uri https://idp.example.com/jwks.json
             --client importer --scope orders:read --subject 248289761001=ada
    """

    async def act(desk: Desk) -> TrustedIssuerAct:
        held = await desk.stores.trusted_issuers.find(issuer)
        done = add_trusted_issuer(issuer, _fields(options), held)
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"{issuer} is trusted")


@trusted_issuer.command("list")
@desk_options
def list_trusted_issuers(**options: Any) -> None:
    r"""List the trusted issuers of a tenant.

    \b
    Example: valetkey trusted-issuer list
    """

    async def act(desk: Desk) -> list[dict[str, object]]:
        return [trusted_issuer_view(each, desk.tenant_id) for each in await desk.stores.trusted_issuers.list()]

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "No issuer is trusted: add one with `valetkey trusted-issuer add`.")


@trusted_issuer.command("show")
@click.argument("issuer")
@desk_options
def show(issuer: str, **options: Any) -> None:
    r"""Show one trusted issuer.

    \b
    Example: valetkey trusted-issuer show https://idp.example.com
    """

    async def act(desk: Desk) -> dict[str, object]:
        return trusted_issuer_view(await _held(desk, issuer), desk.tenant_id)

    view = at_desk(options, act)
    (show_json if options["as_json"] else show_record)(view)


@trusted_issuer.command("change")
@click.argument("issuer")
@_field_options
@click.option("--disable/--enable", "disabled", default=None, help="Trust it no longer, or again.")
@desk_options
def change(issuer: str, **options: Any) -> None:
    r"""Change what a trusted issuer may do; clients and subjects that are named replace all it had.

    \b
    Example: valetkey trusted-issuer change https://idp.example.com --disable
    """

    async def act(desk: Desk) -> TrustedIssuerAct:
        done = change_trusted_issuer(await _held(desk, issuer), _fields(options))
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"{issuer} was changed")


@trusted_issuer.command("remove")
@click.argument("issuer")
@desk_options
def remove(issuer: str, **options: Any) -> None:
    r"""Trust an issuer no longer: nothing more is bought by its assertions.

    \b
    Example: valetkey trusted-issuer remove https://idp.example.com
    """

    async def act(desk: Desk) -> None:
        await desk.commit(remove_trusted_issuer(await _held(desk, issuer)))

    at_desk(options, act)
    if options["as_json"]:
        show_json({"issuer": issuer, "removed": True})
    else:
        say(f"{issuer} is trusted no longer")


def _fields(options: Mapping[str, Any]) -> TrustedIssuerFields:
    clients, lifetime, match = list_of(options["clients"]), options["assertion_lifetime"], options["subject_match"]
    return TrustedIssuerFields(
        clients=None if clients is None else tuple(map(ClientId, clients)),
        scope=scope_of(options["scope"]),
        jwks=keys_of(options["jwks"]),
        jwks_uri=options["jwks_uri"],
        algorithms=list_of(options["algorithms"]),
        subject_claim=options["subject_claim"],
        subject_match=match and SubjectMatch(match),
        subjects=_subjects(options["subjects"]),
        assertion_lifetime=None if lifetime is None else Seconds(lifetime),
        disabled=options.get("disabled"),
    )


def _subjects(given: tuple[str, ...]) -> Mapping[str, str] | None:
    if not given:
        return None
    # One empty text empties the table; the value may hold a "=", a user name hardly does.
    pairs = [each.rpartition("=") for each in given if each]
    if any(not value or not username for value, _, username in pairs):
        raise ActRefused("subject: say whom a value means, as --subject 248289761001=ada")
    return {value: username for value, _, username in pairs}


async def _held(desk: Desk, issuer: str) -> TrustedIssuer:
    held = await desk.stores.trusted_issuers.find(issuer)
    if held is None:
        text = f"{issuer} is not trusted in tenant {desk.tenant_id}: see `valetkey trusted-issuer list`"
        raise ActRefused(text)
    return held


def _tell(done: TrustedIssuerAct, options: Mapping[str, Any], line: str) -> None:
    if options["as_json"]:
        show_json(trusted_issuer_view(done.trusted_issuer, options["tenant"]))
    else:
        say(line)
