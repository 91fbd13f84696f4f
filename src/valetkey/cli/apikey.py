"""`valetkey apikey`: what an operator does with API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.api_keys import (
    DEFAULT_OVERLAP,
    LONGEST_OVERLAP,
    ApiKeyFields,
    ApiKeyOwner,
    add_api_key,
    api_key_view,
    change_api_key,
    load_owner,
    revoke_api_key,
    rotate_api_key,
)
from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.api_key import ApiKeyQuestion, OwnerKind
from valetkey.authorization_server.model import normalised_username
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_record, show_secret, show_table
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import NumericDate, Scope, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.administration.api_keys import ApiKeyAct
    from valetkey.administration.views import View
    from valetkey.authorization_server.api_key import StoredApiKey
    from valetkey.cli.desk import Desk

_COLUMNS: Final = ("key_id", "name", "owner", "secrets", "scope", "limit", "status", "expires_at", "last_used_at")
_YEAR: Final = 365 * 86_400
_PAGE: Final = 100


def _rights_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--resource", "resources", multiple=True, help="A resource server it is for; repeatable."),
        click.option("--scope", help="The scopes that it has there, separated by spaces."),
        click.option("--limit", help="A rate limit of its own, such as 100/1m; an empty text takes it away."),
        click.option("--expires-in", type=click.IntRange(1, 100 * _YEAR), help="Seconds that it is good for."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _owner_options(command: Callable[..., None]) -> Callable[..., None]:
    client = click.option("--client", "client_id", help="The client that owns it, by its client_id.")
    return client(click.option("--user", "username", help="The end-user that owns it, by user name.")(command))


@click.group()
def apikey() -> None:
    """Add, list, show, rotate, revoke and change API keys."""


@apikey.command("add")
@click.argument("name")
@_owner_options
@_rights_options
@desk_options
def add(name: str, **options: Any) -> None:
    r"""Draw an API key for a client or an end-user; its secret is shown this once.

    \b
    Example: valetkey apikey add "nightly export" --client billing --resource https://api.example.com
    """

    async def act(desk: Desk) -> tuple[ApiKeyAct, View]:
        owner = await _owner(desk, options)
        fields = _fields(options, desk, name)
        done = add_api_key(fields, owner, await desk.stores.resources.list(), desk.fresh)
        await desk.commit(done.changes)
        return done, await _view(desk, done.key.key_id)

    done, view = at_desk(options, act)
    _tell_secret(done, view, options, f"API key {done.key.key_id} was added")


@apikey.command("list")
@_owner_options
@desk_options
def list_keys(**options: Any) -> None:
    r"""List the API keys of a tenant, or those of one owner; what their secrets say is kept nowhere.

    \b
    Example: valetkey apikey list --client billing
    """

    async def act(desk: Desk) -> list[View]:
        named = options["client_id"] or options["username"]
        owner = (await _owner(desk, options)).name if named else None
        views: list[View] = []
        asked = ApiKeyQuestion(_PAGE, owner=owner)
        while page := await desk.stores.api_keys.page(asked):
            views += [api_key_view(each, desk.fresh.now) for each in page]
            last = page[-1].key
            asked = ApiKeyQuestion(_PAGE, (last.created_at, last.key_id), owner)
        return views

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        rows = [{**view, "secrets": _prefixes(view)} for view in views]
        show_table(rows, _COLUMNS, "There are no API keys.")


@apikey.command("show")
@click.argument("key_id")
@desk_options
def show(key_id: str, **options: Any) -> None:
    r"""Show an API key: whose it is, what it may do, when it was used last.

    \b
    Example: valetkey apikey show ak_5pQvX0aQ8mS1tR5uYk3vXw
    """

    async def act(desk: Desk) -> View:
        return await _view(desk, key_id)

    view = at_desk(options, act)
    if options["as_json"]:
        show_json(view)
    else:
        show_record(view)


@apikey.command("rotate")
@click.argument("key_id")
@click.option(
    "--keep-for",
    type=click.IntRange(0, LONGEST_OVERLAP),
    default=DEFAULT_OVERLAP,
    show_default=True,
    help="Seconds that the secrets before it stay good.",
)
@desk_options
def rotate(key_id: str, keep_for: int, **options: Any) -> None:
    r"""Draw a new secret for a key, shown this once, and let the others end.

    \b
    Example: valetkey apikey rotate ak_5pQvX0aQ8mS1tR5uYk3vXw --keep-for 3600
    """

    async def act(desk: Desk) -> tuple[ApiKeyAct, View]:
        done = rotate_api_key(await _found(desk, key_id), Seconds(keep_for), desk.fresh)
        await desk.commit(done.changes)
        return done, await _view(desk, key_id)

    done, view = at_desk(options, act)
    _tell_secret(done, view, options, f"API key {key_id} has a new secret")


@apikey.command("revoke")
@click.argument("key_id")
@desk_options
def revoke(key_id: str, **options: Any) -> None:
    r"""End a key at once and for good, and with it every token that it was exchanged for.

    \b
    Example: valetkey apikey revoke ak_5pQvX0aQ8mS1tR5uYk3vXw
    """

    async def act(desk: Desk) -> View:
        await desk.commit(revoke_api_key(await _found(desk, key_id), desk.fresh.now).changes)
        return await _view(desk, key_id)

    view = at_desk(options, act)
    if options["as_json"]:
        show_json(view)
    else:
        say(f"API key {key_id} is revoked: whoever asks about it learns that at once")
        say("A guard believes what it was told for ten seconds at most, or a second if it follows the feed.")


@apikey.command("change")
@click.argument("key_id")
@click.option("--name", help="What it is for.")
@_rights_options
@click.option("--no-end", is_flag=True, help="Let it have no end.")
@desk_options
def change(key_id: str, name: str | None, **options: Any) -> None:
    r"""Change what a key may do, its limit or its end; its secrets stay as they are.

    \b
    Example: valetkey apikey change ak_5pQvX0aQ8mS1tR5uYk3vXw --limit 100/1m
    """

    async def act(desk: Desk) -> View:
        found = await _found(desk, key_id)
        owner = await load_owner(desk.stores, found.key.owner_kind, found.key.owner)
        if owner is None:
            raise ActRefused(f"the owner of API key {key_id} is gone: revoke it")
        fields, catalogue = _fields(options, desk, name), await desk.stores.resources.list()
        done = change_api_key(found, fields, owner.who, catalogue, desk.fresh.now)
        await desk.commit(done.changes)
        return await _view(desk, key_id)

    view = at_desk(options, act)
    if options["as_json"]:
        show_json(view)
    else:
        say(f"API key {key_id} was changed")


async def _found(desk: Desk, key_id: str) -> StoredApiKey:
    found = await desk.stores.api_keys.find(key_id)
    if found is None:
        raise ActRefused(f"there is no API key {key_id} in tenant {desk.tenant_id}: see `valetkey apikey list`")
    return found


async def _view(desk: Desk, key_id: str) -> View:
    return api_key_view(await _found(desk, key_id), desk.fresh.now)


async def _owner(desk: Desk, options: Mapping[str, Any]) -> ApiKeyOwner:
    client_id, username = options["client_id"], options["username"]
    if (client_id is None) == (username is None):
        raise ActRefused("say whose key it is: --client CLIENT_ID or --user USERNAME, one of both")
    if client_id is not None:
        owner = await load_owner(desk.stores, OwnerKind.CLIENT, client_id)
        if owner is None:
            raise ActRefused(
                f"there is no client {client_id} in tenant {desk.tenant_id}: see `valetkey client list`"
            )
        return owner
    end_user = await desk.stores.end_users.find_by_username(normalised_username(username))
    owner = None if end_user is None else await load_owner(desk.stores, OwnerKind.END_USER, end_user.subject)
    if owner is None:
        raise ActRefused(f"there is no user {username} in tenant {desk.tenant_id}: see `valetkey user list`")
    return owner


def _fields(options: Mapping[str, Any], desk: Desk, name: str | None) -> ApiKeyFields:
    lifetime, no_end = options["expires_in"], options.get("no_end", False)
    if lifetime is not None and no_end:
        raise ActRefused("say --expires-in or --no-end, not both")
    end = NumericDate(desk.fresh.now + lifetime) if lifetime is not None else None
    return ApiKeyFields(
        name,
        _scope(options["scope"]),
        tuple(options["resources"]) or None,
        NumericDate(0) if no_end else end,
        options["limit"],
    )


def _scope(given: str | None) -> Scope | None:
    try:
        return None if given is None else Scope.parse(given)
    except OAuthError:
        raise ActRefused("scope: expected scope names separated by single spaces") from None


def _prefixes(view: View) -> list[str]:
    secrets = view["secrets"]
    return [f"{each['prefix']}..." for each in secrets] if isinstance(secrets, list) else []


def _tell_secret(done: ApiKeyAct, view: View, options: Mapping[str, Any], line: str) -> None:
    shown = "" if done.secret is None else done.secret.reveal()
    if options["as_json"]:
        show_json({**view, "api_key": shown})
        return
    say(line)
    show_secret("api_key", shown)
