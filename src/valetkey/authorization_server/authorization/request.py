"""The stages of an authorization request, from parameters to a request that may be granted (OAuth 2.1, 4.1.1)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.response_types import Artefact, ResponseMode
from valetkey.authorization_server.claims_request import NO_CLAIMS, ClaimsRequest
from valetkey.authorization_server.model import ApplicationType, Client
from valetkey.authorization_server.pages import ErrorKind, ErrorPage
from valetkey.authorization_server.policy import LoopbackHostRule
from valetkey.jose.records import dataclass
from valetkey.oauth import redirect_uri
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.redirect_uri import LoopbackPort, RedirectUriMismatch, VerifiedRedirect
from valetkey.oauth.types import Scope, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.policy import Policy


class Prompt(StrEnum):
    """What a client asks to be done with the end-user (OpenID Connect Core, 3.1.2.1)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request of which only the client and the redirect URI were judged: errors can be redirected from now on."""

    client: Client
    to: VerifiedRedirect
    redirect_uri_was_sent: bool
    state: str | None
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class VerifiedAuthorizationRequest:
    """A request that may be granted as it stands, as far as the end-user allows it."""

    client: Client
    to: VerifiedRedirect
    redirect_uri_was_sent: bool
    state: str | None
    scope: Scope
    resources: tuple[str, ...]
    code_challenge: str | None
    nonce: str | None
    prompt: frozenset[Prompt]
    max_age: int | None
    """Seconds; None when the client does not mind."""
    login_hint: str
    hinted_subject: Subject | None
    """Whom a verified `id_token_hint` names; it never signs anyone in."""
    parameters: Parameters
    """As sent, to be stored while the end-user is asked."""
    artefacts: frozenset[Artefact] = frozenset({Artefact.CODE})
    mode: ResponseMode = ResponseMode.QUERY
    acr_values: tuple[str, ...] = ()
    """The classes of authentication that it would rather have, the best first (OpenID Connect Core, 3.1.2.1)."""
    claims_locales: tuple[str, ...] = ()
    """The languages that it would rather have claims in, the best first (BCP 47)."""
    claims: ClaimsRequest = NO_CLAIMS
    """The single claims that it asks for (OpenID Connect Core, 5.5)."""


class PageRefusal(Exception):
    """A refusal that must not leave our origin: where it would go to is not verified (RFC 6749, 4.1.2.1)."""

    def __init__(self, kind: ErrorKind, error: OAuthError, status: int = 400) -> None:
        super().__init__(str(error))
        self.kind = kind
        self.error = error
        self.page = ErrorPage(kind, error.code.value, status, error.description)


_ANY_PORT: Final = {
    LoopbackHostRule.IP_LITERAL: LoopbackPort.ANY_ON_IP_LITERAL,
    LoopbackHostRule.IP_LITERAL_AND_LOCALHOST: LoopbackPort.ANY_ON_IP_LITERAL_AND_LOCALHOST,
}


def client_of(client: Client | None) -> Client:
    """Return the client that asks; raises PageRefusal when it is unknown or disabled."""
    if client is None or client.disabled:
        error = OAuthError(
            ErrorCode.INVALID_CLIENT, "The client is unknown or disabled.", "RFC6749-4.1.2.1/no-redirect"
        )
        raise PageRefusal(ErrorKind.UNKNOWN_CLIENT, error)
    return client


def addressed(
    parameters: Parameters, repeated: OAuthError | None, client: Client, policy: Policy
) -> AuthorizationRequest:
    """Return the request once its redirect URI is verified; raises PageRefusal (RFC 9700, 2.1).

    `repeated` is the refusal of parameters that were sent more than once: the redirect URI may be one of them.
    """
    requested = parameters.get("redirect_uri")
    if requested is None and repeated is not None:
        raise PageRefusal(ErrorKind.BAD_REDIRECT_URI, repeated)
    try:
        to = (
            redirect_uri.sole(client.redirect_uris)
            if requested is None
            else redirect_uri.verify(requested, client.redirect_uris, loopback_port(client, policy))
        )
    except RedirectUriMismatch as error:
        raise PageRefusal(ErrorKind.BAD_REDIRECT_URI, error) from None
    return AuthorizationRequest(client, to, requested is not None, parameters.get("state"), parameters)


def loopback_port(client: Client, policy: Policy) -> LoopbackPort:
    """Return where the port of this client's redirect URI may differ: only native applications cannot know it."""
    if client.application_type is not ApplicationType.NATIVE:
        return LoopbackPort.AS_REGISTERED
    return _ANY_PORT[policy.loopback_hosts]
