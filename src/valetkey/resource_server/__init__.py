"""Guards an API: verifies access tokens locally and answers by RFC 6750, RFC 9068 and RFC 9728."""

from valetkey.oauth.access_token import AccessToken, CredentialKind, PrincipalKind
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
from valetkey.resource_server.enforce import FurtherSources, ResourceServer
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
