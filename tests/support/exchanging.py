"""A gateway beside the seeded clients, which exchanges tokens of `web`, and another one behind it."""

from collections.abc import Iterable

from support.house import API, OTHER_API, SECRET, Answer, House, basic, build_house, clients, document
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import Client, ClientSecret, ExchangeKind, ExchangeRule
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.token_exchange import GRANT_TYPE, TokenType
from valetkey.oauth.types import ClientId, GrantType, Scope

EXCHANGE = GrantType(GRANT_TYPE)
ACCESS_TOKEN = TokenType.ACCESS_TOKEN.value
SCOPE = Scope.parse("albums.read albums.write orders.read")


def gateway(
    client_id: str = "gateway",
    subject_client_id: str = "web",
    *,
    resources: tuple[str, ...] = (API, OTHER_API),
    kind: ExchangeKind = ExchangeKind.DELEGATION,
) -> Client:
    """Return a client that may exchange tokens of another one, and get some for itself."""
    return Client(
        ClientId(client_id),
        "API Gateway",
        clients()["web"].authentication_method,
        frozenset({EXCHANGE, GrantType("client_credentials")}),
        secrets=(ClientSecret("1", clients()["web"].secrets[0].digest, clients()["web"].secrets[0].created_at),),
        scope=SCOPE,
        token_exchange=(ExchangeRule(ClientId(subject_client_id), resources, kind),),
    )


async def build_exchange(*further: Client, kind: ExchangeKind = ExchangeKind.DELEGATION) -> House:
    """Return a house with the gateway and `further` clients."""
    house = await build_house()
    await house.commit(PutClient(gateway(kind=kind)), *(PutClient(one) for one in further))
    return house


async def exchange(
    house: House, subject_token: str, client_id: str = "gateway", /, **changes: str | Iterable[str] | None
) -> HttpResponse:
    """Exchange a token as a good client does; `changes` replace parameters, None leaves one out."""
    form: dict[str, str | Iterable[str] | None] = {
        "grant_type": GRANT_TYPE,
        "subject_token": subject_token,
        "subject_token_type": ACCESS_TOKEN,
    }
    merged = {name: value for name, value in (form | changes).items() if value is not None}
    return await house.post("/token", merged, basic(client_id, SECRET))


async def exchanged(
    house: House, subject_token: str, client_id: str = "gateway", /, **changes: str | Iterable[str] | None
) -> Answer:
    """Return the answer to an exchange that succeeds."""
    response = await exchange(house, subject_token, client_id, **changes)
    assert response.status == 200, response.body
    return document(response)


async def own_token(house: House, client_id: str = "gateway") -> str:
    """Return an access token that a client has for itself."""
    form = {"grant_type": "client_credentials", "scope": "albums.read", "resource": API}
    return str(document(await house.post("/token", form, basic(client_id, SECRET)))["access_token"])


async def introspected(house: House, token: str, client_id: str = "gateway") -> Answer:
    """Return what a client learns of a token."""
    return document(await house.post("/introspect", {"token": token}, basic(client_id, SECRET)))
