"""Where operators' commands work: the store that `--config` or `--state` names, opened for one act."""

from __future__ import annotations

import asyncio
import getpass
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import apsw
import click

from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.storage.sql.migrations import SchemaMismatchError
from valetkey.adapters.storage.sqlite.connection import SqliteTooOldError
from valetkey.adapters.storage.sqlite.storage import SqliteStorage, SqliteStores
from valetkey.administration.keys import refuse_unsigned
from valetkey.administration.refusal import ActRefused, DeclaredInFile
from valetkey.administration.sectors import refuse_unproven_sector
from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.outbound_guard import Guard
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.cli import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_UNAVAILABLE, fail
from valetkey.cli.dev_state import open_state
from valetkey.cli.output import say_faults, say_refused
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import DEFAULT_TENANT, TenantId
from valetkey.settings import Settings, SettingsError, load
from valetkey.settings.extensions import load_grants

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.model import Client
    from valetkey.oauth.types import GrantType

Answer = TypeVar("Answer")

CONFIG_NAME = "valetkey.toml"
STATE_NAME = ".valetkey-dev"
DATABASE_NAME = "valetkey.db"
"""The database in the state folder of `valetkey dev`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which store is meant: that of a configuration, or that of a state folder."""

    database: Path
    settings: Settings | None
    named: str
    """The flag that names it, for the lines that say what to do next."""


class _Unheard:
    """An EventLog for one command, which says itself what went wrong."""

    def write(self, event: str, /, **fields: str | int | None) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Desk:
    """An open store, the tenant that is meant, and the moment."""

    storage: SqliteStorage
    stores: SqliteStores
    tenant_id: TenantId
    tenant: Tenant
    fresh: Fresh
    place: Place

    def vault(self) -> SealedClientSecrets:
        """Return what seals client secrets that are keys of a MAC, under the key of the place."""
        return SealedClientSecrets(sealer_of(self.place), self.tenant_id)

    @property
    def further_grant_types(self) -> frozenset[GrantType]:
        """The grant types that packages of others add to the server of this store."""
        settings = self.place.settings
        names = () if settings is None else settings.extensions.grants
        return frozenset(grant.grant_type for grant in load_grants(names))

    async def prove_sector(self, client: Client, held: Client | None) -> None:
        """Ask the sector identifier document of a client that is added or changed; raises ActRefused."""
        if client.openid.sector_identifier_uri is None:
            return
        from valetkey.adapters.outbound.fetcher import GuardedFetcher  # noqa: PLC0415 - TLS is dear to import

        settings = self.place.settings
        fetcher = GuardedFetcher(Guard() if settings is None else settings.outbound.guard, _Unheard())
        try:
            await refuse_unproven_sector(client, held, fetcher)
        finally:
            await fetcher.close()

    async def commit(self, changes: Changes) -> None:
        """Make the changes; ActRefused where no key could sign for them, or somebody else was faster."""
        refuse_unsigned(changes, key_schedule(self.place).algorithms)
        if not await self.stores.commit(changes, by_operator(self.fresh)):
            raise ActRefused("somebody else changed this at the same moment: look at it, and try again")


