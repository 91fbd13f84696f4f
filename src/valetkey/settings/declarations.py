"""Everything that a file declares, judged: each thing for itself, then its name and its tenant among the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from valetkey.authorization_server.client_algorithms import secret_faults
from valetkey.authorization_server.declaration import Declarations
from valetkey.authorization_server.fault import Fault
from valetkey.authorization_server.key_algorithms import client_key_faults, resource_key_faults
from valetkey.authorization_server.model import Tenant, normalised_username
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import (
    client_faults,
    end_user_faults,
    resource_faults,
    tenant_faults,
)
from valetkey.authorization_server.trusted_issuer import trusted_issuer_faults
from valetkey.oauth.types import DEFAULT_TENANT
from valetkey.settings import declared
from valetkey.settings.declared_table import CLIENTS, TRUSTED_ISSUERS, USERS
from valetkey.settings.reading import read
from valetkey.settings.resource_table import RESOURCES
from valetkey.settings.sources import hint
from valetkey.settings.tenant_table import TENANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from valetkey.authorization_server.declaration import (
        DeclaredClient,
        DeclaredEndUser,
        DeclaredIssuer,
        DeclaredResource,
    )
    from valetkey.authorization_server.model import ClientSecret
    from valetkey.oauth.types import ClientId, GrantType, SecretText, TenantId
    from valetkey.settings.reading import Readings
    from valetkey.settings.setting import DeclarationTable
    from valetkey.settings.sources import Entry, Sources

Value = TypeVar("Value")
Judged = list[tuple["Entry", Value]]


def read_declarations(
    sources: Sources, profile: str, revision: int, further: frozenset[GrantType], algorithms: Collection[str]
) -> Declarations:
    """Return all that is declared, the default tenant first; `profile` is the one for tenants that name none.

    `further` are the grant types that others add, `algorithms` those of our keys. A default tenant that the
    file does not declare stays the operator's to change, but for its profile.

    What is wrong is told in `sources.faults` and left out.
    """
    tenants = _all(TENANTS, sources, lambda found: declared.tenant_of(found, profile), tenant_faults)
    _refuse_twins(tenants, lambda tenant: (tenant.tenant_id,), sources)
    known = {tenant.tenant_id: tenant for _, tenant in tenants}
    known.setdefault(DEFAULT_TENANT, Tenant(DEFAULT_TENANT, "Valetkey", profile))
    clients = _all(
        CLIENTS,
        sources,
        declared.client_of,
        lambda found: (*_client_faults(found, known, further), *client_key_faults(found.client, algorithms)),
    )
    users = _all(USERS, sources, declared.end_user_of, end_user_faults)
    resources = _all(
        RESOURCES,
        sources,
        declared.resource_of,
        lambda found: (*resource_faults(found.resource), *resource_key_faults(found.resource, algorithms)),
    )
    issuers = _all(
        TRUSTED_ISSUERS,
        sources,
        declared.trusted_issuer_of,
        lambda found: trusted_issuer_faults(found.trusted_issuer),
    )
    _refuse_twins(issuers, lambda found: (found.tenant_id, found.trusted_issuer.issuer), sources)
    _refuse_twins(clients, lambda client: (client.tenant_id, client.client.client_id), sources)
    _refuse_twins(users, lambda user: (user.tenant_id, normalised_username(user.username)), sources)
    _refuse_twins(resources, lambda found: (found.tenant_id, found.resource.identifier), sources)
    for entry, tenant_id in (*_tenants(clients), *_tenants(users), *_tenants(resources), *_tenants(issuers)):
        if tenant_id not in known:
            _tell(entry, Fault("tenant", f"no tenant {tenant_id} is declared{hint(tenant_id, known)}"), sources)
    return Declarations(
        revision,
        (known.pop(DEFAULT_TENANT), *known.values()),
        _values(clients),
        _values(users),
        _values(resources),
        _values(issuers),
    )


def _all(
    table: DeclarationTable,
    sources: Sources,
    build: Callable[[Readings], Value],
    faults_of: Callable[[Value], Iterable[Fault]],
) -> Judged[Value]:
    judged: Judged[Value] = []
    for entry in sources.entries.get(table.name, ()):
        found = read(table.rows, entry.values, f"{entry.origin}.", sources.faults)
        if found is None:
            continue
        value = build(found)
        for fault in faults_of(value):
            _tell(entry, fault, sources)
        judged.append((entry, value))
    return judged


def _client_faults(
    declared_client: DeclaredClient, tenants: dict[TenantId, Tenant], further: frozenset[GrantType]
) -> tuple[Fault, ...]:
    tenant = tenants.get(declared_client.tenant_id)
    profile = declared_client.client.profile or (tenant.profile if tenant is not None else "")
    # An unknown tenant or profile has a line of its own.
    if profile not in PROFILES:
        return ()
    # Sealed is what provisioning can seal: it has the key, this room has not.
    client = declared_client.sealed_by(_to_be_sealed)
    return (
        *client_faults(client, PROFILES[profile], further),
        *secret_faults(client, declared_client.secret_texts),
    )


def _to_be_sealed(client_id: ClientId, secret: ClientSecret, text: SecretText) -> ClientSecret:
    """Stand for the vault of the provisioning to come."""
    del client_id, text
    return replace(secret, sealed=b"")


def _refuse_twins(judged: Judged[Value], identity: Callable[[Value], tuple[str, ...]], sources: Sources) -> None:
    seen: set[tuple[str, ...]] = set()
    for entry, value in judged:
        name = identity(value)
        if name in seen:
            sources.faults.append(f"{entry.origin}: declared twice in tenant {name[0]}")
        seen.add(name)


def _tell(entry: Entry, fault: Fault, sources: Sources) -> None:
    found = entry.values.get(fault.field) or entry.values.get(f"{fault.field}_file")
    place = found.origin if found is not None else f"{entry.origin}.{fault.field}"
    sources.faults.append(f"{place}: {fault.message}")


def _tenants(
    judged: Sequence[tuple[Entry, DeclaredClient | DeclaredEndUser | DeclaredResource | DeclaredIssuer]],
) -> Iterator[tuple[Entry, TenantId]]:
    return ((entry, value.tenant_id) for entry, value in judged)


def _values(judged: Sequence[tuple[Entry, Value]]) -> tuple[Value, ...]:
    return tuple(value for _, value in judged)
