"""What a file declares is brought about, over the memory store and a real SQLite file."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.passwords import Argon2Passwords
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.administration.provisioning import Outcome, Provisioned, provision
from valetkey.authorization_server.decision import PutClient, PutEndUser, PutTenant
from valetkey.authorization_server.declaration import (
    Declarations,
    DeclaredClient,
    DeclaredEndUser,
    DeclaredIssuer,
    DeclaredResource,
)
from valetkey.authorization_server.model import (
    AuthenticationMethod,
    Client,
    ClientSecret,
    EndUser,
    ManagedBy,
    PasswordHash,
    Resource,
    Tenant,
)
from valetkey.authorization_server.trusted_issuer import TrustedIssuer
from valetkey.jose import JwkSet
from valetkey.oauth.types import (
    DEFAULT_TENANT,
    ClientId,
    GrantType,
    NumericDate,
    Scope,
    SecretDigest,
    SecretText,
    Subject,
    TenantId,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

Storage = MemoryStorage | SqliteStorage

SHOP = ClientId("shop")
API = "https://api.example.com"
SECRET = SecretText("0123456789abcdef0123456789abcdef")
NEXT_SECRET = SecretText("fedcba9876543210fedcba9876543210")
DEFAULT = Tenant(DEFAULT_TENANT, "Valetkey", "OAUTH_2_1")
ACME = Tenant(TenantId("acme"), "Acme", "OPENID", managed_by=ManagedBy.FILE)
KEYS = JwkSet.parse_public(
    {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519",
               "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
)  # fmt: skip


def _secret(text: SecretText) -> ClientSecret:
    return ClientSecret(text.digest().hex()[:12], SecretDigest(text.digest()), NumericDate(0))


CLIENT = Client(
    client_id=SHOP,
    name="Shop",
    authentication_method=AuthenticationMethod.CLIENT_SECRET_BASIC,
    grant_types=frozenset({GrantType("authorization_code")}),
    redirect_uris=("https://shop.example.com/cb",),
    secrets=(_secret(SECRET),),
    jwks=KEYS,
    scope=Scope(("openid",)),
    managed_by=ManagedBy.FILE,
)
SEALER = Sealer(b"k" * 32)
ADA = DeclaredEndUser(DEFAULT_TENANT, "Ada", SecretText("correct horse"), claims={"locale": "en-GB"})
ORDERS = Resource(API, "Orders", {"orders:read": "See your orders"}, managed_by=ManagedBy.FILE)
TRUSTED = TrustedIssuer(
    "https://idp.example.com",
    (SHOP,),
    Scope(("orders:read",)),
    jwks=KEYS,
    subjects={"42": "Ada"},
    managed_by=ManagedBy.FILE,
)
DECLARED = Declarations(
    1,
    (DEFAULT, ACME),
    (DeclaredClient(DEFAULT_TENANT, CLIENT),),
    (ADA,),
    (DeclaredResource(DEFAULT_TENANT, ORDERS),),
    (DeclaredIssuer(DEFAULT_TENANT, TRUSTED),),
)


@pytest.fixture(params=["memory", "sqlite"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
        return
    path = str(tmp_path / "valetkey.db")
    upgrade(path)
    opened = await SqliteStorage.open(path)
    yield opened
    await opened.close()


@pytest.fixture
def passwords() -> Iterator[Argon2Passwords]:
    hasher = Argon2Passwords(1)
    yield hasher
    hasher.close()


async def apply(declared: Declarations, storage: Storage, passwords: Argon2Passwords) -> dict[str, Provisioned]:
    vaults = partial(SealedClientSecrets, SEALER)
    done = await provision(declared, storage, passwords, draw_fresh, vaults=vaults)
    return {each.tenant_id: each for each in done}


async def held_client(storage: Storage) -> Client:
    client = await storage.stores(DEFAULT_TENANT).clients.find(SHOP)
    assert client is not None
    return client


async def held_user(storage: Storage) -> EndUser:
    user = await storage.stores(DEFAULT_TENANT).end_users.find_by_username("ada")
    assert user is not None
    return user


async def test_what_is_declared_is_there_after_the_start(storage: Storage, passwords: Argon2Passwords) -> None:
    done = await apply(DECLARED, storage, passwords)

    assert {name: each.outcome for name, each in done.items()} == {
        "default": Outcome.APPLIED,
        "acme": Outcome.APPLIED,
    }
    client, user = await held_client(storage), await held_user(storage)
    assert client.secrets[0].digest.matches(SECRET)
    assert client.secrets[0].created_at > 0
    assert (client.managed_by, user.managed_by) == (ManagedBy.FILE, ManagedBy.FILE)
    assert await passwords.matches(SecretText("correct horse"), user.password_hash)
    assert await storage.stores(DEFAULT_TENANT).resources.find(API) == ORDERS
    trusted = await storage.stores(DEFAULT_TENANT).trusted_issuers.find(TRUSTED.issuer)
    assert trusted is not None
    assert replace(trusted, jwks=KEYS) == TRUSTED
    assert await storage.tenants.find("acme") == ACME
    assert await storage.tenants.find("default") == DEFAULT


async def test_a_second_start_changes_nothing(storage: Storage, passwords: Argon2Passwords) -> None:
    await apply(DECLARED, storage, passwords)
    before = await held_client(storage), await held_user(storage)

    again = await apply(DECLARED, storage, passwords)

    assert {each.outcome for each in again.values()} == {Outcome.UNCHANGED}
    assert (await held_client(storage)).secrets[0].created_at == before[0].secrets[0].created_at
    assert await held_user(storage) == before[1]


async def test_an_initial_password_never_resets_a_changed_one(storage: Storage, passwords: Argon2Passwords) -> None:
    await apply(DECLARED, storage, passwords)
    user = await held_user(storage)
    changed = replace(user, password_hash=PasswordHash("$argon2id$changed"))
    await storage.stores(DEFAULT_TENANT).commit((PutEndUser(changed),))

    await apply(replace(DECLARED, users=(replace(ADA, name="Ada Lovelace"),)), storage, passwords)

    after = await held_user(storage)
    assert (after.password_hash, after.name, after.subject) == ("$argon2id$changed", "Ada Lovelace", user.subject)


async def test_a_hash_is_taken_as_the_initial_password(storage: Storage, passwords: Argon2Passwords) -> None:
    phc = PasswordHash("$argon2id$given")

    await apply(replace(DECLARED, users=(replace(ADA, initial_password=phc),)), storage, passwords)

    assert (await held_user(storage)).password_hash == phc


async def test_what_leaves_the_file_is_disabled_and_never_deleted(
    storage: Storage, passwords: Argon2Passwords
) -> None:
    await apply(DECLARED, storage, passwords)

    await apply(Declarations(1, (DEFAULT,)), storage, passwords)

    assert (await held_client(storage)).disabled
    assert (await held_user(storage)).disabled
    orders = await storage.stores(DEFAULT_TENANT).resources.find(API)
    acme = await storage.tenants.find("acme")
    trusted = await storage.stores(DEFAULT_TENANT).trusted_issuers.find(TRUSTED.issuer)
    assert orders is not None
    assert orders.disabled
    assert trusted is not None
    assert trusted.disabled
    assert acme is not None
    assert acme.disabled


async def test_what_comes_back_to_the_file_is_enabled_under_the_same_subject(
    storage: Storage, passwords: Argon2Passwords
) -> None:
    await apply(DECLARED, storage, passwords)
    subject = (await held_user(storage)).subject
    await apply(Declarations(1, (DEFAULT,)), storage, passwords)

    await apply(DECLARED, storage, passwords)

    user = await held_user(storage)
    assert (user.disabled, user.subject) == (False, subject)
    assert not (await held_client(storage)).disabled


async def test_what_leaves_the_file_loses_its_tokens(storage: Storage, passwords: Argon2Passwords) -> None:
    await apply(DECLARED, storage, passwords)
    authorizations, user = storage.stores(DEFAULT_TENANT).authorizations, await held_user(storage)
    before = await authorizations.current(SHOP, user.subject)

    await apply(Declarations(1, (DEFAULT,)), storage, passwords)

    after = await authorizations.current(SHOP, user.subject)
    assert (after.client, after.subject) == (before.client + 1, before.subject + 1)


async def test_what_an_operator_added_is_left_alone(storage: Storage, passwords: Argon2Passwords) -> None:
    by_hand = replace(CLIENT, client_id=ClientId("hand"), managed_by=ManagedBy.OPERATOR)
    await storage.stores(DEFAULT_TENANT).commit((PutClient(by_hand),))

    await apply(DECLARED, storage, passwords)

    held = await storage.stores(DEFAULT_TENANT).clients.find(ClientId("hand"))
    assert held is not None
    assert not held.disabled


async def test_what_an_operator_added_becomes_the_files_when_it_is_declared(
    storage: Storage, passwords: Argon2Passwords
) -> None:
    stores = storage.stores(DEFAULT_TENANT)
    grace = EndUser(Subject("s1"), "ADA", PasswordHash("$argon2id$hers"), NumericDate(1))
    await stores.commit((PutClient(replace(CLIENT, managed_by=ManagedBy.OPERATOR)), PutEndUser(grace)))

    await apply(DECLARED, storage, passwords)

    user = await held_user(storage)
    assert (await held_client(storage)).managed_by is ManagedBy.FILE
    assert (user.subject, user.password_hash, user.username) == ("s1", "$argon2id$hers", "Ada")


async def test_a_further_digest_is_added_and_one_that_left_is_gone(
    storage: Storage, passwords: Argon2Passwords
) -> None:
    await apply(DECLARED, storage, passwords)
    both = replace(CLIENT, secrets=(_secret(NEXT_SECRET), _secret(SECRET)))
    only = replace(CLIENT, secrets=(_secret(NEXT_SECRET),))

    await apply(replace(DECLARED, clients=(DeclaredClient(DEFAULT_TENANT, both),)), storage, passwords)
    kept = (await held_client(storage)).secrets
    await apply(replace(DECLARED, clients=(DeclaredClient(DEFAULT_TENANT, only),)), storage, passwords)

    assert [secret.digest.matches(SECRET) for secret in kept] == [False, True]
    assert not any(secret.digest.matches(SECRET) for secret in (await held_client(storage)).secrets)


async def test_a_lower_revision_changes_nothing(storage: Storage, passwords: Argon2Passwords) -> None:
    await apply(replace(DECLARED, revision=5), storage, passwords)

    done = await apply(Declarations(4, (DEFAULT, ACME)), storage, passwords)

    assert {each.outcome for each in done.values()} == {Outcome.SUPERSEDED}
    assert not (await held_client(storage)).disabled


async def test_a_higher_revision_holds(storage: Storage, passwords: Argon2Passwords) -> None:
    await apply(replace(DECLARED, revision=5), storage, passwords)

    await apply(Declarations(6, (DEFAULT, ACME)), storage, passwords)

    assert (await held_client(storage)).disabled


async def test_the_default_tenant_keeps_what_an_operator_changed_but_its_profile(
    storage: Storage, passwords: Argon2Passwords
) -> None:
    await apply(Declarations(1, (DEFAULT,)), storage, passwords)
    await storage.stores(DEFAULT_TENANT).commit((PutTenant(replace(DEFAULT, accent="#000000")),))

    await apply(Declarations(1, (replace(DEFAULT, profile="OPENID"),)), storage, passwords)

    assert await storage.tenants.find("default") == replace(DEFAULT, accent="#000000", profile="OPENID")


async def test_two_tenants_may_declare_the_same_names(storage: Storage, passwords: Argon2Passwords) -> None:
    twin = replace(CLIENT, name="Shop of Acme")
    declared = replace(
        DECLARED,
        clients=(*DECLARED.clients, DeclaredClient(ACME.tenant_id, twin)),
        users=(ADA, replace(ADA, tenant_id=ACME.tenant_id)),
    )

    await apply(declared, storage, passwords)

    other = await storage.stores(ACME.tenant_id).clients.find(SHOP)
    twin_user = await storage.stores(ACME.tenant_id).end_users.find_by_username("ada")
    assert other is not None
    assert (other.name, (await held_client(storage)).name) == ("Shop of Acme", "Shop")
    assert twin_user is not None
    assert twin_user.subject != (await held_user(storage)).subject


async def test_two_nodes_that_start_at_once_bring_about_the_same(
    tmp_path: Path, passwords: Argon2Passwords
) -> None:
    path = str(tmp_path / "valetkey.db")
    upgrade(path)
    nodes = [await SqliteStorage.open(path), await SqliteStorage.open(path)]

    outcomes = await asyncio.gather(*(apply(DECLARED, node, passwords) for node in nodes))

    seen = [await node.stores(DEFAULT_TENANT).end_users.list() for node in nodes]
    for node in nodes:
        await node.close()
    assert len(seen[0]) == 1
    assert seen[0] == seen[1]
    assert Outcome.APPLIED in {each["default"].outcome for each in outcomes}
    assert Outcome.SUPERSEDED not in {each["default"].outcome for each in outcomes}


# covers: CLI-14
async def test_each_declared_secret_lives_to_the_end_that_the_file_says(
    storage: Storage, passwords: Argon2Passwords
) -> None:
    ends = NumericDate(2_000_000_000)
    both = (replace(_secret(SECRET), expires_at=ends), _secret(SecretText("o" * 40)))
    declared = replace(DECLARED, clients=(DeclaredClient(DEFAULT_TENANT, replace(CLIENT, secrets=both)),))
    await apply(declared, storage, passwords)
    assert await _ends(storage) == [ends, None]

    done = await apply(replace(declared, revision=2), storage, passwords)
    assert done[DEFAULT_TENANT].outcome is Outcome.UNCHANGED

    await apply(replace(DECLARED, revision=3), storage, passwords)
    assert await _ends(storage) == [None]


async def _ends(storage: Storage) -> list[NumericDate | None]:
    client = await storage.stores(DEFAULT_TENANT).clients.find(SHOP)
    assert client is not None
    return [secret.expires_at for secret in client.secrets]


async def test_a_declared_secret_that_is_the_key_of_a_mac_is_sealed_once(
    storage: Storage, passwords: Argon2Passwords
) -> None:
    mac = replace(CLIENT, authentication_method=AuthenticationMethod.CLIENT_SECRET_JWT, jwks=None)
    texts = {SECRET.digest(): SECRET}
    declared = replace(DECLARED, clients=(DeclaredClient(DEFAULT_TENANT, mac, texts),))
    await apply(declared, storage, passwords)

    kept = await storage.stores(DEFAULT_TENANT).clients.find(SHOP)
    assert kept is not None
    assert SECRET.reveal().encode() not in (kept.secrets[0].sealed or b"")
    assert SealedClientSecrets(SEALER, DEFAULT_TENANT).open(SHOP, kept.secrets[0]).reveal() == SECRET.reveal()
    done = await apply(replace(declared, revision=2), storage, passwords)
    assert done[DEFAULT_TENANT].outcome is Outcome.UNCHANGED
