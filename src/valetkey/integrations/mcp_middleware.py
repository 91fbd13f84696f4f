"""The middleware of a guarded MCP server: reads what is asked for, judges it, and watches what stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import anyio
import msgspec
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken as SdkToken
from starlette.authentication import AuthCredentials

from valetkey.integrations.asgi import TOKEN, adding, deny, view_of_scope
from valetkey.integrations.guarding import METADATA_HEADERS
from valetkey.integrations.mcp_caller import CALLER, Caller
from valetkey.integrations.mcp_messages import UnreadableMessage, read_messages
from valetkey.resource_server import AccessToken, Allow, CredentialKind
from valetkey.resource_server.token import BearerToken, read_credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from valetkey.integrations.addresses import TrustedProxies
    from valetkey.integrations.asgi import Application, Message, Receive, Scope, Send
    from valetkey.resource_server import Decision, JudgingServer, RequestView, Rule
    from valetkey.resource_server.facts import Facts

MOST_OCTETS: Final = 4 * 1024 * 1024
"""How long a request may be, unless a guard is told otherwise: as long as the SDK takes it."""
WATCH_SECONDS: Final = 5.0
"""How often an open stream is judged again."""
_JSON: Final = (b"content-type", b"application/json")
_READING: Final = frozenset({"GET", "HEAD"})
_INVALID_REQUEST: Final = -32_600
_PARSE_ERROR: Final = -32_700


class McpJudge(Protocol):
    """What stands behind the middleware: `valetkey.integrations.mcp.Guard`."""

    resource_server: JudgingServer
    trusted_proxies: TrustedProxies | None
    every_request: Rule

    @property
    def uncounted(self) -> Rule:
        """What is asked of every request, without its limits."""
        ...

    @property
    def tools(self) -> Mapping[str, Rule]:
        """What single tools ask for."""
        ...

    @property
    def metadata_path(self) -> str:
        """Where the metadata of the resource is published."""
        ...

    def metadata_body(self) -> bytes:
        """Return the metadata as JSON."""
        ...

    def decide_facts(self, facts: Facts) -> Decision:
        """Judge any request to the server."""
        ...

    def decide_call(self, tool: str, facts: Facts) -> Decision:
        """Judge a call of one tool."""
        ...


class McpMiddleware:
    """What `guard` does not allow reaches neither the server nor its tools."""

    def __init__(
        self,
        app: Application,
        guard: McpJudge,
        tools: Callable[[], Awaitable[set[str]]] | None,
        *,
        most_octets: int,
        watch_seconds: float,
    ) -> None:
        """Put `guard` before `app`, as `Guard.put_before` says."""
        if guard.every_request.is_public:
            raise ValueError("an MCP server that is guarded lets nobody in without a token")
        self._app, self._guard, self._tools = app, guard, tools
        self._most_octets, self._watch_seconds = most_octets, watch_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the lifespan passes once every rule is seen to be one of a tool."""
        if scope["type"] == "lifespan":
            await self._require_tools()
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError("a guarded MCP server speaks HTTP only")
        guard = self._guard
        if scope["path"] == guard.metadata_path and scope["method"] in _READING:
            await _respond(send, 200, METADATA_HEADERS, guard.metadata_body())
            return
        await self._require_tools()
        view = view_of_scope(scope, guard.trusted_proxies)
        facts = await guard.resource_server.facts_of(view, guard.every_request)
        outcome = guard.decide_facts(facts)
        if not isinstance(outcome, Allow):
            await deny(scope, receive, send, outcome)  # type: ignore[arg-type] # no rule of this guard is public
            return
        told = _told(scope, outcome.token, view)
        user = told["user"]
        caller = CALLER.set(Caller(outcome.token, facts, user.access_token.token))
        of_sdk = auth_context_var.set(user)
        sending = adding(send, outcome.headers) if outcome.headers else send
        try:
            if scope["method"] == "POST":
                await self._post(told, receive, sending, view, facts)
            elif scope["method"] in _READING:
                await self._watched(told, receive, sending, view, facts)
            else:
                await self._app(told, receive, sending)
        finally:
            # Whoever serves the next request in this context is somebody else.
            auth_context_var.reset(of_sdk)
            CALLER.reset(caller)

    async def _post(self, scope: Scope, receive: Receive, send: Send, view: RequestView, facts: Facts) -> None:
        body = await _body_of(receive, self._most_octets)
        if body is None:
            return
        if len(body) > self._most_octets:
            await _refuse(send, 413, _INVALID_REQUEST, "The request is too long.")
            return
        try:
            asked = read_messages(body)
        except UnreadableMessage as error:
            await _refuse(send, 400, _PARSE_ERROR, str(error))
            return
        for tool in asked.tools:
            outcome = self._guard.decide_call(tool, facts)
            if not isinstance(outcome, Allow):
                await deny(scope, receive, send, outcome)  # type: ignore[arg-type]  # no tool has a public rule
                return
        replayed = _replaying(body, receive)
        if asked.is_stream:
            await self._watched(scope, replayed, send, view, facts)
        else:
            await self._app(scope, replayed, send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send, view: RequestView, facts: Facts) -> None:
        """Serve a stream for as long as its token is good: it ends when that expires or is revoked."""
        open_response = _OpenResponse(send)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, view, facts, tasks.cancel_scope)
            await self._app(scope, receive, open_response)
            tasks.cancel_scope.cancel()
        await open_response.end()

    async def _watch(self, view: RequestView, opened: Facts, stream: anyio.CancelScope) -> None:
        presented = opened.presented
        if isinstance(presented, AccessToken) and presented.credential is CredentialKind.CLIENT_JWT:
            # It counts once: shown again it would be refused. Nobody can revoke it, so only its end is waited for.
            await anyio.sleep(max(0, presented.expires_at - opened.now))
            stream.cancel()
            return
        # What is counted was counted when the stream was opened.
        uncounted = self._guard.uncounted
        while True:
            await anyio.sleep(self._watch_seconds)
            facts = await self._guard.resource_server.facts_of(view, uncounted)
            if not isinstance(self._guard.decide_facts(facts), Allow):
                stream.cancel()
                return

    async def _require_tools(self) -> None:
        if self._tools is None:
            return
        unknown = sorted(self._guard.tools.keys() - await self._tools())
        if unknown:
            raise RuntimeError(f"no tool is called {unknown[0]!r}, for which the guard has a rule: see tool=")
        self._tools = None


