"""What an operator does with API keys at the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.operator import Operator

API = "https://api.example.com"
WHOSE = "say whose key it is: --client CLIENT_ID or --user USERNAME, one of both"
BILLING = (
    "client", "add", "billing", "--grant-type", "client_credentials", "--scope", "orders:read orders:write",
    "--resource", API,
)  # fmt: skip


@pytest.fixture
def keeper(operator: Operator) -> Operator:
    """An operator with a client, an end-user and an API with two scopes."""
    operator.done(
        "resource", "add", API, "--scope", "orders:read=See orders", "--scope", "orders:write=Place orders"
    )
    operator.done(*BILLING)
    operator.done("user", "add", "alice", "--no-password")
    return operator


def added(keeper: Operator, *further: str, owner: tuple[str, str] = ("--client", "billing")) -> Any:
    arguments = ("apikey", "add", "nightly export", *owner, "--resource", API, "--scope", "orders:read")
    return keeper.done(*arguments, *further)


def test_a_key_is_added_listed_shown_rotated_changed_and_revoked(keeper: Operator) -> None:
    first = added(keeper, "--limit", "100/1m", "--expires-in", "3600")
    key_id, secret = first["key_id"], first["api_key"]
    assert re.fullmatch(r"vk_ak_[A-Za-z0-9_-]{43}", secret)
    assert (first["owner"], first["limit"], first["status"]) == ("billing", "100/1m", "active")
    assert first["expires_at"] == first["created_at"] + 3600

    rotated = keeper.done("apikey", "rotate", key_id, "--keep-for", "60")
    assert rotated["api_key"] != secret
    assert len(rotated["secrets"]) == 2
    changed = keeper.done("apikey", "change", key_id, "--limit", "", "--no-end", "--name", "export")
    assert (changed["limit"], changed["expires_at"], changed["name"]) == (None, None, "export")
    assert keeper.done("apikey", "show", key_id) == changed
    assert keeper.done("apikey", "list") == [changed]
    revoked = keeper.done("apikey", "revoke", key_id)
    assert revoked["status"] == "revoked"
    assert keeper.done("apikey", "revoke", key_id) == revoked
    assert not any(text in str((changed, revoked)) for text in (secret, rotated["api_key"]))


def test_a_person_is_told_the_secret_once_and_sees_its_beginning_in_the_list(keeper: Operator) -> None:
    told = keeper.run("apikey", "add", "of alice", "--user", "alice", "--resource", API)
    assert told.exit_code == 0, told.output
    (secret,) = re.findall(r"api_key: (\S+)", told.stdout)
    assert "It is shown this once and kept only as a digest: store it now." in told.stderr

    listed = keeper.run("apikey", "list", "--user", "alice").stdout
    assert f"{secret[:12]}..." in listed
    assert secret not in listed
    assert "of alice" in listed
    assert "There are no API keys." in keeper.run("apikey", "list", "--client", "billing").stdout
    (one,) = keeper.done("apikey", "list", "--user", "alice")
    shown = keeper.run("apikey", "show", one["key_id"]).stdout
    assert secret[:12] in shown
    for arguments, line in (
        (("rotate", one["key_id"], "--keep-for", "0"), f"API key {one['key_id']} has a new secret"),
        (("change", one["key_id"], "--name", "other"), f"API key {one['key_id']} was changed"),
        (("revoke", one["key_id"]), f"API key {one['key_id']} is revoked"),
    ):
        assert line in keeper.run("apikey", *arguments).stdout


def test_a_list_has_every_key_however_many_there_are(keeper: Operator) -> None:
    names = [added(keeper, "--expires-in", str(60 + number))["expires_at"] for number in range(3)]

    assert sorted(one["expires_at"] for one in keeper.done("apikey", "list")) == sorted(names)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("add", "x", "--resource", API),
            WHOSE,
        ),
        (
            ("add", "x", "--client", "billing", "--user", "alice", "--resource", API),
            WHOSE,
        ),
        (("add", "x", "--client", "nobody", "--resource", API), "there is no client nobody in tenant default"),
        (("add", "x", "--user", "nobody", "--resource", API), "there is no user nobody in tenant default"),
        (("add", "x", "--client", "billing"), "resources: name the resource server that the key is for"),
        (
            ("add", "x", "--client", "billing", "--resource", API, "--scope", "orders:delete"),
            "scope: the resource servers of the key define orders:read orders:write, not orders:delete",
        ),
        (("add", "x", "--client", "billing", "--resource", API, "--limit", "often"), "limit: expected a number"),
        (("show", "ak_nothing"), "there is no API key ak_nothing in tenant default: see `valetkey apikey list`"),
        (("rotate", "ak_nothing"), "there is no API key ak_nothing"),
        (("revoke", "ak_nothing"), "there is no API key ak_nothing"),
        (("change", "ak_nothing"), "there is no API key ak_nothing"),
        (("list", "--client", "nobody"), "there is no client nobody in tenant default: see `valetkey client list`"),
    ],
    ids=str,
)
def test_an_act_that_cannot_be_done_says_what_to_do(
    keeper: Operator, arguments: tuple[str, ...], line: str
) -> None:
    assert keeper.refused("apikey", *arguments).startswith(f"valetkey: {line}")


def test_an_end_and_no_end_contradict_each_other(keeper: Operator) -> None:
    key_id = added(keeper)["key_id"]

    refused = keeper.refused("apikey", "change", key_id, "--no-end", "--expires-in", "5")

    assert refused == "valetkey: say --expires-in or --no-end, not both"


def test_the_keys_of_a_disabled_client_are_dead_and_none_are_added(keeper: Operator) -> None:
    key_id = added(keeper)["key_id"]
    keeper.done("client", "change", "billing", "--disable")

    assert keeper.done("apikey", "show", key_id)["status"] == "superseded"
    assert "its owner was disabled" in keeper.refused("apikey", "rotate", key_id)
    refused = keeper.refused("apikey", "add", "x", "--client", "billing", "--resource", API)
    assert refused == "valetkey: owner: client billing is disabled"


# covers: ADM-09
def test_the_audit_trail_names_the_operator_and_the_key(keeper: Operator) -> None:
    key_id = added(keeper)["key_id"]
    keeper.done("apikey", "change", key_id, "--limit", "5/s")

    records = keeper.done("audit", "--event", "api_key")

    assert {one["event"] for one in records} == {"api_key.added", "api_key.changed"}
    assert {(one["name"], one["actor_kind"]) for one in records} == {(key_id, "operator")}


def test_a_gateway_of_keys_needs_no_rule_and_has_to_prove_who_it_is(keeper: Operator) -> None:
    grant = ("--grant-type", "urn:ietf:params:oauth:grant-type:token-exchange", "--scope", "")

    assert keeper.done("client", "add", "gateway", *grant)["token_exchange"] == []

    refused = keeper.refused("client", "add", "anybody", *grant, "--authentication-method", "none")
    assert refused == "valetkey: token_exchange: only a client that authenticates may exchange tokens"
