"""Which claims a scope opens, and in which types."""

from dataclasses import replace

import pytest

from support.house import NOW, end_users
from valetkey.authorization_server.claims import user_claims
from valetkey.oauth.types import Scope

ALICE = end_users()["alice"]


def opened(scope: str) -> dict[str, object]:
    return user_claims(ALICE, Scope.parse(scope))


@pytest.mark.requirement("OIDCC-5.3.2/subject")
def test_each_scope_opens_its_own_claims() -> None:
    assert opened("openid") == {"sub": "sub-alice"}
    assert opened("openid email") == {
        "sub": "sub-alice",
        "email": "alice@example.com",
        "email_verified": True,
    }
    assert opened("openid profile") == {
        "sub": "sub-alice",
        "name": "Alice Example",
        "given_name": "Alice",
        "preferred_username": "alice",
        "locale": "en",
        "updated_at": NOW,
    }


def test_a_claim_without_a_value_is_left_out() -> None:
    bob = replace(end_users()["bob"], claims={"nickname": "", "website": None, "address": {}, "phone_number": ""})
    claims = user_claims(bob, Scope.parse("openid profile email address phone"))
    assert claims == {"sub": "sub-bob", "preferred_username": "bob", "updated_at": NOW}


def test_wire_types_are_kept() -> None:
    alice = replace(ALICE, claims={"address": {"country": "CH"}, "phone_number_verified": False})
    claims = user_claims(alice, Scope.parse("openid address phone"))
    assert claims == {"sub": "sub-alice", "address": {"country": "CH"}, "phone_number_verified": False}


def test_nothing_but_the_standard_claims_is_ever_told() -> None:
    alice = replace(ALICE, claims={"password_hash": "x", "roles": ["admin"], "sub": "sub-bob"})
    claims = user_claims(alice, Scope.parse("openid profile email address phone"))
    assert claims["sub"] == "sub-alice"
    assert not {"password_hash", "roles"} & set(claims)
