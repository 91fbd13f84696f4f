"""THE TABLE of OpenID Connect client metadata: each row reads its values, and every way in has each row."""

from collections.abc import Mapping
from dataclasses import fields

import msgspec
import pytest

from valetkey.authorization_server.openid_client import (
    OpenIdMetadata,
    SubjectType,
    members_of,
    openid_metadata,
    with_members,
)
from valetkey.cli.client import client
from valetkey.oauth.client_members import CLIENT_MEMBERS, PAGES, Member
from valetkey.settings.declared_table import CLIENTS

WRONG: Mapping[str, tuple[object, ...]] = {
    "subject_type": (None, "", "x", 1, ["public"], True),
    "request_uris": (None, "https://a.example/", [""], [1], ["x"] * 21, ["x" * 2_001], {}),
    "default_max_age": (None, -1, 1.0, "1", True, 10**12, [1]),
    "require_auth_time": (None, 1, 0, "true", []),
    "initiate_login_uri": ("", "x" * 2_001, "a\nb", 1, ["https://a.example/"]),
    "default_acr_values": ("a", ["a\u202eb"], ["x" * 201]),
}
ROWS = {member.name: member for member in CLIENT_MEMBERS}


def example(member: Member) -> object:
    return msgspec.json.decode(member.example)


def test_every_field_that_is_stored_has_a_row_and_every_row_is_stored() -> None:
    stored = {field.name for field in fields(OpenIdMetadata)} - {"pages"}
    assert stored | set(PAGES) == set(ROWS)
    assert len(ROWS) == len(CLIENT_MEMBERS)


def test_every_row_is_a_setting_and_an_option() -> None:
    assert set(ROWS) <= set(CLIENTS.names)
    for command in ("add", "change"):
        found = {option.name for option in client.commands[command].params}
        assert set(ROWS) <= found


@pytest.mark.parametrize("member", CLIENT_MEMBERS, ids=lambda member: member.name)
def test_the_example_of_a_row_is_kept_and_told_as_it_was_said(member: Member) -> None:
    kept = openid_metadata({member.name: member.read(example(member))})
    assert members_of(kept) == {member.name: example(member)}
    assert with_members(kept, {member.name: None}) == OpenIdMetadata()


def test_a_value_that_is_the_default_is_not_told_twice() -> None:
    assert members_of(openid_metadata({"subject_type": "public", "require_auth_time": False})) == {}
    assert openid_metadata({"subject_type": "pairwise"}).subject_type is SubjectType.PAIRWISE


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values],
    ids=lambda value: str(value)[:40],
)
def test_anything_else_is_refused_in_words(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"^(one of|a |true)"):
        ROWS[name].read(value)


def test_a_list_is_kept_once_in_its_order() -> None:
    assert ROWS["default_acr_values"].read(["b", "a", "b"]) == ("b", "a")
    assert ROWS["default_acr_values"].read([]) == ()
