"""The contract with HAProxy (2.6 or later): a Lua action that is shipped, over HAProxy's own HTTP client."""

from __future__ import annotations

from typing import Final

from valetkey.gateway.contracts.contract import ForwardingContract, Source, Sources

HAPROXY: Final = ForwardingContract(
    "haproxy",
    Sources(
        method=Source("X-Valetkey-Method", "method"),
        scheme=Source("X-Valetkey-Scheme", "ssl_fc"),
        host=Source("X-Valetkey-Host", "req.hdr(host)"),
        target=Source("X-Valetkey-Target", "pathq"),
        address=Source("X-Valetkey-Address", "src"),
    ),
    (
        "HAProxy has no action of its own that asks another service: the snippet loads valetkey.lua.",
        "A silent decision service is asked four times for half a second each, because HAProxy retries.",
        "valetkey.lua is printed by `valetkey gateway snippet haproxy-lua`, and needs nothing but HAProxy's core.",
    ),
)
