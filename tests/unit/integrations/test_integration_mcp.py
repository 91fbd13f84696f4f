"""A guarded MCP server, of the SDK and of FastMCP: what is let through, what is said, and whose a session is."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastmcp import FastMCP
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from starlette.testclient import TestClient

from support.issuer import ISSUER, HeldKeys, TestIssuer
from support.served_app import served_app
from valetkey.integrations import fastmcp as fastmcp_face
from valetkey.integrations import mcp as mcp_face
from valetkey.integrations.mcp import ToolRefused, access_token, presented_token
from valetkey.oauth.challenge import parse_challenges
from valetkey.resource_server import ResourceServer

if TYPE_CHECKING:
    from collections.abc import Iterator


AS = TestIssuer()
RESOURCE = "http://testserver/mcp"
METADATA = "http://testserver/.well-known/oauth-protected-resource/mcp"
STRONG = "urn:example:strong"
OPENING = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "desk", "version": "1"}}
MOST_OCTETS = 10_000


def token(scope: str = "notes.read", **changes: object) -> str:
    return AS.token({"aud": RESOURCE, "scope": scope} | changes)


@dataclass
class Served:
    """A guarded server with a counter of what its tools did, and a client that speaks JSON-RPC to it."""

    kind: str
    keys: HeldKeys = field(default_factory=AS.source)
    done: list[str] = field(default_factory=list)
    guard: Any = None
    server: Any = None
    client: Any = None

    def build(self, **limits: Any) -> Any:
        face = mcp_face if self.kind == "mcp" else fastmcp_face
        self.server = MCPServer("notes") if self.kind == "mcp" else FastMCP("notes")
        self.guard = guard = face.Guard(ISSUER, RESOURCE, "notes.read", keys=self.keys)

        def titles() -> list[str]:
            """List the titles."""
            sdk = get_access_token()
            assert sdk is not None
            self.done.append(f"titles by {access_token().subject} {sdk.client_id} {sdk.subject}")
            return ["Buy milk"]

        async def erase(title: str, times: int = 1) -> str:
            """Erase a note."""
            self.done.append(f"erase by {access_token().subject} with {' '.join(sorted(access_token().scope))}")
            assert presented_token().count(".") == 2
            return f"{title} erased {times} times"

        def publish_all() -> str:
            self.done.append("publish")
            return "published"

        # As decorators do it, whose types differ between the two kinds of server.
        self.server.tool()(titles)
        self.server.tool()(guard.requires("notes.write")(erase))
        publishing = guard.requires("notes.publish", tool="publish-all", acr=STRONG, max_age=600)
        self.server.tool(name="publish-all")(publishing(publish_all))
        return self.limited(limits) if limits else guard.app(self.server, json_response=True)

    def limited(self, limits: dict[str, Any]) -> Any:
        if self.kind == "mcp":
            return self.guard.put_before(self.server.streamable_http_app(), **limits)
        return self.guard.put_before(self.server.http_app(path="/mcp"), **limits)

    def post(self, body: bytes | dict[str, Any], bearer: str | None, session: str | None = None) -> Any:
        headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if bearer is not None:
            headers["authorization"] = f"Bearer {bearer}"
        if session is not None:
            headers |= {"mcp-session-id": session, "mcp-protocol-version": "2025-06-18"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post("/mcp", content=content, headers=headers)

    def opened(self, bearer: str) -> str:
        """Open a session, and return its id."""
        answer = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": OPENING}, bearer)
        assert answer.status_code == 200, answer.text
        session = str(answer.headers["mcp-session-id"])
        done = self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, bearer, session)
        assert done.status_code == 202
        return session

    def call(self, tool: str, bearer: str, session: str, **arguments: object) -> Any:
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        return self.post(message, bearer, session)


@pytest.fixture(params=["mcp", "fastmcp"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    found = Served(request.param)
    with TestClient(found.build(), base_url="http://testserver", follow_redirects=False) as client:
        found.client = client
        yield found


def challenge_of(answer: httpx2.Response) -> Any:
    (challenge,) = parse_challenges(answer.headers["www-authenticate"])
    return challenge


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "OPTIONS"])
def test_a_request_without_a_token_learns_where_to_get_one_and_what_to_ask_for(served: Served, method: str) -> None:
    answer = served.client.request(method, "/mcp", content=b"x" * 100)
    assert answer.status_code == 401
    challenge = challenge_of(answer)
    assert (challenge.get("resource_metadata"), challenge.get("scope")) == (METADATA, "notes.read")
    assert challenge.get("error") is None


@pytest.mark.parametrize(
    "changes", [{"aud": "http://testserver/other"}, {"exp": 1}, {"iss": "https://other.example"}, {"scope": ""}]
)
def test_a_token_that_is_not_good_opens_nothing(served: Served, changes: dict[str, object]) -> None:
    bearer = AS.token({"aud": RESOURCE, "scope": "notes.read"} | changes)
    answer = served.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": OPENING}, bearer)
    assert answer.status_code == (403 if "scope" in changes else 401)


def test_the_metadata_names_every_scope_that_a_tool_asks_for(served: Served) -> None:
    document = served.client.get(METADATA).json()
    assert document["resource"] == RESOURCE
    assert document["authorization_servers"] == [ISSUER]
    assert document["scopes_supported"] == ["notes.publish", "notes.read", "notes.write"]


def test_every_tool_is_listed_and_one_that_asks_for_nothing_more_is_called(served: Served) -> None:
    bearer = token()
    session = served.opened(bearer)
    listed = served.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, bearer, session).json()
    tools = {tool["name"]: tool for tool in listed["result"]["tools"]}
    assert set(tools) == {"titles", "erase", "publish-all"}
    assert set(tools["erase"]["inputSchema"]["properties"]) == {"title", "times"}
    assert "Buy milk" in served.call("titles", bearer, session).text
    assert served.done == ["titles by alice web alice"]


def test_a_tool_that_needs_more_scope_is_told_by_http_and_opens_with_it(served: Served) -> None:
    bearer = token("notes.read notes.other")
    session = served.opened(bearer)
    answer = served.call("erase", bearer, session, title="a")
    assert answer.status_code == 403
    challenge = challenge_of(answer)
    assert challenge.get("error") == "insufficient_scope"
    # With what the token had: a client that replaces its scope by this one loses nothing.
    assert challenge.get("scope") == "notes.other notes.read notes.write"
    assert challenge.get("resource_metadata") == METADATA
    assert served.done == []
    better = served.call("erase", token("notes.read notes.write"), session, title="a", times=2)
    assert "a erased 2 times" in better.text
    assert served.done == ["erase by alice with notes.read notes.write"]
    # The session remembers nothing of that.
    assert served.call("erase", bearer, session, title="a").status_code == 403


def test_a_tool_that_needs_a_stronger_or_newer_authentication_says_so(served: Served) -> None:
    now = int(time.time())
    weak = token("notes.read notes.publish", acr="urn:example:weak", auth_time=now)
    session = served.opened(weak)
    for bearer in (weak, token("notes.read notes.publish", acr=STRONG, auth_time=now - 3_600)):
        answer = served.call("publish-all", bearer, session)
        assert answer.status_code == 401
        challenge = challenge_of(answer)
        assert challenge.get("error") == "insufficient_user_authentication"
        assert (challenge.get("acr_values"), challenge.get("max_age")) == (STRONG, "600")
    good = token("notes.read notes.publish", acr=STRONG, auth_time=now)
    assert "published" in served.call("publish-all", good, session).text
    assert served.done == ["publish"]


CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"erase","arguments":{"title":"a"}}}'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (CALL, 403),
        (CALL.replace(b'"erase"', b'"er\\u0061se"').replace(b"tools/call", b"tools\\/call"), 403),
        (b"[" + CALL.replace(b"erase", b"titles") + b"," + CALL + b"]", 403),
        (CALL.replace(b'"name":"erase"', b'"name":"titles","name":"erase"'), 400),
        (CALL.replace(b'"name":"erase"', b'"name":"erase","name":"titles"'), 400),
        (CALL.replace(b'"method":"tools/call"', b'"method":"tools/call","method":"ping"'), 400),
        (b'[1],"a":' + CALL, 400),
        (CALL.decode().encode("utf-16"), 400),
        (b"\xef\xbb\xbf" + CALL, 400),
        (CALL.replace(b'"erase"', b'["erase"]'), 400),
        (CALL[:-1], 400),
        (b"[" * 50_000, 400),
        (b"x" * (5 * 1024 * 1024), 413),
    ],
)
def test_no_way_of_writing_a_call_gets_past_the_rule_of_its_tool(served: Served, body: bytes, status: int) -> None:
    bearer = token()
    session = served.opened(bearer)
    assert served.post(body, bearer, session).status_code == status
    assert served.done == []
    # And the session goes on.
    assert served.call("titles", bearer, session).status_code == 200


def test_a_session_is_of_who_opened_it_and_of_nobody_else(served: Served) -> None:
    mine = token("notes.read notes.write")
    session = served.opened(mine)
    others = [
        token("notes.read notes.write", sub="mallory"),
        token("notes.read notes.write", client_id="other"),
    ]
    for stolen in others:
        assert served.call("erase", stolen, session, title="a").status_code == 404
        headers = {"authorization": f"Bearer {stolen}", "mcp-session-id": session, "accept": "text/event-stream"}
        assert served.client.get("/mcp", headers=headers).status_code == 404
        assert served.client.delete("/mcp", headers=headers).status_code == 404
    assert served.done == []
    # Another token of the same end-user and client is as good.
    assert served.call("erase", token("notes.read notes.write", jti="two"), session, title="a").status_code == 200


def test_a_tool_refuses_by_itself_what_comes_past_the_guard(served: Served) -> None:
    rule = served.guard.tools["erase"]
    assert set(rule.scope) == {"notes.read", "notes.write"}

    def other() -> str:
        return "reached"

    with pytest.raises(ToolRefused):
        served.guard.requires("notes.write")(other)()
    with pytest.raises(RuntimeError, match="no token here"):
        access_token()


@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
async def test_a_tool_of_a_server_without_http_is_refused(kind: str) -> None:
    served = Served(kind)
    served.build()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each server has a class of its own around it
        await served.server.call_tool("erase", {"title": "a"})
    assert "guarded requests only" in f"{caught.value} {caught.value.__cause__}"
    assert served.done == []


@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
def test_a_rule_for_a_tool_that_there_is_not_stops_the_start(kind: str) -> None:
    served = Served(kind)
    app = served.build()

    def original() -> str:
        return "reached"

    served.server.tool(name="renamed")(served.guard.requires("notes.write")(original))
    with pytest.raises(RuntimeError, match="no tool is called 'original'"), TestClient(app):
        pytest.fail("it started")


def test_what_cannot_be_meant_is_refused_at_once() -> None:
    guard = mcp_face.Guard(ISSUER, RESOURCE, keys=AS.source())
    guard.requires("a")(test_what_cannot_be_meant_is_refused_at_once)
    with pytest.raises(ValueError, match="two rules"):
        guard.requires("b")(test_what_cannot_be_meant_is_refused_at_once)
    with pytest.raises(TypeError, match="no option 'limits'"):
        guard.requires("a", limits=[])
    with pytest.raises(TypeError, match="below"):
        guard.requires("a")(ExitStack)
    with pytest.raises(ValueError, match="auth="):
        fastmcp_face.Guard(ISSUER, RESOURCE, keys=AS.source()).app(FastMCP("x", auth=_fastmcp_auth()))
    guard.every_request = guard.public_rule()
    with pytest.raises(ValueError, match="nobody"), TestClient(guard.app(MCPServer("x"))):
        pytest.fail("it started")


def _fastmcp_auth() -> Any:
    from fastmcp.server.auth.providers.jwt import StaticTokenVerifier  # noqa: PLC0415 - dear, and for one test

    return StaticTokenVerifier({"t": {"client_id": "c", "scopes": []}})


def test_a_guard_is_built_over_a_resource_server_too() -> None:
    server = ResourceServer.of_issuer(issuer=ISSUER, resource=RESOURCE, keys=AS.source())
    guard = mcp_face.Guard.of(server, "notes.read")
    assert guard.scopes == ("notes.read",)


@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
def test_a_longer_body_than_the_guard_takes_is_not_read(kind: str) -> None:
    served = Served(kind)
    with TestClient(served.build(most_octets=MOST_OCTETS), base_url="http://testserver") as client:
        served.client = client
        assert served.post(b"x" * (MOST_OCTETS + 1), token()).status_code == 413
        assert served.post(b" " * (MOST_OCTETS + 1), None).status_code == 401


@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
async def test_an_open_stream_ends_when_its_token_does(kind: str) -> None:
    served = Served(kind)
    bearer = token()
    with served_app(lambda _: served.build(watch_seconds=0.05)) as origin:
        headers = {"authorization": f"Bearer {bearer}", "accept": "application/json, text/event-stream"}
        opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": OPENING}
        async with httpx2.AsyncClient(base_url=origin, headers=headers, timeout=20, trust_env=False) as http:
            answer = await http.post("/mcp", json=opening)
            assert answer.status_code == 200, answer.text
            session = {"mcp-session-id": answer.headers["mcp-session-id"]}
            async with http.stream("GET", "/mcp", headers=session) as stream:
                assert stream.status_code == 200
                # The issuer takes its key back: no token of it is good any more.
                served.keys.keys = type(served.keys.keys)(())
                async for _ in stream.aiter_bytes():
                    pass
            assert (await http.get("/mcp", headers=session)).status_code == 401
