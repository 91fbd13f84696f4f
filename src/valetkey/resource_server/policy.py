"""A policy: which rule decides a request, by its host, path and method, and why (no request passes without one)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from valetkey.oauth.types import Scope
from valetkey.resource_server.decision import bad_request, no_rule
from valetkey.resource_server.limits import RateLimit
from valetkey.resource_server.path import BadTarget, parse_target
from valetkey.resource_server.routes import NoRoute, OtherMethods, Route, RouteTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.resource_server.decision import BadRequest, Decision, Forbid, ProtectedResource
    from valetkey.resource_server.facts import Facts
    from valetkey.resource_server.request import RequestView

OVERRIDES: Final = (b"x-http-method-override", b"x-http-method", b"x-method-override")
"""Headers by which some frameworks take one method for another behind the guard's back."""


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """The routes of one resource; immutable. Built by `policy_file`, or by hand."""

    resource: str
    table: RouteTable
    hosts: frozenset[str] = frozenset()
    """The hosts, with port where one is written, that requests may be for; () where the face knows no host."""
    failed: RateLimit | None = None
    """How many bad credentials an address may present."""
    scopes: frozenset[str] = field(init=False)
    """Every scope that some route asks for."""

    def __post_init__(self) -> None:
        found = Scope().union(*(route.rule.scope for route in self.table.routes))
        object.__setattr__(self, "scopes", frozenset(found))

    @classmethod
    def of(cls, resource: str, routes: Sequence[Route]) -> GuardPolicy:
        """Return the policy of these routes; raises BadTemplate where two of them open the same requests."""
        return cls(resource, RouteTable(routes))

    def find(self, request: RequestView) -> Route | BadRequest | Forbid:
        """Return the route that decides a request, or the answer to one that no route is for."""
        if self.hosts and request.host.lower() not in self.hosts:
            return no_rule("No rule is for this host.")
        for name, value in request.headers:
            if name in OVERRIDES and value.decode("latin-1").strip().upper() != request.method:
                return bad_request("The request asks to be taken for one of another method.")
        try:
            target = parse_target(request.target)
        except BadTarget as error:
            return bad_request(str(error))
        match self.table.find(request.method, target):
            case Route() as route:
                return route
            case NoRoute():
                return no_rule("No rule is for this path.")
            case OtherMethods():
                return no_rule("No rule is for this method of the path.")


def decide(request: RequestView, policy: GuardPolicy, protected: ProtectedResource, facts: Facts) -> Decision:
    """Judge a request by the policy and the facts of it: the whole decision, pure."""
    found = policy.find(request)
    return protected.decide(found.rule, facts) if isinstance(found, Route) else found
