"""`valetkey client`: what an operator does with registered software."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.clients import (
    ClientAct,
    ClientFields,
    add_client,
    change_client,
    remove_client,
    rotate_secret,
)
from valetkey.administration.refusal import ActRefused
from valetkey.administration.views import client_view, used_client_view
from valetkey.authorization_server.client_algorithms import MAC_ALGORITHMS
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    ApplicationType,
    AuthenticationMethod,
    Client,
    ConsentMode,
    ExchangeKind,
    ExchangeRule,
)
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import ID_TOKEN_ALGORITHMS
from valetkey.cli.client_members import MEMBER_OPTIONS, members_said
from valetkey.cli.client_secret import kept_how, secret
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_record, show_secret, show_table
from valetkey.cli.registration_token import registration_token
from valetkey.jose import InvalidKey, JwkSet
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.resource import is_identifier
from valetkey.oauth.types import ClientId, GrantType, Scope, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.cli.desk import Desk

_COLUMNS: Final = ("client_id", "name", "authentication_method", "grant_types", "consent", "managed_by", "disabled")
_OF_THE_SELF_REGISTERED: Final = ("registered_at", "last_used_at", "kept_until")
_DAY: Final = 86_400


_FIELDS: Final[tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]] = (
    click.option("--name", help="What the consent page calls it."),
    click.option(
        "--authentication-method",
        type=click.Choice([method.value for method in AuthenticationMethod]),
        help="How it authenticates; client_secret_basic for a new one.",
    ),
    click.option(
        "--grant-type",
        "grant_types",
        multiple=True,
        help="A grant type it may use; repeatable. An empty text: none, for an API that only introspects.",
    ),
    click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where browsers return to; repeatable."),
    click.option(
        "--post-logout-redirect-uri",
        "post_logout_redirect_uris",
        multiple=True,
        help="After logout; repeatable.",
    ),
    click.option("--scope", help="All scopes it may ask for, separated by spaces."),
    click.option("--resource", "resources", multiple=True, help="A resource server it may name; repeatable."),
    click.option(
        "--jwks", type=click.Path(path_type=Path), help="JSON file with its public keys, for private_key_jwt."
    ),
    click.option("--jwks-uri", help="Where it publishes its public keys, instead of --jwks."),
    click.option("--application-type", type=click.Choice([each.value for each in ApplicationType])),
    click.option(
        "--consent",
        type=click.Choice([mode.value for mode in ConsentMode]),
        help="Whether end-users are asked every time, once, or never.",
    ),
    click.option("--profile", type=click.Choice(list(PROFILES)), help="A policy profile of its own."),
    click.option(
        "--token-endpoint-auth-signing-alg",
        "authentication_signing_alg",
        type=click.Choice(sorted({name for names in ALGORITHMS_OF.values() for name in names})),
        help="The one algorithm of its client assertions; every one of its method where this is never given.",
    ),
    click.option("--id-token-signed-response-alg", type=click.Choice((*ID_TOKEN_ALGORITHMS, *MAC_ALGORITHMS))),
    click.option("--introspection-signed-response-alg", type=click.Choice(ID_TOKEN_ALGORITHMS)),
    click.option(
        "--access-token-format",
        type=click.Choice([each.value for each in AccessTokenFormat]),
        help="How all its access tokens are written; as their resources say where this is never given.",
    ),
    click.option(
        "--token-exchange",
        "delegations",
        multiple=True,
        metavar="CLIENT_ID RESOURCE...",
        help="Whose tokens it may exchange, for which resource servers, as one text; repeatable.",
    ),
    click.option(
        "--token-impersonation",
        "impersonations",
        multiple=True,
        metavar="CLIENT_ID RESOURCE...",
        help="The same, for tokens that do not name it as the actor; repeatable.",
    ),
    click.option(
        "--attribute",
        "attributes",
        multiple=True,
        metavar="NAME=VALUE",
        help="What resource servers may map to a claim; repeatable. An empty text takes all away.",
    ),
    *MEMBER_OPTIONS,
)


def _field_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FIELDS):
        command = option(command)
    return command


@click.group()
def client() -> None:
    """Add, list, show, change and remove clients."""


client.add_command(secret)
client.add_command(registration_token)


@client.command("add")
@click.argument("client_id")
@_field_options
@desk_options
def add(client_id: str, **options: Any) -> None:
    r"""Register a client; its secret, where it has one, is shown this once.

    \b
    Example: valetkey client add shop --redirect-uri https://shop.example.com/callback --scope "openid profile"
    """

    async def act(desk: Desk) -> ClientAct:
        if options["scope"] is None and list_of(options["grant_types"]) != ():
            raise ActRefused('scope: say what it may ask for, such as --scope "openid profile"')
        held = await desk.stores.clients.find(ClientId(client_id))
        _refuse_unknown_grants(options, desk)
        done = add_client(ClientId(client_id), _fields(options), held, desk.tenant, desk.fresh, vault=desk.vault())
        await desk.prove_sector(done.client, held)
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"client {client_id} was added")


@client.command("list")
@desk_options
def list_clients(**options: Any) -> None:
    r"""List the clients of a tenant.

    \b
    Example: valetkey client list --json
    """

    async def act(desk: Desk) -> list[dict[str, object]]:
        uses = {use.client_id: use for use in await desk.stores.registrations.uses()}
        listed = await desk.stores.clients.list()
        return [used_client_view(each, uses.get(each.client_id), desk.tenant_id) for each in listed]

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        _show_list(views)


def _show_list(views: list[dict[str, object]]) -> None:
    registrations = [view["registration"] for view in views]
    columns = (*_COLUMNS, *_OF_THE_SELF_REGISTERED) if any(registrations) else _COLUMNS
    nothing = dict.fromkeys(_OF_THE_SELF_REGISTERED)
    rows = [
        {**view, **nothing, **(told if isinstance(told, dict) else {})}
        for view, told in zip(views, registrations, strict=True)
    ]
    show_table(rows, columns, "There are no clients: add one with `valetkey client add`.")


@client.command("show")
@click.argument("client_id")
@desk_options
def show(client_id: str, **options: Any) -> None:
    r"""Show one client.

    \b
    Example: valetkey client show shop
    """

    async def act(desk: Desk) -> dict[str, object]:
        uses = {use.client_id: use for use in await desk.stores.registrations.uses()}
        held = await _held(desk, client_id)
        return used_client_view(held, uses.get(held.client_id), desk.tenant_id)

    view = at_desk(options, act)
    (show_json if options["as_json"] else show_record)(view)


@client.command("change")
@click.argument("client_id")
@_field_options
@click.option("--rotate-secret", is_flag=True, help="Draw a further secret; it is shown this once.")
@click.option(
    "--keep-old-secret",
    type=click.IntRange(0, 90 * _DAY),
    default=_DAY,
    show_default=True,
    help="Seconds that the secrets before a rotation stay valid.",
)
@click.option("--disable/--enable", "disabled", default=None, help="Switch it off, with all its tokens, or on.")
@desk_options
def change(client_id: str, **options: Any) -> None:
    r"""Change a client; a running server obeys from the next request on. An empty text empties a list.

    \b
    Example: valetkey client change shop --rotate-secret --keep-old-secret 3600
    """

    async def act(desk: Desk) -> ClientAct:
        held, fields = await _held(desk, client_id), _fields(options)
        _refuse_unknown_grants(options, desk)
        if options["rotate_secret"]:
            keep = Seconds(options["keep_old_secret"])
            done = rotate_secret(held, fields, desk.tenant, keep, desk.fresh, vault=desk.vault())
        else:
            done = change_client(held, fields, desk.tenant, desk.fresh)
        await desk.prove_sector(done.client, held)
        await desk.commit(done.changes)
        return done

    _tell(at_desk(options, act), options, f"client {client_id} was changed")


@client.command("remove")
@click.argument("client_id")
@desk_options
def remove(client_id: str, **options: Any) -> None:
    r"""Remove a client with its consents and all its tokens.

    \b
    Example: valetkey client remove shop
    """

    async def act(desk: Desk) -> None:
        await desk.commit(remove_client(await _held(desk, client_id)))

    at_desk(options, act)
    if options["as_json"]:
        show_json({"client_id": client_id, "removed": True})
    else:
        say(f"client {client_id} was removed")


def _fields(options: Mapping[str, Any]) -> ClientFields:
    method, kind, consent = options["authentication_method"], options["application_type"], options["consent"]
    grants, written = list_of(options["grant_types"]), options["access_token_format"]
    return ClientFields(
        name=options["name"],
        authentication_method=method and AuthenticationMethod(method),
        grant_types=None if grants is None else frozenset(GrantType(name) for name in grants),
        redirect_uris=list_of(options["redirect_uris"]),
        post_logout_redirect_uris=list_of(options["post_logout_redirect_uris"]),
        jwks=keys_of(options["jwks"]),
        jwks_uri=options["jwks_uri"],
        scope=scope_of(options["scope"]),
        resources=list_of(options["resources"]),
        application_type=kind and ApplicationType(kind),
        consent=consent and ConsentMode(consent),
        profile=options["profile"],
        id_token_signed_response_alg=options["id_token_signed_response_alg"],
        introspection_signed_response_alg=options["introspection_signed_response_alg"],
        access_token_format=written and AccessTokenFormat(written),
        token_exchange=_exchange_rules(options),
        attributes=_attributes(options["attributes"]),
        openid=members_said(options),
        authentication_signing_alg=options["authentication_signing_alg"],
        disabled=options.get("disabled"),
    )


def _refuse_unknown_grants(options: Mapping[str, Any], desk: Desk) -> None:
    known = frozenset().union(*(policy.grant_types for policy in PROFILES.values()), desk.further_grant_types)
    for name in list_of(options["grant_types"]) or ():
        if is_identifier(name) and name not in known:
            raise ActRefused(f"grant_types: this server has no grant {name}: see extensions.grants in its settings")


def list_of(given: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return what a repeatable option names: None where it was not given, nothing for one empty text."""
    # Not given leaves the list as it is; one empty text empties it.
    return tuple(each for each in given if each) if given else None


