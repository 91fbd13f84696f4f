"""Reads a policy from the tables of its file: all that is wrong in it is said at once, before any request."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from valetkey.oauth.access_token import CredentialKind
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import Issuer, Scope
from valetkey.resource_server.limits import Enforcement, LimitBy, RateLimit, WhenDown
from valetkey.resource_server.policy import GuardPolicy
from valetkey.resource_server.policy_tables import (
    ROWS,
    ClientRow,
    FailedRow,
    IssuerRow,
    LimitRow,
    PolicyTables,
    RouteRow,
)
from valetkey.resource_server.routes import BadTemplate, Route, RouteTable, Template
from valetkey.resource_server.rules import EVERY_CREDENTIAL, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar

    Row = TypeVar("Row", bound=msgspec.Struct)
    Given = TypeVar("Given")
    Built = TypeVar("Built")

_MULTIPLE: Final = frozenset(ROWS) - {"failed_authentication"}


class BadPolicy(ValueError):
    """A policy cannot be used; `faults` are all that is wrong with it, a sentence each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy, and of whom it takes what; the secrets that it names are not read yet."""

    policy: GuardPolicy
    issuers: tuple[IssuerRow, ...]
    clients: tuple[ClientRow, ...]


def parse_policy(document: Mapping[str, object]) -> PolicyDocument:
    """Return the policy that the parsed TOML `document` holds; raises BadPolicy with every fault that was found."""
    faults: list[str] = []
    unknown = sorted(document.keys() - {field.name for field in msgspec.structs.fields(PolicyTables)})
    faults.extend(f"{name!r} is no table or key of a policy{_nearest(name, PolicyTables)}" for name in unknown)
    issuers = _rows(document, "issuer", IssuerRow, faults)
    clients = _rows(document, "client", ClientRow, faults)
    limit_rows = _rows(document, "limit", LimitRow, faults)
    route_rows = _rows(document, "route", RouteRow, faults)
    failed = document.get("failed_authentication")
    failed_row = None if failed is None else _row(failed, "failed_authentication", FailedRow, faults)
    resource, hosts = _resource(document, faults), _hosts(document, faults)
    _judge_sources(issuers, clients, faults)
    limits = {row.name: made for row in limit_rows if (made := _made(_limit, row, f"limit {row.name!r}", faults))}
    known = frozenset(row.name for row in limit_rows)
    routes = [
        route
        for row in route_rows
        if (route := _made(lambda one: _route(one, limits, known), row, f"route {row.path!r}", faults))
    ]
    attempts = None if failed_row is None else _made(_failed, failed_row, "failed_authentication", faults)
    if not route_rows and not any(fault.startswith("route") for fault in faults):
        faults.append("route: a policy has at least one [[route]]; what no route is for is refused")
    table = _made(RouteTable, routes, "route", faults)
    if faults or table is None:
        raise BadPolicy(faults)
    return PolicyDocument(GuardPolicy(resource, table, hosts, attempts), tuple(issuers), tuple(clients))


def _rows(document: Mapping[str, object], name: str, kind: type[Row], faults: list[str]) -> list[Row]:
    found = document.get(name, [])
    if not isinstance(found, list):
        faults.append(f"{name}: it is a list of tables; write [[{name}]]")
        return []
    rows = (_row(one, f"{name} {number}", kind, faults) for number, one in enumerate(found, 1))
    return [row for row in rows if row is not None]


def _row(found: object, where: str, kind: type[Row], faults: list[str]) -> Row | None:
    if isinstance(found, dict):
        unknown = sorted(found.keys() - {field.name for field in msgspec.structs.fields(kind)})
        if unknown:
            faults.extend(f"{where}: {name!r} is no key of it{_nearest(name, kind)}" for name in unknown)
            return None
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        faults.append(f"{where}: {str(error).replace('`', '').replace(' - at $.', ', in ')}")
        return None


def _nearest(name: str, kind: type[msgspec.Struct]) -> str:
    close = get_close_matches(name, [field.name for field in msgspec.structs.fields(kind)], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _made(build: Callable[[Given], Built], row: Given, where: str, faults: list[str]) -> Built | None:
    try:
        return build(row)
    except (ValueError, OAuthError) as error:
        faults.append(f"{where}: {error}")
        return None


def _resource(document: Mapping[str, object], faults: list[str]) -> str:
    resource = document.get("resource")
    parts = urlsplit(resource) if isinstance(resource, str) else None
    if not isinstance(resource, str) or parts is None or not parts.scheme or not parts.netloc or "#" in resource:
        faults.append("resource: name the API by its absolute URL, as tokens do in aud; without a fragment")
        return ""
    return resource


def _hosts(document: Mapping[str, object], faults: list[str]) -> frozenset[str]:
    hosts = document.get("hosts", [])
    if not isinstance(hosts, list) or not all(isinstance(host, str) and host and "/" not in host for host in hosts):
        faults.append('hosts: it is a list of host names, with port where one is used: ["api.example.com"]')
        return frozenset()
    return frozenset(host.lower() for host in hosts)


def _judge_sources(issuers: Sequence[IssuerRow], clients: Sequence[ClientRow], faults: list[str]) -> None:
    if not issuers and not any(fault.startswith("issuer") for fault in faults):
        faults.append("issuer: a policy has at least one [[issuer]] whose tokens are taken")
    for number, row in enumerate(issuers, 1):
        where = f"issuer {number}"
        _made(lambda one: Issuer.parse(one.url), row, where, faults)
        if bool(row.client_id) != bool(row.client_secret_file):
            faults.append(f"{where}: client_id and client_secret_file are given together, or neither")
        if (row.opaque or row.api_keys or row.feed) and not row.client_id:
            faults.append(f"{where}: opaque, api_keys and feed need a client_id and a client_secret_file")
        if row.api_keys and number > 1:
            faults.append(f"{where}: api_keys are of the first issuer")
    faults.extend(f"issuer: {url!r} is named twice" for url in _repeated(row.url for row in issuers))
    if sum(row.opaque for row in issuers) > 1:
        faults.append("issuer: one of them explains opaque tokens: which of two was meant, a token does not say")
    faults.extend(
        f"client {client.client_id!r}: it has a secret_file or a jwks_file, one of the two"
        for client in clients
        if bool(client.secret_file) == bool(client.jwks_file)
    )
    faults.extend(f"client: {name!r} is named twice" for name in _repeated(one.client_id for one in clients))
    taken = {row.url for row in issuers} & {client.client_id for client in clients}
    faults.extend(f"client: {name!r} is an issuer already" for name in sorted(taken))


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]  # its None is wanted


def _limit(row: LimitRow) -> RateLimit:
    if not row.by:
        raise ValueError("by names at least one of client, subject, api_key, tenant, route, address")
    return RateLimit.parse(
        row.name,
        row.rate,
        by=frozenset(LimitBy(one) for one in row.by),
        burst=row.burst,
        enforcement=Enforcement.SHADOW if row.shadow else Enforcement.ENFORCED,
        when_down=WhenDown(row.when_down),
    )


def _failed(row: FailedRow) -> RateLimit:
    by = frozenset({LimitBy.ADDRESS})
    return RateLimit.parse("failed", row.rate, by=by, burst=row.burst, when_down=WhenDown(row.when_down))


def _route(row: RouteRow, limits: Mapping[str, RateLimit], known: frozenset[str]) -> Route:
    for name in row.limits:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise ValueError(
                f"no [[limit]] is called {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
            )
    rule = Rule(
        scope=Scope.parse(" ".join(row.scope)),
        insecure_stale_seconds=row.insecure_stale_seconds,
        acr=tuple(row.acr),
        max_age=row.max_age,
        claims={name: tuple(values) for name, values in row.claims.items()},
        credentials=frozenset(map(CredentialKind, row.credentials)) or EVERY_CREDENTIAL,
        is_public=row.public,
        limits=tuple(limits[name] for name in dict.fromkeys(row.limits) if name in limits),
        cost=row.cost,
        name=row.name or row.path,
    )
    if row.public and (rule.scope or rule.acr or rule.claims or rule.max_age is not None):
        raise ValueError("a public route asks for nothing: take public or scope, acr, max_age and claims away")
    return Route(Template.parse(row.path), frozenset(row.methods), rule)


__all__ = ["BadPolicy", "BadTemplate", "PolicyDocument", "parse_policy"]
