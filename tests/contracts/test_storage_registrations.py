"""Clients that register themselves: limited in number, forgotten when nobody uses them, never while in use."""

from dataclasses import replace

from contracts.stored_values import (
    AUTHORIZATION,
    CLIENT_ID,
    CONSENT,
    NOW,
    OTHER_TENANT,
    REGISTRATION_TOKEN,
    SELF_REGISTERED,
    SUBJECT,
    TENANT,
    WORLD,
    digest,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    AddRegistrationToken,
    ForgetConsents,
    GrantAuthorization,
    KeepRegistration,
    PutClient,
    RegisterClient,
    RememberConsent,
    RemoveClient,
    RemoveRegistrationToken,
    ReplaceRegisteredClient,
    RevokeAuthorization,
    UseRegistrationToken,
)
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.self_registration.changes import DAY, RegistrationUse
from valetkey.oauth.types import AuthorizationId, ClientId

STRANGER = SELF_REGISTERED.client_id
REGISTER = RegisterClient(SELF_REGISTERED, later(400), 2)
OF_STRANGER = replace(
    AUTHORIZATION, authorization_id=AuthorizationId("of stranger"), client_id=STRANGER, expires_at=later(9_000)
)


async def test_a_registered_client_comes_back_as_it_is(stores: Stores) -> None:
    version = await stores.signing_keys.version()
    assert await stores.commit([REGISTER])
    assert await stores.clients.find(STRANGER) == SELF_REGISTERED
    assert list(await stores.registrations.uses()) == [RegistrationUse(STRANGER, None, later(400))]
    assert await stores.signing_keys.version() > version


async def test_nobody_registers_under_an_id_that_is_taken(stores: Stores) -> None:
    assert await stores.commit([*WORLD, REGISTER])
    assert not await stores.commit([REGISTER])
    assert not await stores.commit([RegisterClient(replace(SELF_REGISTERED, client_id=CLIENT_ID), later(400), 9)])
    assert await stores.registrations.count() == 1


async def test_a_tenant_has_so_many_of_them_and_no_more(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    ids = [ClientId(f"stranger {number}") for number in range(3)]
    changes = [RegisterClient(replace(SELF_REGISTERED, client_id=each), later(400), 2) for each in ids]
    assert [await stores.commit([change]) for change in changes] == [True, True, False]
    assert await stores.clients.find(ids[2]) is None
    assert await storage.stores(OTHER_TENANT).commit([changes[2]])


# covers: DCR-01
async def test_a_token_is_used_up(stores: Stores) -> None:
    use = UseRegistrationToken(REGISTRATION_TOKEN.digest, later(1))
    assert await stores.commit([AddRegistrationToken(REGISTRATION_TOKEN)])
    assert [await stores.commit([use]) for _ in range(3)] == [True, True, False]
    found = await stores.registrations.find_token(REGISTRATION_TOKEN.digest)
    assert found == replace(REGISTRATION_TOKEN, uses_left=0)


# covers: DCR-01
async def test_a_token_ends_at_its_date_or_when_it_is_taken_back(stores: Stores) -> None:
    endless = replace(REGISTRATION_TOKEN, uses_left=None)
    assert await stores.commit([AddRegistrationToken(endless)])
    moments = (later(1), later(399), later(400))
    used = [await stores.commit([UseRegistrationToken(endless.digest, now)]) for now in moments]
    assert used == [True, True, False]
    assert await stores.commit([RemoveRegistrationToken(endless.token_id)])
    assert not await stores.commit([UseRegistrationToken(endless.digest, later(2))])
    assert not await stores.commit([UseRegistrationToken(digest("unknown"), later(2))])


async def test_a_client_that_nobody_used_is_forgotten_with_what_was_allowed_to_it(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    assert await stores.commit([*WORLD, REGISTER, RememberConsent(replace(CONSENT, client_id=STRANGER))])
    assert not await storage.purge(later(399), 100)
    assert await stores.clients.find(STRANGER) == SELF_REGISTERED
    assert not await storage.purge(later(400), 100)
    assert await stores.clients.find(STRANGER) is None
    assert await stores.consents.find(SUBJECT, STRANGER) is None
    assert await stores.registrations.count() == 0
    assert await stores.clients.find(CLIENT_ID) is not None


async def test_a_client_in_use_is_never_forgotten(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    assert await stores.commit([*WORLD, REGISTER, GrantAuthorization(OF_STRANGER, None)])
    assert not await storage.purge(later(8_999), 100)
    assert await stores.clients.find(STRANGER) == SELF_REGISTERED
    assert await stores.commit([RevokeAuthorization(OF_STRANGER.authorization_id, later(8_999))])
    assert not await storage.purge(later(8_999), 100)
    assert await stores.clients.find(STRANGER) is None


async def test_use_moves_the_end_on_and_is_noted_once_a_day(stores: Stores) -> None:
    assert await stores.commit([REGISTER])
    for until, now, noted in (
        (later(DAY * 9), NOW, RegistrationUse(STRANGER, NOW, later(DAY * 9))),
        (later(DAY * 10), later(DAY - 1), RegistrationUse(STRANGER, NOW, later(DAY * 9))),
        (later(DAY * 8), later(DAY), RegistrationUse(STRANGER, later(DAY), later(DAY * 9))),
    ):
        assert await stores.commit([KeepRegistration(STRANGER, until, now)])
        assert list(await stores.registrations.uses()) == [noted]


async def test_what_is_kept_for_good_stays_so(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    assert await stores.commit(
        [RegisterClient(SELF_REGISTERED, None, 2), KeepRegistration(STRANGER, later(9), NOW)]
    )
    assert not await storage.purge(later(DAY * 4_000), 100)
    assert list(await stores.registrations.uses()) == [RegistrationUse(STRANGER, NOW, None)]
    assert await stores.clients.find(STRANGER) == SELF_REGISTERED


async def test_who_is_removed_is_no_registration_any_more(stores: Stores) -> None:
    assert await stores.commit([REGISTER, PutClient(replace(SELF_REGISTERED, name="Renamed"))])
    assert await stores.registrations.count() == 1
    assert await stores.commit([RemoveClient(STRANGER)])
    assert await stores.registrations.count() == 0


async def test_consents_are_forgotten_for_one_client_alone(stores: Stores) -> None:
    other = replace(CONSENT, client_id=STRANGER)
    assert await stores.commit([*WORLD, RememberConsent(CONSENT), RememberConsent(other)])
    assert await stores.commit([ForgetConsents(STRANGER)])
    assert await stores.consents.find(SUBJECT, STRANGER) is None
    assert await stores.consents.find(SUBJECT, CLIENT_ID) is not None


async def test_who_was_removed_or_disabled_meanwhile_does_not_come_back_by_a_change(stores: Stores) -> None:
    change = ReplaceRegisteredClient(replace(SELF_REGISTERED, name="Renamed"))
    assert not await stores.commit([change])
    assert await stores.commit([REGISTER])
    assert await stores.commit([change])
    assert await stores.clients.find(STRANGER) == change.client
    assert await stores.commit([PutClient(replace(SELF_REGISTERED, disabled=True))])
    assert not await stores.commit([change])
    assert await stores.commit([RemoveClient(STRANGER)])
    assert not await stores.commit([change])
    assert await stores.clients.find(STRANGER) is None
