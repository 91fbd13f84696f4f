"""A device code is polled, slowed down, and redeemed once (RFC 8628, 3.4 and 3.5)."""

from dataclasses import replace

import pytest

from support.decisions import issued, refused
from support.device import TV
from support.house import API, NOW, resources
from valetkey.authorization_server.decision import (
    AddRefreshToken,
    RecordPoll,
    RedeemDeviceCode,
    RevokeAuthorization,
)
from valetkey.authorization_server.device.codes import DeviceCode, Polling, StoredDeviceCode
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.device_code import DeviceCodeGrant, DeviceFacts, Poll
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    ConsentAnswer,
    Generations,
    StoredAuthorization,
)
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    OpaqueToken,
    Scope,
    Seconds,
    Subject,
    TokenDigest,
)

GRANT = DeviceCodeGrant()
DIGEST = OpaqueToken.presented("vk_dc_code").digest()
ASKED = Poll(DIGEST, ())
SCOPE = Scope.parse("albums.read")
AUTHORIZATION = Authorization(
    AuthorizationId("authorization-1"),
    TV.client_id,
    Subject("sub-alice"),
    SCOPE,
    (API,),
    Authentication(NOW, "urn:example:acr:password", ("pwd",)),
    Generations(),
    NOW,
    NumericDate(NOW + 90 * 86_400),
    sid=None,
    bound_to_session=False,
)
PENDING = DeviceCode(
    DIGEST,
    TokenDigest(b"u" * 32),
    TV.client_id,
    SCOPE,
    (API,),
    Generations(),
    NOW,
    NumericDate(NOW + 600),
    Polling(Seconds(5)),
)
ALLOWED = replace(PENDING, answer=ConsentAnswer.ALLOWED, authorization_id=AUTHORIZATION.authorization_id)
STORED = StoredAuthorization(AUTHORIZATION, Generations())


def at(seconds: int) -> Fresh:
    return Fresh(NumericDate(NOW + seconds), bytes(64))


def facts(code: DeviceCode | None, stored: StoredAuthorization | None = None, **moved: int) -> DeviceFacts:
    found = None if code is None else StoredDeviceCode(code, Generations(**moved), stored)
    return DeviceFacts(found, resources())


def decided(code: DeviceCode, seconds: int) -> tuple[ErrorCode, Polling | None]:
    """Return the error of a poll, and the polling that it leaves."""
    decision = GRANT.decide(ASKED, facts(code), TV, OAUTH_2_1, at(seconds))
    assert hasattr(decision, "error")
    (change,) = decision.changes or (None,)
    assert change is None or isinstance(change, RecordPoll)
    assert change is None or change.before == code.polling
    return decision.error.code, None if change is None else change.after


@pytest.mark.requirement("RFC8628-3.4/device-code")
def test_a_poll_without_a_device_code_is_no_request() -> None:
    with pytest.raises(OAuthError) as refusal:
        GRANT.parse(parse_form(b"grant_type=x"))
    assert refusal.value.code is ErrorCode.INVALID_REQUEST
    assert GRANT.parse(parse_form(b"device_code=vk_dc_code&scope=more&resource=a&resource=b")) == Poll(
        DIGEST, ("a", "b")
    )


@pytest.mark.requirement("RFC8628-3.5/pending")
def test_a_first_poll_and_one_in_time_are_told_to_wait() -> None:
    # covers: DEV-02
    assert decided(PENDING, 0) == (ErrorCode.AUTHORIZATION_PENDING, Polling(Seconds(5), NOW))
    polled = replace(PENDING, polling=Polling(Seconds(5), NOW))
    after = Polling(Seconds(5), NumericDate(NOW + 5))
    assert decided(polled, 5) == (ErrorCode.AUTHORIZATION_PENDING, after)


@pytest.mark.requirement("RFC8628-3.5/slow-down")
def test_a_poll_that_is_a_second_early_makes_the_interval_longer_for_good() -> None:
    # covers: DEV-02
    code = replace(PENDING, polling=Polling(Seconds(5), NOW))
    error, slower = decided(code, 4)
    assert (error, slower) == (ErrorCode.SLOW_DOWN, Polling(Seconds(10), NumericDate(NOW + 4)))
    assert slower is not None
    slowed = replace(code, polling=slower)
    assert decided(slowed, 13) == (ErrorCode.SLOW_DOWN, Polling(Seconds(15), NumericDate(NOW + 13)))
    assert decided(slowed, 14) == (ErrorCode.AUTHORIZATION_PENDING, Polling(Seconds(10), NumericDate(NOW + 14)))


def test_a_device_that_never_waits_costs_no_writes_once_the_next_poll_would_come_after_the_end() -> None:
    # covers: DEV-02
    code, writes = PENDING, 0
    error, after = decided(code, 1)
    while after is not None:
        code, writes = replace(code, polling=after), writes + 1
        error, after = decided(code, 1)
    assert error is ErrorCode.SLOW_DOWN
    assert writes == 120


