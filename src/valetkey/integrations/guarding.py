"""The one builder behind every face: a guard from issuer, resource and options, and rules from keywords."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, Self, TypedDict, Unpack

import msgspec

from valetkey.jose import AsyncRemoteJwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.access_token import CredentialKind
from valetkey.oauth.types import Issuer
from valetkey.resource_server import (
    DecryptingKeys,
    FurtherSources,
    LimitBy,
    RequestLimits,
    ResourceServer,
    RevocationFeed,
    RevocationSources,
    Rule,
    StatusFollower,
    TrustedIssuer,
)
from valetkey.resource_server.metadata import metadata_path, resource_metadata
from valetkey.resource_server.trusted_issuer import ALGORITHMS, published_with

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from valetkey.integrations.addresses import TrustedProxies
    from valetkey.jose.jwe import Decrypter
    from valetkey.resource_server import Decision, Deny, FeedCredentials, RateLimit, RequestView, TrustedClients
    from valetkey.resource_server.enforce import JudgingServer, Kept
    from valetkey.resource_server.introspection import Introspection
    from valetkey.resource_server.keys import KeySource
    from valetkey.resource_server.limits import Limiter
    from valetkey.resource_server.rules import ClaimValue
    from valetkey.resource_server.trusted_issuer import SignalSource

Headers = tuple[tuple[str, str], ...]
PATH_CHARACTERS: Final = "/-._~!$&'()*+,=:@"
"""What stands in a path unencoded, where a server hands it over decoded and it is written again."""
METADATA_HEADERS: Final[Headers] = (
    ("content-type", "application/json"),
    ("access-control-allow-origin", "*"),
    ("cache-control", "public, max-age=300"),
)
DENIAL_TYPE: Final = ("content-type", "application/json")


class GuardOptions(TypedDict, total=False):
    """What a guard may be told beside its issuer and its resource."""

    jwks_uri: str | None
    """Where the issuer's keys are, if not at its own `/jwks.json`."""
    keys: KeySource | None
    """The issuer's keys themselves, instead of `jwks_uri`."""
    algorithms: Collection[str]
    """The signature algorithms that tokens may have."""
    introspection: Introspection | None
    """Explains opaque tokens (`valetkey.resource_server.introspecting.RemoteIntrospection`)."""
    feed: FeedCredentials | None
    """As whom the issuer's live feed is followed: a revoked token is refused within a second."""
    decrypter: Decrypter | None
    """Opens tokens that are encrypted for this resource; one that is only signed is refused then."""
    also: Sequence[TrustedIssuer]
    """Further issuers whose tokens are taken, each with keys of its own."""
    clients: TrustedClients | None
    """Clients that sign short-lived tokens for this API themselves."""
    api_keys: Introspection | None
    """Explains API keys (`vk_ak_...`), which are then taken from `Authorization: Bearer` and from `X-API-Key`."""
    limiter: Limiter | None
    """What counts requests; needed by every rule that names limits."""
    failed: RateLimit | None
    """How many bad credentials one address may present; counted by `limiter`."""
    signals: SignalSource | None
    """What other vendors' Shared Signals tell of tokens that are dead."""
    trusted_proxies: TrustedProxies | None
    """The proxies whose word on the address is taken; without it the address is that of the peer."""


class RuleOptions(TypedDict, total=False):
    """What a route may ask for beside its scope."""

    acr: str | Sequence[str]
    """Levels of authentication of which the token names one, the best first (RFC 9470)."""
    max_age: int | None
    """How many seconds ago the end-user was authenticated at most."""
    claims: Mapping[str, ClaimValue | Collection[ClaimValue]]
    """Claims, each with the value, or the values, of which it is or holds one; "/a/b" points into objects."""
    credentials: Collection[CredentialKind | str]
    """The kinds of credential that are taken; all by default."""
    limits: Sequence[RateLimit]
    """The limits that a request is charged to."""
    cost: int
    """The units that one request takes from each limit."""
    name: str
    """What the route is called in limits that are counted by route; the name of its function by default."""
    insecure_stale_seconds: int
    """For how long a token is accepted of which nothing newer can be known, after the feed was last current."""


