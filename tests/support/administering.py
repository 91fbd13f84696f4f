"""A house with a client that administers API keys by calls, and whoever else might try to."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from support.house import API, ISSUER, SECRET, Answer, House, basic, clients, document
from support.keyed import keyed_house
from valetkey.administration.admission import audience
from valetkey.authorization_server import paths
from valetkey.authorization_server.decision import PutClient, PutResource
from valetkey.authorization_server.model import Client, Resource
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, Scope

ADMINISTRATION = Resource(audience(ISSUER), "Administration", {"api_keys": "Keep API keys", "other": "Other"})
OPERATOR = replace(
    clients()["machine"],
    client_id=ClientId("operator"),
    name="Operations",
    scope=Scope.parse("api_keys other albums.read"),
    resources=(ADMINISTRATION.identifier, API),
)
KEYS = paths.API_KEYS
NEW_KEY: Answer = {
    "name": "nightly export",
    "owner_kind": "client",
    "owner": "machine",
    "resources": [API],
    "scope": "albums.read",
}


async def administered_house(*further: Client) -> House:
    """Return a house in which OPERATOR and `further` clients may administer API keys."""
    house = await keyed_house()
    await house.commit(PutResource(ADMINISTRATION), *(PutClient(one) for one in (OPERATOR, *further)))
    return house


async def operator_token(
    house: House, scope: str = "api_keys", resource: str = ADMINISTRATION.identifier, client: Client = OPERATOR
) -> str:
    """Return an access token of a client for itself."""
    form = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
    response = await house.post("/token", form, basic(client.client_id, SECRET))
    assert response.status == 200, response.body
    return str(document(response)["access_token"])


async def call(
    house: House,
    method: str,
    path: str,
    body: object = None,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Make a call as OPERATOR; a body that is no bytes is sent as JSON, `headers` replace those of a good call."""
    sent = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    bearer = {} if headers is not None and "authorization" in headers else await _bearer(house)
    response = await house.send(method, path, query=query, form=sent, headers={**bearer, **(headers or {})})
    assert isinstance(response, HttpResponse)
    return response


async def created(house: House, **members: object) -> Answer:
    """Create a key and return what is answered."""
    response = await call(house, "POST", KEYS, {**NEW_KEY, **members})
    assert response.status == 201, response.body
    return document(response)


async def _bearer(house: House) -> dict[str, str]:
    return {"authorization": f"Bearer {await operator_token(house)}"}
