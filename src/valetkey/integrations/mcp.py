"""The guard for MCP servers of the Python SDK: scopes for the server and for single tools (RFC 9728; RFC 9470)."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack, cast
from urllib.parse import urlsplit

from mcp.server.transport_security import TransportSecuritySettings

from valetkey.integrations.guarding import ApiGuard, GuardOptions, RuleOptions
from valetkey.integrations.mcp_caller import CALLER, access_token, presented_token
from valetkey.integrations.mcp_middleware import MOST_OCTETS, WATCH_SECONDS, McpMiddleware
from valetkey.oauth.types import Scope
from valetkey.resource_server import AccessToken, Allow, AllowAnonymous
from valetkey.resource_server.decision import ProtectedResource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp.server import MCPServer
    from starlette.applications import Starlette

    from valetkey.integrations.addresses import TrustedProxies
    from valetkey.resource_server import Decision, JudgingServer, Rule
    from valetkey.resource_server.facts import Facts

__all__ = ["Guard", "ToolRefused", "access_token", "presented_token"]

F = TypeVar("F", bound="Callable[..., Any]")

_LOOPBACK: Final = ("127.0.0.1:*", "localhost:*", "[::1]:*")
_OF_TOOLS: Final = frozenset({"acr", "max_age", "claims", "credentials"})


class ToolRefused(PermissionError):
    """A tool was reached by a caller whose token does not open it, past every answer that HTTP could give."""


class Guard(ApiGuard):
    """Guards an MCP server: `app = guard.app(server)`.

    Every request needs a token with the scope that is given here; `@guard.requires("notes.write")` below
    `@server.tool()` asks more of one tool. What is missing is said by HTTP, so that the client gets it: 401 without
    a good token, 403 `insufficient_scope` with the whole scope to ask for, 401 `insufficient_user_authentication`.
    Tools that a token does not open are listed all the same: by calling, a client learns what to ask for.
    """

    def __init__(self, issuer: str, resource: str, *scope: str, **options: Unpack[GuardOptions]) -> None:
        """Build it; `resource` is the URL of the MCP server. Raises as every guard does."""
        super().__init__(issuer, resource, **options)
        self._begin(scope)

    @classmethod
    def of(cls, resource_server: JudgingServer, *scope: str, trusted_proxies: TrustedProxies | None = None) -> Self:
        """Return the guard over a resource server that was built by hand."""
        guard = super().of(resource_server, trusted_proxies=trusted_proxies)
        guard._begin(scope)  # noqa: SLF001 - its own
        return guard

    def _begin(self, scope: tuple[str, ...]) -> None:
        self.every_request = self.rule(*scope)
        """What is asked of every request; replaced by `guard.rule(...)`, it may ask for more than scope."""
        self._protected = ProtectedResource(self.resource_server.resource)
        self._tools: dict[str, Rule] = {}

    @property
    def tools(self) -> Mapping[str, Rule]:
        """What single tools ask for, by their names."""
        return self._tools

    def requires(self, *scope: str, tool: str = "", **options: Unpack[RuleOptions]) -> Callable[[F], F]:
        """Return the decorator of a tool that asks for more; put it below `@server.tool()`.

        `tool` is the tool's name where it is not that of the function. `acr`, `max_age`, `claims` and `credentials`
        ask as in every guard; limits are asked of the server as a whole. The function refuses by itself too, with
        ToolRefused, whatever way a call came to it.
        """
        unknown = sorted(options.keys() - _OF_TOOLS)
        if unknown:
            raise TypeError(f"a tool has no option {unknown[0]!r}")
        rule = self.rule(*sorted({*self.every_request.scope, *scope}), **options)

        def decorate(function: F) -> F:
            if not inspect.isroutine(function):
                raise TypeError("put @guard.requires(...) on the function, below @server.tool()")
            name = tool or function.__name__
            if self._tools.setdefault(name, rule) != rule:
                raise ValueError(f"two rules ask for the tool {name!r}: say by tool= which is which")
            return cast("F", _refusing(function, lambda: self._require(rule)))

        return decorate

    def app(self, server: MCPServer, **options: Any) -> Starlette:
        """Return the guarded application, which serves MCP at the path of the resource.

        `options` are those of `server.streamable_http_app`; `put_before` guards any other application.
        """
        parts = urlsplit(self.resource_server.resource)
        options.setdefault("streamable_http_path", parts.path or "/")
        options.setdefault(
            "transport_security",
            TransportSecuritySettings(
                allowed_hosts=[parts.netloc, *_LOOPBACK],
                allowed_origins=[f"{parts.scheme}://{parts.netloc}", *(f"http://{host}" for host in _LOOPBACK)],
            ),
        )

        async def names() -> set[str]:
            return {tool.name for tool in await server.list_tools()}

        return self.put_before(server.streamable_http_app(**options), names)

    def put_before(
        self,
        app: Starlette,
        tools: Callable[[], Awaitable[set[str]]] | None = None,
        *,
        most_octets: int = MOST_OCTETS,
        watch_seconds: float = WATCH_SECONDS,
    ) -> Starlette:
        """Put the guard before an application that serves MCP and has not begun to; return it.

        `tools` names the tools that there are: a rule for another one stops the start. A body of more than
        `most_octets` is refused; an open stream is judged again every `watch_seconds`.
        """
        app.add_middleware(
            McpMiddleware, guard=self, tools=tools, most_octets=most_octets, watch_seconds=watch_seconds
        )
        return app

    @property
    def uncounted(self) -> Rule:
        """What is asked of every request, without its limits."""
        return replace(self.every_request, limits=())

    def decide_facts(self, facts: Facts) -> Decision:
        """Judge any request to the server."""
        return self._decide(self.every_request, facts)

    def decide_call(self, tool: str, facts: Facts) -> Decision:
        """Judge a call of one tool."""
        return self._decide(self._tools.get(tool, self.every_request), facts)

    def _decide(self, rule: Rule, facts: Facts) -> Decision:
        outcome = self._protected.decide(rule, facts)
        token = facts.presented
        if isinstance(outcome, Allow | AllowAnonymous) or not isinstance(token, AccessToken):
            return outcome
        # The challenge names what the token has too: clients replace their scope by it, and would lose the rest.
        return self._protected.decide(replace(rule, scope=Scope(rule.scope | token.scope)), facts)

    def _require(self, rule: Rule) -> None:
        caller = CALLER.get(None)
        if caller is None:
            raise ToolRefused("This tool is called through guarded requests only.")
        outcome = self._protected.decide(rule, caller.facts)
        if not isinstance(outcome, Allow):
            raise ToolRefused("The token of the caller does not open this tool.")


def _refusing(function: Callable[..., Any], require: Callable[[], None]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **named: Any) -> Any:
            require()
            return await function(*args, **named)

        return awaited

    @functools.wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        require()
        return function(*args, **named)

    return called
