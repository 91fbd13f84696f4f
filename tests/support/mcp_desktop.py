"""A guarded MCP server of one tool, and the desktop program in which the Python MCP client meets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
from anyio import fail_after, to_thread
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl
from starlette.requests import Request

from support.person import Person
from valetkey.integrations.starlette import Guard, denial
from valetkey.resource_server import Allow, AllowAnonymous, Rule

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"
REDIRECT_URI = "http://127.0.0.1:51999/callback"
"""On a port that nobody registered: a native app takes the one that it gets (RFC 8252, 7.3)."""
PATIENCE = 60


@dataclass
class Asked:
    """The rule that the MCP server puts to its callers; a test may raise it."""

    rule: Rule = field(default_factory=lambda: Rule.requiring("notes.read"))


class Guarded:
    """Lets a request to the MCP endpoint pass only with a token of ours."""

    def __init__(self, inner: ASGIApp, guard: Guard, asked: Asked) -> None:
        self.inner, self.guard, self.asked = inner, guard, asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            outcome = await self.guard.decide(Request(scope), self.asked.rule)
            if not isinstance(outcome, Allow | AllowAnonymous):
                await denial(outcome)(scope, receive, send)
                return
        await self.inner(scope, receive, send)


def application(issuer: str, resource: str, asked: Asked) -> ASGIApp:
    """An MCP server of one tool behind the guard."""
    server = MCPServer("notes")

    @server.tool()
    def notes() -> list[str]:
        """List the notes."""
        return ["Buy milk"]

    app = server.streamable_http_app(streamable_http_path=PATH)
    guard = Guard(issuer, resource)
    app.routes.extend(guard.routes)
    return Guarded(app, guard, asked)


@dataclass
class Storage:
    """What the client keeps; a client that is known beforehand never registers itself."""

    client_info: OAuthClientInformationFull | None = None
    tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client_info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        assert self.client_info is None, f"the client registered itself: {client_info}"
        self.client_info = client_info


@dataclass
class Desktop:
    """The program in which the MCP client runs: it opens a person's browser and receives the redirect."""

    person: Person
    server_url: str
    storage: Storage
    document_url: str | None = None
    """Where the client introduces itself."""
    opened: list[str] = field(default_factory=list)
    returned: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew, as after a restart: all that is known is what the storage holds."""
        metadata = OAuthClientMetadata(
            client_name="Notes Desk",
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        )
        self.auth = OAuthClientProvider(
            self.server_url,
            metadata,
            self.storage,
            self.open,
            self.receive,
            client_metadata_url=self.document_url,
        )

    async def open(self, url: str) -> None:
        self.opened.append(url)
        self.returned = await to_thread.run_sync(self.person.authorize, url)

    async def receive(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self.returned)

    async def call_tool(self, name: str = "notes", **arguments: object) -> Any:
        """Call a tool, getting a token on the way where one is needed."""
        with fail_after(PATIENCE):
            async with (
                self.http() as http,
                Client(streamable_http_client(self.server_url, http_client=http)) as client,
            ):
                return await client.call_tool(name, arguments)

    def http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(auth=self.auth, timeout=20, trust_env=False)
