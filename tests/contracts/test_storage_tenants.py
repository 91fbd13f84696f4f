"""Tenants never see each other, whatever names and digests they share."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    BROWSER,
    CLIENT_ID,
    CODE,
    CONSENT,
    INTERACTION,
    KEPT,
    KEY,
    NOW,
    OTHER_TENANT,
    REFRESH_TOKEN,
    RESOURCE,
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
    AddSigningKey,
    AdvanceInteraction,
    BumpGeneration,
    BurnJti,
    Change,
    CountAttempt,
    EndSession,
    FinishInteraction,
    PutResource,
    RedeemCode,
    RememberConsent,
    RemoveClient,
    RemoveEndUser,
    RevokeAuthorization,
    RotateBrowserHandle,
    RotateRefreshToken,
    SetProvisioningRevision,
)
from valetkey.authorization_server.model import Generations

EVERYTHING = (
    *WORLD,
    RememberConsent(CONSENT),
    PutResource(RESOURCE),
    AddSigningKey(KEY),
    BurnJti("a", digest("jti"), later(60), NOW),
    CountAttempt("login:alice", 10, 1, NOW),
    SetProvisioningRevision(7),
)


async def test_one_tenant_finds_nothing_of_another(storage: Storage) -> None:
    await storage.stores(TENANT).commit(EVERYTHING)
    other = storage.stores(OTHER_TENANT)
    assert await other.clients.find(CLIENT_ID) is None
    assert await other.clients.list() == []
    assert await other.resources.find(RESOURCE.identifier) is None
    assert await other.resources.list() == []
    assert list(await other.signing_keys.list()) == []
    assert await other.end_users.find(SUBJECT) is None
    assert await other.end_users.find_by_username("alice") is None
    assert await other.end_users.list() == []
    assert await other.browsers.find(BROWSER.handle_digest) is None
    assert await other.browsers.session(SESSION.sid) is None
    assert await other.browsers.sessions(BROWSER.browser_id) == []
    assert not await other.browsers.has_known(BROWSER.browser_id, SUBJECT)
    assert await other.interactions.find(INTERACTION.digest) is None
    assert await other.consents.find(SUBJECT, CLIENT_ID) is None
    assert await other.authorizations.find(AUTHORIZATION.authorization_id) is None
    assert await other.codes.find(CODE.digest) is None
    assert await other.refresh_tokens.find(REFRESH_TOKEN.digest) is None
    assert not await other.replay_guard.is_burned("a", digest("jti"), NOW)
    assert await other.attempts.wait("login:alice", 10, 1, NOW) == 0
    assert await other.signing_keys.version() == 0


@pytest.mark.parametrize(
    "change",
    [
        RedeemCode(CODE.digest, NOW),
        RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, NOW),
        RotateBrowserHandle(BROWSER.handle_digest, digest("stolen")),
        FinishInteraction(INTERACTION.digest, NOW),
        AdvanceInteraction(replace(INTERACTION, version=1)),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_nothing_of_one_tenant_is_won_by_another(storage: Storage, change: Change) -> None:
    await storage.stores(TENANT).commit(EVERYTHING)
    assert not await storage.stores(OTHER_TENANT).commit([change])
    assert await storage.stores(TENANT).commit([change])


@pytest.mark.parametrize(
    "change",
    [
        RevokeAuthorization(AUTHORIZATION.authorization_id, NOW),
        EndSession(SESSION.sid, NOW),
        RemoveClient(CLIENT_ID),
        RemoveEndUser(SUBJECT, NOW),
        BumpGeneration("tenant", ""),
        BumpGeneration("client", CLIENT_ID),
        BumpGeneration("subject", SUBJECT),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_nothing_of_one_tenant_is_killed_by_another(storage: Storage, change: Change) -> None:
    stores = storage.stores(TENANT)
    await stores.commit(EVERYTHING)
    await storage.stores(OTHER_TENANT).commit([change])
    assert await stores.authorizations.current(CLIENT_ID, SUBJECT) == Generations()
    assert await stores.commit([RedeemCode(CODE.digest, NOW)])
    session = await stores.browsers.session(SESSION.sid)
    assert session is not None
    assert session.session.ended_at is None


async def test_two_tenants_keep_everything_under_the_same_names(storage: Storage) -> None:
    for tenant in (TENANT, OTHER_TENANT):
        assert await storage.stores(tenant).commit(EVERYTHING)
        assert await storage.stores(tenant).commit([RedeemCode(CODE.digest, NOW)])


async def test_the_whole_servers_generation_is_every_tenants(storage: Storage) -> None:
    for tenant in (TENANT, OTHER_TENANT):
        await storage.stores(tenant).commit(WORLD)
    await storage.stores(TENANT).commit([BumpGeneration("server", "")])
    for tenant in (TENANT, OTHER_TENANT):
        assert not await storage.stores(tenant).commit([RedeemCode(CODE.digest, NOW)])
