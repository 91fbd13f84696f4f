"""The session layer between a browser, an authorization server and an API, all in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from support.house import API, SECRET, House, build_house, clients
from support.visitor import Visitor, location_of
from valetkey.adapters.logout_delivery import LogoutDelivery
from valetkey.adapters.storage.memory.gateway_sessions import MemorySessionRecords
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.authorization_server.outbound import FetchedDocument
from valetkey.authorization_server.pages import ConsentPage, LoginPage, Page
from valetkey.client import AsyncOAuthClient, ClientSecretBasic
from valetkey.client.session_records import SessionRecords
from valetkey.gateway.session import Forward, SessionApplication, SessionSettings
from valetkey.oauth.types import Scope, SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer

ORIGIN = "https://app.example"
UPSTREAM = "https://api.example/albums/"
COOKIE = "__Host-vk_gateway_session"
SETTINGS = SessionSettings(
    issuer="https://as.example",
    client_id="web",
    client_secret=SecretText(SECRET),
    base_url=ORIGIN,
    key=b"k" * 32,
    scope=Scope.parse("openid profile albums.read offline_access"),
    resource=API,
    forwards=(Forward("/api/", UPSTREAM), Forward("/api/read/", "https://read.example/", ("GET",))),
)
OWN: Mapping[str, str] = {"x-csrf": "1", "origin": ORIGIN, "sec-fetch-site": "same-origin"}
"""What a page of the application sends with its calls."""


def answer(status: int, document: object = None, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """Return an answer of an API as it comes over a wire, not read yet."""
    body = json.dumps(document).encode()
    sent = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    return httpx2.Response(status, headers=sent, stream=httpx2.ByteStream(body))


@dataclass
class HouseTransport(httpx2.AsyncBaseTransport):
    """The network towards the authorization server; `is_down` cuts it."""

    house: House
    is_down: bool = False
    asked: list[str] = field(default_factory=list)
    status: int | None = None
    """Answered instead of what the server would say, at its token endpoint."""
    at_token: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by a request that reaches the token endpoint."""
    held: asyncio.Event | None = None
    """What the requests to the token endpoint wait for, as long as it stands here."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/token":
            self.at_token.set()
            if self.held is not None:
                await self.held.wait()
        if self.is_down:
            raise httpx2.ConnectError("down")
        if self.status is not None and request.url.path == "/token":
            return answer(self.status, {"error": "temporarily_unavailable"})
        found = await self.house.send(
            request.method,
            request.url.path,
            query=dict(parse_qsl(request.url.query.decode())),
            form=await request.aread(),
            headers=dict(request.headers),
        )
        assert not isinstance(found, Page)
        return httpx2.Response(found.status, headers=list(found.headers), stream=httpx2.ByteStream(found.body))

    def refreshes(self) -> int:
        return self.asked.count("/token")


@dataclass
class RecordingApi(httpx2.AsyncBaseTransport):
    """The APIs behind the session layer: what they were asked, and what they answer."""

    answers: Callable[[httpx2.Request], httpx2.Response | Exception] = lambda _: answer(200, {"albums": []})
    asked: list[httpx2.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        self.bodies.append(await request.aread())
        found = self.answers(request)
        if isinstance(found, Exception):
            raise found
        return found

    def token(self) -> str:
        """Return the access token of the last call."""
        scheme, _, token = self.asked[-1].headers["authorization"].partition(" ")
        assert scheme == "Bearer"
        return token


@dataclass
class Reply:
    """What the browser got."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def set_cookies(self) -> list[str]:
        return [value for key, value in self.headers if key == "set-cookie"]

    def json(self) -> dict[str, Any]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


