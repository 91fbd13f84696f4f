"""A client acts for itself: facts in, decision out."""

from dataclasses import replace

import pytest

from support.decisions import refused
from support.house import API, NOW, OTHER_API, clients, resources
from valetkey.authorization_server.decision import ClientIssue
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.client_credentials import (
    ClientCredentialsGrant,
    ClientFacts,
    ClientsOwnRequest,
)
from valetkey.authorization_server.model import Generations
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID, Policy
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import Scope

GRANT = ClientCredentialsGrant()
FRESH = Fresh(NOW, b"s" * 64)
MACHINE = clients()["machine"]
GENERATIONS = Generations(1, 2, 3, 0)
FACTS = ClientFacts(GENERATIONS, resources())


def test_a_client_gets_what_it_may_have_at_its_first_resource() -> None:
    decision = GRANT.decide(ClientsOwnRequest(None, ()), FACTS, MACHINE, OAUTH_2_1, FRESH)
    assert decision == ClientIssue(Scope.parse("albums.read"), (API,), GENERATIONS)


def test_a_client_may_name_scope_and_resource() -> None:
    asked = GRANT.parse(parse_form(b"scope=orders.read&resource=https%3A%2F%2Fapi.example%2Forders"))
    decision = GRANT.decide(asked, FACTS, MACHINE, OAUTH_2_1, FRESH)
    assert decision == ClientIssue(Scope.parse("orders.read"), (OTHER_API,), GENERATIONS)


# covers: GRA-01
@pytest.mark.requirement("RFC6749-4.4/public")
def test_a_public_client_cannot_act_for_itself() -> None:
    decision = GRANT.decide(ClientsOwnRequest(None, ()), FACTS, clients()["spa"], OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.UNAUTHORIZED_CLIENT, "RFC6749-4.4/public")


# covers: GRA-01
@pytest.mark.requirement("RFC6749-4.4.3/end-user")
@pytest.mark.parametrize("policy", [OAUTH_2_1, OPENID], ids=["oauth", "openid"])
@pytest.mark.parametrize("scope", ["openid", "offline_access", "albums.read openid"])
def test_a_client_has_no_end_user_to_ask_about(policy: Policy, scope: str) -> None:
    client = replace(MACHINE, scope=Scope.parse("openid offline_access albums.read"))
    decision = GRANT.decide(ClientsOwnRequest(Scope.parse(scope), ()), FACTS, client, policy, FRESH)
    refused(decision, ErrorCode.INVALID_SCOPE, "RFC6749-4.4.3/end-user")


def test_scopes_of_end_users_are_never_given_by_default() -> None:
    client = replace(MACHINE, scope=Scope.parse("openid profile email albums.read"))
    decision = GRANT.decide(ClientsOwnRequest(None, ()), FACTS, client, OAUTH_2_1, FRESH)
    assert decision == ClientIssue(Scope.parse("albums.read"), (API,), GENERATIONS)


@pytest.mark.requirement("RFC6749-3.3")
def test_a_scope_beyond_the_registered_ones_is_refused() -> None:
    asked = ClientsOwnRequest(Scope.parse("albums.write"), ())
    refused(GRANT.decide(asked, FACTS, MACHINE, OAUTH_2_1, FRESH), ErrorCode.INVALID_SCOPE, "RFC6749-3.3")
