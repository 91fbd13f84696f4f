"""The Protocol of a client-authentication method (RFC 6749, 2.3), and what all methods share."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.authorization_server.policy import Policy
from valetkey.jose import JwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import ClientId, Issuer, NumericDate, SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import BurnJti
    from valetkey.authorization_server.model import Client
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.parameters import Parameters

BASIC_CHALLENGE: Final = (("www-authenticate", 'Basic realm="token", charset="UTF-8"'),)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a request says its client is, and with what it wants to prove it; nothing of it is believed yet."""

    method: AuthenticationMethod
    client_id: ClientId
    proof: SecretText | None = None
    """A client secret or a client assertion."""
    source: str = ""
    """The address of the one who says so."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What proofs are judged against."""

    issuer: Issuer
    token_endpoint: str
    policy: Policy
    """The client's."""
    now: NumericDate
    keys: JwkSet | None = None
    """What stands at the `jwks_uri` of a client that has one."""
    secrets: tuple[SecretText, ...] = field(default=(), repr=False)
    """The live secrets of a client whose method needs them opened."""


class ClientAuthenticationMethod(Protocol):
    """One way in which a client proves who it is. Stateless."""

    name: AuthenticationMethod

    def parse(self, request: HttpRequest, form: Parameters) -> Credentials | None:
        """Return the credentials of this method, None where the request carries none; raises OAuthError."""
        ...

    def verify(self, proof: SecretText | None, client: Client, expected: Expectation) -> tuple[BurnJti, ...]:
        """Return what the proof uses up; raises OAuthError `invalid_client` unless it is the client's."""
        ...


def invalid_client(detail: str) -> OAuthError:
    """Return the one answer to every failed authentication: it does not tell whether the client exists."""
    return OAuthError(
        ErrorCode.INVALID_CLIENT, "Client authentication failed.", "RFC6749-5.2/invalid-client", detail=detail
    )


def invalid_client_in_header(detail: str) -> OAuthError:
    """Return the same answer to a client that tried the `Authorization` header (RFC 6749, 5.2)."""
    return OAuthError(
        ErrorCode.INVALID_CLIENT,
        "Client authentication failed.",
        "RFC6749-5.2/challenge",
        detail=detail,
        headers=BASIC_CHALLENGE,
    )


def invalid_request(description: str, requirement: str) -> OAuthError:
    """Return the refusal of a request that is malformed rather than forged."""
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)
