"""The rooms import downwards only (the arrows of the house)."""

import pytest

from support.architecture.arrows import cycles, wrong_arrows
from support.architecture.modules import Module, house, parsed


def test_no_import_of_the_house_goes_against_the_arrows() -> None:
    assert list(wrong_arrows(house())) == []


def test_no_modules_of_the_house_import_each_other_in_a_circle() -> None:
    assert list(cycles(house())) == []


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("valetkey.jose.jws", "from valetkey.oauth.types import Issuer"),
        ("valetkey.jose.jws", "def late():\n    import valetkey.oauth"),
        ("valetkey.oauth.scope", "from valetkey.authorization_server import model"),
        ("valetkey.authorization_server.mint", "import valetkey.resource_server.token"),
        ("valetkey.authorization_server.mint", "from valetkey import client"),
        ("valetkey.authorization_server.mint", "from ..adapters import storage"),
        ("valetkey.ui.render", "from valetkey.adapters.asgi import App"),
        ("valetkey.adapters.asgi", "from valetkey.server import build"),
        ("valetkey.adapters.asgi", "from valetkey.adapters.fetch import Fetcher"),
        ("valetkey.adapters.storage.sqlite.engine", "from valetkey.adapters.storage.memory import Memory"),
        ("valetkey.adapters.storage.sql.step", "from valetkey.adapters.storage.sqlite.engine import Engine"),
        ("valetkey.server", "from valetkey.cli import main"),
        ("valetkey", "from valetkey.jose import jws"),
        ("valetkey.cellar.barrel", "import json"),
        ("valetkey.cli.main", "import valetkey.cellar"),
    ],
)
def test_an_arrow_that_goes_up_or_across_is_found(importer: str, statement: str) -> None:
    assert list(wrong_arrows(_with_rooms(parsed(importer, statement))))


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("valetkey.oauth.dpop", "from valetkey.jose import jws"),
        ("valetkey.authorization_server.mint", "from valetkey.authorization_server.model import Client"),
        ("valetkey.adapters.storage.sqlite.engine", "from valetkey.adapters.storage.sql.step import Step"),
        ("valetkey.adapters.storage.sqlite.engine", "from valetkey.adapters.storage.sqlite.lock import Lock"),
        ("valetkey.cli.main", "from valetkey.server import build"),
    ],
)
def test_an_arrow_that_goes_down_is_allowed(importer: str, statement: str) -> None:
    assert list(wrong_arrows(_with_rooms(parsed(importer, statement)))) == []


def test_a_circle_of_three_modules_is_found() -> None:
    circle = [
        parsed("valetkey.jose.a", "from valetkey.jose import b"),
        parsed("valetkey.jose.b", "from valetkey.jose.c import thing"),
        parsed("valetkey.jose.c", "from . import a"),
    ]
    assert list(cycles(circle)) == ["valetkey.jose.a -> valetkey.jose.b -> valetkey.jose.c -> valetkey.jose.a"]


def _with_rooms(module: Module) -> list[Module]:
    rooms = ["client", "resource_server", "jose", "jose.jws", "adapters", "adapters.storage"]
    return [module, *(parsed(f"valetkey.{room}", "", package=True) for room in rooms)]
