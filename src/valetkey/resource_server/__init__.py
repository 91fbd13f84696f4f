"""Guards an API: verifies access tokens locally and answers by RFC 6750, RFC 9068 and RFC 9728."""

from valetkey.oauth.access_token import AccessToken, PrincipalKind
from valetkey.resource_server.enforce import Allow, Deny, ResourceServer, RevocationSources
from valetkey.resource_server.feed import FeedCredentials
from valetkey.resource_server.feed_following import RevocationFeed
from valetkey.resource_server.keys import DecryptingKeys, KeySource
from valetkey.resource_server.rules import Rule
from valetkey.resource_server.status_following import StatusFollower

__all__ = [
    "AccessToken",
    "Allow",
    "DecryptingKeys",
    "Deny",
    "FeedCredentials",
    "KeySource",
    "PrincipalKind",
    "ResourceServer",
    "RevocationFeed",
    "RevocationSources",
    "Rule",
    "StatusFollower",
]
