"""Builds the guard that a policy file describes: reads the secrets that it names, and reaches its issuers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from valetkey.jose import AsyncRemoteJwkSet, JoseError, Jwk, JwkSet
from valetkey.jose.fetching import fetch_over
from valetkey.oauth.types import Scope
from valetkey.resource_server.enforce import FurtherSources, ResourceServer
from valetkey.resource_server.feed import FeedCredentials
from valetkey.resource_server.feed_following import RevocationFeed
from valetkey.resource_server.introspecting import RemoteIntrospection
from valetkey.resource_server.limiting import NO_LIMITS, RequestLimits
from valetkey.resource_server.policy_file import BadPolicy, PolicyDocument, parse_policy
from valetkey.resource_server.policy_guard import PolicyGuard
from valetkey.resource_server.status_following import StatusFollower
from valetkey.resource_server.trusted_clients import TrustedClient, TrustedClients
from valetkey.resource_server.trusted_issuer import ALGORITHMS, RevocationSources, TrustedIssuer, published_with
from valetkey.resource_server.used_tokens import MemoryUsedTokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from valetkey.resource_server.introspection import Introspection
    from valetkey.resource_server.limits import Limiter
    from valetkey.resource_server.policy_tables import ClientRow, IssuerRow
    from valetkey.resource_server.trusted_issuer import SignalSource
    from valetkey.resource_server.used_tokens import UsedTokens

_SMALLEST_SECRET: Final = 32


class SecretFiles(Protocol):
    """Reads the files that a policy names."""

    def read(self, name: str) -> bytes:
        """Return the content of one, without the white space around it; raises OSError."""
        ...


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard is built into."""

    secrets: SecretFiles
    limiter: Limiter | None = None
    """What counts; needed where the policy names limits."""
    used_tokens: UsedTokens | None = None
    """What remembers the tokens that clients sign; this process's memory without it."""
    signals: SignalSource | None = None
    transport: httpx2.AsyncBaseTransport | None = None
    """Replaces the network."""


class BuiltGuard(msgspec.Struct, frozen=True):
    """A guard, and the feeds that it follows, so that whoever runs it can say how they are and close them."""

    guard: PolicyGuard
    feeds: Mapping[str, RevocationFeed]
    """The feed of each issuer that has one, by the issuer."""
    introspections: tuple[RemoteIntrospection, ...]

    async def settle(self) -> None:
        """Begin to follow the feeds, and wait for the first answer or failure of each, some seconds at most."""
        for feed in self.feeds.values():
            await feed.settle()

    async def aclose(self) -> None:
        """Stop following, and close every connection."""
        for feed in self.feeds.values():
            await feed.aclose()
        for introspection in self.introspections:
            await introspection.aclose()


def build_guard(document: Mapping[str, object], surroundings: Surroundings) -> BuiltGuard:
    """Return the guard of a parsed policy file; raises BadPolicy with all that is wrong in it or in its files."""
    parsed = parse_policy(document)
    builder = _Builder(parsed, surroundings)
    return builder.built()


class _Builder:
    def __init__(self, document: PolicyDocument, surroundings: Surroundings) -> None:
        self._policy, self._rows, self._clients = document.policy, document.issuers, document.clients
        self._surroundings = surroundings
        self._faults: list[str] = []
        self._feeds: dict[str, RevocationFeed] = {}
        self._introspections: list[RemoteIntrospection] = []

    def built(self) -> BuiltGuard:
        issuers = [issuer for row in self._rows if (issuer := self._issuer(row)) is not None]
        clients = [client for row in self._clients if (client := self._client(row)) is not None]
        limits = self._limits()
        if self._faults:
            raise BadPolicy(self._faults)
        resource = self._policy.resource
        used = self._surroundings.used_tokens or MemoryUsedTokens()
        keys = self._introspections_of_keys()
        further = FurtherSources(
            clients=TrustedClients(resource, clients, used) if clients else None, api_keys=keys, limits=limits
        )
        guard = PolicyGuard(self._policy, ResourceServer(resource, issuers, further))
        return BuiltGuard(guard, self._feeds, tuple(self._introspections))

    def _issuer(self, row: IssuerRow) -> TrustedIssuer | None:
        try:
            secret = self._secret(row.client_secret_file).decode() if row.client_secret_file else ""
            algorithms = frozenset(row.algorithms) or ALGORITHMS
            keys = AsyncRemoteJwkSet(
                row.jwks_uri or f"{row.url}/jwks.json", fetch=fetch_over(self._surroundings.transport)
            )
            introspection = None
            if row.opaque or row.api_keys:
                url = row.introspection_endpoint or f"{row.url}/introspect"
                transport = self._surroundings.transport
                introspection = RemoteIntrospection(url, row.client_id, secret, transport=transport)
                self._introspections.append(introspection)
            return TrustedIssuer(
                issuer=row.url,
                resource=self._policy.resource,
                keys=keys,
                algorithms=algorithms,
                introspection=introspection if row.opaque else None,
                revocations=self._revocations(row, keys, secret, algorithms),
            )
        except (ValueError, OSError, JoseError) as error:
            self._faults.append(f"issuer {row.url!r}: {_told(error)}")
            return None

    def _revocations(
        self, row: IssuerRow, keys: AsyncRemoteJwkSet, secret: str, algorithms: frozenset[str]
    ) -> RevocationSources:
        published = published_with(algorithms)
        feed = None
        if row.feed:
            credentials = FeedCredentials(row.client_id, secret)
            transport = self._surroundings.transport
            feed = RevocationFeed(row.url, credentials, keys, algorithms=published, transport=transport)
            self._feeds[row.url] = feed
        statuses = StatusFollower(
            row.url, keys, algorithms=published, fetch=fetch_over(self._surroundings.transport)
        )
        return RevocationSources(statuses, feed, self._surroundings.signals)

    def _introspections_of_keys(self) -> Introspection | None:
        return self._introspections[0] if self._rows[0].api_keys else None

    def _client(self, row: ClientRow) -> TrustedClient | None:
        try:
            keys = self._keys_of(row)
            return TrustedClient(row.client_id, keys, Scope.parse(" ".join(row.scope)))
        except (ValueError, OSError, JoseError) as error:
            self._faults.append(f"client {row.client_id!r}: {_told(error)}")
            return None

    def _keys_of(self, row: ClientRow) -> tuple[Jwk, ...]:
        if row.jwks_file:
            keys = JwkSet.parse_public(self._secret(row.jwks_file)).keys
            if not keys:
                raise ValueError('no key of its jwks_file can be used: each names its "alg"')
            return keys
        secret = self._secret(row.secret_file)
        if len(secret) < _SMALLEST_SECRET:
            raise ValueError(f"its secret has less than {_SMALLEST_SECRET} octets")
        return (Jwk.from_secret(secret, algorithm="HS256"),)

    def _limits(self) -> RequestLimits:
        routes = self._policy.table.routes
        if self._policy.failed is None and not any(route.rule.limits for route in routes):
            # An API key may bring a limit of its own.
            if self._surroundings.limiter is None or not self._rows[0].api_keys:
                return NO_LIMITS
        elif self._surroundings.limiter is None:
            self._faults.append("limit: nothing counts requests here; give the guard a limiter")
            return NO_LIMITS
        return RequestLimits(self._surroundings.limiter, self._policy.failed)

    def _secret(self, name: str) -> bytes:
        return self._surroundings.secrets.read(name).strip()


def _told(error: Exception) -> str:
    # What a library says of a bad secret or key could quote it; an OSError names the file and the reason.
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