class ApiGuard:
    """Guards the routes of one resource.

    The keys are read from `jwks_uri`, by default the issuer's `/jwks.json`; they are refreshed ahead, kept while
    the issuer is down, and never looked up by what a token says. A revoked token is refused within seconds: the
    status list that it names is followed, if it is the issuer's own.
    """

    def __init__(self, issuer: str, resource: str, **options: Unpack[GuardOptions]) -> None:
        """Build the guard; raises ValueError or ConfigurationError for settings that cannot be safe."""
        unknown = sorted(options.keys() - GuardOptions.__annotations__.keys())
        if unknown:
            raise TypeError(f"a guard has no option {unknown[0]!r}")
        first, feed = _issuer_of(Issuer.parse(issuer).url, resource, options)
        limiter, failed = options.get("limiter"), options.get("failed")
        if failed is not None and limiter is None:
            raise ValueError("nothing counts failed authentication here: give the guard a limiter")
        limits = RequestLimits(limiter, failed)
        further = FurtherSources(options.get("clients"), options.get("api_keys"))
        if limiter is not None:
            further = replace(further, limits=limits)
        self.resource_server: JudgingServer = ResourceServer(resource, [first, *options.get("also", ())], further)
        self.feed: RevocationFeed | None = feed
        """The feed that is followed; `outage` says why it cannot be believed at the moment."""
        self.trusted_proxies = options.get("trusted_proxies")
        self._scopes: set[str] = set()

    @classmethod
    def of(cls, resource_server: JudgingServer, *, trusted_proxies: TrustedProxies | None = None) -> Self:
        """Return the guard over a resource server that was built by hand, such as an AssertedServer."""
        guard = cls.__new__(cls)
        guard.resource_server = resource_server
        guard.feed = None
        guard.trusted_proxies = trusted_proxies
        guard._scopes = set()  # noqa: SLF001 - its own
        return guard

    def rule(self, *scope: str, **options: Unpack[RuleOptions]) -> Rule:
        """Return the rule that asks for `scope` and what the options say; raises ValueError for what cannot hold.

        The scope is published in the metadata of the resource from then on.
        """
        rule = rule_of(*scope, **options)
        if rule.limits and not self.resource_server.counts_requests:
            raise ValueError("nothing counts requests here: give the guard a limiter")
        if not rule.name and any(LimitBy.ROUTE in limit.by for limit in rule.limits):
            raise ValueError("a limit that is counted by route needs the route's name=")
        self._scopes.update(scope)
        return rule

    def public_rule(self, *scope: str, **options: Unpack[RuleOptions]) -> Rule:
        """Return the rule that lets a request without credentials pass, and one with them as `rule` does."""
        return replace(self.rule(*scope, **options), is_public=True)

    def for_all(self, *scope: str, **options: Unpack[RuleOptions]) -> OneRule:
        """Return the judge for a middleware that asks the same of every request."""
        options.setdefault("name", "*")
        return OneRule(self, self.rule(*scope, **options))

    async def decide_view(self, request: RequestView, rule: Rule, kept: Kept | None = None) -> Decision:
        """Judge one request; by `kept`, which lives as long as it, its further rules find who asks proven."""
        return await self.resource_server.decide(request, rule, kept)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that some rule of this guard asks for, sorted."""
        return tuple(sorted(self._scopes))

    @property
    def metadata_path(self) -> str:
        """The path at which the metadata of the resource is published (RFC 9728, 3.1)."""
        return metadata_path(self.resource_server.resource)

    def metadata_body(self) -> bytes:
        """Return the metadata of the resource as JSON (RFC 9728, 3.2); `METADATA_HEADERS` go with it."""
        return metadata_body(self.resource_server, self.scopes)


class RequestJudge(Protocol):
    """Judges whatever comes to an application: by one rule for all (`OneRule`), or by a policy (`read_policy`)."""

    @property
    def trusted_proxies(self) -> TrustedProxies | None:
        """The proxies whose word on the address is taken."""
        ...

    @property
    def metadata_path(self) -> str:
        """Where the metadata of the resource is published."""
        ...

    def metadata_body(self) -> bytes:
        """Return the metadata as JSON."""
        ...

    async def decide(self, request: RequestView, kept: Kept) -> Decision:
        """Judge one request; what is put into `kept` stays with it."""
        ...


@dataclass(frozen=True, slots=True)
class OneRule:
    """Judges every request by the same rule."""

    guard: ApiGuard
    rule: Rule

    @property
    def trusted_proxies(self) -> TrustedProxies | None:
        """The proxies of the guard."""
        return self.guard.trusted_proxies

    @property
    def metadata_path(self) -> str:
        """Where the metadata of the resource is published."""
        return self.guard.metadata_path

    def metadata_body(self) -> bytes:
        """Return the metadata as JSON."""
        return self.guard.metadata_body()

    async def decide(self, request: RequestView, kept: Kept) -> Decision:
        """Judge one request; its further rules find who asks proven."""
        return await self.guard.decide_view(request, self.rule, kept)


def name_of(endpoint: object) -> str:
    """Return the name of a function for limits that are counted by route."""
    return f"{getattr(endpoint, '__module__', '')}.{getattr(endpoint, '__qualname__', type(endpoint).__qualname__)}"


def metadata_body(server: JudgingServer, scopes: Sequence[str]) -> bytes:
    """Return the metadata of a resource that asks for `scopes` somewhere."""
    # RFC9728-3/well-known RFC9728-3.2/response
    document = resource_metadata(server.resource, list(server.issuers), scopes, None)
    return msgspec.json.encode(document)


def denial_body(deny: Deny) -> bytes:
    """Return the JSON body of a denied request; its media type is `DENIAL_TYPE`."""
    return msgspec.json.encode(deny.document())


def rule_of(*scope: str, **options: Unpack[RuleOptions]) -> Rule:
    """Return the rule that asks for `scope` and what the options say; raises ValueError for what cannot hold."""
    unknown = sorted(options.keys() - RuleOptions.__annotations__.keys())
    if unknown:
        raise TypeError(f"a rule has no option {unknown[0]!r}")
    rule = Rule.requiring(
        *scope,
        acr=options.get("acr", ()),
        max_age=options.get("max_age"),
        insecure_stale_seconds=options.get("insecure_stale_seconds", 0),
    )
    if options.keys() <= _PLAIN:
        return rule
    credentials = options.get("credentials")
    return replace(
        rule,
        claims={name: _values(wanted) for name, wanted in options.get("claims", {}).items()},
        credentials=rule.credentials if credentials is None else _kinds(credentials),
        limits=tuple(options.get("limits", ())),
        cost=options.get("cost", 1),
        name=options.get("name", ""),
    )


_PLAIN: Final = frozenset({"acr", "max_age", "insecure_stale_seconds"})


def _issuer_of(issuer: str, resource: str, options: GuardOptions) -> tuple[TrustedIssuer, RevocationFeed | None]:
    source = options.get("keys") or AsyncRemoteJwkSet(options.get("jwks_uri") or f"{issuer}/jwks.json")
    algorithms = options.get("algorithms", ALGORITHMS)
    published = published_with(algorithms)
    credentials, decrypter = options.get("feed"), options.get("decrypter")
    feed = None if credentials is None else RevocationFeed(issuer, credentials, source, algorithms=published)
    # What is published of revocation is signed, and encrypted for nobody.
    followed = StatusFollower(issuer, source, algorithms=published)
    first = TrustedIssuer(
        issuer=issuer,
        resource=resource,
        keys=source if decrypter is None else DecryptingKeys(source, decrypter),
        algorithms=algorithms,
        introspection=options.get("introspection"),
        revocations=RevocationSources(followed, feed, options.get("signals")),
    )
    return first, feed


def _values(wanted: ClaimValue | Collection[ClaimValue]) -> frozenset[ClaimValue]:
    return frozenset({wanted}) if isinstance(wanted, str | int) else frozenset(wanted)


def _kinds(credentials: Collection[CredentialKind | str]) -> frozenset[CredentialKind]:
    if isinstance(credentials, str):
        raise ValueError("credentials is a list of kinds")  # noqa: TRY004 - as every other bad rule
    return frozenset(CredentialKind(kind) for kind in credentials)
