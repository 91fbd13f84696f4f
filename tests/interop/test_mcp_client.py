"""The Python MCP client meets a guarded MCP server: 401, RFC 9728, RFC 8414, PKCE and `resource`, a tool call."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from anyio import fail_after, to_thread
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from support.dev_server import DevServer
from support.served_app import served_app
from valetkey.integrations.starlette import Guard, denial
from valetkey.jose import jwt
from valetkey.resource_server import Allow, Rule

pytestmark = pytest.mark.interop

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
            if not isinstance(outcome, Allow):
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
    """What the client keeps; the client is known beforehand, so that it never registers itself."""

    client_info: OAuthClientInformationFull
    tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client_info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError(f"the client registered itself: {client_info}")


@dataclass
class Desktop:
    """The program in which the MCP client runs: it opens a person's browser and receives the redirect."""

    dev: DevServer
    server_url: str
    storage: Storage
    opened: list[str] = field(default_factory=list)
    returned: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.person = self.dev.person()
        self.start()

    def start(self) -> None:
        """Begin anew, as after a restart: all that is known is what the storage holds."""
        metadata = OAuthClientMetadata(
            client_name="Notes Desk",
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        )
        self.auth = OAuthClientProvider(self.server_url, metadata, self.storage, self.open, self.receive)

    async def open(self, url: str) -> None:
        self.opened.append(url)
        self.returned = await to_thread.run_sync(self.person.authorize, url)

    async def receive(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self.returned)

    def http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(auth=self.auth, timeout=20, trust_env=False)


@dataclass
class Stage:
    """The running MCP server and the client that was registered for it."""

    desktop: Desktop
    asked: Asked
    resource: str

    async def call_tool(self) -> Any:
        with fail_after(PATIENCE):
            async with (
                self.desktop.http() as http,
                Client(streamable_http_client(self.resource, http_client=http)) as client,
            ):
                return await client.call_tool("notes", {})


@pytest.fixture
def stage(dev: DevServer) -> Iterator[Stage]:
    asked = Asked()
    with served_app(lambda origin: application(dev.issuer, f"{origin}{PATH}", asked)) as origin:
        resource, client_id = f"{origin}{PATH}", f"notes-{origin.rpartition(':')[2]}"
        dev.command("resource", "add", resource, "--scope", "notes.read=See notes", "--scope", "notes.write=Write")
        dev.add_client(
            *(client_id, "--authentication-method", "none", "--application-type", "native"),
            *("--redirect-uri", "http://127.0.0.1/callback", "--scope", "notes.read notes.write offline_access"),
            *("--grant-type", "authorization_code", "--grant-type", "refresh_token", "--resource", resource),
        )
        known = OAuthClientInformationFull(
            client_id=client_id,
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            token_endpoint_auth_method="none",
            issuer=dev.issuer,
        )
        yield Stage(Desktop(dev, resource, Storage(known)), asked, resource)


async def test_a_tool_is_called_after_the_client_found_its_way_from_the_401(stage: Stage) -> None:
    result = await stage.call_tool()
    assert not result.is_error
    assert "Buy milk" in str(result.content)
    tokens = stage.desktop.storage.tokens
    assert tokens is not None
    claims = jwt.peek(tokens.access_token).claims
    assert claims["aud"] == stage.resource
    assert "notes.read" in str(claims["scope"]).split()
    assert len(stage.desktop.opened) == 1


async def test_a_stored_token_is_used_again_without_a_browser(stage: Stage) -> None:
    await stage.call_tool()
    stage.desktop.start()
    await stage.call_tool()
    assert len(stage.desktop.opened) == 1


async def test_an_expired_token_is_refreshed_without_a_browser(stage: Stage) -> None:
    await stage.call_tool()
    first = stage.desktop.storage.tokens
    # The client believes its own clock: by that, the access token ran out long ago.
    stage.desktop.auth.context.token_expiry_time = 1
    assert not (await stage.call_tool()).is_error
    second = stage.desktop.storage.tokens
    assert first is not None
    assert second is not None
    assert second.refresh_token != first.refresh_token
    assert len(stage.desktop.opened) == 1


async def test_insufficient_scope_makes_the_client_ask_for_the_missing_scope(stage: Stage) -> None:
    await stage.call_tool()
    stage.asked.rule = Rule.requiring("notes.write")
    assert not (await stage.call_tool()).is_error
    tokens = stage.desktop.storage.tokens
    assert tokens is not None
    assert {"notes.read", "notes.write"} <= set(str(tokens.scope).split())
    assert len(stage.desktop.opened) == 2
