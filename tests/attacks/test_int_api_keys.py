"""API keys in the wrong hands and at the wrong doors."""

from dataclasses import replace

import pytest

from support.house import (
    API,
    ISSUER,
    OTHER_API,
    SECRET,
    House,
    basic,
    build_house,
    claims_of,
    clients,
    document,
)
from support.introspecting import ALBUMS_API, INACTIVE, ORDERS_API, ask, give_back
from support.keyed import (
    ALICE,
    GATEWAY,
    add_key,
    exchange_key,
    is_active,
    key_of_alice,
    keyed_house,
    other_client,
    revoke,
    rotate,
    soon,
    stored_key,
    token_for,
)
from valetkey.authorization_server.api_key import API_KEY_PREFIX, draw_key_secret
from valetkey.authorization_server.claim_rule import RESERVED
from valetkey.authorization_server.decision import PutClient, PutResource
from valetkey.authorization_server.model import AccessTokenFormat, AuthenticationMethod, Client
from valetkey.oauth.introspection import parse_response
from valetkey.oauth.token_exchange import API_KEY, TokenType
from valetkey.oauth.types import ClientId, Scope, TenantId
from valetkey.resource_server.introspection import LONGEST_BELIEF, IntrospectionMemory


@pytest.fixture
async def house() -> House:
    return await keyed_house()


def str_of(client: Client) -> str:
    return client.client_id


async def speak_for(house: House, identifier: str, *others: Client) -> None:
    """Let the gateway and `others` speak for a resource server."""
    held = await house.stores.resources.find(identifier)
    assert held is not None
    speakers = tuple(one.client_id for one in (GATEWAY, *others))
    await house.commit(*(PutClient(one) for one in others))
    await house.commit(PutResource(replace(held, introspection_client_ids=speakers)))


# covers: INT-02
@pytest.mark.parametrize(
    "asking", [ORDERS_API, clients()["machine"], clients()["web"]], ids=lambda one: one.client_id
)
async def test_a_key_for_another_resource_server_is_inactive_and_nothing_else(house: House, asking: Client) -> None:
    """Its own owner learns nothing either: it speaks for no resource server."""
    _, secret = await add_key(house)

    response = await ask(house, secret, asking)

    assert (response.status, response.body) == (200, INACTIVE)


async def of_another_tenant(_house: House) -> str:
    other = await build_house(tenant_id=TenantId("other"))
    return (await add_key(other))[1]


async def revoked(house: House) -> str:
    key, secret = await add_key(house)
    await revoke(house, key)
    return secret


async def expired(house: House) -> str:
    _, secret = await add_key(house, expires_at=soon(house, 10))
    house.clock.advance(10)
    return secret


async def replaced(house: House) -> str:
    key, secret = await add_key(house)
    await rotate(house, key, 60)
    house.clock.advance(60)
    return secret


async def of_another_api(house: House) -> str:
    return (await add_key(house, scope=Scope.parse("orders.read"), resources=(OTHER_API,)))[1]


async def with_a_changed_end(house: House) -> str:
    _, secret = await add_key(house)
    return secret[:-2] + ("AA" if not secret.endswith("AA") else "QQ")


DEAD = {
    "another tenant's": of_another_tenant,
    "revoked": revoked,
    "expired": expired,
    "replaced by a rotation": replaced,
    "another API's": of_another_api,
    "guessed from its beginning": with_a_changed_end,
}
TEXTS = {
    "unknown": API_KEY_PREFIX + "A" * 43,
    "empty": API_KEY_PREFIX,
    "its shown prefix": API_KEY_PREFIX + "A" * 6,
    "large": API_KEY_PREFIX + "A" * 60_000,
    "not base64url": API_KEY_PREFIX + "\u00fc\u202e'--%",
    "a wildcard": API_KEY_PREFIX + "%",
}


# covers: INT-03
@pytest.mark.parametrize("which", [*DEAD, *TEXTS])
async def test_a_dead_and_an_unknown_key_look_the_same(house: House, which: str) -> None:
    secret = TEXTS[which] if which in TEXTS else await DEAD[which](house)

    response = await ask(house, secret, GATEWAY)

    assert (response.status, response.body) == (200, INACTIVE)
    assert response.headers == (await ask(house, "nonsense", GATEWAY)).headers


# covers: INT-03
@pytest.mark.parametrize("which", [*DEAD, *TEXTS])
async def test_no_exchange_tells_a_dead_key_from_an_unknown_one(house: House, which: str) -> None:
    secret = TEXTS[which] if which in TEXTS else await DEAD[which](house)

    response = await exchange_key(house, secret)

    assert (response.status, document(response)["error"]) == (400, "invalid_request")
    assert response.body == (await exchange_key(house, "nonsense")).body


