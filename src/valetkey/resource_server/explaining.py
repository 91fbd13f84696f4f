"""Says which rule decides a request, and why no other one does: the policy's answer in words, before any token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from valetkey.resource_server.limits import Enforcement
from valetkey.resource_server.path import BadTarget, parse_target
from valetkey.resource_server.routes import Route
from valetkey.resource_server.rules import EVERY_CREDENTIAL

if TYPE_CHECKING:
    from valetkey.resource_server.limits import RateLimit
    from valetkey.resource_server.policy import GuardPolicy
    from valetkey.resource_server.request import RequestView
    from valetkey.resource_server.rules import Rule


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is decided about a request before its credentials are known, and the reasons, a sentence each."""

    request: str
    route: str | None
    """The template that decides; None where the request is refused whoever sends it."""
    outcome: str
    needs: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def explain(request: RequestView, policy: GuardPolicy) -> Explanation:
    """Return which route of the policy decides `request`, what it needs, and why the others do not decide."""
    asked = f"{request.method} {request.target.partition('?')[0]}"
    found = policy.find(request)
    if not isinstance(found, Route):
        return Explanation(asked, None, f"{found.status}: {found.description}", (), _why_none(request, policy))
    outcome = "passes without credentials" if found.rule.is_public else "passes with credentials that meet the rule"
    reasons = _why_not_others(request, found, policy)
    return Explanation(asked, found.template.text, outcome, _needs(found.rule), reasons)


def _needs(rule: Rule) -> tuple[str, ...]:
    needs = [] if rule.is_public else ["a token, or a credential in its place, for this API"]
    if rule.scope:
        needs.append(f"the scope {rule.scope}")
    if rule.acr:
        needs.append(f"an authentication of the level {' or '.join(rule.acr)}")
    if rule.max_age is not None:
        needs.append(f"an authentication {rule.max_age} seconds ago at most")
    named = rule.claims.items()
    needs.extend(f"the claim {name} with {' or '.join(sorted(map(repr, values)))}" for name, values in named)
    if rule.credentials != EVERY_CREDENTIAL:
        needs.append(f"a credential of the kind {' or '.join(sorted(rule.credentials))}")
    needs.extend(_told(limit, rule.cost) for limit in rule.limits)
    if rule.insecure_stale_seconds:
        needs.append(
            f"nothing newer on revocation for up to {rule.insecure_stale_seconds} seconds while it is down"
        )
    return tuple(needs)


def _told(limit: RateLimit, cost: int) -> str:
    counted = ", ".join(sorted(limit.by))
    shadow = " (it only says what it would refuse)" if limit.enforcement is Enforcement.SHADOW else ""
    return (
        f"{cost} of {limit.count} units in {limit.period} s of the limit {limit.name}, counted by {counted}; "
        f"{limit.when_down} while it cannot be counted{shadow}"
    )


def _why_not_others(request: RequestView, found: Route, policy: GuardPolicy) -> tuple[str, ...]:
    reasons = [f"{found.template.text} is the most specific template that matches the path"]
    for route in policy.table.candidates(parse_target(request.target)):
        if route is found:
            continue
        if route.template.text == found.template.text:
            reasons.append(f"{route.template.text} also opens {_listed(route.methods)}")
        else:
            reasons.append(f"{route.template.text} matches too, and is less specific")
    return tuple(reasons)


def _why_none(request: RequestView, policy: GuardPolicy) -> tuple[str, ...]:
    if policy.hosts and request.host.lower() not in policy.hosts:
        return (f"the policy is for {_listed(policy.hosts)}",)
    try:
        target = parse_target(request.target)
    except BadTarget:
        return ("no template is held against a path that servers may read in two ways",)
    candidates = tuple(policy.table.candidates(target))
    if not candidates:
        return ("no template matches the path, and what no route is for is refused",)
    return tuple(f"{route.template.text} opens {_listed(route.methods)}" for route in candidates)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
