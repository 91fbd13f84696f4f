"""Who may make an administrative call: a client, by an access token of its own for these calls (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from valetkey.authorization_server import paths
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.presented_token import genuine_access_token, holder_of
from valetkey.authorization_server.self_registration.bearer import bearer_of
from valetkey.jose import JoseError
from valetkey.jose.records import dataclass
from valetkey.oauth.access_token import CredentialKind, PrincipalKind
from valetkey.oauth.challenge import Challenge
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import ClientId

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.types import Issuer


@dataclass(frozen=True, slots=True)
class Administrator:
    """The client that calls, whose name the audit trail bears, and the moment."""

    client_id: ClientId
    fresh: Fresh


class Call(Protocol):
    """What an administrator asked for; raises OAuthError and Unavailable."""

    async def __call__(
        self, request: HttpRequest, server: AuthorizationServer, administrator: Administrator
    ) -> HttpResponse:
        """Answer an administrator."""
        ...


@dataclass(frozen=True, slots=True)
class Admitted:
    """The endpoint of a call: nobody reaches the call but who has `scope`, so that no call can forget it."""

    scope: str
    call: Call

    async def __call__(self, request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
        """Answer an administrator; raises OAuthError with a challenge to everybody else."""
        fresh = server.fresh()
        token = await _judged(request, server, fresh)
        if self.scope not in token.scope:
            reason = f"The call needs the scope {self.scope}."
            raise _forbidden(reason, "RFC6750-3.1/insufficient-scope", self.scope)
        return await self.call(request, server, Administrator(token.client_id, fresh))


def audience(issuer: Issuer) -> str:
    """Return the identifier of the resource server that the administrative calls are."""
    return issuer.endpoint(paths.ADMINISTRATION)


async def _judged(request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> AccessToken:
    presented = bearer_of(request)
    if presented is None:
        raise OAuthError(
            ErrorCode.INVALID_TOKEN,
            "An access token is needed.",
            "RFC6750-3.1/no-token",
            headers=(("www-authenticate", str(Challenge("Bearer"))),),
        )
    try:
        token = await genuine_access_token(presented.reveal(), server, fresh.now)
    except JoseError as error:
        raise _invalid_token(error.code) from None
    if audience(server.issuer) not in token.audience:
        raise _invalid_token("audience")
    if "cnf" in token.claims:
        # Nothing here proves that the caller holds the key that the token is bound to.
        raise _invalid_token("confirmation")
    if await holder_of(token, server, fresh.now) is None:
        raise _invalid_token("holder")
    if token.principal is not PrincipalKind.CLIENT or token.credential is not CredentialKind.ACCESS_TOKEN:
        # What an end-user consented to, and what somebody holds as an API key, administers nothing.
        raise _forbidden("The call is for clients that act for themselves.", "RFC6750-3.1/insufficient-scope")
    return token


def _invalid_token(detail: str) -> OAuthError:
    description = "The access token is not valid here, or not any more."
    challenge = Challenge("Bearer", (("error", "invalid_token"), ("error_description", description)))
    return OAuthError(
        ErrorCode.INVALID_TOKEN,
        description,
        "RFC6750-3.1/invalid-token",
        detail=detail,
        headers=(("www-authenticate", str(challenge)),),
    )


def _forbidden(description: str, requirement: str, scope: str | None = None) -> OAuthError:
    said = (("error", "insufficient_scope"), ("error_description", description))
    challenge = Challenge("Bearer", said if scope is None else (*said, ("scope", scope)))
    return OAuthError(
        ErrorCode.INSUFFICIENT_SCOPE,
        description,
        requirement,
        headers=(("www-authenticate", str(challenge)),),
    )
