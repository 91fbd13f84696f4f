"""Which claims a client gets: those of the scope and those asked for one by one, in which types and languages."""

from dataclasses import replace

import pytest

from support.house import NOW, clients, end_users
from valetkey.authorization_server.claims import beyond_scope, releasable, user_claims
from valetkey.authorization_server.claims_request import ClaimsRequest, RequestedClaim
from valetkey.authorization_server.model import ManagedBy
from valetkey.oauth.types import Scope

ALICE = end_users()["alice"]
WEB = clients()["web"]
EVERY_SCOPE = Scope.parse("openid profile email address phone")
NOTHING = Scope.parse("openid")
ALICE_OF_1815 = replace(ALICE, claims={"birthdate": "1815-12-10", "gender": "female"})


def opened(scope: str) -> dict[str, object]:
    return user_claims(ALICE, Scope.parse(scope))


@pytest.mark.requirement("OIDCC-5.4/scopes")
def test_each_scope_opens_its_own_claims() -> None:
    assert opened("openid") == {}
    assert opened("openid email") == {"email": "alice@example.com", "email_verified": True}
    assert opened("openid profile") == {
        "name": "Alice Example",
        "given_name": "Alice",
        "preferred_username": "alice",
        "locale": "en",
        "updated_at": NOW,
    }


@pytest.mark.requirement("OIDCC-5.3.2/empty")
def test_a_claim_without_a_value_is_left_out() -> None:
    claims = {"nickname": "", "website": None, "address": {"country": "", "region": None}, "phone_number": ""}
    bob = replace(end_users()["bob"], claims={**claims, "gender": " ", "phone_number_verified": True})
    assert user_claims(bob, EVERY_SCOPE) == {"preferred_username": "bob", "updated_at": NOW}


@pytest.mark.requirement("OIDCC-5.1/types")
def test_wire_types_are_kept() -> None:
    claims = {
        "address": {"country": "CH", "region": ""},
        "phone_number": "+41445551212",
        "phone_number_verified": False,
    }
    told = user_claims(replace(ALICE, claims=claims), EVERY_SCOPE)
    assert (told["address"], told["phone_number_verified"]) == ({"country": "CH"}, False)
    assert told["email_verified"] is True
    assert type(told["updated_at"]) is int


@pytest.mark.requirement("OIDCC-5.1/types")
def test_what_was_stored_with_another_type_is_left_out() -> None:
    wrong = {
        "birthdate": "10.12.1815",
        "email_verified": "yes",
        "picture": "me.png",
        "updated_at": "today",
        "locale": 1,
    }
    told = user_claims(replace(ALICE, claims=wrong), EVERY_SCOPE)
    assert not {"birthdate", "picture", "locale"} & told.keys()
    assert (told["email_verified"], told["updated_at"]) == (True, NOW)


def test_nothing_but_the_standard_claims_is_told_by_scope() -> None:
    alice = replace(ALICE, claims={"password_hash": "x", "roles": ["admin"], "sub": "sub-bob"})
    assert user_claims(alice, EVERY_SCOPE).keys() == {
        "name", "preferred_username", "updated_at", "email", "email_verified",
    }  # fmt: skip


def test_a_claim_is_told_that_was_asked_for_alone() -> None:
    told = user_claims(ALICE_OF_1815, NOTHING, [RequestedClaim("birthdate")])
    assert told == {"birthdate": "1815-12-10"}


@pytest.mark.requirement("OIDCC-5.5.1/value")
def test_a_claim_with_another_value_than_the_one_asked_for_is_left_out() -> None:
    of_alice = RequestedClaim("email", values=("alice@example.com", "a@example.com"))
    of_bob = RequestedClaim("email", is_essential=True, values=("bob@example.com",))
    assert user_claims(ALICE, NOTHING, [of_alice]) == {"email": "alice@example.com"}
    assert user_claims(ALICE, NOTHING, [of_bob]) == {}
    assert user_claims(ALICE, Scope.parse("openid email"), [of_bob]) == {"email_verified": True}


