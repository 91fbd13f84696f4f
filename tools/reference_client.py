"""docs/reference/client.md, from the docstrings of valetkey.client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.markdown import code, table
from tools.reference_jose import public_names, section

from valetkey.client import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD: Final = """\
# Client library

<!-- Written by tools/reference_client.py from the docstrings: change them there. -->

`valetkey.client` is the client's side of OAuth 2.1 and OpenID Connect, for any server that speaks them; it needs
nothing of our own server. `OAuthClient` has a method for each flow, and `AsyncOAuthClient` the same ones, to await.

```python
from valetkey.client import (
    AsyncOAuthClient,
    BearerAuth,
    ClientSecretBasic,
    FileTokenStore,
    KeptTokens,
    MachineTokens,
    OAuthClient,
    PrivateKeyJwt,
    sign_in,
)
```
"""

PACKAGE: Final = "valetkey.client"
SECTIONS: Final = {
    "The client": ("oauth_client", "connection", "async_oauth_client", "async_connection"),
    "Who the client is": ("authentication",),
    "Signing in": ("loopback", "async_loopback", "code_flow", "signed_in", "device", "id_token", "step_up"),
    "Signing out": ("signing_out", "logout_token", "signed_in_sessions"),
    "Tokens that are kept": (
        *("sources", "async_sources", "memory_store", "file_store", "kept_tokens"),
        *("httpx_auth", "requests_auth", "bearer"),
    ),
    "A store for the session layer of browsers": ("session_records",),
    "Service to service": ("narrowed_tokens", "async_narrowed_tokens"),
    "Streams of signals": ("streams",),
    "Tokens for tokens": ("exchange", "token_exchange", "revocation", "introspection"),
    "Discovery": ("discovery",),
    "Without I/O": ("flow", "renewal"),
}
"""The modules that are told, by heading."""

SHARED: Final = frozenset({
    "authentication.signed_assertion", "bearer.is_token_dead", "bearer.origin_of", "connection.refuse_encoding",
    "connection.refuse_excess", "connection.response_of", "discovery.metadata_url", "discovery.require_issuer",
    "exchange.ask", "exchange.authenticated_post", "exchange.members_of", "exchange.refusal_of",
    "exchange.required_text", "exchange.rights", "exchange.token_response", "flow.Draw", "flow.Load", "flow.Moment",
    "flow.Now", "flow.Send", "flow.Swap", "flow.Wait", "flow.is_loopback_url", "flow.is_safe_url", "flow.send",
    "flow.present_time", "flow.this_moment", "kept_tokens.Kept", "kept_tokens.revision_of",
    "loopback.require_shown",
})  # fmt: skip
"""What modules of the client share with each other, and no page promises."""
INTERNAL: Final = frozenset({"async_shared_tokens", "errors", "keys", "narrowing", "shared_tokens", "token_memory"})
"""Modules that have no section of their own."""

FLOWS: Final = """\
Each flow is a generator that yields what it wants from the world (`flow.Send`, `flow.Wait`, `flow.Now`,
`flow.Draw`, `flow.Load`, `flow.Swap`) and is sent what came of it; what it returns is the answer.
`OAuthClient.run(flow, ...)` runs one over HTTP, and another driver is a dozen lines.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD, "## Errors\n", _errors()]
    for title, modules in SECTIONS.items():
        parts.append(f"## {title}\n")
        if title == "Without I/O":
            parts.append(FLOWS)
        for module in modules:
            parts.extend(_module(module))
    return "\n".join(parts)


def _module(name: str) -> Iterator[str]:
    for told in public_names(name, PACKAGE):
        if f"{name}.{told.name}" not in SHARED:
            yield from section(name, told)


def _errors() -> str:
    found: list[type[errors.FlowError]] = [errors.FlowError]
    direct = errors.FlowError.__subclasses__()
    further = [narrower for one in direct for narrower in one.__subclasses__()]
    found += sorted([*direct, *further], key=lambda one: one.__name__)
    return table(("error", "when"), [(code(one.__name__), " ".join((one.__doc__ or "").split())) for one in found])
