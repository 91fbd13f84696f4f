"""Files, functions, classes and parameter lists stay small enough to be read in one sitting."""

import pytest

from support.architecture.modules import ROOT, Module, house, modules_of, parsed
from support.architecture.sizes import oversized


def _tools() -> tuple[Module, ...]:
    return modules_of(ROOT / "tools", "tools.")


def test_nothing_in_the_house_or_its_tools_has_outgrown_its_limit() -> None:
    assert list(oversized([*house(), *_tools()])) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * 401,
        "def long():\n" + "    x = 1\n" * 50,
        "async def long():\n" + "    x = 1\n" * 50,
        "class Big:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(13)),
        "class Port(Protocol):\n" + "".join(f"    def m{n}(self): ...\n" for n in range(7)),
        "def many(a, b, /, c, d, *, e, f, g): ...",
        "class C:\n    def many(self, a, b, c, d, e, f, g): ...",
        "def many(a, b, c, d, e, *f, **g): ...",
    ],
)
def test_what_has_outgrown_its_limit_is_found(source: str) -> None:
    assert list(oversized([parsed("valetkey.jose.jws", source)]))


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * 400,
        "def long():\n" + "    x = 1\n" * 49,
        "class Big:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(12)),
        "class C:\n    def many(self, a, b, c, d, e, f): ...",
        "class Stores(Protocol):\n" + "".join(f"    @property\n    def s{n}(self): ...\n" for n in range(13)),
    ],
)
def test_what_is_just_within_its_limit_is_allowed(source: str) -> None:
    assert list(oversized([parsed("valetkey.jose.jws", source)])) == []
