"""`valetkey resource`: what an operator does with resource servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.refusal import ActRefused
from valetkey.administration.resources import (
    ResourceAct,
    ResourceFields,
    add_resource,
    change_resource,
    remove_resource,
)
from valetkey.administration.views import resource_view
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.authorization_server.registration import ID_TOKEN_ALGORITHMS
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_record, show_table
from valetkey.jose import InvalidKey, JwkSet
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS
from valetkey.oauth.types import ClientId, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.authorization_server.model import Resource
    from valetkey.cli.desk import Desk

_COLUMNS: Final = (
    "identifier", "name", "scopes", "access_token_lifetime", "access_token_format", "managed_by", "disabled",
)  # fmt: skip


def _field_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--name", help="What people call it."),
        click.option(
            "--scope", "scopes", multiple=True, help='A scope with what it allows, "NAME=WORDS"; repeatable.'
        ),
        click.option("--access-token-lifetime", type=int, help="Seconds that its access tokens live."),
        click.option(
            "--access-token-format",
            type=click.Choice([each.value for each in AccessTokenFormat]),
            help="How its access tokens are written; jwt for a new one.",
        ),
        click.option(
            "--introspection-client",
            "introspection_client_ids",
            multiple=True,
            help="A client that may introspect its tokens; repeatable. An empty text takes all away.",
        ),
        click.option(
            "--claim",
            "claims",
            multiple=True,
            help="A further claim of its tokens, NAME=SOURCE or 'NAME=SOURCE for SCOPE', such as roles=user.roles; "
            "repeatable. An empty text takes all away.",
        ),
        click.option("--signing-alg", type=click.Choice(ID_TOKEN_ALGORITHMS), help="What signs its JWT tokens."),
        click.option(
            "--encryption-jwks",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A JWK Set file with the one key that its JWT tokens are encrypted for; an empty set ends that.",
        ),
        click.option(
            "--encryption-enc", type=click.Choice(list(CONTENT_ENCRYPTIONS)), help="Its content encryption."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def resource() -> None:
    """Add, list, show, change and remove resource servers."""


@resource.command("add")
@click.argument("identifier")
@_field_options
@desk_options
def add(identifier: str, **options: Any) -> None:
    r"""Add a resource server under the absolute URI that tokens carry as `aud`.

    \b
    Example: valetkey resource add https://api.example.com --scope "orders:read=See your orders"
    """

    async def act(desk: Desk) -> ResourceAct:
        held = await desk.stores.resources.find(identifier)
        done = add_resource(identifier, _fields(options), held)
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"resource {identifier} was added")


@resource.command("list")
@desk_options
def list_resources(**options: Any) -> None:
    r"""List the resource servers of a tenant.

    \b
    Example: valetkey resource list
    """

    async def act(desk: Desk) -> list[dict[str, object]]:
        return [resource_view(each, desk.tenant_id) for each in await desk.stores.resources.list()]

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "There are no resource servers: add one with `valetkey resource add`.")


@resource.command("show")
@click.argument("identifier")
@desk_options
def show(identifier: str, **options: Any) -> None:
    r"""Show one resource server.

    \b
    Example: valetkey resource show https://api.example.com
    """

    async def act(desk: Desk) -> dict[str, object]:
        return resource_view(await _held(desk, identifier), desk.tenant_id)

    view = at_desk(options, act)
    (show_json if options["as_json"] else show_record)(view)


@resource.command("change")
@click.argument("identifier")
@_field_options
@click.option("--disable/--enable", "disabled", default=None, help="Mint no tokens for it, or mint them again.")
@desk_options
def change(identifier: str, **options: Any) -> None:
    r"""Change a resource server; the scopes that are named replace all it had.

    \b
    Example: valetkey resource change https://api.example.com --access-token-lifetime 120
    """

    async def act(desk: Desk) -> ResourceAct:
        done = change_resource(await _held(desk, identifier), _fields(options))
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"resource {identifier} was changed")


@resource.command("remove")
@click.argument("identifier")
@desk_options
def remove(identifier: str, **options: Any) -> None:
    r"""Remove a resource server: no further token is minted for it.

    \b
    Example: valetkey resource remove https://api.example.com
    """

    async def act(desk: Desk) -> None:
        await desk.commit(remove_resource(await _held(desk, identifier)))

    at_desk(options, act)
    if options["as_json"]:
        show_json({"identifier": identifier, "removed": True})
    else:
        say(f"resource {identifier} was removed")


def _fields(options: Mapping[str, Any]) -> ResourceFields:
    lifetime, written = options["access_token_lifetime"], options["access_token_format"]
    speakers = options["introspection_client_ids"]
    return ResourceFields(
        name=options["name"],
        scopes=_scopes(options["scopes"]),
        access_token_lifetime=None if lifetime is None else Seconds(lifetime),
        access_token_format=written and AccessTokenFormat(written),
        introspection_client_ids=tuple(ClientId(each) for each in speakers if each) if speakers else None,
        claims=_claims(options["claims"]),
        signing_alg=options["signing_alg"],
        encryption_jwks=_keys(options["encryption_jwks"]),
        encryption_enc=options["encryption_enc"],
        disabled=options.get("disabled"),
    )


def _scopes(given: tuple[str, ...]) -> Mapping[str, str] | None:
    if not given:
        return None
    # One empty text empties the list.
    pairs = [each.partition("=") for each in given if each]
    unsaid = [name for name, _, words in pairs if not words.strip()]
    if unsaid:
        raise ActRefused(f'scope: say in words what {unsaid[0]} allows, as --scope "{unsaid[0]}=See your orders"')
    return {name: words.strip() for name, _, words in pairs}


def _claims(given: tuple[str, ...]) -> tuple[ClaimRule, ...] | None:
    if not given:
        return None
    try:
        return tuple(ClaimRule.parse(*_named(each)) for each in given if each)
    except ValueError as error:
        raise ActRefused(f"claim: {error}") from None


def _named(text: str) -> tuple[str, str]:
    name, separator, source = text.partition("=")
    if not separator:
        raise ValueError(f"expected NAME=SOURCE, such as roles=user.roles, found {text[:100]!r}")
    return name, source


def _keys(path: Path | None) -> JwkSet | None:
    if path is None:
        return None
    try:
        return JwkSet.parse_public(path.read_bytes())
    except (InvalidKey, OSError) as error:
        raise ActRefused(f"encryption-jwks: {error}") from None


async def _held(desk: Desk, identifier: str) -> Resource:
    held = await desk.stores.resources.find(identifier)
    if held is None:
        raise ActRefused(
            f"there is no resource {identifier} in tenant {desk.tenant_id}: see `valetkey resource list`"
        )
    return held


def _tell(done: ResourceAct, options: Mapping[str, Any], line: str) -> None:
    if options["as_json"]:
        show_json(resource_view(done.resource, options["tenant"]))
    else:
        say(line)
