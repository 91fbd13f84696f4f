"""Below the adapters' floor: no clock, no chance, no environment, no I/O, no framework."""

import pytest

from support.architecture.floor import SHELLS, worldly_calls, worldly_imports
from support.architecture.modules import house, parsed


def test_the_core_imports_only_what_is_pure() -> None:
    assert list(worldly_imports(house())) == []


def test_the_core_calls_no_builtin_that_touches_the_world() -> None:
    assert list(worldly_calls(house())) == []


def test_every_named_shell_exists() -> None:
    assert set(SHELLS) <= {module.name for module in house()}


@pytest.mark.parametrize(
    "statement",
    [
        "import time", "from datetime import datetime", "import random", "import secrets", "import os.path",
        "from os import environ", "import pathlib", "import socket", "import asyncio", "import logging",
        "import threading", "import sqlite3", "import apsw", "import httpx2", "import starlette.requests",
        "import structlog", "from urllib import request", "import urllib.request", "from http import client",
        "def late():\n    import uuid",
    ],
)  # fmt: skip
def test_a_worldly_import_is_found(statement: str) -> None:
    assert list(worldly_imports([parsed("valetkey.authorization_server.mint", statement)]))


@pytest.mark.parametrize(
    "statement",
    ["import json", "from urllib.parse import urlsplit", "from http import HTTPStatus", "import msgspec",
     "from cryptography.hazmat.primitives import hashes", "from collections.abc import Mapping"],
)  # fmt: skip
def test_a_pure_import_is_allowed(statement: str) -> None:
    assert list(worldly_imports([parsed("valetkey.authorization_server.mint", statement)])) == []


def test_a_shell_may_touch_only_what_its_row_names() -> None:
    assert list(worldly_imports([parsed("valetkey.jose.clock", "import time")])) == []
    assert list(worldly_imports([parsed("valetkey.jose.clock", "import os")]))


def test_an_adapter_may_touch_the_world() -> None:
    assert list(worldly_imports([parsed("valetkey.adapters.asgi", "import asyncio")])) == []
    assert list(worldly_calls([parsed("valetkey.adapters.asgi", "open('x')")])) == []


@pytest.mark.parametrize("expression", ["open('x')", "print(1)", "eval('1')", "__import__('os')"])
def test_a_worldly_call_is_found(expression: str) -> None:
    assert list(worldly_calls([parsed("valetkey.jose.jws", expression)]))
