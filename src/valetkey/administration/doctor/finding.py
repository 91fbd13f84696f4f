"""What a diagnosis looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Generic, TypeVar

from valetkey.authorization_server.model import Client, EndUser, Resource, SigningKey, Tenant
from valetkey.authorization_server.policy import PROFILES, Policy
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Issuer, NumericDate, TenantId

Looked = TypeVar("Looked")


class Severity(StrEnum):
    """How grave a finding is, the gravest first."""

    FAULT = "fault"
    """It breaks the profile, or something cannot work."""
    WARNING = "warning"
    """It works and is allowed, but is likely not what was meant or soon stops to work."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, about one thing that an operator keeps."""

    rule: str
    """The name of the diagnosis: stable, for scripts."""
    severity: Severity
    tenant: TenantId | None
    """None where it concerns the server as a whole."""
    about: str
    """Such as `client shop`."""
    message: str
    remedy: str
    """What to do, as an order."""
    source: str
    """The section that asks for it, or why it matters."""


@dataclass(frozen=True, slots=True)
class Estate:
    """One tenant with all that is kept for it, and the profile that judges it."""

    tenant: Tenant
    policy: Policy
    """The profile judged against; the tenant's own unless another was asked for."""
    clients: Sequence[Client]
    resources: Sequence[Resource]
    signing_keys: Sequence[SigningKey]
    now: NumericDate
    end_users: Sequence[EndUser] = ()
    """Those for whom tokens are weighed; all of them, or a part."""
    profiles: Mapping[str, Policy] = field(default_factory=lambda: PROFILES)
    """Every profile that the tenant or a client may name."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a server is set up, from its configuration file and the machine it stands on."""

    issuer: Issuer
    hosts: tuple[str, ...]
    """The addresses that it listens on."""
    trusted_proxies: tuple[str, ...]
    has_tls: bool
    certificate_ends: NumericDate | None
    """When the certificate of its own TLS expires; None where it has none."""
    is_database_open_to_others: bool
    """Whether every user of the machine may read the database."""
    missing_migrations: tuple[str, ...]
    now: NumericDate


Said = tuple[str, str, str]
"""What a finding is about, what was found, and what to do."""


@dataclass(frozen=True, slots=True)
class Diagnosis(Generic[Looked]):
    """One question, asked of everything it can concern."""

    rule: str
    severity: Severity
    source: str
    look: Callable[[Looked], Iterator[Said]]

    def findings(self, looked: Looked, tenant: TenantId | None) -> Iterator[Finding]:
        """Return what is found; nothing is the good answer."""
        for about, message, remedy in self.look(looked):
            yield Finding(self.rule, self.severity, tenant, about, message, remedy, self.source)
