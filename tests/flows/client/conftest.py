"""One running `valetkey dev` for all flows of the client library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.dev_server import DevServer, running_dev

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("client") / "state") as running:
        yield running
