"""The audit trail: who changed what, when and from where, derived from the very changes that a commit makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.authorization_server.claims import beyond_scope
from valetkey.authorization_server.decision import (
    AddAccessToken,
    AddRefreshToken,
    AddSigningKey,
    AdvanceInteraction,
    BumpGeneration,
    BurnJti,
    Change,
    ChangePassword,
    CountAttempt,
    EndSession,
    FinishInteraction,
    ForgiveAttempts,
    GrantAuthorization,
    OpenBrowser,
    OpenInteraction,
    PromoteSigningKey,
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    PutTrustedIssuer,
    RedeemCode,
    RememberConsent,
    RemoveClient,
    RemoveEndUser,
    RemoveResource,
    RemoveSigningKey,
    RemoveTrustedIssuer,
    ResealSecrets,
    RetireSigningKey,
    RevokeAccessToken,
    RevokeAuthorization,
    RotateBrowserHandle,
    RotateRefreshToken,
    SetProvisioningRevision,
    SpendCode,
    StartSession,
    TouchSession,
    WithdrawConsent,
)
from valetkey.authorization_server.device.codes import (
    AddDeviceCode,
    ApproveDeviceCode,
    DenyDeviceCode,
    RecordPoll,
    RedeemDeviceCode,
)
from valetkey.authorization_server.revocation.logouts import AbandonLogout, ClaimLogout, CloseLogout
from valetkey.authorization_server.revocation.statuses import StatusChange
from valetkey.authorization_server.second_factor import (
    BeginFactor,
    ConfirmFactor,
    RemoveFactor,
    StepUpSession,
    UseOneTimeCode,
)
from valetkey.authorization_server.self_registration.changes import (
    AddRegistrationToken,
    ForgetConsents,
    KeepRegistration,
    RegisterClient,
    RemoveRegistrationToken,
    ReplaceRegisteredClient,
    UseRegistrationToken,
)
from valetkey.authorization_server.tenant_secrets import AddTenantSecret, NotePairwiseToken
from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, SessionId, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.oauth.http import HttpRequest


class ActorKind(StrEnum):
    """Who makes a change."""

    END_USER = "end_user"
    CLIENT = "client"
    OPERATOR = "operator"
    SERVER = "server"
    """The server itself: what a file declares, and keys that it makes."""


class AuditEvent(StrEnum):
    """What happened."""

    AUTHORIZATION_GRANTED = "authorization.granted"
    AUTHORIZATION_REVOKED = "authorization.revoked"
    ACCESS_TOKEN_REVOKED = "access_token.revoked"  # noqa: S105 - an event
    SESSION_STARTED = "session.started"
    SESSION_STEPPED_UP = "session.stepped_up"
    SESSION_ENDED = "session.ended"
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    LOGOUT_ABANDONED = "logout.abandoned"
    """A client was never reached to be told that a session ended."""
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
class Origin:
    """From where a commit comes: it says who makes all of its changes."""

    kind: ActorKind
    now: NumericDate
    surface: str
    """Where it was asked: a path of ours, or such as `command line`."""
    request_id: str
    """The id of the request, by which the log tells of it too."""
    actor: str = ""
    """The client or operator; of an end-user the change itself knows the subject."""
    address: str = ""


def by_end_user(request: HttpRequest, fresh: Fresh) -> Origin:
    """Return the origin of what somebody does on a page of ours."""
    return Origin(ActorKind.END_USER, fresh.now, request.path, request.request_id, address=request.remote_address)


def by_client(request: HttpRequest, client_id: str, fresh: Fresh) -> Origin:
    """Return the origin of what a client asks for; it has to be authenticated before anything is committed."""
    path, request_id = request.path, request.request_id
    return Origin(ActorKind.CLIENT, fresh.now, path, request_id, client_id[:256], request.remote_address)


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


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as it is kept, with its origin."""

    at: NumericDate
    event: str
    kind: ActorKind
    actor: str
    subject: str | None
    client_id: str | None
    authorization_id: str | None
    sid: str | None
    name: str | None
    detail: Mapping[str, object]
    surface: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """Which records are asked for; None asks for any."""

    since: NumericDate
    until: NumericDate
    limit: int
    """At most so many, the newest."""
    subject: Subject | None = None
    client_id: ClientId | None = None
    event: str | None = None
    """Events whose name starts so."""


