"""The difference between what a file declares and what is held, as Changes: pure, so that twice is once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from valetkey.authorization_server.decision import (
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    PutTrustedIssuer,
)
from valetkey.authorization_server.model import (
    Client,
    ClientSecret,
    EndUser,
    ManagedBy,
    PasswordHash,
    Resource,
    Tenant,
    normalised_username,
)
from valetkey.authorization_server.trusted_issuer import TrustedIssuer
from valetkey.jose.records import dataclass
from valetkey.oauth.types import DEFAULT_TENANT, ClientId, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.declaration import DeclaredEndUser
    from valetkey.authorization_server.fresh import Fresh


@dataclass(frozen=True, slots=True)
class Held:
    """What one tenant holds; end-users by normalised user name."""

    tenant: Tenant | None
    clients: Mapping[ClientId, Client]
    end_users: Mapping[str, EndUser]
    resources: Mapping[str, Resource]
    trusted_issuers: Mapping[str, TrustedIssuer] = field(default_factory=dict)


def tenant_changes(declared: Tenant | None, held: Held) -> Iterator[PutTenant]:
    """Yield what makes the tenant the declared one, or disables it; None declares nothing."""
    before = held.tenant
    wanted = declared
    if declared is None:
        wanted = before
        if before is not None and before.managed_by is ManagedBy.FILE and before.tenant_id != DEFAULT_TENANT:
            wanted = replace(before, disabled=True)
    elif before is not None and declared.managed_by is ManagedBy.OPERATOR:
        # The default tenant that no file describes: only its profile, and who may register, are settings.
        wanted = replace(
            before,
            profile=declared.profile,
            registration=declared.registration or before.registration,
            managed_by=ManagedBy.OPERATOR,
        )
    if wanted is not None and wanted != before:
        yield PutTenant(wanted)


def client_changes(declared: Sequence[Client], held: Held, fresh: Fresh) -> Iterator[PutClient]:
    """Yield what makes the clients the declared ones, and disables those that left the file."""
    for client in declared:
        before = held.clients.get(client.client_id)
        wanted = replace(client, secrets=tuple(_secrets(client, before, fresh)))
        if before is None or not _is_same(wanted, before):
            yield PutClient(wanted)
    names = {client.client_id for client in declared}
    for before in held.clients.values():
        if before.client_id not in names and before.managed_by is ManagedBy.FILE and not before.disabled:
            yield PutClient(replace(before, disabled=True))


def end_user_changes(
    declared: Sequence[DeclaredEndUser], held: Held, hashes: Mapping[str, PasswordHash], fresh: Fresh
) -> Iterator[PutEndUser]:
    """Yield what makes the end-users the declared ones, and disables those that left the file.

    `hashes` holds, by normalised user name, the initial passwords of those that have none yet.
    """
    for user in declared:
        name = normalised_username(user.username)
        before = held.end_users.get(name)
        wanted = _end_user(user, before, hashes.get(name), fresh)
        if wanted != before:
            yield PutEndUser(replace(wanted, updated_at=fresh.now))
    names = {normalised_username(user.username) for user in declared}
    for name, before in held.end_users.items():
        if name not in names and before.managed_by is ManagedBy.FILE and not before.disabled:
            yield PutEndUser(replace(before, disabled=True, updated_at=fresh.now))


def resource_changes(declared: Sequence[Resource], held: Held) -> Iterator[PutResource]:
    """Yield what makes the resource servers the declared ones, and disables those that left the file."""
    for resource in declared:
        if resource != held.resources.get(resource.identifier):
            yield PutResource(resource)
    names = {resource.identifier for resource in declared}
    for before in held.resources.values():
        if before.identifier not in names and before.managed_by is ManagedBy.FILE and not before.disabled:
            yield PutResource(replace(before, disabled=True))


def trusted_issuer_changes(declared: Sequence[TrustedIssuer], held: Held) -> Iterator[PutTrustedIssuer]:
    """Yield what makes the trusted issuers the declared ones, and disables those that left the file."""
    for one in declared:
        before = held.trusted_issuers.get(one.issuer)
        if before is None or not _is_same_issuer(one, before):
            yield PutTrustedIssuer(one)
    names = {one.issuer for one in declared}
    for before in held.trusted_issuers.values():
        if before.issuer not in names and before.managed_by is ManagedBy.FILE and not before.disabled:
            yield PutTrustedIssuer(replace(before, disabled=True))


def _is_same_issuer(one: TrustedIssuer, other: TrustedIssuer) -> bool:
    # Keys have no equality of their own.
    keys = [issuer.jwks and issuer.jwks.as_dict() for issuer in (one, other)]
    return replace(one, jwks=None) == replace(other, jwks=None) and keys[0] == keys[1]


def _secrets(declared: Client, before: Client | None, fresh: Fresh) -> Iterator[ClientSecret]:
    known = {secret.digest.value: secret for secret in (before.secrets if before is not None else ())}
    for secret in declared.secrets:
        same = known.get(secret.digest.value)
        if same is None:
            yield replace(secret, created_at=fresh.now)
        else:
            # Sealing the same text twice gives two values: the first one stays.
            yield replace(same, expires_at=secret.expires_at, sealed=same.sealed or secret.sealed)


def _end_user(
    declared: DeclaredEndUser, before: EndUser | None, password_hash: PasswordHash | None, fresh: Fresh
) -> EndUser:
    known = before.password_hash if before is not None else None
    return EndUser(
        subject=before.subject if before is not None else Subject(fresh.identifier(f"subject {declared.username}")),
        username=declared.username,
        password_hash=known if known is not None else password_hash,
        updated_at=before.updated_at if before is not None else fresh.now,
        name=declared.name,
        email=declared.email,
        email_verified=declared.email_verified,
        roles=declared.roles,
        claims=declared.claims,
        managed_by=ManagedBy.FILE,
        disabled=declared.disabled,
    )


def _is_same(one: Client, other: Client) -> bool:
    # Keys and digests have no equality of their own, so that nobody compares secrets by accident.
    return (
        replace(one, secrets=(), jwks=None) == replace(other, secrets=(), jwks=None)
        and [_comparable(secret) for secret in one.secrets] == [_comparable(secret) for secret in other.secrets]
        and (one.jwks and one.jwks.as_dict()) == (other.jwks and other.jwks.as_dict())
    )


def _comparable(secret: ClientSecret) -> tuple[object, ...]:
    return secret.secret_id, secret.digest.value, secret.created_at, secret.expires_at, secret.sealed
