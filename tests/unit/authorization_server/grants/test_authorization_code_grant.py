"""Code redemption: facts in, decision out."""

from dataclasses import replace

import pytest

from support.decisions import issued, refused
from support.house import API, NOW, OTHER_API, VERIFIER, clients, end_users, resources
from valetkey.authorization_server.decision import AddRefreshToken, RedeemCode, RevokeAuthorization, SpendCode
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.authorization_code import (
    AuthorizationCodeGrant,
    CodeFacts,
    CodeRedemption,
)
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    AuthorizationCode,
    Generations,
    StoredAuthorization,
    StoredCode,
)
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID, Policy
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.pkce import challenge_of
from valetkey.oauth.types import AuthorizationId, NumericDate, OpaqueToken, Scope

GRANT = AuthorizationCodeGrant()
FRESH = Fresh(NOW, b"s" * 64)
WEB = clients()["web"]
DIGEST = OpaqueToken.presented("vk_ac_1").digest()
AUTHORIZATION = Authorization(
    AuthorizationId("authorization-1"),
    WEB.client_id,
    end_users()["alice"].subject,
    Scope.parse("openid albums.read"),
    (API,),
    Authentication(NOW, "", ("pwd",)),
    Generations(1, 1, 1, 1),
    NOW,
    NumericDate(NOW + 1000),
    sid=None,
    bound_to_session=False,
)
CODE = AuthorizationCode(
    DIGEST,
    AUTHORIZATION.authorization_id,
    WEB.client_id,
    "https://web.example/callback",
    redirect_uri_was_sent=True,
    code_challenge=challenge_of(VERIFIER),
    created_at=NOW,
    expires_at=NumericDate(NOW + 60),
)
STORED = StoredAuthorization(AUTHORIZATION, Generations(1, 1, 1, 1))
FACTS = CodeFacts(StoredCode(CODE, STORED), resources())
ASKED = CodeRedemption(DIGEST, VERIFIER, CODE.redirect_uri, ())


def with_code(code: AuthorizationCode) -> CodeFacts:
    return replace(FACTS, found=StoredCode(code, STORED))


def with_authorization(stored: StoredAuthorization) -> CodeFacts:
    return replace(FACTS, found=StoredCode(CODE, stored))


def test_a_good_code_is_redeemed_for_the_whole_authorization() -> None:
    issue = issued(GRANT.decide(ASKED, FACTS, WEB, OAUTH_2_1, FRESH))
    assert (issue.scope, issue.resources) == (AUTHORIZATION.scope, AUTHORIZATION.resources)
    assert issue.id_token_nonce_applies
    assert issue.changes[0] == RedeemCode(DIGEST, NOW)
    assert issue.keep_reply_under is None


def test_the_first_refresh_token_comes_with_the_code() -> None:
    issue = issued(GRANT.decide(ASKED, FACTS, WEB, OAUTH_2_1, FRESH))
    assert issue.refresh_token is not None
    added = issue.changes[1]
    assert isinstance(added, AddRefreshToken)
    assert added.token.digest == issue.refresh_token.digest()
    assert issue.refresh_token.reveal().startswith("vk_rt_")


def test_a_refresh_token_never_outlives_its_authorization() -> None:
    added = issued(GRANT.decide(ASKED, FACTS, WEB, OAUTH_2_1, FRESH)).changes[1]
    assert isinstance(added, AddRefreshToken)
    assert added.token.expires_at == AUTHORIZATION.expires_at


def test_a_client_without_the_refresh_grant_gets_no_refresh_token() -> None:
    client = replace(WEB, grant_types=frozenset({GRANT.grant_type}))
    issue = issued(GRANT.decide(ASKED, FACTS, client, OAUTH_2_1, FRESH))
    assert issue.refresh_token is None
    assert issue.changes == (RedeemCode(DIGEST, NOW),)


def test_an_unknown_code_is_refused() -> None:
    decision = GRANT.decide(ASKED, replace(FACTS, found=None), WEB, OAUTH_2_1, FRESH)
    assert refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-5.2/other-client").changes == ()


# covers: COD-03
@pytest.mark.requirement("RFC6749-5.2/other-client")
def test_another_clients_code_is_refused_and_stays_good() -> None:
    decision = GRANT.decide(ASKED, FACTS, clients()["spa"], OAUTH_2_1, FRESH)
    assert refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-5.2/other-client").changes == ()


# covers: COD-01
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
def test_a_replayed_code_revokes_its_authorization() -> None:
    decision = GRANT.decide(ASKED, with_code(replace(CODE, redeemed_at=NOW)), WEB, OAUTH_2_1, FRESH)
    refusal = refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-4.1.2/single-use")
    assert refusal.changes == (RevokeAuthorization(CODE.authorization_id, NOW),)


def test_a_replay_after_the_code_expired_revokes_all_the_same() -> None:
    late = Fresh(NumericDate(NOW + 61), b"s" * 64)
    decision = GRANT.decide(ASKED, with_code(replace(CODE, redeemed_at=NOW)), WEB, OAUTH_2_1, late)
    assert refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-4.1.2/single-use").changes


def test_a_second_replay_has_nothing_left_to_revoke() -> None:
    dead = StoredAuthorization(replace(AUTHORIZATION, revoked_at=NOW), STORED.current)
    facts = replace(FACTS, found=StoredCode(replace(CODE, redeemed_at=NOW), dead))
    decision = GRANT.decide(ASKED, facts, WEB, OAUTH_2_1, FRESH)
    assert refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-4.1.2/single-use").changes == ()


