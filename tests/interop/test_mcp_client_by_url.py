"""The Python MCP client introduces itself by a URL to a server that nobody told about it, as far as a tool call."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import pytest
from anyio import to_thread

from support.hostile_server import HostileServer, hostile_server, http
from support.mcp_desktop import PATH, Asked, Desktop, Storage, application
from support.production_server import ProductionServer, running_production
from support.served_app import served_app
from valetkey.jose import jwt

pytestmark = pytest.mark.interop


@dataclass
class Stage:
    """The running server, the site of the client's document, and the desktop that the client runs on."""

    server: ProductionServer
    site: HostileServer
    desktop: Desktop
    url: str


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with hostile_server(tmp_path, "localhost") as site:
        url = f"https://localhost:{site.port}/client.json"
        site.answers["/client.json"] = http(200, msgspec.json.encode(described(url)))
        environ = {
            "VALETKEY_PROFILE": "MCP",
            "VALETKEY_OUTBOUND__ALLOW": "localhost",
            "VALETKEY_OUTBOUND__CA_FILE": site.ca_file,
        }
        with (
            running_production(tmp_path, environ=environ) as server,
            served_app(lambda origin: application(server.issuer, f"{origin}{PATH}", Asked())) as origin,
        ):
            resource = f"{origin}{PATH}"
            await command(server, "resource", "add", resource, "--scope", "notes.read=See notes")
            yield Stage(server, site, Desktop(server.person(), resource, Storage(), url), url)


async def command(server: ProductionServer, *arguments: str) -> None:
    # In a thread: a command has an event loop of its own.
    await to_thread.run_sync(partial(server.operator.done, *arguments))


def described(url: str) -> dict[str, object]:
    return {
        "client_id": url,
        "client_name": "Notes Desk",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    }


async def test_a_tool_is_called_by_a_client_that_only_has_a_url(stage: Stage) -> None:
    desktop = stage.desktop
    assert "Buy milk" in str((await desktop.call_tool()).content)
    assert desktop.storage.client_info is not None
    assert desktop.storage.client_info.client_id == stage.url
    tokens = desktop.storage.tokens
    assert tokens is not None
    claims = jwt.peek(tokens.access_token).claims
    assert (claims["client_id"], claims["aud"]) == (stage.url, desktop.server_url)
    assert "notes.read" in str(claims["scope"]).split()
    assert stage.site.paths == ["/client.json"]
    # The client believes its own clock: by that, the access token ran out long ago.
    desktop.auth.context.token_expiry_time = 1
    assert not (await desktop.call_tool()).is_error
    assert len(desktop.opened) == 1


async def test_the_end_user_is_asked_again_after_an_operator_revoked_the_url(stage: Stage) -> None:
    desktop = stage.desktop
    await desktop.call_tool()
    await command(stage.server, "revoke", "client", stage.url)
    desktop.auth.context.token_expiry_time = 1
    assert not (await desktop.call_tool()).is_error
    assert len(desktop.opened) == 2
