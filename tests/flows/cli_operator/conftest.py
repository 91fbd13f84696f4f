"""A configuration that `valetkey init` wrote, with its database, for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.operator import Operator

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    operator = Operator(tmp_path / "valetkey.toml")
    assert operator.bare("init", "--output", str(operator.config)).exit_code == 0
    assert operator.run("db", "upgrade").exit_code == 0
    return operator
