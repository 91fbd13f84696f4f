"""`valetkey key`: what an operator does with the server's keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.keys.generation import generate_key
from valetkey.adapters.keys.resealing import resealed
from valetkey.administration.keys import Timing, held_key, key_view, retirement, revocation, rotation
from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.model import KeyState
from valetkey.cli.desk import (
    at_desk,
    by_operator,
    desk_options,
    in_store,
    key_schedule,
    place_of,
    sealer_of,
    store_options,
)
from valetkey.cli.output import say, show_json, show_record, show_table

if TYPE_CHECKING:
    from valetkey.adapters.storage.sqlite.storage import SqliteStorage
    from valetkey.administration.views import View
    from valetkey.authorization_server.model import SigningKey
    from valetkey.cli.desk import Desk, Place
    from valetkey.oauth.types import TenantId

_COLUMNS: Final = ("kid", "algorithm", "state", "activated_at", "retired_at", "due_at")
_ROUNDS: Final = 10
_DASHED: Final = {"ignore_unknown_options": True}
"""A `kid` is a thumbprint: one of 64 begins with a dash, and is no option all the same."""


@click.group()
def key() -> None:
    """List, rotate, revoke and seal anew the keys that the server signs and decrypts with."""


@key.command("list")
@desk_options
def list_keys(**options: Any) -> None:
    r"""List the keys of a tenant: announced, active and retired.

    `due_at` is when an announced key takes over, an active one is replaced, and a retired one removed.

    \b
    Example: valetkey key list
    """
    views = at_desk(options, _views)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "There are no keys yet: the server makes them at its first start.")


@key.command("show", context_settings=_DASHED)
@click.argument("kid")
@desk_options
def show(kid: str, **options: Any) -> None:
    r"""Show one key, by its kid or the beginning of it, with its public part.

    \b
    Example: valetkey key show 2mWm0Ff5
    """

    async def act(desk: Desk) -> View:
        found = held_key(await desk.stores.signing_keys.list(), kid)
        return {**key_view(found, key_schedule(desk.place), desk.tenant_id), "jwk": found.public_jwk}

    view = at_desk(options, act)
    (show_json if options["as_json"] else show_record)(view)


@key.command("rotate")
@click.option("--algorithm", "algorithms", multiple=True, help="Only the key of this algorithm; repeatable.")
@click.option("--now", "at_once", is_flag=True, help="Let the next key sign at once, before it was announced.")
@desk_options
def rotate(algorithms: tuple[str, ...], *, at_once: bool, **options: Any) -> None:
    r"""Replace keys: the next ones are announced now and sign when everybody can know them.

    What the old ones signed stays good. Where a key has leaked, revoke it instead.

    \b
    Example: valetkey key rotate --algorithm ES256
    """
    timing = Timing.AT_ONCE if at_once else Timing.ANNOUNCED

    async def act(desk: Desk) -> list[View]:
        held = await desk.stores.signing_keys.list()
        due = rotation(held, algorithms, key_schedule(desk.place), timing)
        made = await asyncio.gather(*(_made(desk, name, KeyState.ANNOUNCED) for name in due.needed))
        await desk.commit(due.changes(made, timing, desk.fresh.now))
        kids = {each.kid for each in (*made, *due.waiting)}
        return [view for view in await _views(desk) if view["kid"] in kids]

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "")


@key.command("revoke", context_settings=_DASHED)
@click.argument("kid")
@desk_options
def revoke(kid: str, **options: Any) -> None:
    r"""Take a key away at once, because it has leaked: nothing that it signed is believed any more.

    The announced key of its algorithm takes its place, or a new one.

    \b
    Example: valetkey key revoke 2mWm0Ff5
    """

    async def act(desk: Desk) -> tuple[SigningKey, list[View]]:
        held = await desk.stores.signing_keys.list()
        due = revocation(held, kid, key_schedule(desk.place))
        made = None if due.needed is None else await _made(desk, due.needed, KeyState.ACTIVE)
        await desk.commit(due.changes(made, desk.fresh.now))
        return due.key, [view for view in await _views(desk) if view["algorithm"] == due.key.algorithm]

    gone, left = at_desk(options, act)
    if options["as_json"]:
        show_json({"kid": gone.kid, "revoked": True, "keys": left})
    else:
        say(f"key {gone.kid} ({gone.algorithm}) was revoked")
        show_table(left, _COLUMNS, f"There is no key for {gone.algorithm} any more.")


@key.command("retire", context_settings=_DASHED)
@click.argument("kid")
@desk_options
def retire(kid: str, **options: Any) -> None:
    r"""Let a key sign no more, whose algorithm is not configured any more; what it signed stays good.

    \b
    Example: valetkey key retire 2mWm0Ff5
    """

    async def act(desk: Desk) -> View:
        held = await desk.stores.signing_keys.list()
        found = held_key(held, kid)
        await desk.commit(retirement(held, found.kid, key_schedule(desk.place), desk.fresh.now))
        return next(view for view in await _views(desk) if view["kid"] == found.kid)

    view = at_desk(options, act)
    if options["as_json"]:
        show_json(view)
    else:
        say(f"key {view['kid']} was retired")


@key.command("reseal")
@store_options
def reseal(**options: Any) -> None:
    r"""Seal everything anew under key_encryption_key that previous_key_encryption_key has sealed, of every tenant.

    \b
    Example: valetkey key reseal --config valetkey.toml
    """
    place = place_of(options)
    if place.settings is None or place.settings.previous_key_encryption_key is None:
        raise click.UsageError("name --config FILE with key_encryption_key and previous_key_encryption_key")

    # Tenants are stored at the first start; what belongs to one may have been added before.
    declared = place.settings.tenants

    async def work(storage: SqliteStorage) -> list[View]:
        tenants = dict.fromkeys(each.tenant_id for each in (*await storage.tenants.list(), *declared))
        return [await _reseal(storage, tenant_id, place) for tenant_id in tenants]

    views = in_store(place, work)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, ("tenant", "values", "clients"), "")
        say("Nothing needs previous_key_encryption_key any more: take it out of the configuration.")


async def _reseal(storage: SqliteStorage, tenant_id: TenantId, place: Place) -> View:
    stores, sealer = storage.stores(tenant_id), sealer_of(place)
    values = clients = 0
    for _ in range(_ROUNDS):
        change = await resealed(stores, tenant_id, sealer)
        if not change.values and not change.clients:
            return {"tenant": tenant_id, "values": values, "clients": clients}
        if await stores.commit((change,), by_operator(draw_fresh())):
            values, clients = values + len(change.values), clients + len(change.clients)
    raise ActRefused(f"tenant {tenant_id} was changed all the time: nothing is lost, try again")


async def _views(desk: Desk) -> list[View]:
    schedule = key_schedule(desk.place)
    return [key_view(each, schedule, desk.tenant_id) for each in await desk.stores.signing_keys.list()]


async def _made(desk: Desk, algorithm: str, state: KeyState) -> SigningKey:
    sealer, now = sealer_of(desk.place), desk.fresh.now
    return await asyncio.to_thread(generate_key, algorithm, desk.tenant_id, sealer, now, state)