def _attributes(given: tuple[str, ...]) -> Mapping[str, object] | None:
    if not given:
        return None
    pairs = [each.partition("=") for each in given if each]
    unsaid = [name for name, separator, _ in pairs if not separator or not name]
    if unsaid:
        raise ActRefused(f"attribute: expected NAME=VALUE, found {unsaid[0][:100]!r}")
    return {name: value for name, _, value in pairs}


def _exchange_rules(options: Mapping[str, Any]) -> tuple[ExchangeRule, ...] | None:
    given = [
        *((text, ExchangeKind.DELEGATION) for text in options["delegations"]),
        *((text, ExchangeKind.IMPERSONATION) for text in options["impersonations"]),
    ]
    if not given:
        return None
    written = [(text.split(), kind) for text, kind in given]
    return tuple(ExchangeRule(ClientId(words[0]), tuple(words[1:]), kind) for words, kind in written if words)


def scope_of(given: str | None) -> Scope | None:
    """Return the scope that an option names; raises ActRefused."""
    try:
        return None if given is None else Scope.parse(given)
    except OAuthError:
        raise ActRefused("scope: expected scope names separated by single spaces") from None


def keys_of(path: Path | None) -> JwkSet | None:
    """Return the public keys of a JSON file; raises ActRefused."""
    if path is None:
        return None
    try:
        return JwkSet.parse_public(path.read_bytes())
    except OSError as error:
        raise ActRefused(f"jwks: {path} cannot be read: {error.strerror}") from None
    except InvalidKey as error:
        raise ActRefused(f"jwks: {path} is no JWK Set of public keys: {error}") from None


async def _held(desk: Desk, client_id: str) -> Client:
    held = await desk.stores.clients.find(ClientId(client_id))
    if held is None:
        raise ActRefused(f"there is no client {client_id} in tenant {desk.tenant_id}: see `valetkey client list`")
    return held


def _tell(done: ClientAct, options: Mapping[str, Any], line: str) -> None:
    drawn = None if done.secret is None else done.secret.reveal()
    if options["as_json"]:
        view = client_view(done.client, options["tenant"])
        show_json(view if drawn is None else {**view, "client_secret": drawn})
        return
    say(line)
    if drawn is not None:
        show_secret("client_secret", drawn, kept_how(done.client))