class AuditTrail(Protocol):
    """Who changed what, of one tenant; it is written by commits alone."""

    async def find(self, asked: AuditQuestion) -> Sequence[AuditRecord]:
        """Return the newest records that were asked for, the newest first."""
        ...


_Unremarked = (
    # The authorization was recorded when it was granted; a row for each token would cost more than the token.
    RedeemCode
    | RotateRefreshToken
    | SpendCode
    | AddRefreshToken
    | AddAccessToken
    | NotePairwiseToken
    | BurnJti
    | StatusChange
    # What a page needs between two requests, and budgets of attempts, which the log tells of.
    | CountAttempt
    | ForgiveAttempts
    | AdvanceInteraction
    | FinishInteraction
    | OpenInteraction
    | OpenBrowser
    | RotateBrowserHandle
    | TouchSession
    # A factor counts, and is told, once it is confirmed; of a code, what was proven by it is told.
    | BeginFactor
    | UseOneTimeCode
    | AddDeviceCode
    # What is granted beside it tells more.
    | ApproveDeviceCode
    | RecordPoll
    | RedeemDeviceCode
    | KeepRegistration
    | UseRegistrationToken
    | ClaimLogout
    | CloseLogout
)
_UNREMARKED: Final = frozenset(_Unremarked.__args__)


def entries_of(change: Change) -> tuple[AuditEntry, ...]:
    """Return what the audit trail says of `change`; nothing of most that a request without consequences makes."""
    if type(change) in _UNREMARKED:
        return ()
    return (_entry_of(change),)


def _entry_of(change: Change) -> AuditEntry:
    match change:
        case GrantAuthorization(authorization):
            return AuditEntry(
                AuditEvent.AUTHORIZATION_GRANTED,
                authorization.subject,
                authorization.client_id,
                authorization.authorization_id,
                authorization.sid,
                detail={
                    "scope": str(authorization.scope),
                    "resources": " ".join(authorization.resources),
                    **_named(beyond_scope(authorization.claims, authorization.scope)),
                },
            )
        case RevokeAuthorization(authorization_id):
            return AuditEntry(AuditEvent.AUTHORIZATION_REVOKED, authorization_id=authorization_id)
        case StartSession(session):
            amr = " ".join(session.authentication.amr)
            return AuditEntry(AuditEvent.SESSION_STARTED, session.subject, sid=session.sid, detail={"amr": amr})
        case EndSession(sid):
            return AuditEntry(AuditEvent.SESSION_ENDED, sid=sid)
        case AbandonLogout(sid, client_id, subject):
            return AuditEntry(AuditEvent.LOGOUT_ABANDONED, subject, client_id, sid=sid)
        case RememberConsent(consent):
            allowed = {"scope": str(consent.scope), **_named(consent.claims)}
            return AuditEntry(AuditEvent.CONSENT_GIVEN, consent.subject, consent.client_id, detail=allowed)
        case WithdrawConsent(subject, client_id):
            return AuditEntry(AuditEvent.CONSENT_WITHDRAWN, subject, client_id)
        case RevokeAccessToken(digest):
            return AuditEntry(AuditEvent.ACCESS_TOKEN_REVOKED, name=b64url_encode(digest))
        case DenyDeviceCode(_, _, subject, client_id):
            return AuditEntry(AuditEvent.DEVICE_DENIED, subject, client_id)
        case _:
            return _of_registration(change)


def _named(claims: Iterable[str]) -> dict[str, str]:
    """Return which claims were allowed one by one, where any was."""
    names = " ".join(sorted(claims))
    return {"claims": names} if names else {}


