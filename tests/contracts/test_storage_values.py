"""What was stored comes back as it was, and the idempotent changes may be made again."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHENTICATION,
    AUTHORIZATION,
    BROWSER,
    CLIENT_ID,
    CODE,
    CONSENT,
    END_USER,
    GRANT,
    INTERACTION,
    KEPT,
    NOW,
    REFRESH_TOKEN,
    SESSION,
    SUBJECT,
    SUCCESSOR,
    WORLD,
    digest,
    later,
)
from valetkey.authorization_server.claims_request import NO_CLAIMS
from valetkey.authorization_server.decision import (
    AddRefreshToken,
    AdvanceInteraction,
    BumpGeneration,
    CountAttempt,
    EndSession,
    ForgiveAttempts,
    GrantAuthorization,
    OpenBrowser,
    OpenInteraction,
    PutEndUser,
    RedeemCode,
    RememberConsent,
    RemoveClient,
    RemoveEndUser,
    RevokeAuthorization,
    RotateBrowserHandle,
    RotateRefreshToken,
    SpendCode,
    StartSession,
    TouchSession,
)
from valetkey.authorization_server.model import (
    BrowserId,
    ConsentAnswer,
    Generations,
    StoredAuthorization,
    StoredCode,
    StoredRefreshToken,
    StoredSession,
)
from valetkey.authorization_server.ports import Stores
from valetkey.oauth.types import AuthorizationId, ClientId, Scope, SessionId, Subject

ROTATE = RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, later(1))


async def test_an_authorization_and_its_code_come_back_with_the_counters_of_now(stores: Stores) -> None:
    await stores.commit([*WORLD, BumpGeneration("client", CLIENT_ID), BumpGeneration("server", "")])
    stored = StoredAuthorization(AUTHORIZATION, Generations(server=1, client=1))
    assert await stores.authorizations.find(AUTHORIZATION.authorization_id) == stored
    assert await stores.codes.find(CODE.digest) == StoredCode(CODE, stored)
    assert await stores.authorizations.current(CLIENT_ID, SUBJECT) == Generations(server=1, client=1)
    assert await stores.clients.generations(CLIENT_ID) == Generations(server=1, client=1)
    assert await stores.end_users.generations(SUBJECT) == Generations(server=1)


async def test_what_an_authorization_may_lack_comes_back_lacking(stores: Stores) -> None:
    bare = replace(
        AUTHORIZATION, sid=None, nonce=None, confirmation=None, bound_to_session=False, scope=Scope(), resources=()
    )
    code = replace(CODE, redirect_uri_was_sent=False, code_challenge=None, confirmation=None)
    await stores.commit([GrantAuthorization(bare, code)])
    assert await stores.codes.find(CODE.digest) == StoredCode(code, StoredAuthorization(bare, Generations()))


async def test_what_is_unknown_is_not_found(stores: Stores) -> None:
    unknown = digest("unknown")
    assert await stores.codes.find(unknown) is None
    assert await stores.refresh_tokens.find(unknown) is None
    assert await stores.interactions.find(unknown) is None
    assert await stores.browsers.find(unknown) is None
    assert await stores.browsers.session(SessionId("unknown")) is None
    assert await stores.consents.find(SUBJECT, CLIENT_ID) is None
    assert await stores.authorizations.find(AuthorizationId("unknown")) is None
    assert await stores.clients.find(ClientId("unknown")) is None
    assert await stores.end_users.find(Subject("unknown")) is None
    assert await stores.end_users.find_by_username("unknown") is None
    assert await stores.resources.find("https://unknown.example") is None


async def test_a_redeemed_or_spent_code_keeps_its_first_date(stores: Stores) -> None:
    await stores.commit([*WORLD, RedeemCode(CODE.digest, later(1)), SpendCode(CODE.digest, later(2))])
    redeemed = await stores.codes.find(CODE.digest)
    assert redeemed is not None
    assert redeemed.code == replace(CODE, redeemed_at=later(1))


async def test_a_spent_code_is_not_redeemed(stores: Stores) -> None:
    # covers: COD-05
    await stores.commit([*WORLD, SpendCode(CODE.digest, later(1))])
    assert not await stores.commit([RedeemCode(CODE.digest, later(2))])


async def test_a_rotated_refresh_token_keeps_its_reply_until_its_successor_is_used(stores: Stores) -> None:
    # covers: REF-03
    await stores.commit([*WORLD, ROTATE])
    old = await stores.refresh_tokens.find(REFRESH_TOKEN.digest)
    assert old is not None
    assert old.token == replace(REFRESH_TOKEN, superseded_at=later(1), kept_reply=KEPT)
    assert await stores.refresh_tokens.find(SUCCESSOR.digest) == StoredRefreshToken(
        SUCCESSOR, StoredAuthorization(AUTHORIZATION, Generations()), END_USER
    )
    third = replace(SUCCESSOR, digest=digest("third"))
    assert await stores.commit([RotateRefreshToken(SUCCESSOR.digest, third, None, later(2))])
    used = await stores.refresh_tokens.find(REFRESH_TOKEN.digest)
    assert used is not None
    assert used.token == replace(REFRESH_TOKEN, superseded_at=later(1))
    second = await stores.refresh_tokens.find(SUCCESSOR.digest)
    assert second is not None
    assert second.token == replace(SUCCESSOR, superseded_at=later(2))


async def test_a_lost_rotation_leaves_the_kept_reply_and_no_successor(stores: Stores) -> None:
    # covers: REF-12
    await stores.commit([*WORLD, ROTATE])
    third = replace(SUCCESSOR, digest=digest("third"))
    again = RotateRefreshToken(REFRESH_TOKEN.digest, third, None, later(2))
    assert not await stores.commit([again])
    old = await stores.refresh_tokens.find(REFRESH_TOKEN.digest)
    assert old is not None
    assert old.token.kept_reply == KEPT
    assert await stores.refresh_tokens.find(third.digest) is None


async def test_a_refresh_token_is_added_once(stores: Stores) -> None:
    await stores.commit([*WORLD, ROTATE, AddRefreshToken(REFRESH_TOKEN)])
    assert not await stores.commit([ROTATE])


async def test_a_revoked_authorization_keeps_its_first_date(stores: Stores) -> None:
    gone = RevokeAuthorization(AUTHORIZATION.authorization_id, later(1))
    assert await stores.commit([*WORLD, gone])
    assert await stores.commit([replace(gone, now=later(2))])
    found = await stores.authorizations.find(AUTHORIZATION.authorization_id)
    assert found is not None
    assert found.authorization == replace(AUTHORIZATION, revoked_at=later(1))


async def test_a_session_comes_back_with_its_end_user_and_newest_sign_in_first(stores: Stores) -> None:
    newer = replace(SESSION, sid=SessionId("newer"), authentication=replace(AUTHENTICATION, auth_time=later(9)))
    await stores.commit([*WORLD, StartSession(newer)])
    first = StoredSession(SESSION, Generations(), END_USER)
    assert await stores.browsers.session(SESSION.sid) == first
    assert await stores.browsers.sessions(BROWSER.browser_id) == [replace(first, session=newer), first]
    assert await stores.browsers.sessions(BrowserId("other")) == []
    await stores.commit([EndSession(newer.sid, later(10))])
    assert await stores.browsers.sessions(BROWSER.browser_id) == [first]
    ended = await stores.browsers.session(newer.sid)
    assert ended is not None
    assert ended.session.ended_at == later(10)


async def test_a_session_is_only_touched_forward_and_not_after_its_end(stores: Stores) -> None:
    async def last_seen() -> int:
        found = await stores.browsers.session(SESSION.sid)
        assert found is not None
        return found.session.last_seen_at

    await stores.commit([*WORLD, TouchSession(SESSION.sid, later(5)), TouchSession(SESSION.sid, later(3))])
    assert await last_seen() == later(5)
    await stores.commit([EndSession(SESSION.sid, later(6)), TouchSession(SESSION.sid, later(7))])
    assert await last_seen() == later(5)


async def test_the_end_of_a_session_revokes_what_is_bound_to_it_and_nothing_else(stores: Stores) -> None:
    # covers: LOG-15
    outlives = replace(AUTHORIZATION, authorization_id=AuthorizationId("outlives"), bound_to_session=False)
    await stores.commit([*WORLD, GrantAuthorization(outlives, None), EndSession(SESSION.sid, later(6))])
    bound = await stores.authorizations.find(AUTHORIZATION.authorization_id)
    free = await stores.authorizations.find(outlives.authorization_id)
    assert bound is not None
    assert free is not None
    assert (bound.authorization.revoked_at, free.authorization.revoked_at) == (later(6), None)


async def test_a_browser_is_found_by_its_newest_handle_only(stores: Stores) -> None:
    new = digest("new handle")
    await stores.commit([*WORLD, RotateBrowserHandle(BROWSER.handle_digest, new)])
    assert await stores.browsers.find(BROWSER.handle_digest) is None
    assert await stores.browsers.find(new) == replace(BROWSER, handle_digest=new)
    newer = digest("newer handle")
    await stores.commit([RotateBrowserHandle(new, newer, later(1_000_000))])
    remembered = replace(BROWSER, handle_digest=newer, expires_at=later(1_000_000))
    assert await stores.browsers.find(newer) == remembered


async def test_a_browser_is_known_to_whom_it_signed_in_even_after_the_session(stores: Stores) -> None:
    await stores.commit([*WORLD, EndSession(SESSION.sid, NOW)])
    assert await stores.browsers.has_known(BROWSER.browser_id, SUBJECT)
    assert not await stores.browsers.has_known(BROWSER.browser_id, Subject("bob"))
    assert not await stores.browsers.has_known(BrowserId("other"), SUBJECT)


async def test_opening_a_browser_or_an_interaction_again_changes_nothing(stores: Stores) -> None:
    moved = replace(INTERACTION, version=1, answer=ConsentAnswer.DENIED, finished_at=later(3))
    await stores.commit([*WORLD, AdvanceInteraction(moved)])
    await stores.commit([OpenBrowser(replace(BROWSER, csrf_secret=b"\x09" * 32)), OpenInteraction(INTERACTION)])
    assert await stores.browsers.find(BROWSER.handle_digest) == BROWSER
    assert await stores.interactions.find(INTERACTION.digest) == moved


async def test_a_consent_is_widened_while_it_lives(stores: Stores) -> None:
    wider = replace(
        CONSENT,
        scope=Scope.of(("write",)),
        resources=("https://a.example",),
        granted_at=later(1),
        expires_at=later(900),
        claims=frozenset({"gender"}),
    )
    await stores.commit([RememberConsent(CONSENT)])
    assert await stores.consents.find(SUBJECT, CLIENT_ID) == CONSENT
    await stores.commit([RememberConsent(wider)])
    assert await stores.consents.find(SUBJECT, CLIENT_ID) == replace(
        wider,
        scope=Scope.of(("read", "write")),
        resources=("https://a.example", "https://api.example"),
        claims=frozenset({"birthdate", "gender"}),
    )


async def test_a_consent_can_be_to_claims_alone(stores: Stores) -> None:
    alone = replace(CONSENT, scope=Scope(), resources=(), claims=frozenset({"birthdate", "urn:x:team"}))
    await stores.commit([RememberConsent(alone)])
    assert await stores.consents.find(SUBJECT, CLIENT_ID) == alone
    assert list(await stores.consents.of(SUBJECT)) == [alone]


async def test_an_authorization_without_a_claims_request_has_none(stores: Stores) -> None:
    plain = replace(AUTHORIZATION, authorization_id=AuthorizationId("plain"), claims=NO_CLAIMS)
    await stores.commit([*WORLD, GrantAuthorization(plain, None)])
    found = await stores.authorizations.find(plain.authorization_id)
    assert found is not None
    assert found.authorization == plain


async def test_an_expired_consent_is_replaced_and_not_widened(stores: Stores) -> None:
    fresh = replace(CONSENT, scope=Scope.of(("write",)), resources=(), granted_at=later(500), expires_at=later(900))
    await stores.commit([RememberConsent(CONSENT)])
    await stores.commit([RememberConsent(fresh)])
    assert await stores.consents.find(SUBJECT, CLIENT_ID) == fresh


async def test_forgiven_attempts_leave_the_whole_budget(stores: Stores) -> None:
    attempt = CountAttempt("login:alice", 10, 1, NOW)
    await stores.commit([attempt])
    await stores.commit([ForgiveAttempts("login:alice"), ForgiveAttempts("login:nobody")])
    assert await stores.commit([attempt])


@pytest.mark.parametrize(
    "removal", [RemoveClient(CLIENT_ID), RemoveEndUser(SUBJECT, NOW)], ids=["client", "end-user"]
)
async def test_who_is_removed_takes_authorizations_and_consents_along(
    stores: Stores, removal: RemoveClient | RemoveEndUser
) -> None:
    await stores.commit([*WORLD, RememberConsent(CONSENT)])
    await stores.commit([removal])
    assert await stores.authorizations.find(AUTHORIZATION.authorization_id) is None
    assert await stores.codes.find(CODE.digest) is None
    assert await stores.refresh_tokens.find(REFRESH_TOKEN.digest) is None
    assert await stores.consents.find(SUBJECT, CLIENT_ID) is None
    # Whoever takes the name later is not honoured with what the old one was granted.
    current = await stores.authorizations.current(CLIENT_ID, SUBJECT)
    assert GRANT.authorization.generations.is_older_than(current)


async def test_a_removed_end_user_leaves_no_session_and_no_known_browser(stores: Stores) -> None:
    await stores.commit([*WORLD, RemoveEndUser(SUBJECT, NOW)])
    await stores.commit([PutEndUser(END_USER)])
    assert await stores.browsers.session(SESSION.sid) is None
    assert not await stores.browsers.has_known(BROWSER.browser_id, SUBJECT)
