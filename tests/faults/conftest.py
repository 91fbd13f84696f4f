"""Servers that the tests of this folder share, because a start takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.database_faults import faults_of
from support.production_server import ProductionServer, running_mortal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", params=[1, 2], ids=["one worker", "two workers"])
def mortal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    """A server whose processes can be told to die."""
    with running_mortal(tmp_path_factory.mktemp("mortal"), workers=request.param) as running:
        yield running
        assert faults_of(running.database) == []
