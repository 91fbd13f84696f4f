"""Servers of the Python SDK and of FastMCP behind the guard, met by the clients of both: step-up, and the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fastmcp
import httpx2
import pytest
from anyio import fail_after
from fastmcp import FastMCP
from mcp.server import MCPServer
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl

from support.dev_server import DevServer
from support.mcp_desktop import PATH, PATIENCE, REDIRECT_URI, Desktop, Storage
from support.served_app import served_app
from valetkey.integrations import fastmcp as fastmcp_face
from valetkey.integrations import mcp as mcp_face
from valetkey.integrations.mcp import access_token
from valetkey.jose import jwt

pytestmark = pytest.mark.interop


@dataclass
class Stage:
    """A running MCP server of one kind, and programs of one person that call it."""

    dev: DevServer
    resource: str
    client_id: str
    done: list[str] = field(default_factory=list)

    def desktop(self) -> Desktop:
        known = OAuthClientInformationFull(
            client_id=self.client_id,
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            token_endpoint_auth_method="none",
            issuer=self.dev.issuer,
        )
        return Desktop(self.dev.person(), self.resource, Storage(known))


def build(kind: str, issuer: str, resource: str, done: list[str]) -> Any:
    server: Any = MCPServer("notes") if kind == "mcp" else FastMCP("notes")
    guard: Any = (mcp_face if kind == "mcp" else fastmcp_face).Guard(issuer, resource, "notes.read")

    def notes() -> list[str]:
        """List the notes."""
        done.append(f"notes for {access_token().subject}")
        return ["Buy milk"]

    def erase(title: str) -> str:
        """Erase a note."""
        done.append(f"erase for {access_token().subject}")
        return f"{title} is gone"

    server.tool()(notes)
    server.tool()(guard.requires("notes.write")(erase))
    return guard.app(server)


@pytest.fixture(scope="module", params=["mcp", "fastmcp"])
def stage(dev: DevServer, request: pytest.FixtureRequest) -> Iterator[Stage]:
    done: list[str] = []
    with served_app(lambda origin: build(request.param, dev.issuer, f"{origin}{PATH}", done)) as origin:
        resource, client_id = f"{origin}{PATH}", f"guarded-{origin.rpartition(':')[2]}"
        dev.command("resource", "add", resource, "--scope", "notes.read=See notes", "--scope", "notes.write=Write")
        dev.add_client(
            *(client_id, "--authentication-method", "none", "--application-type", "native"),
            *("--redirect-uri", "http://127.0.0.1/callback", "--scope", "notes.read notes.write offline_access"),
            *("--grant-type", "authorization_code", "--grant-type", "refresh_token", "--resource", resource),
        )
        yield Stage(dev, resource, client_id, done)


def scope_of(desktop: Desktop) -> set[str]:
    tokens = desktop.storage.tokens
    assert tokens is not None
    return set(str(jwt.peek(tokens.access_token).claims["scope"]).split())


async def test_a_client_asks_for_more_scope_when_a_tool_needs_it_and_for_no_more_before(stage: Stage) -> None:
    desktop = stage.desktop()
    assert "Buy milk" in str((await desktop.call_tool("notes")).content)
    assert "notes.write" not in scope_of(desktop)
    assert len(desktop.opened) == 1
    result = await desktop.call_tool("erase", title="Buy milk")
    assert not result.is_error
    assert "Buy milk is gone" in str(result.content)
    assert {"notes.read", "notes.write"} <= scope_of(desktop)
    assert len(desktop.opened) == 2
    subject = jwt.peek(str(desktop.storage.tokens and desktop.storage.tokens.access_token)).claims["sub"]
    assert stage.done[-2:] == [f"notes for {subject}", f"erase for {subject}"]


async def test_the_client_of_fastmcp_does_the_same(stage: Stage) -> None:
    desktop = stage.desktop()
    transport = fastmcp.client.StreamableHttpTransport(stage.resource, auth=desktop.auth)
    with fail_after(PATIENCE):
        async with fastmcp.Client(transport) as client:
            listed = {tool.name for tool in await client.list_tools()}
            assert listed == {"notes", "erase"}
            assert "Buy milk" in str(await client.call_tool("notes", {}))
            assert len(desktop.opened) == 1
            assert "is gone" in str(await client.call_tool("erase", {"title": "Buy milk"}))
    assert len(desktop.opened) == 2


async def test_a_revoked_token_is_refused_and_its_client_signs_in_again(stage: Stage) -> None:
    desktop = stage.desktop()
    await desktop.call_tool("notes")
    tokens = desktop.storage.tokens
    assert tokens is not None
    stage.dev.command("revoke", "client", stage.client_id)
    headers = {"authorization": f"Bearer {tokens.access_token}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        with fail_after(PATIENCE):
            while (answer := await http.post(stage.resource, json={})).status_code != 401:
                assert answer.status_code < 500
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert not (await desktop.call_tool("notes")).is_error
    assert len(desktop.opened) == 2
