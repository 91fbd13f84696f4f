"""`valetkey client secret`: the secrets of one client, of which several may live at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from valetkey.administration.client_secrets import add_secret, expire_secret, secret_views
from valetkey.administration.clients import ClientFields, rotate_secret
from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.client_algorithms import SecretUse, secret_use_of
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_secret, show_table
from valetkey.oauth.types import ClientId, Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.administration.clients import ClientAct
    from valetkey.authorization_server.model import Client
    from valetkey.cli.desk import Desk
    from valetkey.oauth.types import NumericDate

_Done: TypeAlias = "tuple[ClientAct, NumericDate]"
_COLUMNS: Final = ("secret_id", "created_at", "expires_at", "live")
_YEAR: Final = 365 * 86_400
_DAY: Final = 86_400


@click.group()
def secret() -> None:
    """Add, list, rotate and expire the secrets of a client."""


@secret.command("add")
@click.argument("client_id")
@click.option("--expires-in", type=click.IntRange(1, 10 * _YEAR), help="Seconds that it lives; for good if absent.")
@desk_options
def add(client_id: str, expires_in: int | None, **options: Any) -> None:
    r"""Draw a further secret, shown this once; those that the client has stay as they are.

    \b
    Example: valetkey client secret add shop --expires-in 7776000
    """
    lifetime = None if expires_in is None else Seconds(expires_in)

    async def act(desk: Desk) -> _Done:
        done = add_secret(await _held(desk, client_id), lifetime, desk.tenant, desk.fresh, desk.vault())
        await desk.commit(done.changes)
        return done, desk.fresh.now

    _tell(at_desk(options, act), options, f"client {client_id} has a further secret")


@secret.command("list")
@click.argument("client_id")
@desk_options
def list_secrets(client_id: str, **options: Any) -> None:
    r"""List the secrets of a client by their ids; what they say is kept nowhere.

    \b
    Example: valetkey client secret list shop
    """

    async def act(desk: Desk) -> list[dict[str, object]]:
        return secret_views(await _held(desk, client_id), desk.fresh.now)

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, f"Client {client_id} has no secrets.")


@secret.command("rotate")
@click.argument("client_id")
@click.option(
    "--keep-for",
    type=click.IntRange(0, 90 * _DAY),
    default=_DAY,
    show_default=True,
    help="Seconds that the secrets before it stay valid.",
)
@desk_options
def rotate(client_id: str, keep_for: int, **options: Any) -> None:
    r"""Draw a new secret, shown this once, and let the others end.

    \b
    Example: valetkey client secret rotate shop --keep-for 3600
    """

    async def act(desk: Desk) -> _Done:
        held = await _held(desk, client_id)
        keep = Seconds(keep_for)
        done = rotate_secret(held, ClientFields(), desk.tenant, keep, desk.fresh, vault=desk.vault())
        await desk.commit(done.changes)
        return done, desk.fresh.now

    _tell(at_desk(options, act), options, f"client {client_id} has a new secret")


@secret.command("expire")
@click.argument("client_id")
@click.argument("secret_id")
@click.option(
    "--in",
    "after",
    type=click.IntRange(0, _YEAR),
    default=0,
    show_default=True,
    help="Seconds that it still lives.",
)
@desk_options
def expire(client_id: str, secret_id: str, after: int, **options: Any) -> None:
    r"""Let one secret end, at once or in some seconds.

    \b
    Example: valetkey client secret expire shop Yk3vX0aQ8mS1tR5u --in 3600
    """

    async def act(desk: Desk) -> _Done:
        held = await _held(desk, client_id)
        done = expire_secret(held, secret_id, Seconds(after), desk.tenant, desk.fresh)
        await desk.commit(done.changes)
        return done, desk.fresh.now

    when = f"ends in {after} s" if after else "has ended"
    _tell(at_desk(options, act), options, f"secret {secret_id} of client {client_id} {when}")


def kept_how(client: Client) -> str:
    """Say how the secrets of a client are kept."""
    return "sealed, as the key that it is" if secret_use_of(client) is SecretUse.KEY else "only as a digest"


async def _held(desk: Desk, client_id: str) -> Client:
    held = await desk.stores.clients.find(ClientId(client_id))
    if held is None:
        raise ActRefused(f"there is no client {client_id} in tenant {desk.tenant_id}: see `valetkey client list`")
    return held


def _tell(outcome: _Done, options: Mapping[str, Any], line: str) -> None:
    done, now = outcome
    drawn = None if done.secret is None else done.secret.reveal()
    if options["as_json"]:
        view = {"client_id": done.client.client_id, "secrets": secret_views(done.client, now)}
        show_json(view if drawn is None else {**view, "client_secret": drawn})
        return
    say(line)
    if drawn is not None:
        show_secret("client_secret", drawn, kept_how(done.client))
