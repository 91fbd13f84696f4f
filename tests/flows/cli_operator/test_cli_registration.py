"""What an operator says about clients that register themselves, and how several secrets of one live at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.stored_values import CLIENT, REGISTRATION, later
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.decision import KeepRegistration, RegisterClient
from valetkey.oauth.types import DEFAULT_TENANT, ClientId

if TYPE_CHECKING:
    from pathlib import Path

    from support.operator import Operator

SHOP = ("client", "add", "shop", "--redirect-uri", "https://shop.example.com/cb", "--scope", "openid")


def ids_of(operator: Operator) -> dict[str, bool]:
    return {one["secret_id"]: one["live"] for one in operator.done("client", "secret", "list", "shop")}


# covers: CLI-14
def test_a_secret_is_added_rotated_and_expired(operator: Operator) -> None:
    first = operator.done(*SHOP)
    added = operator.done("client", "secret", "add", "shop", "--expires-in", "3600")
    rotated = operator.done("client", "secret", "rotate", "shop", "--keep-for", "60")

    drawn = {view["client_secret"] for view in (first, added, rotated)}
    assert len(drawn) == 3
    assert all(secret.startswith("vk_cs_") for secret in drawn)
    assert list(ids_of(operator).values()) == [True, True, True]

    doomed = first["secrets"][0]["secret_id"]
    operator.done("client", "secret", "expire", "shop", doomed)
    assert ids_of(operator)[doomed] is False
    listed = operator.done("client", "secret", "list", "shop")
    assert not any(secret in str(listed) for secret in drawn)


def test_the_last_living_secret_stays(operator: Operator) -> None:
    only = operator.done(*SHOP)["secrets"][0]["secret_id"]

    refused = operator.refused("client", "secret", "expire", "shop", only)

    assert "is the last secret of client shop that lives" in refused


def test_the_secret_of_a_mac_client_is_sealed_under_the_key_of_the_configuration(operator: Operator) -> None:
    added = operator.done(*SHOP, "--authentication-method", "client_secret_jwt")
    assert len(added["client_secret"]) == len("vk_cs_") + 86

    told = operator.bare("client", "secret", "add", "shop", "--config", str(operator.config))
    assert "kept sealed, as the key that it is: store it now." in told.stderr


def test_a_registration_token_is_added_listed_and_removed(operator: Operator) -> None:
    operator.done("tenant", "add", "tools", "--registration", "token", "--registration-scope", "openid")
    tools = ("--tenant", "tools")
    added = operator.done(
        *("client", "registration-token", "add", *tools, "--uses", "2", "--expires-in", "600"),
        *("--scope", "openid orders:read", "--grant-type", "client_credentials"),
    )
    assert added["registration_token"].startswith("vk_iat_")
    assert (added["uses_left"], added["scope"], added["grant_types"]) == (
        2,
        "openid orders:read",
        ["client_credentials"],
    )
    (listed,) = operator.done("client", "registration-token", "list", *tools)
    assert listed == {name: value for name, value in added.items() if name != "registration_token"}
    operator.done("client", "registration-token", "remove", added["token_id"], *tools)
    assert operator.done("client", "registration-token", "list", *tools) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("add",), "clients do not register themselves at tenant default"),
        (("remove", "nothing"), "there is no registration token nothing"),
    ],
)
def test_a_token_that_would_admit_nobody_is_not_drawn(
    operator: Operator, arguments: tuple[str, ...], line: str
) -> None:
    assert line in operator.refused("client", "registration-token", *arguments)


def test_a_grant_type_that_the_profile_lacks_is_no_gift(operator: Operator) -> None:
    operator.done("tenant", "add", "tools", "--registration", "open")
    refused = operator.refused(
        "client", "registration-token", "add", "--tenant", "tools", "--grant-type", "password"
    )
    assert "grant type: profile OAUTH_2_1 knows" in refused


def test_who_registered_is_listed_with_its_use(operator: Operator, tmp_path: Path) -> None:
    operator.done(*SHOP)
    database = next(tmp_path.rglob("*.db"))
    stranger = ClientId("stranger")

    async def fill() -> None:
        storage = await SqliteStorage.open(str(database))
        client = replace(CLIENT, client_id=stranger, registration=REGISTRATION)
        changes = (RegisterClient(client, later(400), 9), KeepRegistration(stranger, later(900), later(1)))
        assert await storage.stores(DEFAULT_TENANT).commit(changes)
        await storage.close()

    asyncio.run(fill())
    shown = operator.done("client", "show", "stranger")["registration"]
    assert (shown["token_id"], shown["last_used_at"], shown["kept_until"]) == ("token", later(1), later(900))
    assert operator.done("client", "show", "shop")["registration"] is None
    table = operator.bare("client", "list", "--config", str(operator.config)).stdout
    assert "LAST USED AT" in table
    assert table.count("\n") == 3
