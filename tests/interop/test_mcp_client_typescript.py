"""The TypeScript MCP client knows a URL and nothing else: 401, RFC 9728, RFC 8414, registration, PKCE, a call."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from anyio import to_thread

from support.hostile_server import HostileServer, hostile_server, http
from support.mcp_desktop import PATH, REDIRECT_URI, Asked, application
from support.node import NodePeer, node_peer
from support.person import Person
from support.production_server import ProductionServer, running_production
from support.served_app import served_app
from valetkey.jose import jwt
from valetkey.oauth.pkce import challenge_of
from valetkey.resource_server import Rule

pytestmark = pytest.mark.interop


@dataclass
class Desktop:
    """The program in which the client runs: it opens a person's browser and receives the redirect."""

    peer: NodePeer
    person: Person
    server_url: str
    document_url: str | None = None
    opened: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each authorization request."""

    async def ask(self, name: str, **given: object) -> Any:
        # In a thread: the site of the client's document answers from this loop.
        return await to_thread.run_sync(partial(self.peer.call, name, **given))

    async def connect(self, **metadata: object) -> None:
        """Meet the MCP server; a person is asked where the client wants that."""
        began = await self.ask(
            "open",
            server_url=self.server_url,
            redirect_uri=REDIRECT_URI,
            document_url=self.document_url,
            metadata=metadata,
        )
        await self._be_asked(began)

    async def call_tool(self) -> Any:
        """Call the one tool there is; a person is asked once where the client wants that."""
        answer = await self.ask("call_tool")
        if answer["opened"] is not None:
            await self._be_asked(answer)
            answer = await self.ask("call_tool")
        assert answer["opened"] is None, answer
        return answer["result"]

    async def kept(self) -> Any:
        return await self.ask("kept")

    async def _be_asked(self, answer: dict[str, Any]) -> None:
        if answer["opened"] is None:
            return
        query = parse_qs(urlsplit(answer["opened"]).query)
        self.opened.append({name: value for name, (value,) in query.items()})
        returned = await to_thread.run_sync(self.person.authorize, answer["opened"])
        assert returned["state"] == self.opened[-1]["state"]
        await self.ask("finish", server_url=self.server_url, code=returned["code"])


@dataclass
class Stage:
    """The running authorization server, the rule of the MCP server, the site of the document, and the desktop."""

    server: ProductionServer
    asked: Asked
    site: HostileServer
    desktop: Desktop
    url: str


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    asked = Asked()
    async with hostile_server(tmp_path, "localhost") as site:
        url = f"https://localhost:{site.port}/client.json"
        environ = {
            "VALETKEY_PROFILE": "MCP",
            "VALETKEY_OUTBOUND__ALLOW": "localhost",
            "VALETKEY_OUTBOUND__CA_FILE": site.ca_file,
        }
        with (
            running_production(tmp_path, environ=environ) as server,
            served_app(lambda origin: application(server.issuer, f"{origin}{PATH}", asked)) as origin,
            node_peer("mcp_client.mjs") as peer,
        ):
            resource = f"{origin}{PATH}"
            add = ("resource", "add", resource, "--scope", "notes.read=See notes", "--scope", "notes.write=Write")
            await to_thread.run_sync(partial(server.operator.done, *add))
            yield Stage(server, asked, site, Desktop(peer, server.person(), resource), url)


def publish(stage: Stage, *grant_types: str) -> None:
    """Put up the document in which the client introduces itself."""
    described = {
        "client_id": stage.url,
        "client_name": "Notes Desk",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": grant_types,
        "token_endpoint_auth_method": "none",
    }
    stage.site.answers["/client.json"] = http(200, msgspec.json.encode(described))
    stage.desktop.document_url = stage.url


async def calls_a_tool_and_refreshes(stage: Stage) -> dict[str, Any]:
    """Call the tool, let the access token run out, call it again; return what the client keeps."""
    desktop = stage.desktop
    assert "Buy milk" in str((await desktop.call_tool())["content"])
    first = await desktop.kept()
    claims = jwt.peek(first["tokens"]["access_token"]).claims
    (request,) = desktop.opened
    assert (claims["aud"], claims["client_id"]) == (desktop.server_url, first["client"]["client_id"])
    assert "notes.read" in str(claims["scope"]).split()
    assert (request["resource"], request["code_challenge_method"]) == (desktop.server_url, "S256")
    assert request["code_challenge"] == challenge_of(first["verifier"])
    await desktop.ask("forget_access_token")
    assert "Buy milk" in str((await desktop.call_tool())["content"])
    second = await desktop.kept()
    assert len(desktop.opened) == 1
    assert second["tokens"]["refresh_token"] != first["tokens"]["refresh_token"]
    kept: dict[str, Any] = second
    return kept


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
async def test_a_tool_is_called_by_a_client_that_registers_itself(stage: Stage, method: str) -> None:
    await stage.desktop.connect(token_endpoint_auth_method=method)
    kept = await calls_a_tool_and_refreshes(stage)
    assert kept["client"]["token_endpoint_auth_method"] == method
    assert ("client_secret" in kept["client"]) is (method != "none")
    assert stage.site.paths == []


async def test_a_tool_is_called_by_a_client_that_introduces_itself_by_its_document(stage: Stage) -> None:
    publish(stage, "authorization_code", "refresh_token")
    await stage.desktop.connect()
    kept = await calls_a_tool_and_refreshes(stage)
    assert kept["client"]["client_id"] == stage.url
    assert stage.site.paths == ["/client.json"]


async def test_a_call_that_needs_more_rights_makes_the_client_ask_for_them(stage: Stage) -> None:
    # With a refresh token, this client refreshes instead of asking, which never widens what a person granted; and
    # what it registers names the scope of the first challenge alone, beyond which it gets nothing (RFC 7591, 2).
    publish(stage, "authorization_code")
    await stage.desktop.connect()
    await stage.desktop.call_tool()
    stage.asked.rule = Rule.requiring("notes.write")
    assert "Buy milk" in str((await stage.desktop.call_tool())["content"])
    kept = await stage.desktop.kept()
    assert "notes.write" in kept["tokens"]["scope"].split()
    assert "refresh_token" not in kept["tokens"]
    assert [request["scope"].split()[0] for request in stage.desktop.opened] == ["notes.read", "notes.write"]
