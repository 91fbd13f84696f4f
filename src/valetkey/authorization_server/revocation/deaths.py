"""What dies by a Change: the one place that says so, from which every security event is derived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from valetkey.authorization_server.decision import (
    AddAccessToken,
    AddApiKey,
    AddRefreshToken,
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
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    RedeemCode,
    RememberConsent,
    RemoveClient,
    RemoveEndUser,
    RemoveResource,
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
from valetkey.authorization_server.device.codes import DeviceChange
from valetkey.authorization_server.key_changes import KeyChange
from valetkey.authorization_server.revocation.logouts import LogoutChange
from valetkey.authorization_server.revocation.statuses import StatusChange
from valetkey.authorization_server.second_factor import SecondFactorChange
from valetkey.authorization_server.self_registration.changes import RegistrationChange
from valetkey.authorization_server.signals.streams import StreamChange
from valetkey.authorization_server.tenant_secrets import TenantSecretChange
from valetkey.authorization_server.trusted_issuer import TrustedIssuerChange
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.records import dataclass
from valetkey.oauth.security_event import Cause, RevokedKind
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, SessionId, Subject, TokenDigest

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class AuthorizationDies:
    """An authorization, unless it was revoked before."""

    authorization_id: AuthorizationId


@dataclass(frozen=True, slots=True)
class AuthorizationsDie:
    """Every authorization that an end-user gave a client and that was not revoked before."""

    subject: Subject
    client_id: ClientId


@dataclass(frozen=True, slots=True)
class SessionDies:
    """A session, and every authorization that is bound to it, unless they ended before."""

    sid: SessionId


@dataclass(frozen=True, slots=True)
class TokenDies:
    """One access token, unless it was revoked before."""

    token_id_digest: TokenDigest
    """SHA-256 of its `jti`."""
    expires_at: NumericDate
    audience: tuple[str, ...]
    """Whom it was meant for; empty where that is not known."""

    @property
    def name(self) -> str:
        """The digest as an event names it."""
        return b64url_encode(self.token_id_digest)


@dataclass(frozen=True, slots=True)
class GenerationMoves:
    """Everything older than a counter, where the change has moved it."""

    kind: RevokedKind
    name: str
    cause: Cause = Cause.REVOKED


Death = AuthorizationDies | AuthorizationsDie | SessionDies | TokenDies | GenerationMoves

_Harmless = (
    RedeemCode
    | RotateRefreshToken
    | BurnJti
    | CountAttempt
    | AdvanceInteraction
    | FinishInteraction
    | RotateBrowserHandle
    | GrantAuthorization
    | StartSession
    # A code that is spent has bought nothing.
    | SpendCode
    | AddRefreshToken
    | OpenBrowser
    | OpenInteraction
    | TouchSession
    | RememberConsent
    | ForgiveAttempts
    | AddAccessToken
    | AddApiKey
    # A secret that is replaced, or a right that is taken away, is missed where the key is asked about next.
    | RotateApiKey
    | ChangeApiKey
    | NoteApiKeyUse
    | DeviceChange
    | RegistrationChange
    # What was granted keeps what it says of its authentication.
    | SecondFactorChange
    | LogoutChange
    | StreamChange
    # A place in a list is marked beside RevokeAccessToken, which tells of the token.
    | StatusChange
    # A tenant that is disabled answers nobody, neither by a list nor by a feed: who waits for either, closes.
    | PutTenant
    | PutResource
    | RemoveResource
    # What a removed key signed is refused by whoever reads the published keys again: no event could say it safer.
    | KeyChange
    | SetProvisioningRevision
    # What its assertions bought is over within minutes.
    | TrustedIssuerChange
    | TenantSecretChange
)
_HARMLESS: Final = frozenset(_Harmless.__args__)


def deaths_of(change: Change) -> tuple[Death, ...]:
    """Return what dies by `change`, where it makes a difference; nothing by most."""
    if type(change) in _HARMLESS:
        return ()
    return _deaths_of(change)


def _deaths_of(change: Change) -> tuple[Death, ...]:  # noqa: C901 - a case for each member
    match change:
        case RevokeAuthorization(authorization_id):
            return (AuthorizationDies(authorization_id),)
        case RevokeApiKey(key_id):
            # Whatever was told of it, and every token that it was exchanged for, names its authorization.
            return (AuthorizationDies(AuthorizationId(key_id)),)
        case WithdrawConsent(subject, client_id):
            return (AuthorizationsDie(subject, client_id),)
        case EndSession(sid):
            return (SessionDies(sid),)
        case RevokeAccessToken(digest, expires_at, audience):
            return (TokenDies(digest, expires_at, audience),)
        case BumpGeneration(kind, name):
            return (GenerationMoves(RevokedKind(kind), name),)
        case PutClient(client):
            return (GenerationMoves(RevokedKind.CLIENT, client.client_id, Cause.DISABLED),)
        case RemoveClient(client_id):
            return (GenerationMoves(RevokedKind.CLIENT, client_id, Cause.REMOVED),)
        case PutEndUser(end_user):
            cause = Cause.DISABLED if end_user.disabled else Cause.PASSWORD_CHANGED
            return (GenerationMoves(RevokedKind.SUBJECT, end_user.subject, cause),)
        case ChangePassword(subject):
            return (GenerationMoves(RevokedKind.SUBJECT, subject, Cause.PASSWORD_CHANGED),)
        case RemoveEndUser(subject):
            return (GenerationMoves(RevokedKind.SUBJECT, subject, Cause.REMOVED),)
        case _:
            return _nothing_of(change)


def _nothing_of(change: _Harmless) -> tuple[Death, ...]:
    if isinstance(change, _Harmless):
        return ()
    assert_never(change)


def kills(changes: Iterable[Change]) -> bool:
    """Say whether any of `changes` may be told by a security event."""
    return any(type(change) not in _HARMLESS for change in changes)