@pytest.mark.parametrize(
    "name",
    ["sub", "iss", "aud", "exp", "nonce", "acr", "auth_time", "sid", "at_hash", "_claim_sources", "cnf", "scope"],
)
def test_what_only_the_server_says_is_never_taken_from_an_end_users_claims(name: str) -> None:
    alice = replace(ALICE, claims={name: "mine", f"{name}#de": "mine"})
    assert user_claims(alice, EVERY_SCOPE, [RequestedClaim(name), RequestedClaim(f"{name}#de")]).get(name) is None
    assert releasable(ClaimsRequest.parse(f'{{"userinfo": {{"{name}": null}}}}'), WEB, alice) == ClaimsRequest()


@pytest.mark.requirement("OIDCC-5.2/one-language")
@pytest.mark.requirement("OIDCC-5.2/case")
@pytest.mark.requirement("OIDCC-5.2/match")
@pytest.mark.parametrize(
    ("locales", "expected"),
    [
        ((), "Alice"), (("de",), "Alice (de)"), (("DE",), "Alice (de)"), (("fr", "de"), "Alice (de)"),
        (("de-AT",), "Alice (de)"), (("ja",), "Alice (ja-Kana)"), (("fr",), "Alice"),
        (("ja-Kana-JP",), "Alice (ja-Kana)"),
    ],
)  # fmt: skip
def test_a_claim_comes_in_the_best_language_that_there_is(locales: tuple[str, ...], expected: str) -> None:
    claims = {"given_name": "Alice", "given_name#de": "Alice (de)", "given_name#ja-Kana": "Alice (ja-Kana)"}
    told = user_claims(replace(ALICE, claims=claims), Scope.parse("openid profile"), locales=locales)
    assert told["given_name"] == expected
    assert not [name for name in told if "#" in name]


@pytest.mark.requirement("OIDCC-5.5.2/tagged")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("website#de", {"website#de": "https://ada.example/de"}),
        ("website#DE", {"website#DE": "https://ada.example/de"}),
        ("website#fr", {"website#fr-CH": "https://ada.example/fr"}),
        ("website#de-CH", {"website#de": "https://ada.example/de"}),
        ("website#it", {}),
        ("website", {"website": "https://ada.example/"}),
    ],
)
def test_a_claim_in_another_language_than_asked_for_says_in_which(asked: str, expected: dict[str, object]) -> None:
    claims = {
        "website": "https://ada.example/",
        "website#de": "https://ada.example/de",
        "website#fr-CH": "https://ada.example/fr",
    }
    assert user_claims(replace(ALICE, claims=claims), NOTHING, [RequestedClaim(asked)]) == expected


def releases(names: str, *, scope: str, **of_client: object) -> frozenset[str]:
    alice = replace(ALICE, claims={"department": "Books", "name#de": "Adelheid"})
    asked = ClaimsRequest(tuple(RequestedClaim(name) for name in names.split()))
    client = replace(WEB, scope=Scope.parse(scope), **of_client)  # type: ignore[arg-type]  # a test names fields
    return releasable(asked, client, alice).names


def test_a_client_gets_no_claim_alone_whose_scope_it_may_not_ask_for() -> None:
    asked = "name birthdate email phone_number address department team"
    assert releases(asked, scope="openid") == frozenset()
    assert releases(asked, scope="openid email") == {"email"}
    assert releases(asked, scope="openid profile phone") == {"name", "birthdate", "phone_number", "department"}


def test_what_an_operator_keeps_besides_is_not_for_strangers() -> None:
    stranger = {"managed_by": ManagedBy.DOCUMENT}
    assert releases("name department", scope="openid profile", **stranger) == {"name"}


@pytest.mark.parametrize(
    "name", ["password_hash", "password", "roles", "username", "subject", "disabled", "claims"]
)
def test_internals_are_no_claims(name: str) -> None:
    assert releases(name, scope="openid profile email") == frozenset()


def test_what_the_scope_opens_anyhow_is_not_beyond_it() -> None:
    asked = ClaimsRequest((RequestedClaim("email"), RequestedClaim("name#de")), (RequestedClaim("birthdate"),))
    assert beyond_scope(asked, Scope.parse("openid email")) == {"name", "birthdate"}
    assert beyond_scope(asked, EVERY_SCOPE) == frozenset()