def _of_registration(change: Change) -> AuditEntry:
    match change:
        case ConfirmFactor(subject):
            return AuditEntry(AuditEvent.SECOND_FACTOR_ADDED, subject)
        case RemoveFactor(subject):
            return AuditEntry(AuditEvent.SECOND_FACTOR_REMOVED, subject)
        case StepUpSession(sid, proven):
            detail: dict[str, str | int | bool] = {"amr": " ".join(proven.amr), "acr": proven.acr}
            return AuditEntry(AuditEvent.SESSION_STEPPED_UP, sid=sid, detail=detail)
        case RegisterClient(client):
            return AuditEntry(AuditEvent.CLIENT_REGISTERED, client_id=client.client_id)
        case ReplaceRegisteredClient(client):
            return AuditEntry(AuditEvent.CLIENT_PUT, client_id=client.client_id)
        case ForgetConsents(client_id):
            return AuditEntry(AuditEvent.CONSENTS_FORGOTTEN, client_id=client_id)
        case AddRegistrationToken(token):
            return AuditEntry(AuditEvent.REGISTRATION_TOKEN_ADDED, name=token.token_id)
        case RemoveRegistrationToken(token_id):
            return AuditEntry(AuditEvent.REGISTRATION_TOKEN_REMOVED, name=token_id)
        case _:
            return _of_configuration(change)


def _of_configuration(change: Change) -> AuditEntry:  # noqa: C901, PLR0912 - a case for each member
    match change:
        case PutTenant(tenant):
            detail: dict[str, str | int | bool] = {"profile": tenant.profile, "disabled": tenant.disabled}
            return AuditEntry(AuditEvent.TENANT_PUT, name=tenant.tenant_id, detail=detail)
        case PutClient(client):
            detail = {"authentication_method": client.authentication_method.value, "disabled": client.disabled}
            detail["secrets"] = " ".join(secret.secret_id for secret in client.secrets)
            return AuditEntry(AuditEvent.CLIENT_PUT, client_id=client.client_id, detail=detail)
        case RemoveClient(client_id):
            return AuditEntry(AuditEvent.CLIENT_REMOVED, client_id=client_id)
        case PutEndUser(end_user):
            return AuditEntry(AuditEvent.END_USER_PUT, end_user.subject, detail={"disabled": end_user.disabled})
        case ChangePassword(subject):
            return AuditEntry(AuditEvent.PASSWORD_CHANGED, subject)
        case RemoveEndUser(subject):
            return AuditEntry(AuditEvent.END_USER_REMOVED, subject)
        case PutResource(resource):
            return AuditEntry(
                AuditEvent.RESOURCE_PUT, name=resource.identifier, detail={"disabled": resource.disabled}
            )
        case RemoveResource(identifier):
            return AuditEntry(AuditEvent.RESOURCE_REMOVED, name=identifier)
        case PutTrustedIssuer(found):
            return AuditEntry(AuditEvent.TRUSTED_ISSUER_PUT, name=found.issuer, detail={"disabled": found.disabled})
        case RemoveTrustedIssuer(issuer):
            return AuditEntry(AuditEvent.TRUSTED_ISSUER_REMOVED, name=issuer)
        case AddSigningKey(key):
            return AuditEntry(AuditEvent.SIGNING_KEY_ADDED, name=key.kid, detail={"algorithm": key.algorithm})
        case AddTenantSecret(purpose):
            return AuditEntry(AuditEvent.TENANT_SECRET_ADDED, name=purpose)
        case BumpGeneration(kind, name):
            return AuditEntry(AuditEvent.GENERATION_RAISED, name=name, detail={"kind": kind})
        case SetProvisioningRevision(revision):
            return AuditEntry(AuditEvent.PROVISIONED, detail={"revision": revision})
        case _:
            return _of_keys(change)


def _of_keys(change: Change) -> AuditEntry:
    match change:
        case AddSigningKey(key):
            detail: dict[str, str | int | bool] = {"algorithm": key.algorithm, "state": key.state.value}
            return AuditEntry(AuditEvent.SIGNING_KEY_ADDED, name=key.kid, detail=detail)
        case PromoteSigningKey(kid):
            return AuditEntry(AuditEvent.SIGNING_KEY_PROMOTED, name=kid)
        case RetireSigningKey(kid):
            return AuditEntry(AuditEvent.SIGNING_KEY_RETIRED, name=kid)
        case RemoveSigningKey(kid, state):
            return AuditEntry(AuditEvent.SIGNING_KEY_REMOVED, name=kid, detail={"state": state.value})
        case ResealSecrets(_, values, clients):
            detail = {"values": len(values), "clients": len(clients)}
            return AuditEntry(AuditEvent.SECRETS_RESEALED, detail=detail)
        case _:
            raise TypeError(f"no audit entry is known for {type(change).__name__}")
