"""A house that shares signals, and a receiver of them: for tests of both ends of a stream."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from support.house import ISSUER, SECRET, Answer, House, basic, build_house, clients, document, end_users
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.adapters.stream_delivery import StreamDelivery
from valetkey.authorization_server.decision import (
    Change,
    ChangePassword,
    GrantAuthorization,
    PutClient,
    PutResource,
)
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    Client,
    PasswordHash,
    Resource,
)
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.authorization_server.signals.streams import DueStream
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.security_event import ACCOUNT_DISABLED, CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import DeliveryMethod
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, SessionId, Subject, TenantId

SIGNALS = ISSUER.url + "/ssf"
SIGNALS_API = Resource(
    SIGNALS, "Shared Signals", {"ssf.manage": "Manage streams of events", "ssf.read": "Read streams of events"}
)
PARTNER = replace(
    clients()["machine"],
    client_id=ClientId("partner"),
    name="Partner",
    scope=Scope.parse("ssf.manage ssf.read"),
    resources=(SIGNALS,),
)
RIVAL = replace(PARTNER, client_id=ClientId("rival"), name="Rival")
PUSHED_TO = "https://partner.example/events"
HEADER = "Bearer of the partner's own"
ALICE = end_users()["alice"]
ASKED = {"events_requested": [SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED, "urn:example:unknown"]}


def pushed_to(url: str) -> dict[str, object]:
    """Return what a receiver says of a stream that is pushed to `url`."""
    method = DeliveryMethod.PUSH.value
    return {**ASKED, "delivery": {"method": method, "endpoint_url": url, "authorization_header": HEADER}}


PUSHED = pushed_to(PUSHED_TO)


async def signalling_house(*further: Client, storage: MemoryStorage | None = None) -> House:
    """Return a house with the Shared Signals API, and two receivers."""
    house = await build_house(storage=storage)
    changes: list[Change] = [PutResource(SIGNALS_API)]
    changes += [PutClient(client) for client in (PARTNER, RIVAL, *further)]
    await house.commit(*changes)
    return house


async def grant(
    house: House, client: Client = PARTNER, subject: Subject = ALICE.subject, sid: SessionId | None = None
) -> None:
    """Let an end-user grant a receiver an authorization."""
    now = house.clock.now
    authorization = Authorization(
        AuthorizationId(f"{client.client_id} {subject} {sid}"),
        client.client_id,
        subject,
        Scope.parse("openid"),
        (),
        Authentication(now, "urn:example:acr:password", ("pwd",)),
        await house.stores.authorizations.current(client.client_id, subject),
        now,
        NumericDate(now + 86_400),
        sid=sid,
        bound_to_session=False,
    )
    await house.commit(GrantAuthorization(authorization, None))


async def change_password(house: House, subject: Subject = ALICE.subject) -> None:
    """Change a password, as an end-user does."""
    held = await house.stores.end_users.find(subject)
    assert held is not None
    assert held.password_hash is not None
    new = PasswordHash(held.password_hash + "x")
    await house.commit(ChangePassword(subject, held.password_hash, new, house.clock.now))


async def bearer(house: House, client: Client = PARTNER, scope: str = "ssf.manage") -> str:
    """Return an access token for the Shared Signals API."""
    form = {"grant_type": "client_credentials", "scope": scope, "resource": SIGNALS}
    response = await house.post("/token", form, basic(client.client_id, SECRET))
    assert response.status == 200, response.body
    return str(document(response)["access_token"])


class Receiver:
    """What one receiver asks of the house, each time with a token of its own."""

    def __init__(self, house: House, client: Client = PARTNER) -> None:
        self.house = house
        self.client = client

    async def ask(
        self, method: str, path: str, said: object = None, *, query: dict[str, str] | None = None, scope: str = ""
    ) -> HttpResponse:
        """Send a JSON document, or none."""
        token = await bearer(self.house, self.client, scope or "ssf.manage")
        body = b"" if said is None else msgspec.json.encode(said)
        headers = {"authorization": f"Bearer {token}"}
        response = await self.house.send(method, path, query=query, form=body, headers=headers)
        assert isinstance(response, HttpResponse)
        return response

    async def create(self, said: object = None) -> Answer:
        """Create a stream, and return its configuration."""
        response = await self.ask("POST", "/ssf/streams", ASKED if said is None else said)
        assert response.status == 201, response.body
        return document(response)

    async def poll(self, stream: Answer, **said: Any) -> dict[str, str]:
        """Return the tokens that wait."""
        path = str(stream["delivery"]["endpoint_url"]).removeprefix(ISSUER.url)
        response = await self.ask("POST", path, {"returnImmediately": True, **said})
        assert response.status == 200, response.body
        return dict(document(response)["sets"])


class Pushing:
    """The delivery worker of a house, one look at a time."""

    def __init__(self, house: House, storage: MemoryStorage) -> None:
        self._house = house
        self._storage = storage
        self.delivery = StreamDelivery(self, self, house.clock, house.log)

    async def find(self, name: str) -> AuthorizationServer | None:
        """Return the one server."""
        del name
        return self._house.server

    def stores(self, tenant_id: TenantId) -> Stores:
        """Return its stores."""
        del tenant_id
        return self._house.stores

    async def due_streams(self, now: NumericDate, limit: int) -> Sequence[DueStream]:
        """Return what is due."""
        return await self._storage.due_streams(now, limit)

    async def once(self) -> None:
        """Look once, and wait for what that begins."""
        await self.delivery.begin_due()
        await self.delivery.settled()
