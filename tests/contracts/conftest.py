"""Opens every storage that claims to keep the contract; a new adapter is one more line in STORAGES."""

import functools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from contracts.stored_values import TENANT
from valetkey.adapters.storage import Storage
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.ports import Stores


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "valetkey.db"
        upgrade(str(path))
        return path.read_bytes()


async def _open_memory(_folder: Path) -> Storage:
    return MemoryStorage()


async def _open_sqlite(folder: Path) -> Storage:
    path = folder / "valetkey.db"
    path.write_bytes(_migrated())
    return await SqliteStorage.open(str(path))


STORAGES: dict[str, Callable[[Path], Awaitable[Storage]]] = {"memory": _open_memory, "sqlite": _open_sqlite}


@pytest.fixture(params=STORAGES)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await STORAGES[request.param](tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def stores(storage: Storage) -> Stores:
    return storage.stores(TENANT)
