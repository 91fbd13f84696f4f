"""The whole ASGI application over a house in memory, driven message by message as an HTTP server drives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from support.house import House, build_house
from valetkey.adapters.asgi.application import Application, Parts
from valetkey.adapters.asgi.proxies import Proxies
from valetkey.adapters.asgi.table import RouteTable
from valetkey.administration.routes import CALLS
from valetkey.authorization_server.preflight import preflight
from valetkey.authorization_server.routes import ROUTES
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.oauth.types import Issuer
from valetkey.ui.render import Renderer
from valetkey.ui.routes import asset_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from valetkey.adapters.asgi.gate import Gate
    from valetkey.authorization_server.routes import Route

FORM = "application/x-www-form-urlencoded"
PEER = "198.51.100.9"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the application sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the one header of that name; a repeated one fails the test."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, (name, found)
        return found[0] if found else None

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        return msgspec.json.decode(self.body, type=dict[str, Any])


@dataclass
class Served:
    """An application and the house behind it."""

    application: Application
    house: House
    tenants: dict[str, AuthorizationServer] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        chunks: tuple[bytes, ...] = (b"",),
        peer: str = PEER,
    ) -> Reply:
        """Send one request whose body arrives in `chunks`."""
        raw_path, _, query = target.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "raw_path": raw_path.encode(),
            "path": raw_path,
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()
            ],
            "client": (peer, 50_000),
        }
        waiting = list(chunks)

        async def receive() -> MutableMapping[str, Any]:
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        return await collected(self.application, scope, receive)

    async def post(self, target: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Post a form."""
        sent = {"content-type": FORM, "content-length": str(len(body)), **(headers or {})}
        return await self.send("POST", target, headers=sent, chunks=(body,))


async def collected(
    application: Application,
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
) -> Reply:
    """Return what `application` sends for one request."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start, *bodies = sent
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in start["headers"])
    return Reply(start["status"], headers, b"".join(message["body"] for message in bodies))


@dataclass
class _Tenants:
    found: dict[str, AuthorizationServer]

    async def find(self, tenant: str) -> AuthorizationServer | None:
        return self.found.get(tenant)


async def serve_house(
    *,
    issuer: str = "https://as.example",
    further: tuple[Route, ...] = (),
    trusted_proxies: tuple[str, ...] = (),
    gate: Gate | None = None,
) -> Served:
    """Return the application with the default tenant and the tenant `acme`."""
    at = Issuer.parse(issuer)
    house = await build_house(issuer=at)
    acme = await build_house(issuer=Issuer.parse(f"{issuer}/t/acme"), tenant_id="acme")  # type: ignore[arg-type]
    tenants = {"default": house.server, "acme": acme.server}
    application = Application(
        Parts(
            issuer=at,
            routes=RouteTable((*ROUTES, *CALLS, *asset_routes(), *further), at),
            servers=_Tenants(tenants),
            renderer=Renderer(),
            preflight=preflight,
            log=house.log,
            proxies=Proxies.parse(trusted_proxies),
            gate=gate,
        )
    )
    return Served(application, house, tenants)
