"""The salt of pairwise subjects: drawn once, by whichever node, and read by all."""

import asyncio
from pathlib import Path

import pytest

from valetkey.adapters.keys.pairwise_salt import SealedPairwiseSalt
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.audit import AuditQuestion
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.tenant_secrets import PAIRWISE_SALT
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import DEFAULT_TENANT, NumericDate, TenantId

NOW = NumericDate(1_800_000_000)
SEALER = Sealer(bytes(range(32)))
ACME = TenantId("acme")


class Seeds:
    """A FreshSource that draws something else each time."""

    def __init__(self, first: int) -> None:
        self._drawn = first

    def __call__(self) -> Fresh:
        self._drawn += 1
        return Fresh(NOW, self._drawn.to_bytes(64, "big"))


async def test_nodes_that_draw_the_salt_at_the_same_moment_end_with_one(tmp_path: Path) -> None:
    path = str(tmp_path / "server.db")
    upgrade(path)
    storage = await SqliteStorage.open(path)
    stores = storage.stores(DEFAULT_TENANT)
    nodes = [SealedPairwiseSalt(stores, DEFAULT_TENANT, SEALER, Seeds(node * 100)) for node in range(4)]

    salts = await asyncio.gather(*(node.read() for node in nodes))

    late = SealedPairwiseSalt(stores, DEFAULT_TENANT, SEALER, Seeds(900))
    assert {*salts, await late.read()} == {salts[0]}
    assert len(salts[0]) == 32
    asked = AuditQuestion(since=NumericDate(0), until=NumericDate(NOW + 1), limit=10)
    assert [(one.event, one.name) for one in await stores.audit.find(asked)] == [
        ("tenant_secret.added", PAIRWISE_SALT)
    ]
    await storage.close()


async def test_each_tenant_has_a_salt_of_its_own_and_it_is_kept_sealed() -> None:
    storage = MemoryStorage()
    salts: list[bytes] = []
    for tenant in (DEFAULT_TENANT, ACME):
        salt = await SealedPairwiseSalt(storage.stores(tenant), tenant, SEALER, Seeds(len(salts))).read()
        kept = (await storage.stores(tenant).tenant_secrets.list())[PAIRWISE_SALT]
        assert salt not in kept
        salts.append(salt)
    assert salts[0] != salts[1]


async def test_a_salt_that_does_not_open_is_an_outage_and_never_drawn_anew() -> None:
    """With another salt every pairwise client would take every end-user for a new one."""
    storage = MemoryStorage()
    stores = storage.stores(DEFAULT_TENANT)
    await SealedPairwiseSalt(stores, DEFAULT_TENANT, SEALER, Seeds(0)).read()
    kept = await stores.tenant_secrets.list()

    with pytest.raises(Unavailable, match="salt"):
        await SealedPairwiseSalt(stores, DEFAULT_TENANT, Sealer(b"x" * 32), Seeds(0)).read()

    assert await stores.tenant_secrets.list() == kept
