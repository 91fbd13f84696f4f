"""The reference page of the client library leaves nothing out."""

from __future__ import annotations

import pkgutil

from tools import reference_client
from tools.reference_jose import public_names

from valetkey import client

TOLD = [module for modules in reference_client.SECTIONS.values() for module in modules]


def test_every_module_of_the_client_is_told_or_said_to_be_internal() -> None:
    modules = {module.name for module in pkgutil.iter_modules(client.__path__)}
    assert modules == {*TOLD, *reference_client.INTERNAL}
    assert reference_client.INTERNAL.isdisjoint(TOLD)


def test_every_name_of_the_client_that_is_kept_from_the_page_exists() -> None:
    names = {f"{module}.{told.name}" for module in TOLD for told in public_names(module, reference_client.PACKAGE)}
    assert names >= reference_client.SHARED


def test_what_the_client_package_offers_stands_on_the_page() -> None:
    page = reference_client.page()
    for name in set(client.__all__) - {"ClientAuthentication"}:
        assert f".{name}`\n" in page or f"| `{name}` |" in page, name
