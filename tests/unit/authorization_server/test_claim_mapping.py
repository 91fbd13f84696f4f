"""Claims by a table: what each source tells, what is left out, and which names nobody may take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.house import NOW, clients, end_users
from valetkey.authorization_server.claim_mapping import ClaimFacts, mapped_claims, octets_of, wants_end_user
from valetkey.authorization_server.claim_rule import (
    OPEN_SOURCES,
    RESERVED,
    SOURCES,
    ClaimRule,
    is_claim_name,
    is_source,
)
from valetkey.authorization_server.model import Authentication, Authorization, Generations, Resource
from valetkey.authorization_server.registration import resource_faults
from valetkey.oauth.types import AuthorizationId, NumericDate, Scope, SessionId, Subject

RESOURCE = Resource("https://api.example", "API", {"a.read": "Read"})
END_USER = replace(
    end_users()["alice"],
    name="Ada",
    email="ada@example.com",
    email_verified=True,
    roles=frozenset({"editor", "admin"}),
    claims={"department": "Books", "groups": ["a", "b"], "nothing": [], "blank": ""},
)
CLIENT = replace(clients()["web"], attributes={"tier": "gold"})
AUTHORIZATION = Authorization(
    AuthorizationId("a"), CLIENT.client_id, Subject(END_USER.subject), Scope.parse("openid"), (),
    Authentication(NumericDate(NOW - 5), "urn:acr", ("pwd", "otp")), Generations(), NOW, NOW, SessionId("s"),
    bound_to_session=True,
)  # fmt: skip
FACTS = ClaimFacts(CLIENT, END_USER, AUTHORIZATION)
TOLD = {
    "user.username": END_USER.username,
    "user.name": "Ada",
    "user.email": "ada@example.com",
    "user.email_verified": True,
    "user.roles": ["admin", "editor"],
    "user.claims.department": "Books",
    "user.claims.groups": ["a", "b"],
    "client.name": CLIENT.name,
    "client.attributes.tier": "gold",
    "session.sid": "s",
    "session.auth_time": NOW - 5,
    "session.acr": "urn:acr",
    "session.amr": ["pwd", "otp"],
}


def told(*rules: ClaimRule, scope: str = "a.read", facts: ClaimFacts = FACTS) -> dict[str, object]:
    return mapped_claims([replace(RESOURCE, claims=rules)], Scope.parse(scope), facts)


@pytest.mark.parametrize("source", sorted(TOLD))
def test_each_source_tells_its_attribute_in_its_wire_type(source: str) -> None:
    assert told(ClaimRule("c", source)) == {"c": TOLD[source]}


def test_every_source_is_tried_above() -> None:
    assert {source for source in TOLD if not source.startswith(OPEN_SOURCES)} == SOURCES


@pytest.mark.parametrize("source", ["user.claims.missing", "user.claims.nothing", "user.claims.blank"])
def test_what_is_unknown_or_empty_is_left_out(source: str) -> None:
    assert told(ClaimRule("c", source), ClaimRule("d", "client.attributes.none")) == {}


def test_of_a_client_that_acts_for_itself_only_its_own_attributes_are_told() -> None:
    rules = [ClaimRule(f"c{number}", source) for number, source in enumerate(sorted(TOLD))]

    claims = told(*rules, facts=ClaimFacts(CLIENT, None, None))

    assert set(claims.values()) == {CLIENT.name, "gold"}


def test_whether_an_address_is_verified_is_told_only_of_an_address() -> None:
    nobody = replace(END_USER, email=None, email_verified=False)

    assert told(ClaimRule("v", "user.email_verified"), facts=replace(FACTS, end_user=nobody)) == {}
    unverified = replace(END_USER, email_verified=False)
    assert told(ClaimRule("v", "user.email_verified"), facts=replace(FACTS, end_user=unverified)) == {"v": False}


def test_a_rule_with_a_scope_tells_its_claim_only_in_a_token_with_that_scope() -> None:
    rule = ClaimRule.parse("email", "user.email for email")

    assert told(rule, scope="a.read") == {}
    assert told(rule, scope="a.read email") == {"email": "ada@example.com"}


def test_where_two_resources_want_one_claim_the_first_ones_rule_holds() -> None:
    first = replace(RESOURCE, claims=(ClaimRule("who", "user.username"),))
    second = replace(RESOURCE, identifier="https://b", claims=(ClaimRule("who", "user.email"),))

    assert mapped_claims([first, second], Scope(), FACTS) == {"who": END_USER.username}


def test_the_end_user_is_wanted_only_where_a_rule_reads_them() -> None:
    assert not wants_end_user([replace(RESOURCE, claims=(ClaimRule("c", "client.name"),))])
    assert wants_end_user([replace(RESOURCE, claims=(ClaimRule("c", "user.roles"),))])


def test_the_size_is_that_of_the_json() -> None:
    assert octets_of({}) == 0
    assert octets_of({"a": "b"}) == len('{"a":"b"}')


@pytest.mark.parametrize(
    "text", ["", "user", "user.password_hash", "user.claims.", "env.HOME", "user.claims.a b", "x"]
)
def test_a_source_that_there_is_not_is_refused(text: str) -> None:
    assert not is_source(text)
    with pytest.raises(ValueError, match="expected a source such as"):
        ClaimRule.parse("c", text)


@pytest.mark.parametrize("text", ["user.email for ", "user.email for a b", "user.email  for x"])
def test_a_condition_that_names_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="for SCOPE"):
        ClaimRule.parse("c", text)


def test_a_rule_is_written_as_it_is_read() -> None:
    for text in ("user.email", "user.email for profile", "user.claims.department"):
        assert str(ClaimRule.parse("c", text)) == text


@pytest.mark.parametrize("claim", sorted(RESERVED))
def test_no_rule_states_what_only_the_server_states(claim: str) -> None:
    assert not is_claim_name(claim)
    faults = resource_faults(replace(RESOURCE, claims=(ClaimRule(claim, "user.username"),)))
    assert [fault.field for fault in faults] == ["claims"]


@pytest.mark.parametrize("claim", ["roles", "groups", "entitlements", "https://example.com/tier"])
def test_claims_of_a_registry_and_of_ones_own_are_free(claim: str) -> None:
    assert resource_faults(replace(RESOURCE, claims=(ClaimRule(claim, "user.roles"),))) == ()


def test_a_rule_for_a_scope_that_nobody_defines_and_too_many_rules_are_faults() -> None:
    unknown = replace(RESOURCE, claims=(ClaimRule("c", "user.email", "a.fly"),))
    many = replace(RESOURCE, claims=tuple(ClaimRule(f"c{number}", "user.email") for number in range(21)))

    assert [fault.field for fault in resource_faults(unknown)] == ["claims"]
    assert [fault.field for fault in resource_faults(many)] == ["claims"]
