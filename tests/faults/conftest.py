"""Servers that the tests of this folder share, because a start takes seconds."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

import pytest

from support.database_faults import faults_of
from support.production_server import ProductionServer, running_mortal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def mortals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], ProductionServer]]:
    """Servers by their number of workers, each started when it is first asked for."""
    with ExitStack() as opened:

        @cache
        def started(workers: int) -> ProductionServer:
            return opened.enter_context(running_mortal(tmp_path_factory.mktemp("mortal"), workers=workers))

        yield started


@pytest.fixture(params=[1, 2])
def mortal(
    request: pytest.FixtureRequest, mortals: Callable[[int], ProductionServer]
) -> Iterator[ProductionServer]:
    """A server with one worker, or with two, whose processes can be told to die."""
    server = mortals(request.param)
    yield server
    assert faults_of(server.database) == []
