"""`valetkey tenant`: what an operator does with tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.refusal import ActRefused
from valetkey.administration.tenants import TenantAct, TenantFields, add_tenant, change_tenant, remove_tenant
from valetkey.administration.views import tenant_view
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.policy import PROFILES
from valetkey.cli.desk import at_desk, default_profile, issuer_of, place_of, store_options
from valetkey.cli.output import say, show_json, show_record, show_table
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import Scope, TenantId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.authorization_server.model import Tenant
    from valetkey.cli.desk import Desk

_COLUMNS: Final = ("name", "display_name", "issuer", "profile", "managed_by", "disabled")


def _field_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--display-name", help="What its pages call it."),
        click.option("--accent", help="The accent colour of its pages, such as #0a7d4f."),
        click.option(
            "--registration",
            type=click.Choice([each.value for each in RegistrationMode]),
            help="Who may register clients: nobody, holders of a registration token, or everybody.",
        ),
        click.option("--registration-scope", help="All scopes that clients which register may ask for."),
        click.option("--profile", type=click.Choice(list(PROFILES)), help="Its policy profile."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def tenant() -> None:
    """Add, list, show, change and remove tenants."""


@tenant.command("add")
@click.argument("name")
@_field_options
@store_options
def add(name: str, **options: Any) -> None:
    r"""Add a tenant: an issuer of its own under /t/NAME, with its own keys, clients and end-users.

    \b
    Example: valetkey tenant add acme --display-name "Acme Corporation" --accent "#0a7d4f"
    """
    profile = default_profile(place_of(options))

    async def act(desk: Desk) -> TenantAct:
        held = await desk.storage.tenants.find(name)
        done = add_tenant(TenantId(name), _fields(options), held, profile)
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"tenant {name} was added")


@tenant.command("list")
@store_options
def list_tenants(**options: Any) -> None:
    r"""List all tenants.

    \b
    Example: valetkey tenant list
    """

    async def act(desk: Desk) -> list[Tenant]:
        return list(await desk.storage.tenants.list())

    views = [_view(each, options) for each in at_desk(options, act)]
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "There are no tenants yet: the default one is stored at the first start.")


@tenant.command("show")
@click.argument("name")
@store_options
def show(name: str, **options: Any) -> None:
    r"""Show one tenant.

    \b
    Example: valetkey tenant show acme
    """

    async def act(desk: Desk) -> Tenant:
        return await _held(desk, name)

    view = _view(at_desk(options, act), options)
    (show_json if options["as_json"] else show_record)(view)


@tenant.command("change")
@click.argument("name")
@_field_options
@click.option("--disable/--enable", "disabled", default=None, help="Switch the whole issuer off, or on.")
@store_options
def change(name: str, **options: Any) -> None:
    r"""Change a tenant; a running server obeys from the next request on.

    \b
    Example: valetkey tenant change acme --accent "#0a7d4f"
    """

    async def act(desk: Desk) -> TenantAct:
        done = change_tenant(await _held(desk, name), _fields(options))
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"tenant {name} was changed")


@tenant.command("remove")
@click.argument("name")
@store_options
def remove(name: str, **options: Any) -> None:
    r"""Switch a tenant off. What it holds is kept; `tenant change NAME --enable` brings it back.

    \b
    Example: valetkey tenant remove acme
    """

    async def act(desk: Desk) -> TenantAct:
        done = remove_tenant(await _held(desk, name))
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"tenant {name} was switched off; what it holds is kept")


def _fields(options: Mapping[str, Any]) -> TenantFields:
    mode, scope = options["registration"], options["registration_scope"]
    return TenantFields(
        display_name=options["display_name"],
        profile=options["profile"],
        accent=options["accent"],
        registration=mode and RegistrationMode(mode),
        registration_scope=None if scope is None else _scope(scope),
        disabled=options.get("disabled"),
    )


def _scope(given: str) -> Scope:
    try:
        return Scope.parse(given)
    except OAuthError:
        raise ActRefused("registration scope: expected scope names separated by single spaces") from None


async def _held(desk: Desk, name: str) -> Tenant:
    held = await desk.storage.tenants.find(name)
    if held is None:
        raise ActRefused(f"there is no tenant {name}: see `valetkey tenant list`")
    return held


def _view(tenant_found: Tenant, options: Mapping[str, Any]) -> dict[str, object]:
    return tenant_view(tenant_found, issuer_of(place_of(options), tenant_found.tenant_id))


def _tell(done: TenantAct, options: Mapping[str, Any], line: str) -> None:
    if options["as_json"]:
        show_json(_view(done.tenant, options))
    else:
        say(line)
