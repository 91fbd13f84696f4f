"""What is announced at a start: who may use what OAuth 2.1 removed."""

from dataclasses import replace

import pytest

from support.house import HouseLog, clients
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.administration.announcing import announce_legacy
from valetkey.authorization_server.decision import PutClient, PutTenant
from valetkey.authorization_server.model import Tenant
from valetkey.oauth.types import TenantId

pytestmark = pytest.mark.anyio


async def test_every_tenant_and_client_of_the_old_profile_is_named_and_nobody_else() -> None:
    storage, log = MemoryStorage(), HouseLog()
    old, new, off = (TenantId(name) for name in ("old", "new", "off"))
    tenants = (
        Tenant(old, "Old", "LEGACY"),
        Tenant(new, "New", "OPENID"),
        Tenant(off, "Off", "LEGACY", disabled=True),
    )
    for tenant in tenants:
        await storage.stores(tenant.tenant_id).commit((PutTenant(tenant),))
    web, spa, native = (clients()[name] for name in ("web", "spa", "native"))
    changed = (replace(web, profile="LEGACY"), spa, replace(native, profile="LEGACY", disabled=True))
    await storage.stores(new).commit([PutClient(client) for client in changed])
    await announce_legacy(storage, log)
    assert log.events == [
        ("legacy.announced", {"tenant": "new", "client_id": "web"}),
        ("legacy.announced", {"tenant": "old", "client_id": None}),
    ]
