"""What an end-user's password buys under the profile LEGACY: facts in, decision out."""

from dataclasses import replace

import pytest

from support.decisions import issued, refused
from support.house import API, NOW, clients, end_users, resources
from valetkey.authorization_server.decision import AddRefreshToken, ForgiveAttempts, GrantAuthorization
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.password import PasswordFacts, PasswordGrant, PasswordRequest
from valetkey.authorization_server.model import Generations
from valetkey.authorization_server.policy import LEGACY
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import GrantType, Scope, SecretText

GRANT = PasswordGrant()
FRESH = Fresh(NOW, b"s" * 64)
OLD = replace(clients()["web"], grant_types=frozenset({GrantType("password"), GrantType("refresh_token")}))
ASKED = PasswordRequest("alice", SecretText("password"), Scope.parse("albums.read"), (API,))
FORGIVEN = ForgiveAttempts("login:account:alice")
FACTS = PasswordFacts(end_users()["alice"], Generations(1, 2, 3, 4), (FORGIVEN,), resources())


@pytest.mark.requirement("RFC6749-4.3.2/validate")
def test_a_right_password_makes_an_authorization_and_gives_the_attempts_back() -> None:
    decision = issued(GRANT.decide(ASKED, FACTS, OLD, LEGACY, FRESH))
    authorization = decision.stored.authorization
    assert (authorization.subject, authorization.sid, authorization.bound_to_session) == ("sub-alice", None, False)
    assert authorization.generations == FACTS.generations
    assert authorization.authentication.amr == ("pwd",)
    kinds = [type(change) for change in decision.changes]
    assert kinds == [GrantAuthorization, AddRefreshToken, ForgiveAttempts]
    assert decision.refresh_token is not None


def test_a_client_without_the_refresh_grant_gets_none() -> None:
    client = replace(OLD, grant_types=frozenset({GrantType("password")}))
    decision = issued(GRANT.decide(ASKED, FACTS, client, LEGACY, FRESH))
    assert decision.refresh_token is None
    assert decision.stored.authorization.expires_at == NOW + 900


@pytest.mark.requirement("RFC6749-4.3.2/validate")
def test_a_wrong_password_gives_nothing_back() -> None:
    refusal = refused(
        GRANT.decide(ASKED, replace(FACTS, end_user=None), OLD, LEGACY, FRESH),
        ErrorCode.INVALID_GRANT,
        "RFC6749-4.3.2/validate",
    )
    assert refusal.changes == ()


@pytest.mark.requirement("RFC6749-4.3.2/scope")
def test_openid_means_nothing_to_a_password() -> None:
    asked = replace(ASKED, scope=Scope.parse("openid albums.read"))
    decision = GRANT.decide(asked, FACTS, OLD, LEGACY, FRESH)
    refused(decision, ErrorCode.INVALID_SCOPE, "RFC6749-4.3.2/scope")


@pytest.mark.parametrize(
    ("form", "requirement"),
    [(b"password=p", "RFC6749-4.3.2/username"), (b"username=u", "RFC6749-4.3.2/password")],
)
def test_both_halves_are_required(form: bytes, requirement: str) -> None:
    with pytest.raises(OAuthError) as refusal:
        GRANT.parse(parse_form(form))
    assert refusal.value.requirement == requirement


def test_a_password_is_printed_nowhere() -> None:
    assert "hunter2" not in repr(GRANT.parse(parse_form(b"username=u&password=hunter2")))
