"""The types of the standard claims, and the faults of an end-user whose claims have others."""

from dataclasses import replace

import pytest

from support.house import end_users
from valetkey.authorization_server.registration import end_user_faults
from valetkey.authorization_server.rights import END_USER_SCOPES, OFFLINE_ACCESS, OPENID
from valetkey.authorization_server.standard_claims import STANDARD_CLAIMS, value_fault

ALICE = end_users()["alice"]


@pytest.mark.requirement("OIDCC-5.4/scopes")
def test_every_scope_of_openid_connect_opens_claims() -> None:
    assert {row.scope for row in STANDARD_CLAIMS.values()} == END_USER_SCOPES - {OPENID, OFFLINE_ACCESS}
    of_profile = [name for name, row in STANDARD_CLAIMS.items() if row.scope == "profile"]
    assert of_profile == [
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ]  # fmt: skip


@pytest.mark.requirement("OIDCC-5.1/types")
@pytest.mark.requirement("OIDCC-5.1/phone")
@pytest.mark.parametrize(
    ("name", "sound", "unsound"),
    [
        ("given_name", ["Ada", "Ада"], ["", "  ", 1, None, True, ["Ada"], "x" * 2_001]),
        (
            "birthdate",
            ["1815-12-10", "0000-02-29", "2024-02-29", "1815"],
            ["10.12.1815", "1815-12", "1815-13-01", "1815-00-10", "1815-12-32", "2023-02-29", "1815-04-31", "0000",
             "1815-12-10T00:00", 1815, "1815-1-1", ""],
        ),
        ("zoneinfo", ["Europe/Paris", "America/Argentina/Ushuaia", "UTC"], ["", "Paris!", "a/b/c/d", 1]),
        ("locale", ["en", "en-GB", "en_US", "zh-Hant-TW"], ["", "english language", "e-", 1]),
        (
            "phone_number",
            ["+1 (425) 555-1212", "+56 (2) 687 2400", "+41445551212", "+1 (604) 555-1234;ext=5678"],
            ["", "044 555 12 12", "+1", "+" + "1" * 16, "+1 604 x", 41445551212],
        ),
        ("phone_number_verified", [True, False], ["true", 1, None]),
        ("picture", ["https://img.example/a.png"], ["a.png", "javascript:x", "https://", "https://a b", 1]),
        ("website", ["http://ada.example/"], ["ada.example", ""]),
        (
            "address",
            [{"country": "CH"}, {"formatted": "1 Main St\nBern"}],
            [{}, "Bern", {"country": ""}, {"country": 1}, {"planet": "Earth"}, ["CH"]],
        ),
    ],
)  # fmt: skip
def test_a_claim_has_the_type_of_its_row(name: str, sound: list[object], unsound: list[object]) -> None:
    for value in sound:
        assert value_fault(name, value) is None, value
        assert (
            end_user_faults(
                replace(ALICE, claims={name: value, "phone_number": "+41 44 555 12 12"} | {name: value})
            )
            == ()
        )
    for value in unsound:
        assert value_fault(name, value) is not None, value
        faults = end_user_faults(replace(ALICE, claims={"phone_number": "+41 44 555 12 12"} | {name: value}))
        assert [fault.field for fault in faults] == ["claims"], value
        assert name in faults[0].message


@pytest.mark.requirement("OIDCC-5.1/email")
@pytest.mark.parametrize(
    "email", ["ada", "ada@", "@example.com", "a b@example.com", "a@b@c", "ada@example.com\n", ""]
)
def test_an_email_is_an_address(email: str) -> None:
    assert [fault.field for fault in end_user_faults(replace(ALICE, email=email, claims={}))] == ["email"]
    assert end_user_faults(replace(ALICE, email="ada.l+x@example.com", claims={})) == ()


def test_what_people_read_may_stand_there_in_several_languages_and_nothing_else() -> None:
    assert end_user_faults(replace(ALICE, claims={"name#de": "Adelheid", "given_name#ja-Kana-JP": "エイダ"})) == ()
    for name in ("birthdate#de", "email#de", "phone_number#de"):
        (fault,) = end_user_faults(replace(ALICE, claims={name: "1815"}))
        assert "same in every language" in fault.message


def test_nothing_is_verified_that_is_not_there() -> None:
    (fault,) = end_user_faults(replace(ALICE, claims={"phone_number_verified": True}))
    assert "no phone_number" in fault.message


def test_what_an_operator_keeps_besides_is_of_any_type() -> None:
    assert end_user_faults(replace(ALICE, claims={"department": ["Books"], "employee": 7})) == ()
