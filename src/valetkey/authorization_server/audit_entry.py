"""What the audit trail says of one change: the events by name, and what belongs to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from valetkey.jose.records import dataclass
from valetkey.oauth.types import AuthorizationId, ClientId, SessionId, Subject


class AuditEvent(StrEnum):
    """What happened."""

    AUTHORIZATION_GRANTED = "authorization.granted"
    AUTHORIZATION_REVOKED = "authorization.revoked"
    ACCESS_TOKEN_REVOKED = "access_token.revoked"  # noqa: S105 - an event
    API_KEY_ADDED = "api_key.added"
    API_KEY_CHANGED = "api_key.changed"
    API_KEY_ROTATED = "api_key.rotated"
    API_KEY_REVOKED = "api_key.revoked"
    SESSION_STARTED = "session.started"
    SESSION_STEPPED_UP = "session.stepped_up"
    SESSION_ENDED = "session.ended"
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    LOGOUT_ABANDONED = "logout.abandoned"
    """A client was never reached to be told that a session ended."""
    STREAM_PUT = "stream.put"
    STREAM_REMOVED = "stream.removed"
    STREAM_SUBJECT_EXCLUDED = "stream.subject_excluded"
    STREAM_SUBJECT_INCLUDED = "stream.subject_included"
    CONSENT_GIVEN = "consent.given"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENTS_FORGOTTEN = "consents.forgotten"
    DEVICE_DENIED = "device.denied"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - an event
    END_USER_PUT = "end_user.put"
    END_USER_REMOVED = "end_user.removed"
    CLIENT_PUT = "client.put"
    CLIENT_REGISTERED = "client.registered"
    CLIENT_REMOVED = "client.removed"
    REGISTRATION_TOKEN_ADDED = "registration_token.added"  # noqa: S105 - an event
    REGISTRATION_TOKEN_REMOVED = "registration_token.removed"  # noqa: S105 - an event
    RESOURCE_PUT = "resource.put"
    RESOURCE_REMOVED = "resource.removed"
    TENANT_PUT = "tenant.put"
    TRUSTED_ISSUER_PUT = "trusted_issuer.put"
    TRUSTED_ISSUER_REMOVED = "trusted_issuer.removed"
    SIGNING_KEY_ADDED = "signing_key.added"
    SIGNING_KEY_PROMOTED = "signing_key.promoted"
    SIGNING_KEY_RETIRED = "signing_key.retired"
    SIGNING_KEY_REMOVED = "signing_key.removed"
    SECRETS_RESEALED = "secrets.resealed"
    TENANT_SECRET_ADDED = "tenant_secret.added"  # noqa: S105 - an event
    GENERATION_RAISED = "generation.raised"
    PROVISIONED = "provisioning.applied"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened; members that only the store knows are filled in there.

    An entry with an `authorization_id` or a `sid` but no `subject` is about one that lives: where it was over
    before, nothing happened and nothing is written.
    """

    event: AuditEvent
    subject: Subject | None = None
    client_id: ClientId | None = None
    authorization_id: AuthorizationId | None = None
    sid: SessionId | None = None
    name: str | None = None
    """Of what has no column of its own: a resource, a tenant, a key, ..."""
    detail: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Further facts; never a secret or a digest of one."""
