"""What an operator does with tenants: each act judges, and returns the Changes to commit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.administration.refusal import ActRefused, refuse_declared, refuse_faults
from valetkey.authorization_server.decision import Changes, PutTenant
from valetkey.authorization_server.model import RegistrationMode, Tenant
from valetkey.authorization_server.registration import tenant_faults
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.oauth.types import TenantId


@dataclass(frozen=True, slots=True)
class TenantFields:
    """What may be said of a tenant; None leaves it as it is."""

    display_name: str | None = None
    profile: str | None = None
    accent: str | None = None
    registration: RegistrationMode | None = None
    registration_scope: Scope | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class TenantAct:
    """What becomes of the tenant."""

    tenant: Tenant
    changes: Changes


def add_tenant(tenant_id: TenantId, fields: TenantFields, held: Tenant | None, default_profile: str) -> TenantAct:
    """Add a tenant; raises ActRefused."""
    if held is not None:
        raise ActRefused(f"tenant {tenant_id} exists: change it with `valetkey tenant change {tenant_id}`")
    return _judged(Tenant(tenant_id, tenant_id, default_profile), fields)


def change_tenant(held: Tenant, fields: TenantFields) -> TenantAct:
    """Change what `fields` says; raises ActRefused."""
    refuse_declared(f"tenant {held.tenant_id}", held.managed_by)
    return _judged(held, fields)


def remove_tenant(held: Tenant) -> TenantAct:
    """Switch a tenant off: what was signed under its issuer can still be explained. Raises ActRefused."""
    refuse_declared(f"tenant {held.tenant_id}", held.managed_by)
    return _judged(held, TenantFields(disabled=True))


def _judged(held: Tenant, fields: TenantFields) -> TenantAct:
    tenant = replace(
        held,
        display_name=held.display_name if fields.display_name is None else fields.display_name,
        profile=held.profile if fields.profile is None else fields.profile,
        accent=held.accent if fields.accent is None else fields.accent.lower(),
        registration=fields.registration or held.registration,
        registration_scope=held.registration_scope
        if fields.registration_scope is None
        else fields.registration_scope,
        disabled=held.disabled if fields.disabled is None else fields.disabled,
    )
    refuse_faults(tenant_faults(tenant))
    return TenantAct(tenant, (PutTenant(tenant),))