# covers: INT-03
async def test_an_id_of_a_key_and_its_prefix_are_no_key(house: House) -> None:
    key, secret = await add_key(house)

    for text in (
        key.key_id,
        key.secrets[0].prefix,
        secret.upper(),
        f" {secret}",
        f"{secret}=",
        secret.encode().hex(),
    ):
        assert not await is_active(house, text)
        assert (await exchange_key(house, text)).status == 400


# covers: INT-04
async def test_a_revoked_key_passes_a_caching_gateway_for_ten_seconds_at_most(house: House) -> None:
    key, secret = await add_key(house)
    memory = IntrospectionMemory()
    memory.keep(secret, parse_response((await ask(house, secret, GATEWAY)).body), house.clock.now)
    await revoke(house, key)

    house.clock.advance(LONGEST_BELIEF)

    assert LONGEST_BELIEF == 10
    assert memory.find(secret, house.clock.now) is None
    assert not await is_active(house, secret)


# covers: INT-05
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", API_KEY, "nonsense"])
async def test_a_wrong_hint_hides_no_key(house: House, hint: str) -> None:
    _, secret = await add_key(house)

    assert document(await ask(house, secret, GATEWAY, token_type_hint=hint))["active"] is True
    assert (await give_back(house, secret, "machine", token_type_hint=hint)).status == 200
    assert not await is_active(house, secret)


async def test_only_a_client_that_proves_itself_learns_of_a_key(house: House) -> None:
    _, secret = await add_key(house)
    public = other_client("public", authentication_method=AuthenticationMethod.NONE, secrets=())
    await speak_for(house, API, public)

    asked = [
        await house.post("/introspect", {"token": secret}, basic(GATEWAY.client_id, "vk_cs_" + "x" * 43)),
        await house.post("/introspect", {"token": secret, "client_id": public.client_id}),
        await house.post("/introspect", {"token": secret}),
    ]

    assert {one.status for one in asked} == {401}


async def test_a_key_is_no_client_secret(house: House) -> None:
    key, secret = await add_key(house)
    form = {"grant_type": "client_credentials"}

    for client_id in ("machine", key.key_id):
        by_header = await house.post("/token", form, basic(client_id, secret))
        by_form = await house.post("/token", {**form, "client_id": client_id, "client_secret": secret})
        assert {by_header.status, by_form.status} == {401}
    assert (await house.post("/token", form, {"authorization": f"Bearer {secret}"})).status == 401


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "refresh_token", "refresh_token": None},
        {"grant_type": "authorization_code", "code": None, "code_verifier": "v" * 43},
        {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": None},
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": None},
    ],
    ids=lambda form: str(form["grant_type"]),
)
async def test_a_key_is_nothing_else_that_the_token_endpoint_takes(
    house: House, form: dict[str, str | None]
) -> None:
    _, secret = await add_key(house)
    sent = {name: secret if value is None else value for name, value in form.items()}

    assert (await house.token("web", sent)).status == 400


async def test_a_key_opens_neither_userinfo_nor_anything_that_an_access_token_opens(house: House) -> None:
    _, secret = await key_of_alice(house)

    assert (await house.bearer(secret)).status == 401
    # Nor does what it is exchanged for: it is for a resource server, and never for the issuer.
    assert (await house.bearer(await token_for(house, secret))).status == 401


async def test_nobody_gives_another_ones_key_back(house: House) -> None:
    _, secret = await add_key(house)
    _, of_alice = await key_of_alice(house)

    for text, client_id in ((secret, "web"), (of_alice, "web"), (of_alice, "machine")):
        response = await give_back(house, text, client_id)
        assert (response.status, document(response)["error"]) == (400, "invalid_grant")
    assert await is_active(house, secret)
    assert await is_active(house, of_alice)
    assert (await give_back(house, API_KEY_PREFIX + "A" * 43, "web")).status == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "albums.write"}, "invalid_scope"),
        ({"scope": "albums.read orders.read"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"resource": OTHER_API}, "invalid_target"),
        ({"audience": [API, OTHER_API]}, "invalid_target"),
        ({"resource": API + "/"}, "invalid_target"),
        ({"resource": ISSUER.url}, "invalid_target"),
        ({"subject_token_type": TokenType.ACCESS_TOKEN.value}, "invalid_request"),
        ({"subject_token_type": "urn:valetkey:token-type:api_key"}, "invalid_request"),
        ({"requested_token_type": API_KEY}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": TokenType.ACCESS_TOKEN.value}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": API_KEY}, "invalid_request"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
    ],
    ids=str,
)
async def test_an_exchange_gives_nothing_that_the_key_does_not_have(
    house: House, changes: dict[str, str | None], error: str
) -> None:
    _, secret = await add_key(house)

    response = await exchange_key(house, secret, **changes)

    assert (response.status, document(response)["error"]) == (400, error)


