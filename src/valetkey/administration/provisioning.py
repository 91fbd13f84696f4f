"""What a file declares is brought about: load, compare, and commit the difference, at every start."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from valetkey.administration.difference import (
    Held,
    client_changes,
    end_user_changes,
    resource_changes,
    tenant_changes,
    trusted_issuer_changes,
)
from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.decision import Changes, SetProvisioningRevision
from valetkey.authorization_server.declaration import Declarations
from valetkey.authorization_server.model import normalised_username
from valetkey.authorization_server.ports import FreshSource, PasswordHasher, SealedSecrets
from valetkey.authorization_server.service import ROUNDS
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import SecretText, TenantId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.model import PasswordHash
    from valetkey.authorization_server.ports import Stores, Tenants


class Storage(Protocol):
    """Every tenant's stores, and the tenants themselves."""

    @property
    def tenants(self) -> Tenants:
        """All tenants."""
        ...

    def stores(self, tenant_id: TenantId) -> Stores:
        """Return the stores of one tenant."""
        ...


Vaults = Callable[[TenantId], SealedSecrets]
"""What seals the client secrets of a tenant that are keys of MACs."""


class Outcome(StrEnum):
    """What provisioning did to a tenant."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    """A file with a higher revision was applied before: this one changed nothing."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """The report about one tenant; `changes` are those committed."""

    tenant_id: TenantId
    outcome: Outcome
    changes: Changes = ()


async def provision(
    declarations: Declarations,
    storage: Storage,
    passwords: PasswordHasher,
    fresh: FreshSource,
    *,
    vaults: Vaults,
) -> tuple[Provisioned, ...]:
    """Bring about what a file declares, each tenant in one transaction; twice is once.

    What left the file is disabled, never deleted. Raises Unavailable where the store cannot write.
    """
    declared = [tenant.tenant_id for tenant in declarations.tenants]
    left = [tenant.tenant_id for tenant in await storage.tenants.list() if tenant.tenant_id not in declared]
    rounds = _Rounds(declarations, storage, passwords, fresh, vaults)
    return tuple([await rounds.settle(tenant_id) for tenant_id in (*declared, *left)])


@dataclass(frozen=True, slots=True)
class _Rounds:
    declarations: Declarations
    storage: Storage
    passwords: PasswordHasher
    fresh: FreshSource
    vaults: Vaults

    async def settle(self, tenant_id: TenantId) -> Provisioned:
        stores, guard = self.storage.stores(tenant_id), SetProvisioningRevision(self.declarations.revision)
        for _ in range(ROUNDS):
            if not await stores.commit((guard,)):
                return Provisioned(tenant_id, Outcome.SUPERSEDED)
            changes = await self._changes(tenant_id, stores)
            if not changes:
                return Provisioned(tenant_id, Outcome.UNCHANGED)
            if await stores.commit((guard, *changes), self._origin()):
                return Provisioned(tenant_id, Outcome.APPLIED, changes)
        raise Unavailable("the store: three provisionings in a row lost their race,")

    def _origin(self) -> Origin:
        fresh = self.fresh()
        return Origin(ActorKind.SERVER, fresh.now, "configuration file", fresh.identifier("audit"))

    async def _changes(self, tenant_id: TenantId, stores: Stores) -> Changes:
        declarations, fresh = self.declarations, self.fresh()
        held = Held(
            tenant=await self.storage.tenants.find(tenant_id),
            clients={client.client_id: client for client in await stores.clients.list()},
            end_users={normalised_username(user.username): user for user in await stores.end_users.list()},
            resources={resource.identifier: resource for resource in await stores.resources.list()},
            trusted_issuers={one.issuer: one for one in await stores.trusted_issuers.list()},
        )
        tenant = next((each for each in declarations.tenants if each.tenant_id == tenant_id), None)
        seal = self.vaults(tenant_id).seal
        clients = [each.sealed_by(seal) for each in declarations.clients if each.tenant_id == tenant_id]
        users = [each for each in declarations.users if each.tenant_id == tenant_id]
        resources = [each.resource for each in declarations.resources if each.tenant_id == tenant_id]
        issuers = [each.trusted_issuer for each in declarations.trusted_issuers if each.tenant_id == tenant_id]
        hashes = await self._hashes(tenant_id, held)
        return (
            *tenant_changes(tenant, held),
            *client_changes(clients, held, fresh),
            *end_user_changes(users, held, hashes, fresh),
            *resource_changes(resources, held),
            *trusted_issuer_changes(issuers, held),
        )

    async def _hashes(self, tenant_id: TenantId, held: Held) -> Mapping[str, PasswordHash]:
        hashes: dict[str, PasswordHash] = {}
        for user in self.declarations.users:
            name, password = normalised_username(user.username), user.initial_password
            before = held.end_users.get(name)
            if user.tenant_id != tenant_id or password is None:
                continue
            # Whoever has a password keeps it, and a hash costs 30 ms.
            if before is None or before.password_hash is None:
                hashes[name] = await self.passwords.hash(password) if isinstance(password, SecretText) else password
        return hashes
