"""docs/reference/gateway.md, from the contracts with proxies as they declare themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.markdown import code, codes, table

from valetkey.gateway.contracts import CONTRACTS, ENVOY_GRPC
from valetkey.gateway.contracts.contract import PARTS
from valetkey.gateway.contracts.headers import (
    ANSWER_HEADERS,
    CREDENTIAL_HEADERS,
    IDENTITY_HEADERS,
    OVERRIDE_HEADERS,
    REROUTING_HEADERS,
)
from valetkey.gateway.snippets import SNIPPETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.gateway.contracts import Sources

HEAD: Final = """\
# The gateway and proxies

<!-- Written by tools/reference_gateway.py from valetkey/gateway/contracts: change it there. -->

A proxy asks `valetkey gateway` about every request before it passes it on. What both of them say is a contract, one
for each kind of proxy. How to run it: [Run the gateway](../how-to/run-the-gateway.md).

A contract has one source for each thing that is judged. Nothing else that the proxy or the client sends is read. A
source that is absent, sent twice, or cannot be read refuses the request with 400.
"""
_PAGES: Final = {
    "nginx": "put-it-behind-nginx.md",
    "caddy": "put-it-behind-caddy.md",
    "traefik": "put-it-behind-traefik.md",
    "haproxy": "put-it-behind-haproxy.md",
    "envoy-http": "put-it-behind-envoy.md",
    "envoy-grpc": "put-it-behind-envoy.md",
}
_TITLES: Final = {
    "nginx": "nginx",
    "caddy": "Caddy",
    "traefik": "Traefik",
    "haproxy": "HAProxy",
    "envoy-http": "Envoy over HTTP",
    "envoy-grpc": "Envoy over gRPC",
}
_ANSWERS: Final = (
    ("the request passes", "200", "The headers for the API; RateLimit fields for the client."),
    ("it cannot be read", "400", "The reason, as JSON in the body, as in every refusal."),
    ("other credentials are needed", "401", "`WWW-Authenticate`, as RFC 6750 and RFC 9470 write it."),
    ("who asks may not", "403", "For a missing scope `WWW-Authenticate` names the whole scope."),
    ("there were too many requests", "429", "`Retry-After`, `RateLimit`, `RateLimit-Policy`."),
    ("nothing can be said at the moment", "503", "`Retry-After`. Never 401 by our own fault."),
)


def page() -> str:
    """Return the page; raises KeyError for a contract that nobody has explained."""
    parts = [HEAD, "## Answers\n", table(("when", "status", "with it"), _ANSWERS), "## Headers\n", _headers()]
    parts.extend(_section(each.name, each.sources, each.shortcomings) for each in CONTRACTS.values())
    parts.append(_section(ENVOY_GRPC.name, ENVOY_GRPC.sources, ENVOY_GRPC.shortcomings))
    return "\n".join(parts)


def _headers() -> str:
    rows = (
        ("handed to the API, removed from what clients send", codes(IDENTITY_HEADERS)),
        ("read of what the client sends", codes((*CREDENTIAL_HEADERS, *OVERRIDE_HEADERS))),
        ("not passed on to the API unless told", codes(CREDENTIAL_HEADERS)),
        ("never passed on to the API", f"{codes(REROUTING_HEADERS)}, and every name with an underscore"),
        ("handed to the client with a refusal", codes(ANSWER_HEADERS)),
    )
    return table(("what becomes of them", "headers"), rows)


def _section(name: str, sources: Sources, shortcomings: Sequence[str]) -> str:
    asked = "`envoy.service.auth.v3.Authorization/Check`" if name == ENVOY_GRPC.name else code(f"/decide/{name}")
    read = [(part, getattr(sources, part)) for part in PARTS]
    rows = [
        (part, code(source.field), code(source.filled_with) if source.filled_with else "what the proxy itself says")
        for part, source in read
    ]
    lines = "\n".join(f"- {sentence}" for sentence in shortcomings)
    page_of = f"[How to put it there](../how-to/{_PAGES[name]})"
    return f"""## {_TITLES[name]}

Contract `{name}`, asked at {asked}; `valetkey gateway snippet {name}` prints `{SNIPPETS[name]}`. {page_of}.

{table(("what", "is read from", "which holds"), rows)}
{lines}
"""
