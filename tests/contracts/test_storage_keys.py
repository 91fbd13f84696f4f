"""Every storage lets one key of an algorithm be active and one be announced, and lets one node win each step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.stored_values import ACME, CLIENT, CLIENT_ID, END_USER, FACTOR, KEY, NOW, later
from valetkey.authorization_server.decision import (
    AddSigningKey,
    AddTenantSecret,
    Change,
    PromoteSigningKey,
    PutClient,
    PutEndUser,
    PutTenant,
    RemoveSigningKey,
    ResealSecrets,
    RetireSigningKey,
)
from valetkey.authorization_server.key_changes import ResealedValue, SealedKind
from valetkey.authorization_server.model import KeyState, SigningKey
from valetkey.authorization_server.second_factor import BeginFactor

if TYPE_CHECKING:
    from valetkey.authorization_server.ports import Stores

NEXT = replace(KEY, kid="k2", state=KeyState.ANNOUNCED, created_at=later(1))
OTHER_ALGORITHM = replace(KEY, kid="rsa", algorithm="RS256")
PROMOTED = replace(NEXT, state=KeyState.ACTIVE, activated_at=later(2))
RETIRED = replace(KEY, state=KeyState.RETIRED, retired_at=later(2))
ROTATION = (AddSigningKey(KEY), AddSigningKey(OTHER_ALGORITHM), AddSigningKey(NEXT))


async def keys(stores: Stores) -> dict[str, SigningKey]:
    return {key.kid: key for key in await stores.signing_keys.list()}


@pytest.mark.requirement("OIDCC-10.2.1/coordinated")
async def test_a_promoted_key_takes_the_place_of_the_active_one_of_its_algorithm(stores: Stores) -> None:
    assert await stores.commit(ROTATION)
    assert await stores.commit([PromoteSigningKey(NEXT.kid, later(2))])
    assert await keys(stores) == {KEY.kid: RETIRED, NEXT.kid: PROMOTED, OTHER_ALGORITHM.kid: OTHER_ALGORITHM}


async def test_a_key_is_promoted_where_its_algorithm_has_no_active_one(stores: Stores) -> None:
    assert await stores.commit([AddSigningKey(NEXT), PromoteSigningKey(NEXT.kid, later(2))])
    assert await keys(stores) == {NEXT.kid: PROMOTED}


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ((), AddSigningKey(replace(NEXT, kid="k3"))),
        ((), AddSigningKey(replace(KEY, kid="k3"))),
        ((), AddSigningKey(replace(NEXT, algorithm="Ed25519"))),
        ((PromoteSigningKey(NEXT.kid, NOW),), PromoteSigningKey(NEXT.kid, later(3))),
        ((), PromoteSigningKey(KEY.kid, later(3))),
        ((), PromoteSigningKey("unknown", later(3))),
        ((RetireSigningKey(KEY.kid, NOW),), RetireSigningKey(KEY.kid, later(3))),
        ((), RetireSigningKey(NEXT.kid, later(3))),
        ((), RemoveSigningKey(KEY.kid, KeyState.RETIRED)),
        ((RemoveSigningKey(KEY.kid, KeyState.ACTIVE),), RemoveSigningKey(KEY.kid, KeyState.ACTIVE)),
    ],
    ids=str,
)
async def test_the_slower_of_two_nodes_loses_and_changes_nothing(
    stores: Stores, before: tuple[Change, ...], change: Change
) -> None:
    # covers: FLT-01
    assert await stores.commit((*ROTATION, *before))
    held, version = await keys(stores), await stores.signing_keys.version()
    assert not await stores.commit([change])
    assert await keys(stores) == held
    assert await stores.signing_keys.version() == version


@pytest.mark.parametrize(
    "change",
    [
        PromoteSigningKey(NEXT.kid, later(2)),
        RetireSigningKey(KEY.kid, later(2)),
        RemoveSigningKey(KEY.kid, KeyState.ACTIVE),
        RemoveSigningKey(NEXT.kid, KeyState.ANNOUNCED),
    ],
    ids=str,
)
async def test_every_process_hears_of_a_step_by_the_configuration_version(stores: Stores, change: Change) -> None:
    assert await stores.commit(ROTATION)
    version = await stores.signing_keys.version()
    assert await stores.commit([change])
    assert await stores.signing_keys.version() > version


async def test_many_retired_keys_of_one_algorithm_stand_side_by_side(stores: Stores) -> None:
    further = replace(RETIRED, kid="k0")
    assert await stores.commit([AddSigningKey(RETIRED), AddSigningKey(further), AddSigningKey(NEXT)])
    assert await keys(stores) == {KEY.kid: RETIRED, "k0": further, NEXT.kid: NEXT}


async def test_a_revoked_key_and_its_successor_change_places_in_one_commit(stores: Stores) -> None:
    assert await stores.commit([AddSigningKey(KEY)])
    successor = replace(KEY, kid="k3", created_at=later(1))
    assert await stores.commit([RemoveSigningKey(KEY.kid, KeyState.ACTIVE), AddSigningKey(successor)])
    assert await keys(stores) == {"k3": successor}


def resealed(version: int, before: bytes = KEY.sealed_private_jwk) -> ResealSecrets:
    value = ResealedValue(SealedKind.PRIVATE_KEY, KEY.kid, before, b"anew")
    return ResealSecrets(version, (value,), (replace(CLIENT, name="Sealed anew"),))


async def test_secrets_are_sealed_anew_only_while_nothing_else_has_changed(stores: Stores) -> None:
    assert await stores.commit([AddSigningKey(KEY), PutClient(CLIENT)])
    version = await stores.signing_keys.version()
    assert await stores.commit([resealed(version)])
    assert await keys(stores) == {KEY.kid: replace(KEY, sealed_private_jwk=b"anew")}
    found = await stores.clients.find(CLIENT_ID)
    assert found is not None
    assert found.name == "Sealed anew"
    assert not await stores.commit([PutClient(CLIENT), resealed(version, b"anew")])
    assert await stores.signing_keys.version() == version + 1


async def test_every_kind_of_secret_is_sealed_anew_in_its_place(stores: Stores) -> None:
    salt, factor = AddTenantSecret("salt", b"sealed"), BeginFactor(FACTOR)
    assert await stores.commit([PutEndUser(END_USER), salt, factor])
    values = (
        ResealedValue(SealedKind.TENANT_SECRET, "salt", b"sealed", b"salt anew"),
        ResealedValue(SealedKind.ONE_TIME_CODE_KEY, FACTOR.subject, FACTOR.sealed_key, b"factor anew"),
    )
    assert await stores.commit([ResealSecrets(await stores.signing_keys.version(), values, ())])
    assert await stores.tenant_secrets.list() == {"salt": b"salt anew"}
    assert list(await stores.second_factors.list()) == [replace(FACTOR, sealed_key=b"factor anew")]


async def test_a_value_that_is_another_one_meanwhile_stays_as_it_is(stores: Stores) -> None:
    assert await stores.commit([AddSigningKey(KEY)])
    assert await stores.commit([resealed(await stores.signing_keys.version(), b"another")])
    assert await keys(stores) == {KEY.kid: KEY}


async def test_what_was_removed_meanwhile_is_not_sealed_back_into_life(stores: Stores) -> None:
    assert await stores.commit([PutTenant(ACME), AddSigningKey(OTHER_ALGORITHM)])
    assert await stores.commit([resealed(await stores.signing_keys.version())])
    assert await keys(stores) == {OTHER_ALGORITHM.kid: OTHER_ALGORITHM}
    assert await stores.clients.list() == []
