"""Guards an API: verifies access tokens locally and answers by RFC 6750, RFC 9068 and RFC 9728."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from valetkey.oauth.access_token import AccessToken, CredentialKind, PrincipalKind
    from valetkey.resource_server.asserted import AssertedServer
    from valetkey.resource_server.decision import (
        Allow,
        AllowAnonymous,
        BadRequest,
        Challenge,
        Decision,
        Deny,
        Forbid,
        Limited,
        Unavailable,
    )
    from valetkey.resource_server.enforce import FurtherSources, JudgingServer, ResourceServer
    from valetkey.resource_server.feed import FeedCredentials
    from valetkey.resource_server.feed_following import RevocationFeed
    from valetkey.resource_server.keys import DecryptingKeys, HeldKeys, KeySource
    from valetkey.resource_server.limiting import RequestLimits
    from valetkey.resource_server.limits import LimitBy, RateLimit
    from valetkey.resource_server.request import RequestView
    from valetkey.resource_server.rules import Rule
    from valetkey.resource_server.status_following import StatusFollower
    from valetkey.resource_server.trusted_clients import TrustedClient, TrustedClients
    from valetkey.resource_server.trusted_issuer import RevocationSources, TrustedIssuer

__all__ = [
    "AccessToken",
    "Allow",
    "AllowAnonymous",
    "AssertedServer",
    "BadRequest",
    "Challenge",
    "CredentialKind",
    "Decision",
    "DecryptingKeys",
    "Deny",
    "FeedCredentials",
    "Forbid",
    "FurtherSources",
    "HeldKeys",
    "JudgingServer",
    "KeySource",
    "LimitBy",
    "Limited",
    "PrincipalKind",
    "RateLimit",
    "RequestLimits",
    "RequestView",
    "ResourceServer",
    "RevocationFeed",
    "RevocationSources",
    "Rule",
    "StatusFollower",
    "TrustedClient",
    "TrustedClients",
    "TrustedIssuer",
    "Unavailable",
]


# Who counts requests or reads one of the formats here does not pay for an event loop and an HTTP client: the
# modules of the names above, loaded when they are first asked for.
_LATER: Final = {
    "AccessToken": "oauth.access_token",
    "Allow": "resource_server.decision",
    "AllowAnonymous": "resource_server.decision",
    "AssertedServer": "resource_server.asserted",
    "BadRequest": "resource_server.decision",
    "Challenge": "resource_server.decision",
    "CredentialKind": "oauth.access_token",
    "Decision": "resource_server.decision",
    "DecryptingKeys": "resource_server.keys",
    "Deny": "resource_server.decision",
    "FeedCredentials": "resource_server.feed",
    "Forbid": "resource_server.decision",
    "FurtherSources": "resource_server.enforce",
    "HeldKeys": "resource_server.keys",
    "JudgingServer": "resource_server.enforce",
    "KeySource": "resource_server.keys",
    "LimitBy": "resource_server.limits",
    "Limited": "resource_server.decision",
    "PrincipalKind": "oauth.access_token",
    "RateLimit": "resource_server.limits",
    "RequestLimits": "resource_server.limiting",
    "RequestView": "resource_server.request",
    "ResourceServer": "resource_server.enforce",
    "RevocationFeed": "resource_server.feed_following",
    "RevocationSources": "resource_server.trusted_issuer",
    "Rule": "resource_server.rules",
    "StatusFollower": "resource_server.status_following",
    "TrustedClient": "resource_server.trusted_clients",
    "TrustedClients": "resource_server.trusted_clients",
    "TrustedIssuer": "resource_server.trusted_issuer",
    "Unavailable": "resource_server.decision",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(name)
    found: object = getattr(import_module(f"valetkey.{_LATER[name]}"), name)
    globals()[name] = found  # asked once
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
