"""The Python MCP client meets a guarded MCP server: 401, RFC 9728, RFC 8414, PKCE and `resource`, a tool call."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl

from support.dev_server import DevServer
from support.mcp_desktop import PATH, REDIRECT_URI, Asked, Desktop, Storage, application
from support.served_app import served_app
from valetkey.jose import jwt
from valetkey.resource_server import Rule

pytestmark = pytest.mark.interop


@dataclass
class Stage:
    """The running MCP server and the client that was registered for it."""

    desktop: Desktop
    asked: Asked
    resource: str

    async def call_tool(self) -> Any:
        return await self.desktop.call_tool()


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
        yield Stage(Desktop(dev.person(), resource, Storage(known)), asked, resource)


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