@pytest.mark.requirement("RFC6749-4.1.2/lifetime")
@pytest.mark.parametrize(("second", "is_good"), [(59, True), (60, False), (3600, False)])
def test_a_code_is_good_until_its_last_second(second: int, *, is_good: bool) -> None:
    decision = GRANT.decide(ASKED, FACTS, WEB, OAUTH_2_1, Fresh(NumericDate(NOW + second), b"s" * 64))
    if is_good:
        issued(decision)
    else:
        refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-4.1.2/lifetime")


@pytest.mark.requirement("RFC6749-5.2/revoked")
@pytest.mark.parametrize(
    "stored",
    [
        StoredAuthorization(replace(AUTHORIZATION, revoked_at=NOW), STORED.current),
        StoredAuthorization(AUTHORIZATION, Generations(2, 1, 1, 1)),
        StoredAuthorization(AUTHORIZATION, Generations(1, 2, 1, 1)),
        StoredAuthorization(AUTHORIZATION, Generations(1, 1, 2, 1)),
        StoredAuthorization(AUTHORIZATION, Generations(1, 1, 1, 2)),
        StoredAuthorization(replace(AUTHORIZATION, expires_at=NOW), STORED.current),
    ],
)
def test_a_code_whose_authorization_is_dead_buys_nothing(stored: StoredAuthorization) -> None:
    decision = GRANT.decide(ASKED, with_authorization(stored), WEB, OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-5.2/revoked")


# covers: COD-05
@pytest.mark.requirement("RFC7636-4.6")
@pytest.mark.parametrize("verifier", ["w" * 43, "v" * 42, "v" * 44, "v" * 129, "v" * 42 + " ", "v" * 43 + "\n"])
def test_a_wrong_verifier_of_the_right_client_spends_the_code(verifier: str) -> None:
    decision = GRANT.decide(replace(ASKED, code_verifier=verifier), FACTS, WEB, OAUTH_2_1, FRESH)
    refusal = refused(decision, ErrorCode.INVALID_GRANT, "RFC7636-4.6")
    assert refusal.changes == (SpendCode(DIGEST, NOW),)


# covers: COD-05
@pytest.mark.requirement("RFC7636-4.6/absent")
def test_an_absent_verifier_is_an_invalid_grant() -> None:
    decision = GRANT.decide(replace(ASKED, code_verifier=None), FACTS, WEB, OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_GRANT, "RFC7636-4.6/absent")


# covers: COD-06
@pytest.mark.requirement("RFC9700-4.8.2/downgrade")
def test_a_verifier_without_a_challenge_shows_a_downgrade() -> None:
    decision = GRANT.decide(ASKED, with_code(replace(CODE, code_challenge=None)), WEB, OPENID, FRESH)
    refused(decision, ErrorCode.INVALID_GRANT, "RFC9700-4.8.2/downgrade")


def test_without_challenge_and_without_verifier_a_code_is_good() -> None:
    facts = with_code(replace(CODE, code_challenge=None))
    issued(GRANT.decide(replace(ASKED, code_verifier=None), facts, WEB, OPENID, FRESH))


# covers: COD-07
@pytest.mark.requirement("RFC6749-4.1.3/redirect-uri")
@pytest.mark.parametrize("policy", [OAUTH_2_1, OPENID], ids=["oauth", "openid"])
@pytest.mark.parametrize(
    "sent", ["https://web.example/callback/", "https://WEB.example/callback", "https://web.example/"]
)
def test_a_redirect_uri_that_is_sent_must_be_the_same(policy: Policy, sent: str) -> None:
    decision = GRANT.decide(replace(ASKED, redirect_uri=sent), FACTS, WEB, policy, FRESH)
    refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-4.1.3/redirect-uri")


# covers: COD-07
def test_oauth_2_1_clients_may_leave_the_redirect_uri_out() -> None:
    issued(GRANT.decide(replace(ASKED, redirect_uri=None), FACTS, WEB, OAUTH_2_1, FRESH))


# covers: COD-07
@pytest.mark.requirement("RFC6749-4.1.3/redirect-uri")
def test_the_openid_profile_wants_repeated_what_was_sent() -> None:
    decision = GRANT.decide(replace(ASKED, redirect_uri=None), FACTS, WEB, OPENID, FRESH)
    refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-4.1.3/redirect-uri")


# covers: COD-07
@pytest.mark.requirement("RFC6749-4.1.3/redirect-uri")
def test_a_redirect_uri_that_the_request_did_not_have_is_refused() -> None:
    facts = with_code(replace(CODE, redirect_uri_was_sent=False))
    decision = GRANT.decide(ASKED, facts, WEB, OAUTH_2_1, FRESH)
    refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-4.1.3/redirect-uri")
    issued(GRANT.decide(replace(ASKED, redirect_uri=None), facts, WEB, OPENID, FRESH))


# covers: COD-10
@pytest.mark.requirement("RFC8707-2/unknown")
def test_a_resource_beyond_the_authorization_is_refused() -> None:
    decision = GRANT.decide(replace(ASKED, resources=(OTHER_API,)), FACTS, WEB, OAUTH_2_1, FRESH)
    assert refused(decision, ErrorCode.INVALID_TARGET, "RFC8707-2/unknown").changes == ()


# covers: COD-10
def test_a_scope_at_redemption_means_nothing() -> None:
    asked = GRANT.parse(parse_form(b"code=vk_ac_1&scope=albums.write"))
    assert asked == CodeRedemption(DIGEST, None, None, ())


@pytest.mark.requirement("RFC6749-4.1.3/code")
def test_a_request_without_code_is_malformed() -> None:
    with pytest.raises(OAuthError) as caught:
        GRANT.parse(parse_form(b"code_verifier=v"))
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_secrets_of_a_redemption_are_not_printed() -> None:
    assert VERIFIER not in repr(ASKED)
