"""API keys over the real endpoints: what is told of them, how they are exchanged, and when they die."""

from dataclasses import replace

import pytest

from support.feeding import revocations
from support.house import API, NOW, OTHER_API, SECRET, House, basic, claims_of, clients, document
from support.introspecting import ALBUMS_API, ORDERS_API, give_back, told
from support.keyed import (
    ALICE,
    GATEWAY,
    READ,
    add_key,
    exchange_key,
    is_active,
    key_of_alice,
    keyed_house,
    revoke,
    rotate,
    soon,
    stored_key,
    token_for,
)
from valetkey.authorization_server.api_key import API_KEY_PREFIX, USE_NOTED_EVERY
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    ChangePassword,
    PutClient,
    PutEndUser,
    PutResource,
    RemoveClient,
    RemoveEndUser,
    RevokeAuthorization,
)
from valetkey.authorization_server.model import AccessTokenFormat, PasswordHash
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.oauth.access_token import CredentialKind, PrincipalKind, access_token_from_claims
from valetkey.oauth.introspection import parse_response
from valetkey.oauth.security_event import Revocation, RevokedKind
from valetkey.oauth.status_list import StatusList, StatusReference
from valetkey.oauth.token_exchange import TokenType
from valetkey.oauth.types import ClientId, Scope, Seconds

MACHINE = clients()["machine"]
HASH = ALICE.password_hash
assert HASH is not None


@pytest.fixture
async def house() -> House:
    return await keyed_house()


async def is_marked(house: House, token: str) -> bool:
    reference = StatusReference.parse(claims_of(token))
    assert reference is not None
    listed = await house.get(reference.uri.removeprefix(house.server.issuer.url))
    return StatusList.parse(claims_of(listed.body.decode())["status_list"]).status(reference.index) != 0


async def test_a_resource_server_learns_whose_a_key_is_and_what_it_may_do(house: House) -> None:
    key, secret = await add_key(house, limit="100/1m")

    answer = await told(house, secret, GATEWAY)

    assert secret.startswith(API_KEY_PREFIX)
    assert answer == {
        "active": True,
        "iss": "https://as.example",
        "sub": "machine",
        "client_id": "machine",
        "aud": API,
        "scope": "albums.read",
        "iat": NOW,
        "exp": NOW + 300,
        "jti": key.key_id,
        "authorization_id": key.key_id,
        "gen": [0, 0, 0, 0],
        "token_type": "Bearer",
        "credential": "api_key",
        "urn:valetkey:owner-kind": "client",
        "urn:valetkey:limit": "100/1m",
    }


async def test_the_guard_reads_what_is_told_of_a_key(house: House) -> None:
    key, secret = await add_key(house, expires_at=soon(house, 60))
    response = await house.post("/introspect", {"token": secret}, basic(GATEWAY.client_id, SECRET))

    token = parse_response(response.body)

    assert token is not None
    assert token.credential is CredentialKind.API_KEY
    assert (token.principal, token.subject, token.token_id) == (PrincipalKind.CLIENT, "machine", key.key_id)
    assert (token.scope, token.audience, token.expires_at) == (READ, (API,), NOW + 60)


async def test_the_key_of_an_end_user_speaks_for_them_and_for_no_client(house: House) -> None:
    key, secret = await key_of_alice(house)

    answer = await told(house, secret, GATEWAY)

    said = {name: answer[name] for name in ("sub", "client_id", "username", "urn:valetkey:owner-kind")}
    assert said == {
        "sub": ALICE.subject,
        "client_id": key.key_id,
        "username": "alice",
        "urn:valetkey:owner-kind": "end_user",
    }


async def test_a_resource_server_that_may_not_recognize_end_users_learns_a_name_of_its_own(house: House) -> None:
    await house.commit(
        PutClient(
            replace(
                GATEWAY,
                redirect_uris=("https://gateway.example/cb",),
                openid=OpenIdMetadata(subject_type=SubjectType.PAIRWISE),
            )
        )
    )
    _, secret = await key_of_alice(house)

    answer, token = await told(house, secret, GATEWAY), await token_for(house, secret)

    assert answer["sub"] == claims_of(token)["sub"] != ALICE.subject
    assert "username" not in answer
    assert await is_active(house, token)
    _, of_machine = await add_key(house)
    assert claims_of(await token_for(house, of_machine))["sub"] == "machine"


async def test_each_resource_server_learns_only_its_own_part_of_a_key(house: House) -> None:
    _, secret = await add_key(house, scope=Scope.parse("albums.read orders.read"), resources=(API, OTHER_API))

    albums, orders = await told(house, secret, ALBUMS_API), await told(house, secret, ORDERS_API)

    assert (albums["aud"], albums["scope"]) == (API, "albums.read")
    assert (orders["aud"], orders["scope"]) == (OTHER_API, "orders.read")


async def test_what_a_client_lost_since_its_keys_lost_too(house: House) -> None:
    _, secret = await add_key(house)
    await house.commit(PutClient(replace(MACHINE, scope=Scope.parse("orders.read"))))
    assert (await told(house, secret, GATEWAY))["scope"] == ""

    await house.commit(PutClient(replace(MACHINE, resources=(OTHER_API,))))
    assert not await is_active(house, secret)


