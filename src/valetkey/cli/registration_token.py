"""`valetkey client registration-token`: who else may register clients (RFC 7591, 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.refusal import ActRefused
from valetkey.administration.registration_tokens import (
    TokenFields,
    add_registration_token,
    registration_token_view,
    remove_registration_token,
)
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_secret, show_table
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import GrantType, Scope, Seconds

if TYPE_CHECKING:
    from valetkey.administration.registration_tokens import TokenAct
    from valetkey.cli.desk import Desk

_COLUMNS: Final = ("token_id", "created_at", "expires_at", "uses_left", "scope", "grant_types")
_DAY: Final = 86_400


@click.group("registration-token")
def registration_token() -> None:
    """Add, list and remove initial access tokens: whoever holds one may register clients."""


@registration_token.command("add")
@click.option("--uses", type=click.IntRange(1, 1_000_000), help="How many clients it registers; any by default.")
@click.option(
    "--expires-in",
    type=click.IntRange(60, 365 * _DAY),
    default=_DAY,
    show_default=True,
    help="Seconds that it is good for.",
)
@click.option("--scope", help="All scopes that its clients may ask for; those of the tenant by default.")
@click.option(
    "--grant-type",
    "grant_types",
    multiple=True,
    help="A grant type beside authorization_code and refresh_token, such as client_credentials; repeatable.",
)
@desk_options
def add(uses: int | None, expires_in: int, scope: str | None, grant_types: tuple[str, ...], **options: Any) -> None:
    r"""Draw an initial access token; it is shown this once.

    \b
    Example: valetkey client registration-token add --uses 1 --expires-in 3600
    """

    async def act(desk: Desk) -> TokenAct:
        fields = TokenFields(Seconds(expires_in), uses, _scope(scope), frozenset(map(GrantType, grant_types)))
        done = add_registration_token(fields, desk.tenant, desk.fresh)
        await desk.commit(done.changes)
        return done

    done = at_desk(options, act)
    if options["as_json"]:
        view = registration_token_view(done.token, options["tenant"])
        show_json({**view, "registration_token": done.shown.reveal()})
    else:
        say(f"registration token {done.token.token_id} was added")
        show_secret("registration_token", done.shown.reveal())


@registration_token.command("list")
@desk_options
def list_tokens(**options: Any) -> None:
    r"""List the initial access tokens of a tenant.

    \b
    Example: valetkey client registration-token list
    """

    async def act(desk: Desk) -> list[dict[str, object]]:
        return [registration_token_view(each, desk.tenant_id) for each in await desk.stores.registrations.tokens()]

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "There are no registration tokens.")


@registration_token.command("remove")
@click.argument("token_id")
@desk_options
def remove(token_id: str, **options: Any) -> None:
    r"""Take an initial access token back; the clients that it let in stay.

    \b
    Example: valetkey client registration-token remove Yk3vX0aQ8mS1tR5u
    """

    async def act(desk: Desk) -> None:
        await desk.commit(remove_registration_token(token_id, await desk.stores.registrations.tokens()))

    at_desk(options, act)
    if options["as_json"]:
        show_json({"token_id": token_id, "removed": True})
    else:
        say(f"registration token {token_id} was removed")


def _scope(given: str | None) -> Scope | None:
    try:
        return None if given is None else Scope.parse(given)
    except OAuthError:
        raise ActRefused("scope: expected scope names separated by single spaces") from None
