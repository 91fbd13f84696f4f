"""A folder to work in, and an issuer on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.jwt_command import Desk
from support.provider import Provider
from valetkey.jose import Jwk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = Jwk.generate("ES256")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(KEY) as running:
        yield running
