"""What goes back to the client through the browser: a code or an error (RFC 6749, 4.1.2; RFC 9207)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from valetkey.authorization_server.authorization.forwarding import Forwarding
from valetkey.oauth.errors import ERRORS
from valetkey.oauth.http import see_other

if TYPE_CHECKING:
    from valetkey.oauth.errors import OAuthError
    from valetkey.oauth.http import HttpResponse
    from valetkey.oauth.redirect_uri import VerifiedRedirect
    from valetkey.oauth.types import Issuer, OpaqueToken


class RedirectError(Exception):
    """A refusal that the client learns at its own, verified redirect URI (RFC 6749, 4.1.2.1)."""

    def __init__(
        self,
        to: VerifiedRedirect,
        error: OAuthError,
        state: str | None,
        forwarding: Forwarding = Forwarding.REDIRECT,
        client_name: str = "",
    ) -> None:
        super().__init__(str(error))
        if not ERRORS[error.code].redirectable:
            raise ValueError(f"{error.code.value} is no error of the authorization endpoint")
        self.to = to
        self.error = error
        self.state = state
        self.forwarding = forwarding
        self.client_name = client_name


def code_response(to: VerifiedRedirect, code: OpaqueToken, state: str | None, issuer: Issuer) -> HttpResponse:
    """Return the redirect that carries the code."""
    return see_other(_location(to, (("code", code.reveal()),), state, issuer))


def error_response(refusal: RedirectError, issuer: Issuer) -> HttpResponse:
    """Return the redirect that carries the error."""
    return see_other(error_location(refusal, issuer))


def error_location(refusal: RedirectError, issuer: Issuer) -> str:
    """Return the redirect URI with the error in its query."""
    error = refusal.error
    # Descriptions are fixed texts in the characters of RFC6749-4.1.2.1/characters.
    answer = (("error", error.code.value), ("error_description", error.description))
    return _location(refusal.to, answer, refusal.state, issuer)


def _location(to: VerifiedRedirect, answer: tuple[tuple[str, str], ...], state: str | None, issuer: Issuer) -> str:
    echoed = () if state is None else (("state", state),)  # RFC6749-4.1.2/state RFC6749-4.1.2.1/state
    query = urlencode((*answer, *echoed, ("iss", issuer.url)))  # RFC9207-2/issuer
    return f"{to.uri}{'&' if '?' in to.uri else '?'}{query}"
