"""A device and its person in memory: it asks for its codes and polls, they enter the code and answer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from support.house import API, OTHER_API, SECRET, House, basic, clients, document
from support.visitor import Answer, Visitor
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import AuthenticationMethod, Client
from valetkey.authorization_server.pages import (
    DeviceAnswerPage,
    DeviceCodePage,
    DeviceDonePage,
    LoginPage,
    Page,
)
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, GrantType, OpaqueToken, Scope

DEVICE_CODE = GrantType("urn:ietf:params:oauth:grant-type:device_code")
TV = Client(
    ClientId("tv"),
    "Living Room TV",
    AuthenticationMethod.NONE,
    frozenset({DEVICE_CODE, GrantType("refresh_token")}),
    scope=Scope.parse("openid profile offline_access albums.read albums.write orders.read"),
    resources=(API, OTHER_API),
)
KIOSK = replace(
    TV,
    client_id=ClientId("kiosk"),
    name="Kiosk",
    authentication_method=AuthenticationMethod.CLIENT_SECRET_BASIC,
    secrets=clients()["web"].secrets,
)
"""A confidential client with the same rights."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a client that a house knows."""

    house: House
    client: Client = TV

    async def ask(self, **changes: str | Iterable[str]) -> HttpResponse:
        """Send a device authorization request."""
        form, headers = self._proof()
        return await self.house.post("/device_authorization", {"scope": "albums.read", **form, **changes}, headers)

    async def start(self, **changes: str | Iterable[str]) -> dict[str, Any]:
        """Return both codes, with what comes with them."""
        response = await self.ask(**changes)
        assert response.status == 200, response.body
        return document(response)

    async def poll(self, started: dict[str, Any], **changes: str | Iterable[str]) -> HttpResponse:
        """Ask once for the tokens."""
        form, headers = self._proof()
        asked = {"grant_type": DEVICE_CODE, "device_code": started["device_code"], **form, **changes}
        return await self.house.post("/token", asked, headers)

    async def error(self, started: dict[str, Any]) -> str:
        """Return the error of a poll that gets no tokens."""
        response = await self.poll(started)
        assert response.status == 400, response.body
        return str(document(response)["error"])

    async def tokens(self, started: dict[str, Any]) -> dict[str, Any]:
        """Return the tokens of a poll that gets them."""
        response = await self.poll(started)
        assert response.status == 200, response.body
        return document(response)

    def _proof(self) -> tuple[dict[str, str], dict[str, str]]:
        if self.client.is_public:
            return {"client_id": self.client.client_id}, {}
        return {}, basic(self.client.client_id, SECRET)


async def with_devices(house: House, *clients_: Client) -> House:
    """Return the house once it knows the clients of devices."""
    await house.commit(*(PutClient(client) for client in clients_ or (TV, KIOSK)))
    return house


def page_of(found: Answer) -> Page:
    """Return the page that was shown."""
    assert isinstance(found, Page), found
    return found


def code_page(found: Answer) -> DeviceCodePage:
    """Return the page that asks for a code."""
    view = page_of(found).view
    assert isinstance(view, DeviceCodePage), view
    return view


def answer_page(found: Answer) -> DeviceAnswerPage:
    """Return the page that asks for an answer."""
    view = page_of(found).view
    assert isinstance(view, DeviceAnswerPage), view
    return view


def done_page(found: Answer) -> DeviceDonePage:
    """Return the page that says what was answered."""
    view = page_of(found).view
    assert isinstance(view, DeviceDonePage), view
    return view


async def enter(visitor: Visitor, user_code: str) -> Answer:
    """Open the device page and send a code; returns what comes of it."""
    page = code_page(await visitor.visit("/device"))
    return await visitor.submit(page.form, {"user_code": user_code})


async def asked(visitor: Visitor, user_code: str, username: str = "alice") -> DeviceAnswerPage:
    """Enter a code, sign in where that is asked for, and return the page that wants an answer."""
    found = await enter(visitor, user_code)
    if isinstance(page_of(found).view, LoginPage):
        found = await visitor.sign_in(found, username)
    return answer_page(found)


async def answer(visitor: Visitor, user_code: str, choice: str = "allowed", username: str = "alice") -> Answer:
    """Go the whole way and answer."""
    return await visitor.submit((await asked(visitor, user_code, username)).form, {"answer": choice})


def digest_of(started: dict[str, Any]) -> bytes:
    """Return what the stores keep of a device code."""
    return OpaqueToken.presented(started["device_code"]).digest()
