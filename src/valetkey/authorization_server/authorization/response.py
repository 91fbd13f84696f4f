"""What goes back to the client through the browser (RFC 6749, 4.1.2; OpenID Connect Core, 3.2.2.5 and 3.3.2.5)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.authorization_server.authorization.forwarding import Forwarding
from valetkey.authorization_server.authorization.response_types import ResponseMode
from valetkey.authorization_server.mint import MintedAccessToken
from valetkey.authorization_server.pages import FormPostPage, FormTarget, Page
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ERRORS
from valetkey.oauth.http import HttpResponse, see_other
from valetkey.oauth.redirect_uri import VerifiedRedirect
from valetkey.oauth.types import OpaqueToken, Scope

if TYPE_CHECKING:
    from valetkey.oauth.errors import OAuthError
    from valetkey.oauth.types import Issuer

Pairs = tuple[tuple[str, str], ...]
"""Response parameters by name, each of which occurs once."""

_IN_THE_ADDRESS: Final = {ResponseMode.QUERY: "?", ResponseMode.FRAGMENT: "#"}


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
    """Where a response goes and how; `state` is the client's own, `client_name` is for people to read."""

    to: VerifiedRedirect
    state: str | None
    mode: ResponseMode = ResponseMode.QUERY
    client_name: str = ""


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a success carries: None for what was not asked for. A refresh token is none of it."""

    code: OpaqueToken | None = None
    access_token: MintedAccessToken | None = None
    scope: Scope | None = None
    """What the access token carries."""
    id_token: str | None = field(default=None, repr=False)
    session_state: str | None = None
    """By which the client's page watches the login state (OpenID Connect Session Management, 2)."""

    def pairs(self) -> Pairs:
        """Return the parameters of the response but for those that every response has."""
        # OAUTHMRT-3/id-token OAUTHMRT-5/code-token OAUTHMRT-5/code-id-token OAUTHMRT-5/id-token-token
        # OAUTHMRT-5/code-id-token-token
        found: dict[str, str] = {}
        if self.code is not None:
            found["code"] = self.code.reveal()
        minted = self.access_token
        if minted is not None:
            # RFC6749-4.2.2/token RFC6749-4.2.2/no-refresh-token
            found["access_token"] = minted.value
            found["token_type"] = "Bearer"  # noqa: S105 - OIDCC-3.2.2.5/token-type
            found["expires_in"] = str(minted.expires_in)
            found["scope"] = str(self.scope)
        if self.id_token is not None:
            found["id_token"] = self.id_token  # OIDCC-3.2.2.5/id-token
        if self.session_state is not None:
            found["session_state"] = self.session_state  # OIDCSM-2/session-state
        return tuple(found.items())


def delivered(addressee: Addressee, answer: Pairs, issuer: Issuer) -> HttpResponse | Page:
    """Return what brings `answer` to the client: a redirect, or the page that posts it."""
    onward = way_to(addressee, answer, issuer)
    if isinstance(onward, FormTarget):
        return Page(FormPostPage(onward, addressee.client_name, addressee.to.host))
    return see_other(onward)


def way_to(addressee: Addressee, answer: Pairs, issuer: Issuer) -> str | FormTarget:
    """Return the redirect URI with `answer` in its query or fragment, or the form that posts it there.

    Raises ValueError for a token that would stand in a query.
    """
    parameters, uri = _parameters(addressee, answer, issuer), addressee.to.uri
    if addressee.mode is ResponseMode.FORM_POST:
        # OAUTHFP-2/action OAUTHFP-2/post
        return FormTarget(uri, parameters, addressee.to.origin_or_scheme)
    if addressee.mode is ResponseMode.QUERY and {"access_token", "id_token"} & dict(parameters).keys():
        raise ValueError("a token never stands in a query")
    mark = _IN_THE_ADDRESS[addressee.mode]
    joint = "&" if mark in uri else mark
    return f"{uri}{joint}{urlencode(parameters)}"


def error_addressee(refusal: RedirectError) -> Addressee:
    """Return where a refusal goes: as the success would have gone (Multiple Response Types, 5)."""
    return Addressee(refusal.to, refusal.state, refusal.mode, refusal.client_name)


def error_pairs(refusal: RedirectError) -> Pairs:
    """Return the parameters of an error but for those that every response has."""
    error = refusal.error
    # Descriptions are fixed texts in the characters of RFC6749-4.1.2.1/characters.
    return (("error", error.code.value), ("error_description", error.description))


def _parameters(addressee: Addressee, answer: Pairs, issuer: Issuer) -> Pairs:
    """Return every parameter of a response, whatever its mode and whether it is a success or an error."""
    # RFC6749-4.1.2/state RFC6749-4.1.2.1/state RFC6749-4.2.2/state RFC6749-4.2.2.1/state
    # OAUTHMRT-3/state OIDCC-3.2.2.5/state
    echoed = () if addressee.state is None else (("state", addressee.state),)
    return (*answer, *echoed, ("iss", issuer.url))  # RFC9207-2/issuer
