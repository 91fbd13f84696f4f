"""The Python MCP client that nobody knows: it registers itself, and goes on to a tool call (RFC 7591)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support.dev_server import DevServer
from support.mcp_desktop import PATH, REDIRECT_URI, Asked, Desktop, Storage, application
from support.served_app import served_app
from valetkey.jose import jwt

pytestmark = pytest.mark.interop


@dataclass
class Stage:
    """A running MCP server, and a client that knows its URL and nothing else."""

    desktop: Desktop
    resource: str


@pytest.fixture
def stage(dev: DevServer) -> Iterator[Stage]:
    with served_app(lambda origin: application(dev.issuer, f"{origin}{PATH}", Asked())) as origin:
        resource = f"{origin}{PATH}"
        dev.command("resource", "add", resource, "--scope", "notes.read=See notes", "--scope", "notes.write=Write")
        yield Stage(Desktop(dev.person(), resource, Storage()), resource)


async def test_an_unknown_client_registers_itself_and_calls_a_tool(stage: Stage, dev: DevServer) -> None:
    result = await stage.desktop.call_tool()
    assert not result.is_error
    assert "Buy milk" in str(result.content)
    known, tokens = stage.desktop.storage.client_info, stage.desktop.storage.tokens
    assert known is not None
    assert tokens is not None
    assert jwt.peek(tokens.access_token).claims["client_id"] == known.client_id
    view = dev.command("client", "show", str(known.client_id))
    assert (view["name"], view["redirect_uris"]) == ("Notes Desk", [REDIRECT_URI])
    assert view["application_type"] == "native"
    assert view["registration"]["last_used_at"] is not None


async def test_the_registration_is_used_again_after_a_restart(stage: Stage) -> None:
    await stage.desktop.call_tool()
    first = stage.desktop.storage.client_info
    stage.desktop.storage.tokens = None
    stage.desktop.start()
    assert not (await stage.desktop.call_tool()).is_error
    assert stage.desktop.storage.client_info is first
    assert len(stage.desktop.opened) == 2