class _OpenResponse:
    """Passes a response on, and knows whether it was begun and ended."""

    def __init__(self, send: Send) -> None:
        self._send, self._is_open = send, False

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.start":
            self._is_open = True
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self._is_open = False

    async def end(self) -> None:
        if self._is_open:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _told(scope: Scope, token: AccessToken, view: RequestView) -> Scope:
    """Return the scope with what the SDK reads: by its user it knows to whom a session belongs."""
    credentials = read_credentials(view.all_headers(b"authorization"))
    user = AuthenticatedUser(
        SdkToken(
            token=credentials.value if isinstance(credentials, BearerToken) else "",
            client_id=token.client_id,
            scopes=sorted(token.scope),
            expires_at=token.expires_at,
            resource=next(iter(token.audience), None),
            subject=token.subject,
            claims={**token.claims, "iss": token.issuer},
        )
    )
    state = {**scope.get("state", {}), "access_token": token}
    return {**scope, TOKEN: token, "state": state, "user": user, "auth": AuthCredentials(user.scopes)}


async def _body_of(receive: Receive, most_octets: int) -> bytes | None:
    """Return the body, or a little more than is allowed of it; None where the client went away."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most_octets or not message.get("more_body", False):
            return bytes(body)


def _replaying(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return first.pop() if first else await receive()

    return replaying


async def _refuse(send: Send, status: int, code: int, message: str) -> None:
    document = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    await _respond(send, status, (("cache-control", "no-store"),), msgspec.json.encode(document))


async def _respond(send: Send, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in (*headers, ("content-length", str(len(body))))]
    if not any(name == b"content-type" for name, _ in encoded):
        encoded.append(_JSON)
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