async def ask(
    application: Any,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]] = (),
    body: Sequence[bytes] = (),
) -> Reply:
    """Send one request to an ASGI application; `body` are its chunks, the target is sent as it stands."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }
    return await ask_scope(application, scope, body)


async def ask_scope(application: Any, scope: dict[str, Any], body: Sequence[bytes] = ()) -> Reply:
    """Send a request as a server put it into a scope."""
    chunks = _messages(body)
    sent: list[Any] = []

    async def receive() -> Any:
        return await anext(chunks)

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start = sent[0]
    found = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    assert not sent[-1].get("more_body", False), "the answer breaks off"
    return Reply(start["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


async def _messages(body: Sequence[bytes]) -> AsyncIterator[Any]:
    for chunk in body:
        yield {"type": "http.request", "body": chunk, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}
    # A browser that stays: what waits for its leaving is cancelled.
    await asyncio.Event().wait()


@dataclass
class Stage:
    """Everybody on it."""

    house: House
    network: HouseTransport
    api: RecordingApi
    records: SessionRecords
    application: SessionApplication
    settings: SessionSettings
    storage: MemoryStorage

    async def find(self, _name: str) -> AuthorizationServer:
        """Return the one server, to whom delivers logout tokens."""
        return self.house.server

    async def told_of_logouts(self) -> list[bytes]:
        """Let the authorization server deliver what it owes, and return all the posts that it made."""
        house, url = self.house, self.settings.backchannel_logout_uri
        house.outside.answers[url] = FetchedDocument(200, {})
        delivery = LogoutDelivery(self.storage, self, house.clock, house.log)
        await delivery.begin_due()
        await delivery.settled()
        return [body.octets for posted, body in house.outside.posted if posted == url]

    def worker(self) -> SessionApplication:
        """Return another process of the same gateway, as far as it shares nothing but the records."""
        return _application(self.settings, self.records, self.network, self.api, self.house)

    def tab(self) -> Tab:
        """Return a new browser."""
        return Tab(self, Visitor(self.house))


@dataclass
class Tab:
    """A browser: its cookies at the application, and its visit at the authorization server."""

    stage: Stage
    visitor: Visitor
    cookies: dict[str, str] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: Sequence[bytes] = (),
        application: SessionApplication | None = None,
    ) -> Reply:
        """Send one request with this browser's cookies, and keep those of the answer."""
        pairs = list((headers or {}).items())
        if self.cookies:
            pairs.append(("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        reply = await ask(application or self.stage.application, method, target, pairs, body)
        for line in reply.set_cookies():
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return reply

    async def call(
        self, target: str = "/api/summer", method: str = "GET", application: SessionApplication | None = None
    ) -> Reply:
        """Call the API as a page of the application does."""
        return await self.send(method, target, OWN, application=application)

    async def answered(self, location: str) -> str:
        """Go through the authorization server's pages, and return the address at the application."""
        parts = urlsplit(location)
        found = await self.visitor.visit(f"{parts.path}?{parts.query}")
        if isinstance(found, Page) and isinstance(found.view, LoginPage):
            found = await self.visitor.sign_in(found)
        if isinstance(found, Page) and isinstance(found.view, ConsentPage):
            found = await self.visitor.consent(found)
        back = location_of(found)
        assert back is not None
        assert back.startswith(ORIGIN), back
        return back.removeprefix(ORIGIN)

    async def sign_in(self, query: str = "") -> Reply:
        """Sign in as alice, all the way."""
        left = await self.send("GET", f"/session/login{query}")
        assert left.status == 303, left.body
        return await self.send("GET", await self.answered(left.header("location") or ""))

    @property
    def handle(self) -> str:
        """The session's cookie."""
        return self.cookies[COOKIE]


async def build_stage(
    records: SessionRecords | None = None, settings: SessionSettings = SETTINGS, **openid: Any
) -> Stage:
    """Return a stage on which nobody is signed in."""
    storage = MemoryStorage()
    house = await build_house(storage=storage)
    metadata = {
        "backchannel_logout_uri": settings.backchannel_logout_uri,
        "backchannel_logout_session_required": True,
        **openid,
    }
    client = replace(
        clients()["web"],
        redirect_uris=(settings.redirect_uri,),
        post_logout_redirect_uris=(settings.post_logout_redirect_uri,),
        openid=OpenIdMetadata(**metadata),
    )
    await house.commit(PutClient(client))
    network, api = HouseTransport(house), RecordingApi()
    kept = MemorySessionRecords() if records is None else records
    return Stage(house, network, api, kept, _application(settings, kept, network, api, house), settings, storage)


def _application(
    settings: SessionSettings, records: SessionRecords, network: HouseTransport, api: RecordingApi, house: House
) -> SessionApplication:
    def clock() -> int:
        return house.clock.now

    secret = ClientSecretBasic(settings.client_secret.reveal())
    oauth = AsyncOAuthClient(settings.issuer, settings.client_id, secret, transport=network, clock=clock)
    return SessionApplication(settings, records, oauth=oauth, transport=api, clock=clock)