async def test_a_key_ends_at_the_second_that_it_names(house: House) -> None:
    _, secret = await add_key(house, expires_at=soon(house, 600))
    house.clock.advance(599)
    assert (await told(house, secret, GATEWAY))["exp"] == NOW + 600

    house.clock.advance(1)

    assert not await is_active(house, secret)
    assert (await exchange_key(house, secret)).status == 400


async def test_after_a_rotation_both_secrets_are_good_until_the_overlap_ends(house: House) -> None:
    key, old = await add_key(house)
    new = await rotate(house, key, 3600)

    assert await is_active(house, new)
    assert (await told(house, old, GATEWAY))["exp"] == NOW + 3600
    house.clock.advance(3600)
    assert not await is_active(house, old)
    assert await is_active(house, new)


async def test_a_rotation_without_an_overlap_ends_the_old_secret_at_once(house: House) -> None:
    key, old = await add_key(house)
    new = await rotate(house, key, 0)

    assert not await is_active(house, old)
    assert (await told(house, new, GATEWAY))["jti"] == key.key_id


async def test_the_last_use_is_noted_once_a_minute_and_costs_no_commit_in_between(house: House) -> None:
    key, secret = await add_key(house)
    assert (await stored_key(house, key)).key.last_used_at is None
    await is_active(house, secret)
    house.clock.advance(USE_NOTED_EVERY - 1)
    await is_active(house, secret)
    assert (await stored_key(house, key)).key.last_used_at == NOW

    house.clock.advance(1)
    await token_for(house, secret)

    found = (await stored_key(house, key)).key
    assert (found.last_used_at, found.version) == (NOW + USE_NOTED_EVERY, 1)


async def test_who_is_told_nothing_notes_no_use(house: House) -> None:
    key, secret = await add_key(house)

    assert not await is_active(house, secret, ORDERS_API)

    assert (await stored_key(house, key)).key.last_used_at is None


async def test_a_gateway_gets_a_short_token_that_says_whose_key_it_was(house: House) -> None:
    key, secret = await add_key(house, limit="5/s")

    response = await exchange_key(house, secret)

    assert response.status == 200, response.body
    answer = document(response)
    assert {name: answer[name] for name in ("issued_token_type", "token_type", "expires_in", "scope")} == {
        "issued_token_type": TokenType.ACCESS_TOKEN.value,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "albums.read",
    }
    assert "refresh_token" not in answer
    claims = claims_of(answer["access_token"])
    assert {name: claims[name] for name in claims if name not in {"jti", "status"}} == {
        "iss": "https://as.example",
        "sub": "machine",
        "client_id": "machine",
        "aud": API,
        "scope": "albums.read",
        "iat": NOW,
        "exp": NOW + 300,
        "gen": [0, 0, 0, 0],
        "authorization_id": key.key_id,
        "credential": "api_key",
        "api_key_id": key.key_id,
        "act": {"sub": "albums-api", "client_id": "albums-api"},
        "exchanged_from": [{"client_id": "albums-api", "gen": 0}],
        "urn:valetkey:owner-kind": "client",
        "urn:valetkey:limit": "5/s",
    }
    assert claims["jti"] != key.key_id
    token = access_token_from_claims(claims)
    assert (token.credential, token.principal) == (CredentialKind.API_KEY, PrincipalKind.CLIENT)


async def test_the_token_of_an_end_users_key_speaks_for_them(house: House) -> None:
    key, secret = await key_of_alice(house)

    claims = claims_of(await token_for(house, secret))

    assert (claims["sub"], claims["client_id"]) == (ALICE.subject, key.key_id)
    assert (await told(house, await token_for(house, secret), GATEWAY))["username"] == "alice"


async def test_the_token_ends_with_its_key(house: House) -> None:
    _, secret = await add_key(house, expires_at=soon(house, 40))

    answer = document(await exchange_key(house, secret))

    assert answer["expires_in"] == 40


async def test_a_resource_server_with_a_longer_lifetime_gets_no_longer_token(house: House) -> None:
    albums = await house.stores.resources.find(API)
    assert albums is not None
    await house.commit(PutResource(replace(albums, access_token_lifetime=Seconds(900))))
    _, secret = await add_key(house)

    assert document(await exchange_key(house, secret))["expires_in"] == 300


async def test_an_opaque_token_for_a_key_is_explained_like_any_other(house: House) -> None:
    albums = await house.stores.resources.find(API)
    assert albums is not None
    await house.commit(PutResource(replace(albums, access_token_format=AccessTokenFormat.OPAQUE)))
    key, secret = await add_key(house)

    token = await token_for(house, secret)

    assert token.startswith("vk_at_")
    answer = await told(house, token, GATEWAY)
    assert (answer["credential"], answer["api_key_id"], answer["sub"]) == ("api_key", key.key_id, "machine")
    await revoke(house, key)
    assert not await is_active(house, token)


