"""Named policy profiles as data: where specifications differ, a profile decides."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

from valetkey.authorization_server.acr_levels import ACR_LEVELS, AcrLevel
from valetkey.authorization_server.registered import RegistrationMode
from valetkey.jose.records import dataclass
from valetkey.oauth.token_exchange import GRANT_TYPE as TOKEN_EXCHANGE
from valetkey.oauth.types import GrantType, Seconds

IMPLICIT: Final = GrantType("implicit")
"""Served by the authorization endpoint alone (RFC 6749, 4.2)."""


class PkceRule(StrEnum):
    """Who must send a code challenge (RFC 7636; OAuth 2.1, 4.1.1)."""

    REQUIRED = "required"
    OPTIONAL_FOR_CONFIDENTIAL = "optional_for_confidential"


class AssertionAudience(StrEnum):
    """What a client assertion may name as its audience (RFC 7523, 3 and its update)."""

    ISSUER = "issuer"
    ISSUER_OR_TOKEN_ENDPOINT = "issuer_or_token_endpoint"  # noqa: S105 - a rule's name


class SessionBinding(StrEnum):
    """Whether an authorization dies with the browser session that it was made in."""

    BOUND_UNLESS_OFFLINE = "bound_unless_offline"
    """OpenID Connect without `offline_access` is bound; plain OAuth and `offline_access` outlive the session."""


class LoopbackHostRule(StrEnum):
    """Which loopback redirect URIs of native clients take any port (RFC 8252, 7.3)."""

    IP_LITERAL = "ip_literal"
    IP_LITERAL_AND_LOCALHOST = "ip_literal_and_localhost"


class UnknownScopeRule(StrEnum):
    """What a scope name leads to that nobody defined or that the client may not have (RFC 6749, 3.3)."""

    REFUSED = "refused"
    """`invalid_scope`."""
    IGNORED = "ignored"
    """Dropped; the granted scope is returned (OpenID Connect Core, 3.1.2.1)."""


class RedirectUriRepetition(StrEnum):
    """Whether a token request repeats the redirect URI of its authorization request."""

    OPTIONAL = "optional"
    """It may be left out; where it is sent, it must be the same (OAuth 2.1, 4.1.3)."""
    REQUIRED_IF_SENT = "required_if_sent"
    """What the authorization request sent, the token request repeats (RFC 6749, 4.1.3)."""


class IntrospectionRule(StrEnum):
    """Whose tokens the introspection endpoint tells a caller about (RFC 7662, 4)."""

    AUDIENCE = "audience"
    """Only those whose audience is a resource server that the caller speaks for."""
    AUDIENCE_OR_OWN = "audience_or_own"
    """Those, and a confidential client's own access and refresh tokens."""


class UntrustedRedirectRule(StrEnum):
    """What becomes of an error for a client that nobody vouches for (RFC 9700, 4.11.2)."""

    PAGE = "page"
    """A page names the host, and only the end-user's click goes there."""
    AUTOMATIC = "automatic"
    """It is redirected like that of any other client (OpenID Connect Core, 3.1.2.6)."""


class LogoutConfirmation(StrEnum):
    """Whether an end-user is asked before a client's logout request signs them out (RP-Initiated Logout, 2)."""

    ALWAYS = "always"
    """A page asks, whatever the client brought."""
    UNLESS_HINTED = "unless_hinted"
    """Not where an `id_token_hint` names an end-user who is signed in with this browser."""


class SessionManagement(StrEnum):
    """Whether a client's page can watch the login state in a frame of ours (Session Management, 3)."""

    OFF = "off"
    ON = "on"
    """A cookie that scripts of this origin read is sent with the frame, whatever site that is in."""


class UnverifiedPagesRule(StrEnum):
    """How the pages are shown that a client names of which nobody knows who runs it (RFC 7591, 5)."""

    TEXT = "text"
    """By their host alone: nothing of ours leads there, and its logo is not shown."""
    LINKS = "links"
    """As links with a warning, and with its logo (OpenID Connect Registration, 2)."""


class ClientUrlRule(StrEnum):
    """What a `client_id` is that is a URL and that nobody registered (Client ID Metadata Document)."""

    UNKNOWN = "unknown"
    """An unknown client."""
    READ = "read"
    """The URL of a document in which the client introduces itself."""