async def test_only_a_gateway_of_the_keys_own_resource_server_exchanges_it(house: House) -> None:
    _, secret = await add_key(house)
    foreign = other_client(
        "foreign", replace(ORDERS_API, grant_types=GATEWAY.grant_types), scope=Scope.parse("albums.read")
    )
    orders = await house.stores.resources.find(OTHER_API)
    assert orders is not None
    await house.commit(
        PutClient(foreign), PutResource(replace(orders, introspection_client_ids=(foreign.client_id,)))
    )

    response = await exchange_key(house, secret, foreign)
    assert response.body == (await exchange_key(house, "nonsense", foreign)).body
    # One that may ask but not exchange, and one that proves nothing.
    await house.commit(PutClient(ALBUMS_API))
    refused = await exchange_key(house, secret)
    assert document(refused)["error"] == "unauthorized_client"


async def test_a_public_client_exchanges_no_key(house: House) -> None:
    _, secret = await add_key(house)
    public = other_client("public", authentication_method=AuthenticationMethod.NONE, secrets=())
    albums = await house.stores.resources.find(API)
    assert albums is not None
    await house.commit(
        PutClient(public), PutResource(replace(albums, introspection_client_ids=(public.client_id,)))
    )
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": secret,
        "subject_token_type": API_KEY,
        "client_id": public.client_id,
    }

    response = await house.post("/token", form)

    assert document(response)["error"] == "unauthorized_client"


@pytest.mark.parametrize("of", ["a client", "an end-user"])
async def test_what_a_key_was_exchanged_for_is_not_exchanged_again(house: House, of: str) -> None:
    _, secret = await (add_key(house) if of == "a client" else key_of_alice(house))
    token = await token_for(house, secret)

    again = await exchange_key(house, token, subject_token_type=TokenType.ACCESS_TOKEN.value)
    as_key = await exchange_key(house, token)

    assert document(again)["error"] == document(as_key)["error"] == "invalid_request"


async def test_the_owner_of_a_key_cannot_pass_for_somebody_else(house: House) -> None:
    """A client that is called like an end-user: its key speaks for the client alone."""
    twin = replace(clients()["machine"], client_id=ClientId(ALICE.subject))
    await house.commit(PutClient(twin))
    _, secret = await add_key(house, twin.client_id)

    answer = document(await ask(house, secret, GATEWAY))
    claims = claims_of(await token_for(house, secret))

    assert (answer["sub"], answer["client_id"], "username" in answer) == (ALICE.subject, ALICE.subject, False)
    assert answer["urn:valetkey:owner-kind"] == claims["urn:valetkey:owner-kind"] == "client"
    assert claims["sub"] == claims["client_id"]


async def test_no_rule_of_a_resource_server_writes_what_tells_of_a_key(house: House) -> None:
    _, secret = await add_key(house, limit="5/s")

    told = document(await ask(house, secret, GATEWAY)).keys() | claims_of(await token_for(house, secret)).keys()

    assert told - {"api_key_id"} <= RESERVED | {"urn:valetkey:limit"}
    assert {"credential", "api_key_id", "urn:valetkey:owner-kind", "urn:valetkey:limit"} <= RESERVED


async def test_the_tokens_of_an_opaque_resource_server_are_not_handed_out_readable(house: House) -> None:
    albums = await house.stores.resources.find(API)
    assert albums is not None
    await house.commit(PutResource(replace(albums, access_token_format=AccessTokenFormat.OPAQUE)))
    _, secret = await add_key(house)

    response = await exchange_key(house, secret, requested_token_type=TokenType.JWT.value)

    assert document(response)["error"] == "invalid_request"


async def test_a_secret_has_256_bits_behind_a_prefix_that_scanners_know_and_is_kept_as_a_digest(
    house: House,
) -> None:
    key, secret = await add_key(house)

    assert secret.startswith("vk_ak_")
    assert len(secret) == len("vk_ak_") + 43
    found = await stored_key(house, key)
    drawn, shown = draw_key_secret(house.clock())
    for value in (found, key, drawn, shown, house.log.events):
        assert secret[12:] not in repr(value)
        assert shown.reveal()[12:] not in repr(value)
    assert len(found.key.secrets[0].digest) == 32
    assert "digest" not in repr(found.key.secrets[0])


async def test_the_log_never_shows_a_key(house: House) -> None:
    _, secret = await add_key(house)
    responses = [
        await ask(house, secret, GATEWAY),
        await exchange_key(house, secret),
        await exchange_key(house, secret, scope="albums.write"),
        await give_back(house, secret, "web"),
        await house.bearer(secret),
        await house.post("/token", {"grant_type": "client_credentials"}, basic("machine", secret)),
        await give_back(house, secret, "machine"),
    ]

    assert house.log.events
    assert secret[12:] not in str(house.log.events)
    assert not any(secret[12:].encode() in one.body for one in responses)
    assert SECRET not in str(house.log.events)
