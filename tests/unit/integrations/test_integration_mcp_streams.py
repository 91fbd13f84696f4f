"""An open stream of an MCP server, opened with a credential that counts once."""

from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from support.issuer import ISSUER, NOW, RESOURCE
from valetkey.integrations.mcp_middleware import McpMiddleware
from valetkey.oauth.access_token import access_token_from_claims
from valetkey.resource_server import Allow, RequestView, Rule
from valetkey.resource_server.facts import Facts

pytestmark = pytest.mark.anyio


def _facts(lifetime: int) -> Facts:
    claims = {"iss": ISSUER, "sub": "batch", "client_id": "batch", "aud": RESOURCE, "iat": NOW, "jti": "1"}
    return Facts(access_token_from_claims({**claims, "exp": NOW + lifetime, "credential": "client_jwt"}), NOW)


class _Server:
    """Sees each credential once: whoever shows it again is told by this test."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.shown = 0

    async def facts_of(self, request: RequestView, rule: Rule) -> Facts:
        del request, rule
        self.shown += 1
        return self._facts


def _guarded(app: Any, facts: Facts) -> tuple[McpMiddleware, _Server]:
    server = _Server(facts)
    presented: Any = facts.presented
    guard: Any = SimpleNamespace(
        resource_server=server,
        trusted_proxies=None,
        every_request=Rule(),
        uncounted=Rule(),
        tools={},
        metadata_path="/.well-known/x",
        decide_facts=lambda _facts: Allow(presented),
    )
    return McpMiddleware(app, guard, None, most_octets=1_000, watch_seconds=0), server


async def _served(lifetime: int, app: Any) -> tuple[_Server, list[dict[str, Any]]]:
    said: list[dict[str, Any]] = []
    middleware, server = _guarded(app, _facts(lifetime))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer a.b.c")],
        "client": ("203.0.113.7", 4711),
        "raw_path": b"/mcp",
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message)

    await middleware(scope, receive, send)
    return server, said


async def _begun(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def test_a_token_that_counts_once_is_not_shown_again_while_its_stream_is_open() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await _begun(send)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        await send({"type": "http.response.body", "body": b"done", "more_body": False})

    server, said = await _served(300, app)
    assert server.shown == 1
    assert said[-1]["body"] == b"done"


async def test_its_stream_ends_when_it_does() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await _begun(send)
        await anyio.sleep_forever()

    server, said = await _served(0, app)
    assert server.shown == 1
    assert said[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
