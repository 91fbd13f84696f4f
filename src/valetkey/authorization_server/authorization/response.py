"""What goes back to the client through the browser: a code or an error (RFC 6749, 4.1.2; RFC 9207)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from valetkey.authorization_server.authorization.forwarding import Forwarding
from valetkey.authorization_server.authorization.response_types import ResponseMode
from valetkey.oauth.errors import ERRORS
from valetkey.oauth.http import see_other
from valetkey.oauth.redirect_uri import VerifiedRedirect

if TYPE_CHECKING:
    from valetkey.authorization_server.mint import MintedAccessToken
    from valetkey.oauth.errors import OAuthError
    from valetkey.oauth.http import HttpResponse
    from valetkey.oauth.types import Issuer, OpaqueToken, Scope


class RedirectError(Exception):
    """A refusal that the client learns at its own, verified redirect URI (RFC 6749, 4.1.2.1 and 4.2.2.1)."""

    def __init__(
        self,
        to: VerifiedRedirect,
        error: OAuthError,
        state: str | None,
        forwarding: Forwarding = Forwarding.REDIRECT,
        client_name: str = "",
        *,
        mode: ResponseMode = ResponseMode.QUERY,
    ) -> None:
        super().__init__(str(error))
        if not ERRORS[error.code].redirectable:
            raise ValueError(f"{error.code.value} is no error of the authorization endpoint")
        self.to = to
        self.error = error
        self.state = state
        self.forwarding = forwarding
        self.client_name = client_name
        self.mode = mode


@dataclass(frozen=True, slots=True)
class Addressee:
    """Where a response goes and how; `state` is the client's own."""

    to: VerifiedRedirect
    state: str | None
    mode: ResponseMode = ResponseMode.QUERY


def code_response(to: VerifiedRedirect, code: OpaqueToken, state: str | None, issuer: Issuer) -> HttpResponse:
    """Return the redirect that carries the code."""
    return see_other(_location(Addressee(to, state), (("code", code.reveal()),), issuer))


def token_response(addressee: Addressee, minted: MintedAccessToken, scope: Scope, issuer: Issuer) -> HttpResponse:
    """Return the redirect that carries an access token (RFC 6749, 4.2.2); no refresh token ever stands there."""
    if addressee.mode is ResponseMode.QUERY:
        raise ValueError("an access token never stands in a query")
    answer = (
        ("access_token", minted.value),  # RFC6749-4.2.2/token RFC6749-4.2.2/no-refresh-token
        ("token_type", "Bearer"),
        ("expires_in", str(minted.expires_in)),
        ("scope", str(scope)),
    )
    return see_other(_location(addressee, answer, issuer))


def error_response(refusal: RedirectError, issuer: Issuer) -> HttpResponse:
    """Return the redirect that carries the error."""
    return see_other(error_location(refusal, issuer))


def error_location(refusal: RedirectError, issuer: Issuer) -> str:
    """Return the redirect URI with the error in its query, or in its fragment where a token was asked for."""
    error = refusal.error
    # Descriptions are fixed texts in the characters of RFC6749-4.1.2.1/characters.
    answer = (("error", error.code.value), ("error_description", error.description))
    return _location(Addressee(refusal.to, refusal.state, refusal.mode), answer, issuer)


def _location(addressee: Addressee, answer: tuple[tuple[str, str], ...], issuer: Issuer) -> str:
    uri, state = addressee.to.uri, addressee.state
    # RFC6749-4.1.2/state RFC6749-4.1.2.1/state RFC6749-4.2.2/state RFC6749-4.2.2.1/state
    echoed = () if state is None else (("state", state),)
    parameters = urlencode((*answer, *echoed, ("iss", issuer.url)))  # RFC9207-2/issuer
    if addressee.mode is ResponseMode.FRAGMENT:
        return f"{uri}#{parameters}"
    return f"{uri}{'&' if '?' in uri else '?'}{parameters}"
