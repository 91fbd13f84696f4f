"""`valetkey revoke`: what an operator ends is ended in the database, and the words say what."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from contracts.stored_values import AUTHORIZATION, BROWSER, SESSION, SUBJECT
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.decision import GrantAuthorization, OpenBrowser, StartSession
from valetkey.authorization_server.model import Standing
from valetkey.oauth.types import DEFAULT_TENANT

if TYPE_CHECKING:
    from pathlib import Path

    from support.operator import Operator


@pytest.fixture
def granted(operator: Operator, tmp_path: Path) -> Path:
    """Return the database, in which Alice signed in and granted the client `web` what is bound to her session."""
    operator.done("user", "add", "Alice", "--no-password")
    operator.done("client", "add", "web", "--redirect-uri", "https://web.example.com/cb", "--scope", "openid")
    database = next(tmp_path.rglob("*.db"))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE end_users SET subject = ?", (SUBJECT,))

    async def fill() -> None:
        storage = await SqliteStorage.open(str(database))
        changes = (OpenBrowser(BROWSER), StartSession(SESSION), GrantAuthorization(AUTHORIZATION, None))
        assert await storage.stores(DEFAULT_TENANT).commit(changes)
        await storage.close()

    asyncio.run(fill())
    return database


def standing(database: Path) -> tuple[Standing, bool]:
    """Return how the authorization stands, and whether the session may still be used."""

    async def look() -> tuple[Standing, bool]:
        storage = await SqliteStorage.open(str(database))
        stores = storage.stores(DEFAULT_TENANT)
        found = await stores.authorizations.find(AUTHORIZATION.authorization_id)
        session = await stores.browsers.session(SESSION.sid)
        await storage.close()
        assert found is not None
        assert session is not None
        is_over = session.session.ended_at is not None
        return (
            found.standing(AUTHORIZATION.created_at),
            not is_over and not session.session.generations.is_older_than(session.current),
        )

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("arguments", "left", "died"),
    [
        (("subject", "ALICE"), (Standing.SUPERSEDED, False), "sessions"),
        (("client", "web"), (Standing.SUPERSEDED, True), "api_keys"),
        (("session", SESSION.sid), (Standing.REVOKED, False), "sessions"),
        (("authorization", AUTHORIZATION.authorization_id), (Standing.REVOKED, True), "codes"),
        (("all",), (Standing.SUPERSEDED, False), "sessions"),
        (("all", "--tenant", "default"), (Standing.SUPERSEDED, False), "sessions"),
    ],
)
def test_each_order_ends_what_it_says(
    operator: Operator, granted: Path, arguments: tuple[str, ...], left: tuple[Standing, bool], died: str
) -> None:
    assert standing(granted) == (Standing.ALIVE, True)
    said = operator.done("revoke", *arguments)
    assert standing(granted) == left
    assert said["revoked"] == arguments[0]
    assert said["died"][0] == died
    assert said["died"][-1] == "access_tokens"


def test_the_words_for_a_person_say_what_died(operator: Operator, granted: Path) -> None:
    assert granted.exists()
    result = operator.run("revoke", "subject", "alice")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("user Alice is signed out everywhere: ")
    assert first.endswith("every session, API key, code, refresh token and access token from before now is dead")
    assert "status list" in second


def test_one_tenant_does_not_end_with_another(operator: Operator, granted: Path) -> None:
    operator.done("tenant", "add", "acme")
    said = operator.done("revoke", "all", "--tenant", "acme")
    assert said["tenant"] == "acme"
    assert standing(granted) == (Standing.ALIVE, True)


def test_a_client_that_introduced_itself_is_revoked_by_its_url(operator: Operator, granted: Path) -> None:
    url = "https://apps.example.com/client.json"
    lines = operator.run("revoke", "client", url).stdout.splitlines()
    assert lines[0].startswith(f"client {url} holds nothing any more")
    assert "outbound.block" in lines[1]
    with closing(sqlite3.connect(granted)) as connection:
        stamps = connection.execute("SELECT kind, value FROM generations WHERE name = ?", (url,)).fetchall()
    assert stamps == [("client", 1)]
    assert "there is no client http://apps.example.com" in operator.refused(
        "revoke", "client", "http://apps.example.com"
    )


def test_what_is_not_there_or_has_ended_before_is_said_so(operator: Operator, granted: Path) -> None:
    assert granted.exists()
    assert "there is no user bob" in operator.refused("revoke", "subject", "bob")
    assert "there is no client api" in operator.refused("revoke", "client", "api")
    assert "there is no session x" in operator.refused("revoke", "session", "x")
    assert "there is no authorization x" in operator.refused("revoke", "authorization", "x")
    assert "there is no tenant acme" in operator.refused("revoke", "all", "--tenant", "acme")
    operator.done("revoke", "session", SESSION.sid)
    assert "has ended before" in operator.refused("revoke", "session", SESSION.sid)
    assert "was revoked before" in operator.refused("revoke", "authorization", AUTHORIZATION.authorization_id)
