"""The guard of an API by a policy: for every face that has routes instead of decorators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.resource_server.routes import Route

if TYPE_CHECKING:
    from valetkey.resource_server.decision import Decision
    from valetkey.resource_server.enforce import ResourceServer
    from valetkey.resource_server.policy import GuardPolicy
    from valetkey.resource_server.request import RequestView


class PolicyGuard:
    """Judges requests by the routes of `policy`; what no route is for is refused, whoever asks."""

    __slots__ = ("policy", "server")

    def __init__(self, policy: GuardPolicy, server: ResourceServer) -> None:
        """Build it; raises ValueError where the two are about different resources."""
        if policy.resource != server.resource:
            raise ValueError(f"the policy is of {policy.resource}, the guard of {server.resource}")
        self.policy = policy
        self.server = server

    async def decide(self, request: RequestView) -> Decision:
        """Judge one request: nothing is verified or counted for one that no rule is for."""
        found = self.policy.find(request)
        if not isinstance(found, Route):
            return found
        return await self.server.decide(request, found.rule)