@pytest.mark.requirement("RFC8628-3.5/expired")
def test_what_nobody_answered_expires_to_the_second() -> None:
    assert decided(PENDING, 599)[0] is ErrorCode.AUTHORIZATION_PENDING
    refused(
        GRANT.decide(ASKED, facts(PENDING), TV, OAUTH_2_1, at(600)), ErrorCode.EXPIRED_TOKEN, "RFC8628-3.5/expired"
    )
    late = GRANT.decide(ASKED, facts(ALLOWED, STORED), TV, OAUTH_2_1, at(600))
    refused(late, ErrorCode.EXPIRED_TOKEN, "RFC8628-3.5/expired")


@pytest.mark.parametrize("counter", ["server", "tenant", "client"])
def test_what_nobody_answered_dies_with_a_generation(counter: str) -> None:
    # covers: DEV-06
    moved = GRANT.decide(ASKED, facts(PENDING, None, **{counter: 1}), TV, OAUTH_2_1, at(1))
    refused(moved, ErrorCode.EXPIRED_TOKEN, "RFC8628-3.5/expired")


@pytest.mark.requirement("RFC8628-3.5/denied")
def test_a_denied_one_says_so_until_it_is_forgotten() -> None:
    # covers: DEV-03
    denied = replace(PENDING, answer=ConsentAnswer.DENIED)
    for seconds in (0, 599, 700):
        decision = GRANT.decide(ASKED, facts(denied), TV, OAUTH_2_1, at(seconds))
        assert refused(decision, ErrorCode.ACCESS_DENIED, "RFC8628-3.5/denied").changes == ()


def test_an_allowed_one_is_redeemed_however_early_the_poll_comes() -> None:
    eager = replace(ALLOWED, polling=Polling(Seconds(60), NOW))
    issue = issued(GRANT.decide(ASKED, facts(eager, STORED), TV, OAUTH_2_1, at(1)))
    assert (issue.scope, issue.resources, issue.stored) == (SCOPE, (API,), STORED)
    redeem, add = issue.changes
    assert redeem == RedeemDeviceCode(DIGEST, NumericDate(NOW + 1))
    assert isinstance(add, AddRefreshToken)
    assert issue.refresh_token is not None
    assert add.token.digest == issue.refresh_token.digest()


def test_a_client_without_refresh_tokens_gets_none() -> None:
    poor = replace(TV, grant_types=frozenset({GRANT.grant_type}))
    issue = issued(GRANT.decide(ASKED, facts(ALLOWED, STORED), poor, OAUTH_2_1, at(1)))
    assert issue.refresh_token is None
    assert issue.changes == (RedeemDeviceCode(DIGEST, NumericDate(NOW + 1)),)


@pytest.mark.requirement("RFC6749-5.2/revoked")
def test_a_second_use_revokes_what_the_first_one_bought() -> None:
    # covers: DEV-03
    used = replace(ALLOWED, redeemed_at=NOW)
    refusal = refused(
        GRANT.decide(ASKED, facts(used, STORED), TV, OAUTH_2_1, at(1)),
        ErrorCode.INVALID_GRANT,
        "RFC6749-5.2/revoked",
    )
    assert refusal.changes == (RevokeAuthorization(AUTHORIZATION.authorization_id, NumericDate(NOW + 1)),)
    dead = StoredAuthorization(replace(AUTHORIZATION, revoked_at=NOW), Generations())
    for stored in (dead, None):
        again = GRANT.decide(ASKED, facts(used, stored), TV, OAUTH_2_1, at(2))
        assert refused(again, ErrorCode.INVALID_GRANT, "RFC6749-5.2/revoked").changes == ()


@pytest.mark.requirement("RFC6749-5.2/other-client")
def test_an_unknown_one_and_one_of_another_client_are_told_the_same() -> None:
    # covers: DEV-03
    for code in (None, replace(ALLOWED, client_id=ClientId("other"))):
        refusal = refused(
            GRANT.decide(ASKED, facts(code, STORED), TV, OAUTH_2_1, at(1)),
            ErrorCode.INVALID_GRANT,
            "RFC6749-5.2/other-client",
        )
        assert refusal.changes == ()


@pytest.mark.parametrize(
    "stored",
    [
        None,
        StoredAuthorization(replace(AUTHORIZATION, revoked_at=NOW), Generations()),
        StoredAuthorization(AUTHORIZATION, Generations(subject=1)),
        StoredAuthorization(AUTHORIZATION, Generations(client=1)),
        StoredAuthorization(AUTHORIZATION, Generations(server=1)),
    ],
    ids=["removed", "revoked", "subject", "client", "server"],
)
def test_what_was_taken_back_before_it_was_fetched_is_denied(stored: StoredAuthorization | None) -> None:
    # covers: DEV-06
    decision = GRANT.decide(ASKED, facts(ALLOWED, stored), TV, OAUTH_2_1, at(1))
    assert refused(decision, ErrorCode.ACCESS_DENIED, "RFC8628-3.5/denied").changes == ()
