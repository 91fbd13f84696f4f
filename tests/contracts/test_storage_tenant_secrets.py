"""A tenant's sealed secrets, and the tokens that security events could not name by their subject."""

from dataclasses import replace

import pytest

from contracts.stored_values import AUTHORIZATION, END_USER, OTHER_TENANT, SUBJECT, TENANT, WORLD, later
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    AddTenantSecret,
    BumpGeneration,
    Change,
    ChangePassword,
    NotePairwiseToken,
    PutEndUser,
    RemoveEndUser,
    RevokeAuthorization,
)
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.ports import Stores
from valetkey.oauth.security_event import Cause, Revocation, RevokedKind
from valetkey.oauth.types import Subject

assert END_USER.password_hash is not None
NOTED = NotePairwiseToken(SUBJECT, AUTHORIZATION.authorization_id, later(300))
NAMED = Revocation(RevokedKind.AUTHORIZATION, AUTHORIZATION.authorization_id)
KILLS: dict[str, tuple[Change, Cause]] = {
    "bump": (BumpGeneration("subject", SUBJECT), Cause.REVOKED),
    "password": (
        ChangePassword(SUBJECT, END_USER.password_hash, PasswordHash("$argon2id$3"), later(2)),
        Cause.PASSWORD_CHANGED,
    ),
    "disabled": (PutEndUser(replace(END_USER, disabled=True)), Cause.DISABLED),
    "removed": (RemoveEndUser(SUBJECT, later(2)), Cause.REMOVED),
}


async def told(stores: Stores) -> list[Revocation]:
    return [event.revocation for event in await stores.security_events.after(0, 100)]


async def test_a_secret_is_the_tenants_own_and_is_never_replaced(storage: Storage) -> None:
    ours, theirs = storage.stores(TENANT), storage.stores(OTHER_TENANT)
    assert await ours.commit([AddTenantSecret("salt", b"ours")])
    assert await theirs.commit([AddTenantSecret("salt", b"theirs"), AddTenantSecret("other", b"more")])
    assert not await ours.commit([AddTenantSecret("salt", b"another")])
    assert await ours.tenant_secrets.list() == {"salt": b"ours"}
    assert await theirs.tenant_secrets.list() == {"other": b"more", "salt": b"theirs"}


@pytest.mark.parametrize("kill", KILLS)
async def test_the_authorization_of_a_noted_token_is_named_beside_its_end_user(stores: Stores, kill: str) -> None:
    change, cause = KILLS[kill]
    await stores.commit([*WORLD, NOTED])
    assert await stores.commit([change])
    assert await told(stores) == [Revocation(RevokedKind.SUBJECT, SUBJECT, 1, cause), NAMED]
    assert await stores.security_events.last() == 2


async def test_nothing_is_named_that_nobody_noted_or_that_is_anothers(stores: Stores) -> None:
    await stores.commit([*WORLD, replace(NOTED, subject=Subject("bob"))])
    await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert await told(stores) == [Revocation(RevokedKind.SUBJECT, SUBJECT, 1)]


async def test_a_change_that_kills_nobody_names_nothing(stores: Stores) -> None:
    await stores.commit([*WORLD, NOTED])
    await stores.commit([PutEndUser(replace(END_USER, name="Alice A."))])
    assert await told(stores) == []


async def test_an_authorization_is_named_once_whatever_comes_after(stores: Stores) -> None:
    await stores.commit([*WORLD, NOTED])
    for _ in range(2):
        await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert (await told(stores)).count(NAMED) == 1


async def test_one_that_was_revoked_before_is_named_again_at_most(stores: Stores) -> None:
    await stores.commit([*WORLD, NOTED])
    await stores.commit([RevokeAuthorization(AUTHORIZATION.authorization_id, later(1))])
    await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert (await told(stores))[0] == NAMED


async def test_what_is_noted_is_forgotten_with_the_last_token(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    await stores.commit([*WORLD, NOTED, replace(NOTED, expires_at=later(100))])
    await storage.purge(later(299), 100)
    await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert NAMED in await told(stores)
    await stores.commit([NOTED])
    await storage.purge(later(300), 100)
    await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert (await told(stores)).count(NAMED) == 1
