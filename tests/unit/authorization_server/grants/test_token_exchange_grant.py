"""What a client gets for a token of another one: facts in, decision out."""

from dataclasses import replace

import pytest

from support.decisions import refused
from support.exchanging import SCOPE, gateway
from support.house import API, ISSUER, NOW, OTHER_API, resources
from valetkey.authorization_server.decision import ExchangeIssue
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.token_exchange import (
    Exchange,
    ExchangeFacts,
    LivingToken,
    PresentedToken,
    TokenExchangeGrant,
)
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    Generations,
    StoredAuthorization,
)
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.authorization_server.rights import Rights
from valetkey.oauth.access_token import AccessToken, access_token_from_claims
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.token_exchange import TokenType
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    OpaqueToken,
    Scope,
    Subject,
)

GRANT = TokenExchangeGrant()
FRESH = Fresh(NOW, b"s" * 64)
PRESENTED = PresentedToken(OpaqueToken.presented("subject"), TokenType.ACCESS_TOKEN)
ASKED = Exchange(PRESENTED, None, Rights(Scope(), ()), TokenType.ACCESS_TOKEN)
STORED = StoredAuthorization(
    Authorization(
        AuthorizationId("authorization-1"),
        ClientId("web"),
        Subject("sub-alice"),
        SCOPE,
        (API, OTHER_API),
        Authentication(NOW, "", ()),
        Generations(1, 2, 3, 4),
        NOW,
        NumericDate(NOW + 1000),
        sid=None,
        bound_to_session=False,
    ),
    Generations(1, 2, 3, 4),
)


def _token(**changes: object) -> AccessToken:
    claims: dict[str, object] = {
        "iss": ISSUER.url,
        "sub": "sub-alice",
        "client_id": "web",
        "aud": API,
        "scope": "albums.read",
        "iat": NOW,
        "exp": NOW + 100,
        "jti": "token-1",
        "gen": [1, 2, 3, 4],
        "authorization_id": "authorization-1",
    }
    return access_token_from_claims(claims | changes)


FACTS = ExchangeFacts(LivingToken(_token(), STORED), None, Generations(1, 2, 9, 0), resources())


def test_the_new_token_is_stamped_with_the_counters_of_both_clients() -> None:
    decision = GRANT.decide(ASKED, FACTS, gateway(), OAUTH_2_1, FRESH)
    assert decision == ExchangeIssue(
        STORED,
        Scope.parse("albums.read"),
        (API,),
        Generations(1, 2, 9, 4),
        {
            "act": {"sub": "gateway", "client_id": "gateway"},
            "exchanged_from": [{"client_id": "web", "gen": 3}],
        },
        NumericDate(NOW + 100),
        TokenType.ACCESS_TOKEN,
    )


def test_a_further_exchange_adds_the_client_between() -> None:
    between = _token(client_id="gateway", gen=[1, 2, 9, 4], exchanged_from=[{"client_id": "web", "gen": 3}])
    facts = replace(FACTS, subject=LivingToken(between, STORED))
    decision = GRANT.decide(ASKED, facts, gateway("second", "gateway"), OAUTH_2_1, FRESH)
    assert isinstance(decision, ExchangeIssue)
    assert decision.claims["exchanged_from"] == [
        {"client_id": "web", "gen": 3},
        {"client_id": "gateway", "gen": 9},
    ]


def test_the_last_second_of_a_token_is_not_exchanged() -> None:
    facts = replace(FACTS, subject=LivingToken(_token(exp=NOW), STORED))
    decision = GRANT.decide(ASKED, facts, gateway(), OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_REQUEST, "RFC8693-2.2.2/invalid-token")


def test_a_resource_that_was_removed_since_is_no_target() -> None:
    facts = replace(FACTS, catalogue=())
    decision = GRANT.decide(ASKED, facts, gateway(), OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_TARGET, "RFC8693-2.2.2/target")


def test_a_scope_that_left_the_resource_is_not_given() -> None:
    facts = replace(FACTS, catalogue=[replace(one, scopes={}) for one in resources()])
    decision = GRANT.decide(ASKED, facts, gateway(), OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_SCOPE, "RFC8693-2.1/scope")


@pytest.mark.parametrize("form", [b"", b"requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"])
def test_an_access_token_is_asked_for_by_default(form: bytes) -> None:
    kind = b"urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
    asked = GRANT.parse(parse_form(b"subject_token=t&subject_token_type=" + kind + b"&" + form))
    assert asked.requested is (TokenType.JWT if form else TokenType.ACCESS_TOKEN)
    assert asked.rights == Rights(Scope(), ())
    assert isinstance(asked, Exchange)
    assert "t" not in repr(asked.subject.token).removeprefix("<OpaqueToken>")