class RequestObjectRule(StrEnum):
    """Which parameters count of a request that brings a request object."""

    ALONE = "alone"
    """Those of the object, which says from whom and for whom it is, and until when (RFC 9101, 6.3)."""
    SUPERSEDES = "supersedes"
    """Those beside it too, where the object does not have them (OpenID Connect Core, 6.1)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One named set of rules; all lifetimes are seconds."""

    name: str
    pkce: PkceRule = PkceRule.REQUIRED
    grant_types: frozenset[GrantType] = frozenset(
        {
            GrantType("authorization_code"),
            GrantType("client_credentials"),
            GrantType("refresh_token"),
            GrantType("urn:ietf:params:oauth:grant-type:device_code"),
            GrantType(TOKEN_EXCHANGE),
            GrantType("urn:ietf:params:oauth:grant-type:jwt-bearer"),
        }
    )
    response_types: frozenset[str] = frozenset({"code"})
    response_modes: frozenset[str] = frozenset({"query"})
    assertion_audience: AssertionAudience = AssertionAudience.ISSUER
    assertion_lifetime: Seconds = Seconds(300)
    unknown_scope: UnknownScopeRule = UnknownScopeRule.REFUSED
    redirect_uri_repetition: RedirectUriRepetition = RedirectUriRepetition.OPTIONAL
    loopback_hosts: LoopbackHostRule = LoopbackHostRule.IP_LITERAL
    session_binding: SessionBinding = SessionBinding.BOUND_UNLESS_OFFLINE
    introspection: IntrospectionRule = IntrospectionRule.AUDIENCE_OR_OWN
    client_urls: ClientUrlRule = ClientUrlRule.UNKNOWN
    request_objects: RequestObjectRule = RequestObjectRule.ALONE
    request_object_lifetime: Seconds = Seconds(86_400)
    """For how long at most a request object is good that is used once (`jti`)."""
    registration: RegistrationMode = RegistrationMode.CLOSED
    """Who may register clients, where the tenant does not say (RFC 7591)."""
    untrusted_redirect: UntrustedRedirectRule = UntrustedRedirectRule.PAGE
    unverified_pages: UnverifiedPagesRule = UnverifiedPagesRule.TEXT
    logout_confirmation: LogoutConfirmation = LogoutConfirmation.ALWAYS
    session_management: SessionManagement = SessionManagement.OFF
    registration_interval: Seconds = Seconds(30)
    """Until one more client may register itself from one network, without an initial access token."""
    most_registrations_at_once: int = 20
    """From one network, before it has to wait."""
    most_registrations: int = 10_000
    """Clients that registered themselves and are there at once."""
    unused_registration_lifetime: Seconds = Seconds(7 * 86_400)
    """How long a client that registered itself waits for its first end-user."""
    registration_lifetime: Seconds = Seconds(180 * 86_400)
    """How long it is kept after the last one allowed it something."""
    code_lifetime: Seconds = Seconds(60)
    access_token_lifetime: Seconds = Seconds(300)
    id_token_lifetime: Seconds = Seconds(300)
    refresh_token_idle_lifetime: Seconds = Seconds(14 * 86_400)
    authorization_lifetime: Seconds = Seconds(90 * 86_400)
    """A refresh token family ends then at the latest, however often it is used."""
    replay_window: Seconds = Seconds(30)
    """How long a superseded refresh token gets the same reply again while its successor is unused."""
    interaction_lifetime: Seconds = Seconds(15 * 60)
    device_code_lifetime: Seconds = Seconds(10 * 60)
    device_polling_interval: Seconds = Seconds(5)
    """How long a device waits between two polls, as long as it was not told to slow down (RFC 8628, 3.2)."""
    session_idle_lifetime: Seconds = Seconds(8 * 3_600)
    session_lifetime: Seconds = Seconds(24 * 3_600)
    consent_lifetime: Seconds = Seconds(365 * 86_400)
    acr_levels: tuple[AcrLevel, ...] = ACR_LEVELS
    """What `acr` can say of a sign-in, from weak to strong."""


OAUTH_2_1: Final = Policy("OAUTH_2_1")
OPENID: Final = replace(
    OAUTH_2_1,
    name="OPENID",
    pkce=PkceRule.OPTIONAL_FOR_CONFIDENTIAL,
    grant_types=OAUTH_2_1.grant_types | {IMPLICIT},
    response_types=OAUTH_2_1.response_types
    | {"id_token", "id_token token", "code id_token", "code token", "code id_token token"},
    response_modes=OAUTH_2_1.response_modes | {"fragment", "form_post"},
    assertion_audience=AssertionAudience.ISSUER_OR_TOKEN_ENDPOINT,
    unknown_scope=UnknownScopeRule.IGNORED,
    redirect_uri_repetition=RedirectUriRepetition.REQUIRED_IF_SENT,
    untrusted_redirect=UntrustedRedirectRule.AUTOMATIC,
    unverified_pages=UnverifiedPagesRule.LINKS,
    registration_interval=Seconds(5),
    most_registrations_at_once=100,
    logout_confirmation=LogoutConfirmation.UNLESS_HINTED,
    session_management=SessionManagement.ON,
    request_objects=RequestObjectRule.SUPERSEDES,
)
MCP: Final = replace(
    OAUTH_2_1,
    name="MCP",
    loopback_hosts=LoopbackHostRule.IP_LITERAL_AND_LOCALHOST,
    unknown_scope=UnknownScopeRule.IGNORED,
    client_urls=ClientUrlRule.READ,
    registration=RegistrationMode.OPEN,
)
LEGACY: Final = replace(
    OAUTH_2_1,
    name="LEGACY",
    grant_types=OAUTH_2_1.grant_types | {IMPLICIT, GrantType("password")},
    response_types=OAUTH_2_1.response_types | {"token"},
    response_modes=OAUTH_2_1.response_modes | {"fragment"},
)
"""For clients that cannot be changed yet: what OAuth 2.1 removed, and nothing else of it is loosened."""

PROFILES: Final[dict[str, Policy]] = {policy.name: policy for policy in (OAUTH_2_1, OPENID, MCP, LEGACY)}
"""Every profile that settings, tenants and clients can name."""
