"""What is announced at every start: who may use what OAuth 2.1 removed (RFC 9700, 2.1.2 and 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.policy import LEGACY

if TYPE_CHECKING:
    from valetkey.administration.provisioning import Storage
    from valetkey.authorization_server.ports import EventLog


async def announce_legacy(storage: Storage, log: EventLog) -> None:
    """Write a line for each enabled tenant and each enabled client whose profile is LEGACY."""
    for tenant in await storage.tenants.list():
        if tenant.disabled:
            continue
        if tenant.profile == LEGACY.name:
            log.write("legacy.announced", tenant=tenant.tenant_id, client_id=None)
        for client in await storage.stores(tenant.tenant_id).clients.list():
            if client.profile == LEGACY.name and not client.disabled:
                log.write("legacy.announced", tenant=tenant.tenant_id, client_id=client.client_id)
