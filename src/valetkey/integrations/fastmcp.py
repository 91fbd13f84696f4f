"""The guard for FastMCP servers: scopes for the server and for single tools (RFC 9728; RFC 9470)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from valetkey.integrations import mcp
from valetkey.integrations.mcp import ToolRefused, access_token, presented_token

if TYPE_CHECKING:
    from fastmcp import FastMCP
    from starlette.applications import Starlette

__all__ = ["Guard", "ToolRefused", "access_token", "presented_token"]


class Guard(mcp.Guard):
    """Guards a FastMCP server, as `valetkey.integrations.mcp.Guard` does one of the SDK: `guard.app(server)`."""

    def app(self, server: FastMCP[Any], **options: Any) -> Starlette:  # type: ignore[override] # another server
        """Return the guarded application, which serves MCP at the path of the resource.

        `options` are those of `server.http_app`; a server with an `auth` of its own is refused with ValueError.
        """
        if server.auth is not None:
            raise ValueError("the guard stands in the place of the server's auth=: take that away")
        parts = urlsplit(self.resource_server.resource)
        options.setdefault("path", parts.path or "/")

        async def names() -> set[str]:
            return {tool.name for tool in await server.list_tools(run_middleware=False)}

        return self.put_before(server.http_app(**options), names)
