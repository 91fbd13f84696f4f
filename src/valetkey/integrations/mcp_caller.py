"""Whose call a tool of a guarded MCP server serves, read where the tool runs."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import field
from typing import Final

from valetkey.jose.records import dataclass
from valetkey.resource_server import AccessToken
from valetkey.resource_server.facts import Facts


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of the request that is being served."""

    token: AccessToken
    facts: Facts
    presented: str = field(repr=False)


CALLER: Final[ContextVar[Caller]] = ContextVar("valetkey_mcp_caller")
"""Set by the middleware, for whatever the request sets going."""


def access_token() -> AccessToken:
    """Return the token with which a tool is called; raises RuntimeError outside of a guarded call."""
    return _present().token


def presented_token() -> str:
    """Return the token as it was sent: to be exchanged for the next service's, never to be sent on (RFC 8693).

    "" where the credentials are no bearer token. Raises RuntimeError outside of a guarded call.
    """
    return _present().presented


def _present() -> Caller:
    caller = CALLER.get(None)
    if caller is None:
        raise RuntimeError("there is no token here: read it in a tool that a guarded request called")
    return caller
