"""The outcome of judging, and the closed union of changes that a commit applies, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from valetkey.authorization_server.api_key import (
    AddApiKey,
    ApiKeyChange,
    ApiKeyIssue,
    ChangeApiKey,
    NoteApiKeyUse,
    RevokeApiKey,
    RotateApiKey,
)
from valetkey.authorization_server.browser_change import (
    AdvanceInteraction,
    BrowserChange,
    FinishInteraction,
    OpenBrowser,
    OpenInteraction,
    RotateBrowserHandle,
)
from valetkey.authorization_server.configuration_change import (
    BumpGeneration,
    ChangePassword,
    ConfigurationChange,
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    RemoveClient,
    RemoveEndUser,
    RemoveResource,
    SetProvisioningRevision,
)
from valetkey.authorization_server.device.codes import (
    AddDeviceCode,
    ApproveDeviceCode,
    DenyDeviceCode,
    DeviceChange,
    RecordPoll,
    RedeemDeviceCode,
)
from valetkey.authorization_server.key_changes import (
    AddSigningKey,
    KeyChange,
    PromoteSigningKey,
    RemoveSigningKey,
    ResealSecrets,
    RetireSigningKey,
)
from valetkey.authorization_server.known_access_tokens import (
    AccessTokenChange,
    AddAccessToken,
    RevokeAccessToken,
)
from valetkey.authorization_server.model import (
    Authorization,
    AuthorizationCode,
    Consent,
    Generations,
    KeptReply,
    RefreshToken,
    Session,
    StoredAuthorization,
)
from valetkey.authorization_server.revocation.logouts import LogoutChange
from valetkey.authorization_server.revocation.statuses import StatusChange
from valetkey.authorization_server.second_factor import SecondFactorChange
from valetkey.authorization_server.self_registration.changes import (
    AddRegistrationToken,
    ForgetConsents,
    KeepRegistration,
    RegisterClient,
    RegistrationChange,
    RemoveRegistrationToken,
    ReplaceRegisteredClient,
    UseRegistrationToken,
)
from valetkey.authorization_server.signals.streams import StreamChange
from valetkey.authorization_server.tenant_secrets import AddTenantSecret, NotePairwiseToken, TenantSecretChange
from valetkey.authorization_server.trusted_issuer import (
    PutTrustedIssuer,
    RemoveTrustedIssuer,
    TrustedIssuerChange,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.token_exchange import TokenType
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    OpaqueToken,
    Scope,
    SessionId,
    Subject,
    TokenDigest,
)

__all__ = [
    "AddAccessToken",
    "AddApiKey",
    "AddDeviceCode",
    "AddRegistrationToken",
    "AddSigningKey",
    "AddTenantSecret",
    "AdvanceInteraction",
    "ApiKeyIssue",
    "ApproveDeviceCode",
    "BumpGeneration",
    "ChangeApiKey",
    "ChangePassword",
    "DenyDeviceCode",
    "FinishInteraction",
    "ForgetConsents",
    "KeepRegistration",
    "NoteApiKeyUse",
    "NotePairwiseToken",
    "OpenBrowser",
    "OpenInteraction",
    "PromoteSigningKey",
    "PutClient",
    "PutEndUser",
    "PutResource",
    "PutTenant",
    "PutTrustedIssuer",
    "RecordPoll",
    "RedeemDeviceCode",
    "RegisterClient",
    "RemoveClient",
    "RemoveEndUser",
    "RemoveRegistrationToken",
    "RemoveResource",
    "RemoveSigningKey",
    "RemoveTrustedIssuer",
    "ReplaceRegisteredClient",
    "ResealSecrets",
    "RetireSigningKey",
    "RevokeAccessToken",
    "RevokeApiKey",
    "RotateApiKey",
    "RotateBrowserHandle",
    "SetProvisioningRevision",
    "UseRegistrationToken",
]

# --- must-win changes: each is one conditional statement; losing one undoes the whole commit ---------------


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """Wins while the code is unredeemed, unexpired, and its authorization alive in all generations."""

    digest: TokenDigest
    now: NumericDate


@dataclass(frozen=True, slots=True)
class RotateRefreshToken:
    """Supersedes `digest` by `successor`.

    Wins while the token is not superseded, unexpired, and its authorization alive in all generations. The kept
    reply of the token's own predecessor is erased with it: its successor is now used.
    """

    digest: TokenDigest
    successor: RefreshToken
    kept_reply: KeptReply | None
    now: NumericDate


@dataclass(frozen=True, slots=True)
class BurnJti:
    """Wins once for (scope, jti) until `expires_at`; `scope` names the owner, such as a client."""

    scope: str
    jti_digest: TokenDigest
    expires_at: NumericDate
    now: NumericDate


@dataclass(frozen=True, slots=True)
class CountAttempt:
    """Counts an attempt by GCRA; wins while the budget of `key` lasts.

    `interval` is the seconds in which one attempt is regained, `burst` how many may come at once.
    """

    key: str
    interval: int
    burst: int
    now: NumericDate


@dataclass(frozen=True, slots=True)
class GrantAuthorization:
    """Stores an authorization and, where a code bought it, its code.

    Wins while its generations are the current ones and, where it names a session, that session has not ended.
    Where nobody was asked because the end-user had allowed it before, it also wins only while that consent stands.
    """

    authorization: Authorization
    code: AuthorizationCode | None
    relies_on_consent: bool = False


@dataclass(frozen=True, slots=True)
class StartSession:
    """Stores a session; wins while its generations are the current ones and its end-user is not disabled."""

    session: Session


# --- idempotent changes ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RevokeAuthorization:
    """Marks an authorization revoked, and with it whatever hangs off it."""

    authorization_id: AuthorizationId
    now: NumericDate


@dataclass(frozen=True, slots=True)
class SpendCode:
    """Makes a code unredeemable (a wrong verifier was tried with it), without judging its authorization."""

    digest: TokenDigest
    now: NumericDate


@dataclass(frozen=True, slots=True)
class AddRefreshToken:
    """Stores the first refresh token of an authorization."""

    token: RefreshToken


@dataclass(frozen=True, slots=True)
class TouchSession:
    """Moves `last_seen_at` forward; single sign-on and bound refreshes count as activity."""

    sid: SessionId
    now: NumericDate


@dataclass(frozen=True, slots=True)
class EndSession:
    """Ends a session and revokes every authorization that is bound to it."""

    sid: SessionId
    now: NumericDate


@dataclass(frozen=True, slots=True)
class RememberConsent:
    """Stores or widens what an end-user allowed a client."""

    consent: Consent


@dataclass(frozen=True, slots=True)
class WithdrawConsent:
    """Forgets what an end-user allowed a client and revokes every authorization that it has of them."""

    subject: Subject
    client_id: ClientId
    now: NumericDate


@dataclass(frozen=True, slots=True)
class ForgiveAttempts:
    """Gives the budget of `key` back after a success."""

    key: str


Change = (
    RedeemCode
    | RotateRefreshToken
    | BurnJti
    | CountAttempt
    | GrantAuthorization
    | StartSession
    | RevokeAuthorization
    | SpendCode
    | AddRefreshToken
    | TouchSession
    | EndSession
    | RememberConsent
    | WithdrawConsent
    | ForgiveAttempts
    | AccessTokenChange
    | ApiKeyChange
    | BrowserChange
    | DeviceChange
    | StatusChange
    | LogoutChange
    | StreamChange
    | ConfigurationChange
    | KeyChange
    | RegistrationChange
    | SecondFactorChange
    | TrustedIssuerChange
    | TenantSecretChange
)

Changes = tuple[Change, ...]


# --- what a grant decides ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EndUserIssue:
    """Tokens for an end-user's authorization.

    `scope` and `resources` are what this access token carries (a part of the authorization's). `refresh_token`
    is handed out as it is; `id_token_nonce_applies` says whether the ID Token repeats the request's nonce
    (only at code redemption: OpenID Connect Core, 12.2).
    """

    stored: StoredAuthorization
    scope: Scope
    resources: tuple[str, ...]
    refresh_token: OpaqueToken | None
    id_token_nonce_applies: bool
    changes: Changes
    keep_reply_under: OpaqueToken | None = None
    """The presented refresh token: the endpoint seals the reply under it and completes RotateRefreshToken."""
    expires_at: NumericDate | None = None
    """When the access token ends at the latest; None leaves that to its resources and the policy."""


@dataclass(frozen=True, slots=True)
class ClientIssue:
    """Tokens for a client itself: no end-user, no refresh token, no ID Token, and no row in the store."""

    scope: Scope
    resources: tuple[str, ...]
    generations: Generations
    changes: Changes = ()


@dataclass(frozen=True, slots=True)
class ClientStamp:
    """A client that a token came through, and the counter of it that the token is stamped with."""

    client_id: ClientId
    generation: int


@dataclass(frozen=True, slots=True)
class ExchangeIssue:
    """An access token that another client got for an end-user's: it hangs off the same authorization.

    `generations` stamp it with the counters of now of its own client and those of the authorization;
    `claims` say who acts, and through which clients it came. It expires at `expires_at` at the latest.
    """

    stored: StoredAuthorization
    scope: Scope
    resources: tuple[str, ...]
    generations: Generations
    claims: Mapping[str, object]
    expires_at: NumericDate
    token_type: TokenType
    between: tuple[ClientStamp, ...] = ()
    """The clients that it came through, but for its own and that of the authorization."""
    changes: Changes = ()


Issue = EndUserIssue | ClientIssue | ExchangeIssue | ApiKeyIssue


@dataclass(frozen=True, slots=True)
class Replay:
    """The identical reply again: `body` is what the first use was answered."""

    body: bytes = field(repr=False)
    changes: Changes = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """A refusal, with what it must change all the same (a replayed code revokes what it bought)."""

    error: OAuthError
    changes: Changes = ()


Decision = EndUserIssue | ClientIssue | ExchangeIssue | ApiKeyIssue | Replay | Refuse
