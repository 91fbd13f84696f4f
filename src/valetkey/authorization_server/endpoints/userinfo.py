"""The UserInfo endpoint (OpenID Connect Core, 5.3): claims about the end-user who authorized an access token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.claims import releasable, user_claims
from valetkey.authorization_server.claims_request import NO_CLAIMS
from valetkey.authorization_server.cors import allow_origin, allow_registered_origin, readable
from valetkey.authorization_server.presented_token import genuine_access_token, holder_of
from valetkey.authorization_server.rights import OPENID
from valetkey.authorization_server.subject_identifier import subject_for
from valetkey.authorization_server.userinfo_response import userinfo_response
from valetkey.jose import JoseError
from valetkey.oauth.access_token import PrincipalKind
from valetkey.oauth.challenge import Challenge
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import parse_form

if TYPE_CHECKING:
    from valetkey.authorization_server.claims_request import ClaimsRequest
    from valetkey.authorization_server.presented_token import Holder
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.types import NumericDate

_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with the claims that the token's scope opens and that were asked for one by one (Core, 5.4 and 5.5).

    Raises OAuthError with an RFC 6750 challenge, which the scripts that may call here can read.
    """
    try:
        presented = _presented(request)
        now = server.fresh().now
        token = await _verified(presented, server, now)
        holder = await holder_of(token, server, now)
        if holder is None or holder.end_user is None:
            raise _invalid_token("holder", "RFC6750-3.1/revoked")
    except OAuthError as error:
        # Nobody is known whose origins these could be: a challenge tells nothing but what to do about it.
        # OIDCC-5.3/cors
        raise readable(error, await allow_registered_origin(request, server)) from None
    headers = allow_origin(request, holder.client)
    if OPENID not in token.scope:
        raise readable(_insufficient_scope(), headers)
    asked = _asked(holder)
    told: dict[str, object] = {
        "sub": await subject_for(holder.client, holder.end_user.subject, server),  # OIDCC-5.3.2/subject
        **user_claims(holder.end_user, token.scope, asked.userinfo, asked.locales),
    }
    return await userinfo_response(told, holder.client, headers, server, now)


def _asked(holder: Holder) -> ClaimsRequest:
    """Return what was consented to claim by claim, as far as this client may still have it."""
    if holder.stored is None or holder.end_user is None:
        return NO_CLAIMS
    authorization = holder.stored.authorization
    if authorization.client_id != holder.client.client_id:
        # A token that came from another client's is good for what its scope says, and no more.
        return NO_CLAIMS
    return releasable(authorization.claims, holder.client, holder.end_user)


def _presented(request: HttpRequest) -> str:
    """Return the bearer token of the header or the form; there must be exactly one, and none in the query."""
    in_query = "access_token" in parse_form(request.query)
    in_form = parse_form(request.body).get("access_token") if request.method == "POST" else None
    in_header = request.all_headers(b"authorization")
    if in_query or len(in_header) + (in_form is not None) > 1:
        raise _invalid_request("The access token stands in one place, not in the query.", "RFC6750-2/one-method")
    if in_form is not None:
        return in_form
    if not in_header or not in_header[0].lower().startswith("bearer"):
        raise OAuthError(
            ErrorCode.INVALID_TOKEN,
            "An access token is needed.",
            "RFC6750-3.1/no-token",
            headers=(("www-authenticate", str(Challenge("Bearer"))),),
        )
    match = _BEARER.fullmatch(in_header[0])
    if match is None:
        raise _invalid_request("The Authorization header carries no bearer token.", "RFC6750-2.1/syntax")
    return match.group(1)


async def _verified(presented: str, server: AuthorizationServer, now: NumericDate) -> AccessToken:
    try:
        token = await genuine_access_token(presented, server, now)
    except JoseError as error:
        raise _invalid_token(error.code, "RFC6750-3.1/invalid-token") from None
    if server.issuer.url not in token.audience:
        raise _invalid_token("audience", "RFC6750-3.1/invalid-token")
    if token.principal is not PrincipalKind.END_USER:
        raise _invalid_token("principal", "OIDCC-5.3.1/end-user")
    return token


def _invalid_request(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)


def _invalid_token(detail: str, requirement: str) -> OAuthError:
    description = "The access token is not valid here, or not any more."
    challenge = Challenge("Bearer", (("error", "invalid_token"), ("error_description", description)))
    return OAuthError(
        ErrorCode.INVALID_TOKEN,
        description,
        requirement,
        detail=detail,
        headers=(("www-authenticate", str(challenge)),),
    )


def _insufficient_scope() -> OAuthError:
    description = "UserInfo needs the scope openid."
    parameters = (("error", "insufficient_scope"), ("error_description", description), ("scope", OPENID))
    return OAuthError(
        ErrorCode.INSUFFICIENT_SCOPE,
        description,
        "RFC6750-3.1/insufficient-scope",
        headers=(("www-authenticate", str(Challenge("Bearer", parameters))),),
    )
