"""`valetkey user`: an operator sees who has a second factor, and takes one away from who lost the device."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.stored_values import BROWSER, FACTOR, SESSION, later
from support.operator import Operator  # noqa: TC001 - pytest reads it
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.decision import OpenBrowser, StartSession
from valetkey.authorization_server.model import normalised_username
from valetkey.authorization_server.second_factor import BeginFactor, ConfirmFactor
from valetkey.oauth.types import DEFAULT_TENANT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def enrolled(operator: Operator, tmp_path: Path) -> Operator:
    """Let ada be signed in with a device that is set up, and bob begin to set one up."""
    for name in ("ada", "bob"):
        operator.done("user", "add", name, "--no-password")

    database = str(next(tmp_path.rglob("*.db")))

    async def fill() -> None:
        storage = await SqliteStorage.open(database)
        stores = storage.stores(DEFAULT_TENANT)
        ada, bob = [await stores.end_users.find_by_username(normalised_username(one)) for one in ("ada", "bob")]
        assert ada is not None
        assert bob is not None
        changes = (
            OpenBrowser(BROWSER),
            StartSession(replace(SESSION, subject=ada.subject)),
            BeginFactor(replace(FACTOR, subject=ada.subject)),
            ConfirmFactor(ada.subject, FACTOR.factor_id, 1, later(1)),
            BeginFactor(replace(FACTOR, subject=bob.subject)),
        )
        assert await stores.commit(changes)
        await storage.close()

    asyncio.run(fill())
    return operator


def test_an_operator_sees_who_has_a_second_factor(enrolled: Operator) -> None:
    assert enrolled.done("user", "show", "ada")["second_factor"] is True
    assert enrolled.done("user", "show", "bob")["second_factor"] is False
    listed = {each["username"]: each["second_factor"] for each in enrolled.done("user", "list")}
    assert listed == {"ada": True, "bob": False}


def test_a_second_factor_is_removed_with_the_sessions_and_told_in_the_audit_trail(enrolled: Operator) -> None:
    assert enrolled.done("user", "remove-factor", "ada") == {"username": "ada", "second_factor": False}
    assert enrolled.done("user", "show", "ada")["second_factor"] is False
    told = [record["event"] for record in enrolled.done("audit")]
    assert "second_factor.removed" in told
    assert "session.ended" in told


def test_there_is_nothing_to_remove_where_none_was_set_up(enrolled: Operator) -> None:
    assert "bob has no second factor" in enrolled.refused("user", "remove-factor", "bob")
    assert "there is no user nope" in enrolled.refused("user", "remove-factor", "nope")
