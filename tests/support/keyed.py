"""A house with API keys, whose albums API may ask about and exchange them, as a gateway in front of it does."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from support.exchanging import EXCHANGE
from support.feeding import feeding_house
from support.house import API, SECRET, Answer, House, basic, document, end_users
from support.introspecting import ALBUMS_API, told
from valetkey.administration.api_keys import ApiKeyFields, add_api_key, load_owner, revoke_api_key, rotate_api_key
from valetkey.authorization_server.api_key import ApiKey, OwnerKind, StoredApiKey
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import Client
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.token_exchange import API_KEY, GRANT_TYPE
from valetkey.oauth.types import ClientId, NumericDate, Scope, Seconds

GATEWAY = replace(ALBUMS_API, grant_types=frozenset({EXCHANGE}))
ALICE = end_users()["alice"]
READ = Scope.parse("albums.read")


async def keyed_house() -> House:
    """Return a house in which the albums API may introspect and exchange API keys; the orders API introspects."""
    house = await feeding_house()
    await house.commit(PutClient(GATEWAY))
    return house


async def add_key(
    house: House, owner: str = "machine", kind: OwnerKind = OwnerKind.CLIENT, **fields: Any
) -> tuple[ApiKey, str]:
    """Return a new key with its secret, by default one of a client for the albums API."""
    found = await load_owner(house.stores, kind, owner)
    assert found is not None
    said = ApiKeyFields(**({"name": "nightly export", "scope": READ, "resources": (API,)} | fields))
    done = add_api_key(said, found, await house.stores.resources.list(), house.clock())
    await house.commit(*done.changes)
    assert done.secret is not None
    return done.key, done.secret.reveal()


async def key_of_alice(house: House, **fields: Any) -> tuple[ApiKey, str]:
    """Return a new key of an end-user, with its secret."""
    return await add_key(house, ALICE.subject, OwnerKind.END_USER, **fields)


async def stored_key(house: House, key: ApiKey) -> StoredApiKey:
    """Return what is kept of a key."""
    found = await house.stores.api_keys.find(key.key_id)
    assert found is not None
    return found


async def rotate(house: House, key: ApiKey, overlap: int) -> str:
    """Rotate a key and return its new secret; the others end in `overlap` seconds."""
    done = rotate_api_key(await stored_key(house, key), Seconds(overlap), house.clock())
    await house.commit(*done.changes)
    assert done.secret is not None
    return done.secret.reveal()


async def revoke(house: House, key: ApiKey) -> None:
    """Revoke a key, as an operator does."""
    await house.commit(*revoke_api_key(await stored_key(house, key), house.clock.now).changes)


async def exchange_key(
    house: House, secret: str, client: Client = GATEWAY, /, **changes: str | Iterable[str] | None
) -> HttpResponse:
    """Exchange a key as a good gateway does; `changes` replace parameters, None leaves one out."""
    form: dict[str, str | Iterable[str] | None] = {
        "grant_type": GRANT_TYPE,
        "subject_token": secret,
        "subject_token_type": API_KEY,
    }
    merged = {name: value for name, value in (form | changes).items() if value is not None}
    return await house.post("/token", merged, basic(client.client_id, SECRET))


async def token_for(house: House, secret: str, **changes: str) -> str:
    """Return the access token that a key is exchanged for."""
    response = await exchange_key(house, secret, **changes)
    assert response.status == 200, response.body
    return str(document(response)["access_token"])


async def is_active(house: House, token: str, client: Client = GATEWAY) -> bool:
    """Say what a resource server learns: whether a key or a token is active."""
    answer: Answer = await told(house, token, client)
    if not answer["active"]:
        assert answer == {"active": False}
    return bool(answer["active"])


def soon(house: House, seconds: int) -> NumericDate:
    """Return a moment that lies so many seconds ahead."""
    return NumericDate(house.clock.now + seconds)


def other_client(client_id: str, of: Client = GATEWAY, **fields: Any) -> Client:
    """Return a client like another one, which has SECRET too."""
    return replace(of, client_id=ClientId(client_id), **fields)
