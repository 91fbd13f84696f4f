"""Costs grow with what is live: what is over leaves in small batches, and nothing that is live leaves with it."""

from dataclasses import replace

from contracts.stored_values import (
    AUTHORIZATION,
    BROWSER,
    CLIENT_ID,
    CODE,
    CONSENT,
    INTERACTION,
    KEPT,
    NOW,
    OTHER_TENANT,
    REFRESH_TOKEN,
    SESSION,
    SUBJECT,
    SUCCESSOR,
    TENANT,
    WORLD,
    digest,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    BurnJti,
    CountAttempt,
    EndSession,
    OpenBrowser,
    RememberConsent,
    RotateRefreshToken,
)
from valetkey.oauth.types import NumericDate

DAY = 86_400


async def fill(storage: Storage) -> None:
    for tenant in (TENANT, OTHER_TENANT):
        await storage.stores(tenant).commit(
            [
                *WORLD,
                RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, later(1)),
                RememberConsent(CONSENT),
                BurnJti("a", digest("jti"), later(60), NOW),
                CountAttempt("login:alice", 10, 1, NOW),
            ]
        )


async def purge_all(storage: Storage, now: NumericDate) -> None:
    while await storage.purge(now, 100):
        pass


async def test_nothing_that_is_live_is_purged(storage: Storage) -> None:
    await fill(storage)
    assert not await storage.purge(later(1), 100)
    stores = storage.stores(TENANT)
    assert await stores.codes.find(CODE.digest) is not None
    superseded = await stores.refresh_tokens.find(REFRESH_TOKEN.digest)
    assert superseded is not None
    assert superseded.token.kept_reply == KEPT
    assert await stores.attempts.wait("login:alice", 10, 1, later(1)) == 9


async def test_each_kind_leaves_when_its_own_time_is_over(storage: Storage) -> None:
    await fill(storage)
    stores = storage.stores(TENANT)
    await purge_all(storage, KEPT.expires_at)
    superseded = await stores.refresh_tokens.find(REFRESH_TOKEN.digest)
    assert superseded is not None
    assert superseded.token.kept_reply is None
    assert await stores.codes.find(CODE.digest) is not None
    await purge_all(storage, CODE.expires_at)
    assert await stores.codes.find(CODE.digest) is None
    await purge_all(storage, REFRESH_TOKEN.expires_at)
    assert await stores.refresh_tokens.find(SUCCESSOR.digest) is None
    assert await stores.authorizations.find(AUTHORIZATION.authorization_id) is not None
    await purge_all(storage, AUTHORIZATION.expires_at)
    assert await stores.authorizations.find(AUTHORIZATION.authorization_id) is None
    assert await stores.consents.find(SUBJECT, CLIENT_ID) is not None
    await purge_all(storage, CONSENT.expires_at)
    assert await stores.consents.find(SUBJECT, CLIENT_ID) is None
    await purge_all(storage, INTERACTION.expires_at)
    assert await stores.interactions.find(INTERACTION.digest) is None
    assert await stores.browsers.session(SESSION.sid) is not None
    await purge_all(storage, BROWSER.expires_at)
    assert await stores.browsers.session(SESSION.sid) is None
    assert await stores.browsers.find(BROWSER.handle_digest) is None
    assert not await stores.browsers.has_known(BROWSER.browser_id, SUBJECT)


async def test_an_ended_session_stays_a_day_and_its_browser_stays_known(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    long_lived = replace(BROWSER, expires_at=later(90 * DAY))
    await stores.commit([*WORLD[:2], OpenBrowser(long_lived), WORLD[3], EndSession(SESSION.sid, NOW)])
    await purge_all(storage, later(DAY - 1))
    assert await stores.browsers.session(SESSION.sid) is not None
    await purge_all(storage, later(DAY))
    assert await stores.browsers.session(SESSION.sid) is None
    assert await stores.browsers.has_known(BROWSER.browser_id, SUBJECT)


async def test_a_purge_deletes_no_more_than_its_limit_and_says_that_more_is_left(storage: Storage) -> None:
    # covers: FLT-15
    stores = storage.stores(TENANT)
    jtis = [digest(str(number)) for number in range(7)]
    await stores.commit([BurnJti("a", jti, later(60), NOW) for jti in jtis])
    assert [await storage.purge(later(60), 3) for _ in range(3)] == [True, True, False]


async def test_a_purge_is_of_every_tenant(storage: Storage) -> None:
    await fill(storage)
    await purge_all(storage, later(100 * DAY))
    for tenant in (TENANT, OTHER_TENANT):
        assert await storage.stores(tenant).refresh_tokens.find(REFRESH_TOKEN.digest) is None
        assert await storage.stores(tenant).clients.find(CLIENT_ID) is not None
