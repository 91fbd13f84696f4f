"""Behind a gateway: who asks is what the gateway asserts, and nothing else that a request presents counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.jose import InvalidToken, KeySourceUnavailable, Verifier
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.token_kinds import IDENTITY_ASSERTION
from valetkey.oauth.identity_assertion import HEADER, LONGEST_LIFETIME, asserted_token
from valetkey.resource_server.decision import ProtectedResource
from valetkey.resource_server.facts import Facts, NoCredentials, Rejected, Undecided, Unreadable
from valetkey.resource_server.path import BadTarget, parse_target
from valetkey.resource_server.trusted_issuer import REASONS

if TYPE_CHECKING:
    from collections.abc import Collection

    from valetkey.resource_server.decision import Decision
    from valetkey.resource_server.enforce import Kept
    from valetkey.resource_server.facts import Presented
    from valetkey.resource_server.keys import KeySource
    from valetkey.resource_server.request import RequestView
    from valetkey.resource_server.rules import Rule

_NO_KEYS: Final = Undecided("The keys of the gateway cannot be had at the moment; try again.")
_TWICE: Final = Unreadable("There is more than one identity assertion.")
_ODD: Final = Unreadable("The target of the request cannot be read.")


class AssertedServer:
    """Judges requests that a gateway let pass, by the assertion that it sends along (`X-Valetkey-Assertion`).

    It stands where a ResourceServer does. A request that came around the gateway has no assertion, and no other
    credential is looked at. An assertion is for one method and path, and good for a minute at most.
    """

    def __init__(
        self,
        resource: str,
        *,
        gateway: str,
        keys: KeySource,
        algorithms: Collection[str] = ("ES256",),
        clock: Clock = system_clock,
    ) -> None:
        """Build it; `gateway` is the issuer of the assertions, `resource` their audience, compared exactly."""
        self.resource = resource
        self.issuer = gateway
        self._keys = keys
        self._protected = ProtectedResource(resource)
        self._verifier = Verifier(
            issuer=gateway,
            audience=resource,
            typ=IDENTITY_ASSERTION.typ,
            algorithms=algorithms,
            kind=IDENTITY_ASSERTION,
            max_age=LONGEST_LIFETIME,
            clock=clock,
        )

    @property
    def issuers(self) -> Collection[str]:
        """No authorization server: clients ask the gateway's metadata, not ours."""
        return ()

    @property
    def counts_requests(self) -> bool:
        """Never: limits are the gateway's."""
        return False

    async def facts_of(self, request: RequestView, rule: Rule) -> Facts:
        """Find out who the gateway says is asking; no rule changes that."""
        del rule
        return Facts(await self._presented(request), self._verifier.clock())

    async def decide(self, request: RequestView, rule: Rule, kept: Kept | None = None) -> Decision:
        """Judge a request by the rule of its route; an assertion is not used up by the first."""
        del kept
        return self._protected.decide(rule, await self.facts_of(request, rule))

    async def _presented(self, request: RequestView) -> Presented:
        values = request.all_headers(HEADER)
        if not values:
            return NoCredentials()
        if len(values) > 1:
            return _TWICE
        try:
            path = parse_target(request.target).path
            verified = await self._keys.verify(self._verifier, values[0])
            return asserted_token(verified.claims, request.method, path)
        except BadTarget:
            return _ODD
        except InvalidToken as error:
            return Rejected(REASONS.get(error.code, "The assertion is malformed."))
        except KeySourceUnavailable:
            return _NO_KEYS
