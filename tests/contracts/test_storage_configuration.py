"""What an operator keeps: it comes back as it was, and each change moves the configuration version."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.stored_values import (
    ACME,
    CLIENT,
    CLIENT_ID,
    END_USER,
    KEY,
    NOW,
    OTHER_TENANT,
    RESOURCE,
    SECRET,
    SUBJECT,
    TENANT,
    TRUSTED,
    WORLD,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    AddSigningKey,
    BumpGeneration,
    Change,
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    PutTrustedIssuer,
    RemoveClient,
    RemoveEndUser,
    RemoveResource,
    RemoveTrustedIssuer,
    SetProvisioningRevision,
)
from valetkey.authorization_server.model import (
    AuthenticationMethod,
    Generations,
    ManagedBy,
    PasswordHash,
    Tenant,
)
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.trusted_issuer import SubjectMatch
from valetkey.jose import JwkSet
from valetkey.oauth.types import ClientId, SecretText, Subject

OF_THE_TENANT: list[Change] = [
    PutTenant(Tenant(TENANT, "Default", "OAUTH_2_1")),
    PutClient(CLIENT),
    RemoveClient(CLIENT_ID),
    PutEndUser(END_USER),
    RemoveEndUser(SUBJECT, NOW),
    PutResource(RESOURCE),
    RemoveResource(RESOURCE.identifier),
    PutTrustedIssuer(TRUSTED),
    RemoveTrustedIssuer(TRUSTED.issuer),
    AddSigningKey(KEY),
    BumpGeneration("server", ""),
    BumpGeneration("tenant", ""),
    BumpGeneration("client", CLIENT_ID),
    BumpGeneration("subject", SUBJECT),
    SetProvisioningRevision(1),
]
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "alg": "ES256",
    "kid": "rfc7515-a3",
}


@pytest.mark.parametrize("change", OF_THE_TENANT, ids=lambda change: type(change).__name__)
async def test_a_change_of_configuration_moves_the_version(stores: Stores, change: Change) -> None:
    await stores.commit(WORLD)
    before = await stores.signing_keys.version()
    assert await stores.commit([change])
    assert await stores.signing_keys.version() > before


async def test_a_lost_change_of_configuration_leaves_the_version(stores: Stores) -> None:
    await stores.commit([PutEndUser(END_USER)])
    before = await stores.signing_keys.version()
    assert not await stores.commit([PutClient(CLIENT), PutEndUser(replace(END_USER, subject=Subject("bob")))])
    assert await stores.signing_keys.version() == before
    assert await stores.clients.find(CLIENT_ID) is None


async def test_a_tenant_comes_back_and_the_change_is_seen_at_once(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    await stores.commit([PutTenant(ACME)])
    assert await storage.tenants.find("acme") == ACME
    disabled = replace(ACME, disabled=True, managed_by=ManagedBy.FILE)
    await stores.commit([PutTenant(disabled)])
    assert await storage.tenants.find("acme") == disabled
    assert await storage.tenants.find("unknown") is None
    await stores.commit([PutTenant(replace(ACME, tenant_id=OTHER_TENANT))])
    assert [tenant.tenant_id for tenant in await storage.tenants.list()] == ["acme", "other"]


async def test_a_client_comes_back_and_the_change_is_seen_at_once(stores: Stores) -> None:
    await stores.commit([PutClient(CLIENT)])
    assert await stores.clients.find(CLIENT_ID) == CLIENT
    other = replace(CLIENT, client_id=ClientId("api"), managed_by=ManagedBy.FILE, profile=None)
    changed = replace(CLIENT, name="Renamed", disabled=True)
    await stores.commit([PutClient(changed), PutClient(other)])
    assert await stores.clients.find(CLIENT_ID) == changed
    assert await stores.clients.list() == [other, changed]
    await stores.commit([RemoveClient(CLIENT_ID)])
    assert await stores.clients.find(CLIENT_ID) is None


async def test_the_secrets_and_keys_of_a_client_come_back(stores: Stores) -> None:
    # covers: CLI-14
    registered = replace(
        CLIENT,
        authentication_method=AuthenticationMethod.PRIVATE_KEY_JWT,
        secrets=(SECRET, replace(SECRET, secret_id="second", expires_at=None)),
        jwks=JwkSet.parse({"keys": [EC_KEY]}),
    )
    await stores.commit([PutClient(registered)])
    found = await stores.clients.find(CLIENT_ID)
    assert found is not None
    assert found.jwks is not None
    assert found.jwks.as_dict() == {"keys": [EC_KEY]}
    assert [(one.secret_id, one.created_at, one.expires_at) for one in found.secrets] == [
        ("first", NOW, later(60)),
        ("second", NOW, None),
    ]
    assert [one.digest.value for one in found.secrets] == [b"\x01" * 32] * 2
    assert not found.secrets[0].digest.matches(SecretText("guess"))


async def test_the_address_of_a_clients_keys_comes_back(stores: Stores) -> None:
    published = replace(CLIENT, jwks_uri="https://web.example/jwks.json")
    await stores.commit([PutClient(published)])
    assert await stores.clients.find(CLIENT_ID) == published


async def test_a_resource_comes_back_and_the_change_is_seen_at_once(stores: Stores) -> None:
    await stores.commit([PutResource(RESOURCE)])
    assert await stores.resources.find(RESOURCE.identifier) == RESOURCE
    changed = replace(RESOURCE, access_token_lifetime=None, disabled=True)
    await stores.commit([PutResource(changed), PutResource(replace(RESOURCE, identifier="https://a.example"))])
    assert await stores.resources.find(RESOURCE.identifier) == changed
    assert [one.identifier for one in await stores.resources.list()] == ["https://a.example", "https://api.example"]
    await stores.commit([RemoveResource(RESOURCE.identifier)])
    assert await stores.resources.find(RESOURCE.identifier) is None


async def test_signing_keys_come_back_oldest_first_and_a_new_one_is_seen_at_once(stores: Stores) -> None:
    await stores.commit([AddSigningKey(KEY)])
    assert list(await stores.signing_keys.list()) == [KEY]
    older = replace(KEY, kid="k0", algorithm="RS256", created_at=later(-60))
    await stores.commit([AddSigningKey(older)])
    assert list(await stores.signing_keys.list()) == [older, KEY]


async def test_an_end_user_comes_back_by_subject_and_by_normalised_user_name(stores: Stores) -> None:
    await stores.commit([PutEndUser(END_USER)])
    assert await stores.end_users.find(SUBJECT) == END_USER
    assert await stores.end_users.find_by_username("alice") == END_USER
    assert await stores.end_users.find_by_username("Alice") is None
    renamed = replace(END_USER, username="Älice", password_hash=None, name=None, email=None, claims={})
    bob = replace(END_USER, subject=Subject("bob"))
    assert await stores.commit([PutEndUser(renamed), PutEndUser(bob)])
    assert await stores.end_users.find_by_username("älice") == renamed
    assert await stores.end_users.list() == [renamed, bob]


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (lambda user: replace(user, password_hash=PasswordHash("$argon2id$2")), 1),
        (lambda user: replace(user, password_hash=None), 1),
        (lambda user: replace(user, disabled=True), 1),
        (lambda user: replace(user, disabled=True, password_hash=PasswordHash("$argon2id$2")), 1),
        (lambda user: replace(user, name="Alice P. Liddell", roles=frozenset[str]()), 0),
        (lambda user: user, 0),
    ],
    ids=["new password", "no password", "disabled", "both", "renamed", "same"],
)
async def test_what_ends_trust_in_an_end_user_moves_the_subjects_generation(
    stores: Stores, change: Callable[..., object], moved: int
) -> None:
    # covers: REF-07
    await stores.commit([PutEndUser(END_USER)])
    assert await stores.end_users.generations(SUBJECT) == Generations()
    changed = change(END_USER)
    assert isinstance(changed, type(END_USER))
    await stores.commit([PutEndUser(changed)])
    assert await stores.end_users.generations(SUBJECT) == Generations(subject=moved)
    await stores.commit([PutEndUser(changed)])
    assert await stores.end_users.generations(SUBJECT) == Generations(subject=moved)


async def test_disabling_a_client_moves_its_generation_once(stores: Stores) -> None:
    disabled = replace(CLIENT, disabled=True)
    for client in (CLIENT, replace(CLIENT, name="Renamed"), disabled, disabled):
        await stores.commit([PutClient(client)])
    assert await stores.clients.generations(CLIENT_ID) == Generations(client=1)


async def test_a_trusted_issuer_comes_back_as_it_was_put(stores: Stores) -> None:
    await stores.commit([PutTrustedIssuer(TRUSTED)])
    assert await stores.trusted_issuers.find(TRUSTED.issuer) == TRUSTED
    changed = replace(TRUSTED, subject_match=SubjectMatch.EMAIL, subjects={}, disabled=True)
    await stores.commit([PutTrustedIssuer(changed)])
    assert list(await stores.trusted_issuers.list()) == [changed]
    await stores.commit([RemoveTrustedIssuer(TRUSTED.issuer)])
    assert await stores.trusted_issuers.find(TRUSTED.issuer) is None


async def test_a_trusted_issuer_is_its_tenants_own(storage: Storage) -> None:
    await storage.stores(TENANT).commit([PutTrustedIssuer(TRUSTED)])
    assert await storage.stores(OTHER_TENANT).trusted_issuers.find(TRUSTED.issuer) is None


async def test_an_end_user_is_found_by_the_address_of_now_in_whatever_ascii_case(stores: Stores) -> None:
    carol = replace(END_USER, subject=Subject("carol"), username="carol", email="Alice@EXAMPLE.com")
    await stores.commit([PutEndUser(END_USER)])
    assert [one.subject for one in await stores.end_users.find_by_email("alice@example.com")] == [SUBJECT]
    await stores.commit([PutEndUser(carol)])
    assert len(await stores.end_users.find_by_email("alice@example.com")) == 2
    await stores.commit(
        [PutEndUser(replace(END_USER, email="elsewhere@example.com")), RemoveEndUser(carol.subject, NOW)]
    )
    assert list(await stores.end_users.find_by_email("alice@example.com")) == []
    await stores.commit([PutEndUser(replace(END_USER, email=None, email_verified=False))])
    assert list(await stores.end_users.find_by_email("elsewhere@example.com")) == []
