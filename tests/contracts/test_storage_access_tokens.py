"""Opaque access tokens and revoked ones: kept for their tenant, once, and until they expire."""

from dataclasses import replace

from contracts.stored_values import ACCESS_TOKEN, OTHER_TENANT, TENANT, digest, later
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import AddAccessToken, RevokeAccessToken


async def test_an_opaque_access_token_comes_back_to_its_tenant_alone(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    assert await stores.commit([AddAccessToken(ACCESS_TOKEN)])
    assert await stores.access_tokens.find(ACCESS_TOKEN.digest) == ACCESS_TOKEN
    assert await storage.stores(OTHER_TENANT).access_tokens.find(ACCESS_TOKEN.digest) is None
    assert await stores.access_tokens.find(digest("another")) is None


async def test_what_a_token_says_never_changes(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    await stores.commit([AddAccessToken(ACCESS_TOKEN)])
    assert await stores.commit([AddAccessToken(replace(ACCESS_TOKEN, claims={"sub": "bob"}))])
    assert await stores.access_tokens.find(ACCESS_TOKEN.digest) == ACCESS_TOKEN


async def test_one_token_is_revoked_in_its_tenant_alone_and_again_without_harm(storage: Storage) -> None:
    stores, revocation = storage.stores(TENANT), RevokeAccessToken(digest("jti"), later(70))
    assert not await stores.access_tokens.is_revoked(digest("jti"))
    assert await stores.commit([revocation, revocation])
    assert await stores.access_tokens.is_revoked(digest("jti"))
    assert not await stores.access_tokens.is_revoked(digest("another"))
    assert not await storage.stores(OTHER_TENANT).access_tokens.is_revoked(digest("jti"))


async def test_both_leave_when_the_token_has_expired(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    await stores.commit([AddAccessToken(ACCESS_TOKEN), RevokeAccessToken(digest("jti"), later(70))])
    while await storage.purge(later(69), 10):
        pass
    assert await stores.access_tokens.find(ACCESS_TOKEN.digest) == ACCESS_TOKEN
    assert await stores.access_tokens.is_revoked(digest("jti"))
    while await storage.purge(later(70), 10):
        pass
    assert await stores.access_tokens.find(ACCESS_TOKEN.digest) is None
    assert not await stores.access_tokens.is_revoked(digest("jti"))
