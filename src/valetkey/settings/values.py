"""The frozen values that a configuration turns into."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Final

from valetkey.authorization_server.declaration import (
    Declarations,
    DeclaredClient,
    DeclaredEndUser,
    DeclaredIssuer,
    DeclaredResource,
)
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.outbound_guard import Blocks, Guard, Openings
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Issuer, Seconds, SecretText
from valetkey.resource_server.limits import RateLimit

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class KeyEncryptionKey:
    """The secret under which private keys are sealed: at least 32 random bytes, never printed."""

    _octets: bytes = field(repr=False)

    def reveal(self) -> bytes:
        """Return the bytes, for the one place that seals with them."""
        return self._octets

    def __str__(self) -> str:
        return "<KeyEncryptionKey>"


class LogFormat(StrEnum):
    """How a line of the log is written."""

    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where and how the server listens; `drain_delay` is in seconds."""

    hosts: tuple[str, ...]
    port: int
    workers: int
    drain_delay: Seconds
    trusted_proxies: tuple[str, ...]
    """IP addresses and networks whose forwarding headers are believed."""
    tls_certificate: Path | None
    tls_key: Path | None


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where everything is kept: one SQLite file."""

    path: Path


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Which keys every tenant has, and when each is replaced."""

    algorithms: tuple[str, ...]
    rotation_days: int
    announce_seconds: Seconds

    @property
    def schedule(self) -> KeySchedule:
        """The schedule as the server keeps it."""
        return KeySchedule(self.algorithms, Seconds(self.rotation_days * _DAY), self.announce_seconds)


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """Where requests to addresses outside may lead, and whose certificates they believe."""

    allow: Openings
    block: Blocks
    ca_file: Path | None

    @property
    def guard(self) -> Guard:
        """What the guarded way out is given."""
        return Guard(self.allow, self.block, None if self.ca_file is None else str(self.ca_file))


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How often one address may ask; None never refuses."""

    endpoints: RateLimit | None
    pages: RateLimit | None
    attempts: RateLimit | None
    registrations: RateLimit | None
    failed_clients: RateLimit | None
    """By client and address."""
    exempt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ValkeySettings:
    """Where several nodes count together."""

    url: SecretText | None


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How the log looks."""

    format: LogFormat


@dataclass(frozen=True, slots=True)
class ExtensionSettings:
    """What packages of others add."""

    grants: tuple[str, ...] = ()
    """Names of entry points; `settings.extensions.load_grants` loads them."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What is remembered of who changed what."""

    days: int
    """How long a record is kept."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration, parsed once; what it declares is provisioned at start."""

    issuer: Issuer
    profile: str
    """Name of the policy profile of the default tenant, and of tenants that name none."""
    revision: int
    key_encryption_key: KeyEncryptionKey
    previous_key_encryption_key: KeyEncryptionKey | None
    server: ServerSettings
    storage: StorageSettings
    keys: KeySettings
    outbound: OutboundSettings
    limits: LimitSettings
    valkey: ValkeySettings
    log: LogSettings
    audit: AuditSettings
    extensions: ExtensionSettings
    tenants: tuple[Tenant, ...]
    """The default tenant is always the first."""
    clients: tuple[DeclaredClient, ...] = ()
    users: tuple[DeclaredEndUser, ...] = ()
    resources: tuple[DeclaredResource, ...] = ()
    trusted_issuers: tuple[DeclaredIssuer, ...] = ()

    @property
    def declarations(self) -> Declarations:
        """All that is declared, as provisioning takes it."""
        return Declarations(
            self.revision, self.tenants, self.clients, self.users, self.resources, self.trusted_issuers
        )