async def test_a_gateway_narrows_what_it_asks_for(house: House) -> None:
    await house.commit(PutClient(replace(MACHINE, scope=Scope.parse("albums.read albums.write"))))
    _, secret = await add_key(house, scope=Scope.parse("albums.read albums.write"))

    answer = document(await exchange_key(house, secret, scope="albums.read", audience=API))

    assert answer["scope"] == "albums.read"


async def test_what_a_resource_server_wants_to_know_is_told_of_a_key_too(house: House) -> None:
    albums = await house.stores.resources.find(API)
    assert albums is not None
    rules = {
        "tier": "client.attributes.tier",
        "by": "client.name",
        "mail": "user.email",
        "when": "session.auth_time",
    }
    wanted = tuple(ClaimRule.parse(claim, source) for claim, source in rules.items())
    await house.commit(
        PutResource(replace(albums, claims=wanted)), PutClient(replace(MACHINE, attributes={"tier": "gold"}))
    )
    twin = replace(MACHINE, client_id=ClientId(ALICE.subject), attributes={})
    await house.commit(PutClient(twin))
    _, of_machine = await add_key(house)
    _, of_alice = await key_of_alice(house)
    _, of_twin = await add_key(house, twin.client_id)

    for secret, expected in (
        (of_machine, {"tier": "gold", "by": "Nightly Export"}),
        (of_alice, {"by": "nightly export", "mail": "alice@example.com"}),
        # A client that is called like an end-user tells nothing of them.
        (of_twin, {"by": "Nightly Export"}),
    ):
        for told_claims in (await told(house, secret, GATEWAY), claims_of(await token_for(house, secret))):
            assert {name: told_claims[name] for name in rules if name in told_claims} == expected


KILLS_OF_A_CLIENTS_KEY: dict[str, Change] = {
    "the client is disabled": PutClient(replace(MACHINE, disabled=True)),
    "the client is removed": RemoveClient(MACHINE.client_id),
    "the client is revoked": BumpGeneration("client", "machine"),
    "the tenant is revoked": BumpGeneration("tenant", ""),
    "the server is revoked": BumpGeneration("server", ""),
}
KILLS_OF_AN_END_USERS_KEY: dict[str, Change] = {
    "the end-user is disabled": PutEndUser(replace(ALICE, disabled=True)),
    "the end-user is removed": RemoveEndUser(ALICE.subject, NOW),
    "the password is changed": ChangePassword(ALICE.subject, HASH, PasswordHash("$argon2id$new"), NOW),
    "they sign out everywhere": BumpGeneration("subject", ALICE.subject),
}


# covers: INT-07
@pytest.mark.parametrize("kill", [*KILLS_OF_A_CLIENTS_KEY, *KILLS_OF_AN_END_USERS_KEY])
async def test_a_key_dies_with_its_owner_and_so_does_the_token_that_it_was_exchanged_for(
    house: House, kill: str
) -> None:
    _, secret = await (add_key(house) if kill in KILLS_OF_A_CLIENTS_KEY else key_of_alice(house))
    token = await token_for(house, secret)
    assert await is_active(house, token)
    assert not await is_marked(house, token)

    await house.commit((KILLS_OF_A_CLIENTS_KEY | KILLS_OF_AN_END_USERS_KEY)[kill])

    assert not await is_active(house, secret)
    assert not await is_active(house, token)
    assert await is_marked(house, token)
    assert (await exchange_key(house, secret)).status == 400


@pytest.mark.parametrize("how", ["as a key", "as an authorization"])
async def test_a_revoked_key_dies_everywhere_with_its_tokens_and_the_feed_tells_of_it(
    house: House, how: str
) -> None:
    key, secret = await add_key(house)
    token = await token_for(house, secret)

    if how == "as a key":
        await revoke(house, key)
    else:
        await house.commit(RevokeAuthorization(key.authorization_id, house.clock.now))

    assert not await is_active(house, secret)
    assert not await is_active(house, token)
    assert await is_marked(house, token)
    # What was told of the key and every token of it name the authorization that the event names.
    assert await revocations(house) == [Revocation(RevokedKind.AUTHORIZATION, key.key_id)]


async def test_the_token_dies_with_the_gateway_that_got_it(house: House) -> None:
    _, secret = await add_key(house)
    token = await token_for(house, secret)
    watcher = replace(ORDERS_API, client_id=ClientId("watcher"))
    albums = await house.stores.resources.find(API)
    assert albums is not None
    speakers = (*albums.introspection_client_ids, watcher.client_id)
    await house.commit(PutClient(watcher), PutResource(replace(albums, introspection_client_ids=speakers)))
    assert await is_active(house, token, watcher)

    await house.commit(PutClient(replace(GATEWAY, disabled=True)))

    assert not await is_active(house, token, watcher)
    assert await is_marked(house, token)
    assert await is_active(house, secret, watcher)


async def test_a_client_gives_its_own_key_back(house: House) -> None:
    _, secret = await add_key(house)
    token = await token_for(house, secret)

    assert (await give_back(house, secret, "machine")).status == 200

    assert not await is_active(house, secret)
    assert not await is_active(house, token)
    assert (await give_back(house, secret, "machine")).status == 200
