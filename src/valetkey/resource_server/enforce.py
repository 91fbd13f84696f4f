"""The guard of one API: loads what there is to know about a request, then decides (RFC 6750; RFC 9068, 4)."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from valetkey.jose import InvalidToken
from valetkey.jose.jwt import peek
from valetkey.oauth.access_token import AccessToken
from valetkey.resource_server.decision import ProtectedResource
from valetkey.resource_server.facts import Facts, NoCredentials, Rejected, Standing, Undecided, Unreadable
from valetkey.resource_server.introspection import Introspection
from valetkey.resource_server.limiting import NO_LIMITS, RequestLimits
from valetkey.resource_server.limits import Verdict
from valetkey.resource_server.token import MalformedCredentials, NoToken, read_credentials
from valetkey.resource_server.trusted_clients import TrustedClients
from valetkey.resource_server.trusted_issuer import OF_ANOTHER, TrustedIssuer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Unpack

    from valetkey.resource_server.decision import Decision
    from valetkey.resource_server.facts import Presented
    from valetkey.resource_server.request import RequestView
    from valetkey.resource_server.rules import Rule
    from valetkey.resource_server.trusted_issuer import IssuerOptions

Kept = MutableMapping[str, Any]
"""What lives as long as a request: its further rules find there who asks proven."""
PROVEN: Final = "valetkey.proven"
API_KEY_PREFIX: Final = "vk_ak_"
API_KEY_HEADER: Final = b"x-api-key"
_AUTHORIZATION: Final = b"authorization"
_DOTS_OF_A_JWT: Final = 2
_LONGEST_KEY: Final = 512
_NOTHING: Final = NoCredentials()
_TWICE: Final = Unreadable("The request presents credentials in two places.")
_NO_KEY: Final = Unreadable("The X-API-Key header carries no API key.")


class JudgingServer(Protocol):
    """What every face needs of the guard of one API: a ResourceServer, or an AssertedServer behind a gateway."""

    @property
    def resource(self) -> str:
        """The identifier of the API."""
        ...

    @property
    def issuer(self) -> str:
        """The first of those whose word is taken."""
        ...

    @property
    def issuers(self) -> Collection[str]:
        """The authorization servers where a client gets a token for the API."""
        ...

    @property
    def counts_requests(self) -> bool:
        """Whether anything counts requests here."""
        ...

    async def facts_of(self, request: RequestView, rule: Rule) -> Facts:
        """Find out what the rule is held against."""
        ...

    async def decide(self, request: RequestView, rule: Rule, kept: Kept | None = None) -> Decision:
        """Judge a request by the rule of its route; `kept` lives as long as the request."""
        ...


@dataclass(frozen=True, slots=True)
class FurtherSources:
    """What a guard takes beside tokens of issuers, and what it counts requests by."""

    clients: TrustedClients | None = None
    """Clients that sign tokens for this API themselves."""
    api_keys: Introspection | None = None
    """Explains API keys of the first issuer; None takes none."""
    limits: RequestLimits = NO_LIMITS


_NO_FURTHER: Final = FurtherSources()


class ResourceServer:
    """Judges requests to one resource; immutable, shared by every face."""

    def __init__(
        self, resource: str, issuers: Sequence[TrustedIssuer], further: FurtherSources = _NO_FURTHER
    ) -> None:
        """Build it for tokens of these issuers; raises ValueError where they cannot be told apart.

        What an issuer publishes is used for tokens that name it, and for no others. At most one explains opaque
        tokens: no issuer is ever asked about a token of another.
        """
        self.resource = resource
        self.issuers = {one.issuer: one for one in issuers}
        if not issuers or len(self.issuers) != len(issuers):
            raise ValueError("a guard trusts at least one issuer, and each once")
        if any(one.resource != resource for one in issuers):
            raise ValueError("every issuer proves tokens for the resource of the guard")
        explaining = [one for one in issuers if one.introspection is not None]
        if len(explaining) > 1:
            raise ValueError("one issuer explains opaque tokens: which of two was meant, a token does not say")
        self._explaining = explaining[0] if explaining else None
        self._first = issuers[0]
        self._further = further
        self._limits = further.limits
        self._is_partitioned = len(issuers) > 1 or further.clients is not None
        self._protected = ProtectedResource(resource)

    @classmethod
    def of_issuer(cls, **options: Unpack[IssuerOptions]) -> Self:
        """Return the guard that takes tokens of one issuer; the options are those of a TrustedIssuer."""
        return cls(options["resource"], [TrustedIssuer(**options)])

    @property
    def issuer(self) -> str:
        """The first of its issuers."""
        return self._first.issuer

    @property
    def counts_requests(self) -> bool:
        """Whether anything counts requests here: without it no limit of any rule would ever refuse."""
        return self._limits.counts

    async def decide(self, request: RequestView, rule: Rule, kept: Kept | None = None) -> Decision:
        """Judge a request by the rule of its route: load the facts, then decide.

        `kept` lives as long as the request: by what is kept there a further rule of the same request finds who asks
        proven, and a token that counts once is not used up by the first.
        """
        return self._protected.decide(rule, await self.facts_of(request, rule, kept))

    async def facts_of(self, request: RequestView, rule: Rule, kept: Kept | None = None) -> Facts:
        """Find out what the rule is held against; who asks is proven before anything is counted as theirs."""
        limits = self._limits
        known = None if kept is None else kept.get(PROVEN)
        if known is not None and not (known[0] is self and _presents_the_same(known[3], request)):
            known = None
        before = None
        # A key's own limit is charged with the first rule; a further one charges what it names.
        if limits is not NO_LIMITS and (known is None or rule.limits):
            before = await limits.before(request, rule)
            if before.verdict is not Verdict.WITHIN:
                return Facts(_NOTHING, self._first.now(), limits=before.verdict, spent=before.spent)
        issuer, presented = await self._presented(request) if known is None else known[1:3]
        if kept is not None and known is None:
            kept[PROVEN] = (self, issuer, presented, request)
        standing = Standing.LIVING
        if issuer is not None and type(presented) is AccessToken:
            standing = await issuer.standing(presented, rule.insecure_stale_seconds)
        if before is None:
            return Facts(presented, self._first.now(), standing)
        counted = await limits.after(request, rule, presented, standing, before)
        return Facts(presented, self._first.now(), standing, counted.verdict, counted.spent)

    async def _presented(self, request: RequestView) -> tuple[TrustedIssuer | None, Presented]:
        """Return what is presented, proven, and the issuer that has to say whether it was revoked, if one has."""
        authorization = request.all_headers(_AUTHORIZATION)
        if self._further.api_keys is not None:
            keys = request.all_headers(API_KEY_HEADER)
            if keys:
                return None, await self._of_key_header(keys, authorization, self._further.api_keys)
        credentials = read_credentials(authorization)  # RFC6750-2.1/header
        if isinstance(credentials, NoToken):
            return None, _NOTHING
        if isinstance(credentials, MalformedCredentials):
            return None, Unreadable(credentials.reason)
        value = credentials.value
        if self._further.api_keys is not None and value.startswith(API_KEY_PREFIX):
            return None, await self._first.explained(value, self._further.api_keys)
        if value.count(".") != _DOTS_OF_A_JWT:
            explaining = self._explaining
            if explaining is not None and explaining.introspection is not None:
                return None, await explaining.explained(value, explaining.introspection)
            return self._first, await self._first.verified(value)
        if not self._is_partitioned:
            return self._first, await self._first.verified(value)
        return await self._of_partition(value)

    async def _of_partition(self, value: str) -> tuple[TrustedIssuer | None, Presented]:
        # What the token says of its issuer only chooses among ours; the chosen verifier believes nothing of it.
        try:
            named = peek(value).claims.get("iss")
        except InvalidToken:
            return self._first, await self._first.verified(value)
        issuer = self.issuers.get(named) if isinstance(named, str) else None
        if issuer is not None:
            return issuer, await issuer.verified(value)
        clients = self._further.clients
        if clients is not None and isinstance(named, str) and named in clients:
            return None, await clients.proven(named, value)
        return None, OF_ANOTHER

    async def _of_key_header(
        self, keys: Sequence[str], authorization: Sequence[str], explains: Introspection
    ) -> AccessToken | Rejected | Undecided | Unreadable:
        if authorization or len(keys) > 1:
            return _TWICE  # RFC6750-2/one-method
        key = keys[0].strip()
        if not key.startswith(API_KEY_PREFIX) or len(key) > _LONGEST_KEY or not key.isascii():
            return _NO_KEY
        return await self._first.explained(key, explains)


def _presents_the_same(one: RequestView, other: RequestView) -> bool:
    # What is kept should never outlive its request; a server that hands its environ on would be found out here.
    return all(one.all_headers(name) == other.all_headers(name) for name in (_AUTHORIZATION, API_KEY_HEADER))