def by_operator(fresh: Fresh) -> Origin:
    """Return who gives an order at the command line, for the audit trail."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = str(os.getuid())
    return Origin(ActorKind.OPERATOR, fresh.now, "command line", fresh.identifier("audit"), name)


def desk_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where: a command takes them as `**options` and hands them to `at_desk`."""
    tenant = click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="The tenant that is meant.")
    return tenant(store_options(command))


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `desk_options` for a command that belongs to no tenant."""
    options = (
        click.option("--config", type=click.Path(path_type=Path), help="Configuration file of the server."),
        click.option("--state", type=click.Path(path_type=Path), help="State folder of `valetkey dev`."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def place_of(options: Mapping[str, Any]) -> Place:
    """Return which store is meant; ends the command where that is not clear or its configuration is wrong."""
    config, state = options.get("config"), options.get("state")
    if config is not None and state is not None:
        raise click.UsageError("name --config or --state, not both")
    if config is None and state is None:
        config, state = _found_here()
    if state is not None:
        return Place(state / DATABASE_NAME, None, f"--state {state}")
    settings = settings_or_end(config)
    return Place(settings.storage.path, settings, f"--config {config}")


def settings_or_end(config: Path | None) -> Settings:
    """Return the settings; ends the command with a line for each fault and exit code 78."""
    try:
        return load(config, os.environ, {})
    except SettingsError as error:
        say_faults(error.lines)
        raise SystemExit(EXIT_CONFIGURATION) from None


def at_desk(options: Mapping[str, Any], act: Callable[[Desk], Awaitable[Answer]]) -> Answer:
    """Open the store, let `act` work, close it; a refusal or an outage ends the command with its lines."""
    place = place_of(options)
    tenant_id = TenantId(options.get("tenant", DEFAULT_TENANT))

    async def work(storage: SqliteStorage) -> Answer:
        tenant = await _tenant(place, storage, tenant_id)
        return await act(Desk(storage, storage.stores(tenant_id), tenant_id, tenant, draw_fresh(), place))

    return in_store(place, work)


def in_store(place: Place, work: Callable[[SqliteStorage], Awaitable[Answer]]) -> Answer:
    """Open the store for all tenants, work, close it; a refusal or an outage ends the command with its lines."""

    async def opened() -> Answer:
        async with _open(place) as storage:
            return await work(storage)

    try:
        return asyncio.run(opened())
    except DeclaredInFile as refusal:
        say_refused([_where_declared(refusal, place)])
    except ActRefused as refusal:
        say_refused(refusal.lines)
    except Unavailable as outage:
        fail(f"{outage}: try again in a moment", EXIT_UNAVAILABLE)
    except (SchemaMismatchError, SqliteTooOldError, apsw.Error) as error:
        fail(f"{place.database}: {error}", EXIT_UNAVAILABLE)
    raise SystemExit(EXIT_FAILED)


def _found_here() -> tuple[Path | None, Path | None]:
    named_config, named_state = os.environ.get("VALETKEY_CONFIG"), os.environ.get("VALETKEY_STATE")
    if named_config or named_state:
        return (Path(named_config), None) if named_config else (None, Path(named_state or ""))
    config, state = Path(CONFIG_NAME), Path(STATE_NAME)
    if config.exists() == state.exists():
        which = "both are here" if config.exists() else "neither is here"
        raise click.UsageError(
            f"which server? name --config FILE ({CONFIG_NAME}) or --state DIR ({STATE_NAME}): {which}"
        )
    return (config, None) if config.exists() else (None, state)


@asynccontextmanager
async def _open(place: Place) -> AsyncIterator[SqliteStorage]:
    if not place.database.exists():
        start = "valetkey dev" if place.settings is None else f"valetkey db upgrade {place.named}"
        raise ActRefused(f"there is no database {place.database} yet: run `{start}` first")
    storage = await SqliteStorage.open(str(place.database))
    try:
        yield storage
    finally:
        await storage.close()


async def _tenant(place: Place, storage: SqliteStorage, tenant_id: TenantId) -> Tenant:
    held = await storage.tenants.find(tenant_id)
    if held is not None:
        return held
    # Tenants are stored at the first start; what belongs to one may be added before.
    declared = place.settings.tenants if place.settings is not None else (_default_tenant(place),)
    found = next((tenant for tenant in declared if tenant.tenant_id == tenant_id), None)
    if found is None:
        names = ", ".join(tenant.tenant_id for tenant in await storage.tenants.list())
        raise ActRefused(
            f"there is no tenant {tenant_id}, only {names or 'none'}: add it with `valetkey tenant add`"
        )
    return found


def _default_tenant(place: Place) -> Tenant:
    return Tenant(DEFAULT_TENANT, "Valetkey", default_profile(place))


def _where_declared(refusal: DeclaredInFile, place: Place) -> str:
    file = "the configuration file" if place.settings is None else place.named.removeprefix("--config ")
    return f"{refusal.what} is declared in {file}: change it there and start the server again"


def sealer_of(place: Place) -> Sealer:
    """Return what seals and opens under the key-encryption key of a store, and opens under the one before."""
    settings = place.settings
    if settings is None:
        return Sealer(open_state(place.database.parent).secrets.key_encryption_key)
    previous = settings.previous_key_encryption_key
    return Sealer(settings.key_encryption_key.reveal(), None if previous is None else previous.reveal())


def key_schedule(place: Place) -> KeySchedule:
    """Return which keys every tenant of a store has, and when each is replaced."""
    return KeySchedule() if place.settings is None else place.settings.keys.schedule


def default_profile(place: Place) -> str:
    """Return the profile of tenants that name none."""
    return place.settings.profile if place.settings is not None else OAUTH_2_1.name


def issuer_of(place: Place, tenant_id: TenantId) -> str | None:
    """Return the issuer of a tenant; None for a state folder, whose port is chosen at each start."""
    if place.settings is None:
        return None
    root = place.settings.issuer.url
    return root if tenant_id == DEFAULT_TENANT else f"{root}/t/{tenant_id}"
