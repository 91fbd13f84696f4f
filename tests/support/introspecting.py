"""A house whose albums API may introspect, for tests of introspection and revocation."""

from dataclasses import replace

from support.house import SECRET, Answer, House, basic, build_house, clients, document, resources
from valetkey.authorization_server.decision import PutClient, PutResource
from valetkey.authorization_server.model import AccessTokenFormat, Client
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, Scope

INACTIVE = b'{"active":false}'
ALBUMS_API = replace(
    clients()["machine"],
    client_id=ClientId("albums-api"),
    name="Albums API",
    grant_types=frozenset(),
    scope=Scope(),
    resources=(),
)
ORDERS_API = replace(ALBUMS_API, client_id=ClientId("orders-api"), name="Orders API")


async def introspecting_house(
    written: AccessTokenFormat = AccessTokenFormat.OPAQUE, profile: str = "OAUTH_2_1"
) -> House:
    """Return a house in which each of both APIs speaks for itself, and tokens are `written` so."""
    house = await build_house(profile=profile)
    for resource, speaker in zip(resources(), (ALBUMS_API, ORDERS_API), strict=True):
        await house.commit(
            PutClient(speaker),
            PutResource(
                replace(resource, access_token_format=written, introspection_client_ids=(speaker.client_id,))
            ),
        )
    return house


async def ask(house: House, token: str, client: Client = ALBUMS_API, **form: str) -> HttpResponse:
    """Introspect a token as a client that has SECRET."""
    return await house.post("/introspect", {"token": token, **form}, basic(client.client_id, SECRET))


async def told(house: House, token: str, client: Client = ALBUMS_API, **form: str) -> Answer:
    """Return what a client that has SECRET is told of a token."""
    response = await ask(house, token, client, **form)
    assert response.status == 200, response.body
    return document(response)


async def give_back(house: House, token: str, client_id: str = "web", **form: str) -> HttpResponse:
    """Revoke a token as a seeded client."""
    extra, headers = house.credentials(client_id)
    return await house.post("/revoke", {"token": token, **form, **extra}, headers)
