"""What the audit trail says of each Change: the one place that says so, from which every record is derived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.api_key import ApiKey, OwnerKind
from valetkey.authorization_server.audit_entry import AuditEntry, AuditEvent
from valetkey.authorization_server.claims import beyond_scope
from valetkey.authorization_server.decision import (
    AddAccessToken,
    AddApiKey,
    AddRefreshToken,
    AddSigningKey,
    AdvanceInteraction,
    BumpGeneration,
    BurnJti,
    Change,
    ChangeApiKey,
    ChangePassword,
    CountAttempt,
    EndSession,
    FinishInteraction,
    ForgiveAttempts,
    GrantAuthorization,
    NoteApiKeyUse,
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
    RevokeApiKey,
    RevokeAuthorization,
    RotateApiKey,
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
from valetkey.authorization_server.signals.streams import (
    AcknowledgeStreamEvents,
    ClaimStream,
    ExcludeSubject,
    ForgetStreamEvents,
    IncludeSubject,
    PutStream,
    QueueStreamEvent,
    ReleaseStream,
    RemoveStream,
)
from valetkey.authorization_server.tenant_secrets import AddTenantSecret, NotePairwiseToken
from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.types import ClientId, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable

_Unremarked = (
    # The authorization was recorded when it was granted; a row for each token would cost more than the token.
    RedeemCode
    | RotateRefreshToken
    | SpendCode
    | AddRefreshToken
    | AddAccessToken
    | NotePairwiseToken
    # A key tells by itself when it was used last.
    | NoteApiKeyUse
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
    # What becomes of a stream is told; what goes through it, the log tells.
    | QueueStreamEvent
    | AcknowledgeStreamEvents
    | ForgetStreamEvents
    | ClaimStream
    | ReleaseStream
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
            return _of_api_key(change)


def _of_api_key(change: Change) -> AuditEntry:
    match change:
        case AddApiKey(key):
            is_client = key.owner_kind is OwnerKind.CLIENT
            return AuditEntry(
                AuditEvent.API_KEY_ADDED,
                None if is_client else Subject(key.owner),
                ClientId(key.owner) if is_client else None,
                name=key.key_id,
                detail={"owner_kind": key.owner_kind.value, **_said_of_key(key)},
            )
        case ChangeApiKey(before, after):
            was, becomes = _said_of_key(before), _said_of_key(after)
            changed = {name: value for name, value in becomes.items() if value != was[name]}
            detail = {**changed, **{f"{name}_before": was[name] for name in changed}}
            return AuditEntry(AuditEvent.API_KEY_CHANGED, name=after.key_id, detail=detail)
        case RotateApiKey(key_id, _, secret, others_end_at):
            said: dict[str, str | int | bool] = {"prefix": secret.prefix, "others_end_at": others_end_at}
            return AuditEntry(AuditEvent.API_KEY_ROTATED, name=key_id, detail=said)
        case RevokeApiKey(key_id):
            # By name alone: its authorization would name the client that owns it as if it were an end-user.
            return AuditEntry(AuditEvent.API_KEY_REVOKED, name=key_id)
        case _:
            return _of_registration(change)


def _said_of_key(key: ApiKey) -> dict[str, str | int | bool]:
    return {
        "name": key.name,
        "scope": str(key.scope),
        "resources": " ".join(key.resources),
        "limit": key.limit or "",
        "expires_at": key.expires_at or 0,
    }


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
        case PutStream(stream):
            detail = {"status": stream.status.value, "subjects": stream.subjects.value}
            return AuditEntry(
                AuditEvent.STREAM_PUT, client_id=stream.client_id, name=stream.stream_id, detail=detail
            )
        case RemoveStream(stream_id):
            return AuditEntry(AuditEvent.STREAM_REMOVED, name=stream_id)
        case ExcludeSubject(stream_id, subject):
            return AuditEntry(AuditEvent.STREAM_SUBJECT_EXCLUDED, subject, name=stream_id)
        case IncludeSubject(stream_id, subject):
            return AuditEntry(AuditEvent.STREAM_SUBJECT_INCLUDED, subject, name=stream_id)
        case _:
            raise TypeError(f"no audit entry is known for {type(change).__name__}")
