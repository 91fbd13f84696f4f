"""Whether the browser is sent on to a client without its end-user's click (RFC 9700, 4.11.2)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from valetkey.authorization_server.policy import UntrustedRedirectRule

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.policy import Policy
    from valetkey.oauth.parameters import Parameters


class Forwarding(StrEnum):
    """What carries an error to a client."""

    REDIRECT = "redirect"
    """The browser follows by itself."""
    CLICK = "click"
    """A page names the host, and the end-user decides."""


def forwarding_of(client: Client, parameters: Parameters, policy: Policy) -> Forwarding:
    """Return how an error reaches `client`.

    Whoever registers themselves could else have us forward anybody, by a request that must fail, from our own name
    to a site of theirs. A silent request is answered by redirect whoever asks (OpenID Connect Core, 3.1.2.6).
    """
    is_silent = "none" in (parameters.get("prompt") or "").split(" ")
    if not client.is_unverified or is_silent or policy.untrusted_redirect is UntrustedRedirectRule.AUTOMATIC:
        return Forwarding.REDIRECT
    return Forwarding.CLICK  # RFC9700-4.11.2/authenticate-first
