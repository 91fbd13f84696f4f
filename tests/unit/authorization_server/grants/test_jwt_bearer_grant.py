"""What an assertion of a trusted issuer buys: verified facts in, decision out."""

from dataclasses import replace

import pytest

from support.bearing import presenter, trusted
from support.decisions import issued, refused
from support.house import API, NOW, end_users, resources
from valetkey.authorization_server.decision import BurnJti, GrantAuthorization
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.jwt_bearer import BearerFacts, BearerRequest, JwtBearerGrant
from valetkey.authorization_server.model import Generations
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import NumericDate, Scope, SecretText, TokenDigest

GRANT = JwtBearerGrant()
FRESH = Fresh(NOW, b"s" * 64)
ASKED = BearerRequest(SecretText("a.b.c"), None, ())
JTI = BurnJti("assertion https://idp.example", TokenDigest(b"j" * 32), NumericDate(NOW + 60), NOW)
FACTS = BearerFacts({}, trusted(), JTI, False, end_users()["alice"], Generations(1, 2, 3, 4), resources())


@pytest.mark.requirement("RFC7523-3/jti")
def test_a_good_assertion_is_used_up_with_the_authorization_that_it_makes() -> None:
    decision = issued(GRANT.decide(ASKED, FACTS, presenter(), OAUTH_2_1, FRESH))
    authorization = decision.stored.authorization
    assert decision.changes == (JTI, GrantAuthorization(authorization, None))
    assert (authorization.subject, authorization.client_id) == ("sub-alice", "importer")
    assert (authorization.generations, authorization.sid) == (FACTS.generations, None)
    assert (decision.scope, decision.resources) == (Scope.parse("albums.read"), (API,))
    assert (decision.refresh_token, authorization.authentication.auth_time) == (None, 0)


@pytest.mark.requirement("RFC7523-3/jti")
def test_a_used_assertion_buys_nothing() -> None:
    decision = GRANT.decide(ASKED, replace(FACTS, was_used=True), presenter(), OAUTH_2_1, FRESH)
    assert refused(decision, ErrorCode.INVALID_GRANT, "RFC7523-3/jti").changes == ()


@pytest.mark.requirement("RFC7521-5.2/subject")
@pytest.mark.parametrize(
    "end_user", [None, replace(end_users()["alice"], disabled=True)], ids=["nobody", "disabled"]
)
def test_whoever_is_not_there_gets_nothing(end_user: object) -> None:
    facts = replace(FACTS, end_user=end_user)  # type: ignore[arg-type]
    decision = GRANT.decide(ASKED, facts, presenter(), OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_GRANT, "RFC7521-5.2/subject")


@pytest.mark.parametrize("scope", ["albums.write", "openid", "offline_access"])
def test_the_issuer_sells_no_more_than_the_operator_lets_it(scope: str) -> None:
    asked = replace(ASKED, scope=Scope.parse(scope))
    decision = GRANT.decide(asked, FACTS, presenter(), OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_SCOPE, "RFC6749-3.3")


def test_an_assertion_is_printed_nowhere() -> None:
    assert "a.b.c" not in repr(GRANT.parse(parse_form(b"assertion=a.b.c")))
