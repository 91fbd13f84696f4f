"""`valetkey revoke`: the kill switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from valetkey.administration.refusal import ActRefused
from valetkey.administration.revocation import (
    RevocationAct,
    revoke_all,
    revoke_authorization,
    revoke_client,
    revoke_session,
    revoke_subject,
)
from valetkey.authorization_server.introduction.document import absent_client
from valetkey.authorization_server.model import normalised_username
from valetkey.cli.desk import at_desk, desk_options, store_options
from valetkey.cli.output import say, show_json
from valetkey.oauth.types import DEFAULT_TENANT, AuthorizationId, ClientId, SessionId, TenantId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from valetkey.cli.desk import Desk


@click.group()
def revoke() -> None:
    """End sessions and tokens at once: of a user, a client, a session, an authorization, or all of them."""


@revoke.command("subject")
@click.argument("username")
@desk_options
def subject(username: str, **options: Any) -> None:
    r"""Sign an end-user out everywhere, with every token that speaks for them.

    \b
    Example: valetkey revoke subject ada
    """

    async def find(desk: Desk) -> RevocationAct:
        held = await desk.stores.end_users.find_by_username(normalised_username(username))
        if held is None:
            raise ActRefused(f"there is no user {username} in tenant {desk.tenant_id}: see `valetkey user list`")
        return revoke_subject(held)

    _revoke(options, find)


@revoke.command("client")
@click.argument("client_id")
@desk_options
def client(client_id: str, **options: Any) -> None:
    r"""End every token that a client holds; it may ask for new ones.

    \b
    Example: valetkey revoke client shop
             valetkey revoke client https://apps.example.com/client.json
    """

    async def find(desk: Desk) -> RevocationAct:
        held = await desk.stores.clients.find(ClientId(client_id))
        if held is None and client_id.startswith("https://"):
            # It introduced itself by this URL, and is stored nowhere.
            held = absent_client(ClientId(client_id), None)
        if held is None:
            raise ActRefused(
                f"there is no client {client_id} in tenant {desk.tenant_id}: see `valetkey client list`"
            )
        return revoke_client(held)

    _revoke(options, find)


@revoke.command("session")
@click.argument("sid")
@desk_options
def session(sid: str, **options: Any) -> None:
    r"""End one browser's login and what is bound to it; SID stands in tokens and ID Tokens as `sid`.

    \b
    Example: valetkey revoke session 5d0yKmI2Wq3r8tYc1xZ0aA
    """

    async def find(desk: Desk) -> RevocationAct:
        found = await desk.stores.browsers.session(SessionId(sid))
        if found is None:
            raise ActRefused(f"there is no session {sid} in tenant {desk.tenant_id}")
        return revoke_session(found, desk.fresh.now)

    _revoke(options, find)


@revoke.command("authorization")
@click.argument("authorization_id")
@desk_options
def authorization(authorization_id: str, **options: Any) -> None:
    r"""End what one client was granted once; AUTHORIZATION_ID stands in access tokens and in the log.

    \b
    Example: valetkey revoke authorization 5d0yKmI2Wq3r8tYc1xZ0aA
    """

    async def find(desk: Desk) -> RevocationAct:
        found = await desk.stores.authorizations.find(AuthorizationId(authorization_id))
        if found is None:
            raise ActRefused(f"there is no authorization {authorization_id} in tenant {desk.tenant_id}")
        return revoke_authorization(found, desk.fresh.now)

    _revoke(options, find)


@revoke.command("all")
@click.option("--tenant", default=None, help="Only this tenant; the whole server where it is not named.")
@store_options
def everything(tenant: str | None, **options: Any) -> None:
    r"""Sign everybody out: every session and every token, of one tenant or of the whole server.

    \b
    Example: valetkey revoke all --tenant acme
    """

    async def find(desk: Desk) -> RevocationAct:
        del desk
        return revoke_all(None if tenant is None else TenantId(tenant))

    _revoke({**options, "tenant": tenant or DEFAULT_TENANT}, find)


def _revoke(options: Mapping[str, Any], find: Callable[[Desk], Awaitable[RevocationAct]]) -> None:
    async def act(desk: Desk) -> RevocationAct:
        done = await find(desk)
        await desk.commit(done.changes)
        return done

    done = at_desk(options, act)
    if options["as_json"]:
        show_json({"tenant": options["tenant"], **done.document()})
        return
    for line in done.lines:
        say(line)
