"""Requests to the token endpoint and what comes back (OAuth 2.1, 3.2 and 4)."""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from valetkey.client.authentication import Credentials, Registration
from valetkey.client.discovery import Server
from valetkey.client.errors import FlowError, ResponseRejected, ServerRefused, ServerUnreachable
from valetkey.client.flow import OutgoingRequest, send, this_moment
from valetkey.client.keys import KeyMemory
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from valetkey.client.flow import Flow
    from valetkey.oauth.http import HttpResponse

_FORM: Final = ("content-type", "application/x-www-form-urlencoded")
JSON: Final = "application/json"
HTTP_OK: Final = 200
_HTTP_TOO_MANY: Final = 429
_HTTP_SERVER_ERROR: Final = 500
_LONGEST_PAUSE: Final = 3_600
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Party:
    """Both sides of a request: the server with what is known of its keys, and the client as it knows it."""

    server: Server
    client: Registration
    keys: KeyMemory = field(default_factory=KeyMemory, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """What the token endpoint issued; `expires_in` is seconds, None where the server does not say.

    `issued_token_type` stands in answers to a token exchange alone (RFC 8693, 2.2.1).
    """

    access_token: str = field(repr=False)
    scope: Scope
    expires_in: int | None
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    token_type: str = "Bearer"  # noqa: S105 - the registered name of a type
    issued_token_type: str | None = None

    @classmethod
    def parse(cls, status: int, body: bytes, asked: Scope, *, retry_after: str | None = None) -> TokenResponse:
        """Read the answer to a request for `asked` (OAuth 2.1, 3.2.3 and 3.2.4).

        Raises ServerRefused with the server's code, ServerUnreachable for "later", ResponseRejected for an answer
        that breaks a rule: no `access_token`, a strange `token_type`, a malformed `expires_in` or `scope`.
        """
        members = members_of(status, body, retry_after=retry_after)
        token_type = required_text(members, "token_type")
        if token_type.lower() not in _TOKEN_TYPES:
            raise ResponseRejected("invalid_response", "The server issued a token of an unknown type.")
        access_token = required_text(members, "access_token")
        if not _TOKEN.fullmatch(access_token):
            raise ResponseRejected("invalid_response", "The access_token has characters that no header may hold.")
        return cls(
            access_token,
            _scope(members.get("scope"), asked),
            _lifetime(members.get("expires_in")),
            _optional_text(members, "refresh_token"),
            _optional_text(members, "id_token"),
            _TOKEN_TYPES[token_type.lower()],
            _optional_text(members, "issued_token_type"),
        )


NOT_APPLICABLE: Final = "N_A"
"""The `token_type` of an issued token that is no access token (RFC 8693, 2.2.1)."""
_TOKEN_TYPES: Final = {"bearer": "Bearer", "n_a": NOT_APPLICABLE}


def authenticated_post(
    url: str, credentials: Credentials, form: Sequence[tuple[str, str]], *, accept: str = JSON
) -> OutgoingRequest:
    """Return the POST of `form` to an endpoint, authenticated."""
    headers = (_FORM, ("accept", accept), *credentials.headers)
    return OutgoingRequest(url, headers, urlencode((*form, *credentials.form)).encode())


def token_post(server: Server, credentials: Credentials, form: Sequence[tuple[str, str]]) -> OutgoingRequest:
    """Return the POST of `form` to the token endpoint."""
    return authenticated_post(server.token_endpoint, credentials, form)


def client_credentials_form(scope: Scope, resource: str | None) -> list[tuple[str, str]]:
    """Return what a client that acts for itself asks (OAuth 2.1, 4.2)."""
    return [("grant_type", "client_credentials"), *rights(scope, (resource,) if resource else ())]


def refresh_form(refresh_token: str, scope: Scope = Scope(), resource: str | None = None) -> list[tuple[str, str]]:
    """Return what redeems a refresh token, for all it stands for or for a part (OAuth 2.1, 4.3)."""
    form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)]
    return [*form, *rights(scope, (resource,) if resource else ())]


def rights(scope: Scope, resources: Sequence[str]) -> list[tuple[str, str]]:
    """Return the parameters that name rights: none for an empty scope (RFC 8707, 2)."""
    named = [("scope", str(scope))] if scope else []
    return [*named, *(("resource", resource) for resource in resources)]


def ask(party: Party, url: str, form: Sequence[tuple[str, str]], *, accept: str = JSON) -> Flow[HttpResponse]:
    """Send `form` to an endpoint as the client, and return the response."""
    moment = yield from this_moment()
    client = party.client
    credentials = client.authentication.credentials(client.client_id, party.server.issuer, moment)
    return (yield from send(authenticated_post(url, credentials, form, accept=accept)))


def redeem(party: Party, form: Sequence[tuple[str, str]], asked: Scope) -> Flow[TokenResponse]:
    """Return the bearer token that `form` buys; raises as TokenResponse.parse does."""
    response = yield from ask(party, party.server.token_endpoint, form)
    tokens = token_response(response, asked)
    if tokens.token_type == NOT_APPLICABLE:
        raise ResponseRejected("invalid_response", "The server issued no bearer token.")
    return tokens


def token_response(response: HttpResponse, asked: Scope) -> TokenResponse:
    """Read a response to a request for `asked`; raises as TokenResponse.parse does."""
    retry_after = response.header("retry-after")
    return TokenResponse.parse(response.status, response.body, asked, retry_after=retry_after)


def members_of(status: int, body: bytes, *, retry_after: str | None = None) -> Mapping[str, object]:
    """Return the JSON object of a 200; raises the FlowError that any other answer is."""
    try:
        members = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = None
    if status != HTTP_OK:
        raise refusal_of(status, members or {}, retry_after)
    if members is None:
        raise ResponseRejected("invalid_response", "The answer is not a JSON object.")
    return members


def refusal_of(status: int, members: Mapping[str, object], retry_after: str | None = None) -> FlowError:
    """Return the error that an answer other than 200 means (OAuth 2.1, 3.2.4)."""
    code, description = members.get("error"), members.get("error_description")
    words = description if isinstance(description, str) else f"The server answered {status}."
    if status >= _HTTP_SERVER_ERROR or status == _HTTP_TOO_MANY:
        return ServerUnreachable(f"The server answered {status}.", retry_after=_pause(retry_after))
    if isinstance(code, str) and code:
        return ServerRefused(code, words, status=status)
    return ResponseRejected("invalid_response", f"The server answered {status} without an error code.")


def required_text(members: Mapping[str, object], name: str) -> str:
    """Return a member that must be a non-empty string; raises ResponseRejected where it is not."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise ResponseRejected("invalid_response", f"The answer lacks {name}.")
    return value


def _optional_text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise ResponseRejected("invalid_response", f"The {name} of the answer is no string.")
    return value or None


def _scope(value: object, asked: Scope) -> Scope:
    if value is None:
        # Absent means what was asked for (OAuth 2.1, 3.2.3).
        return asked
    if not isinstance(value, str):
        raise ResponseRejected("invalid_response", "The scope of the answer is no string.")
    try:
        return Scope.parse(value)
    except OAuthError:
        raise ResponseRejected("invalid_response", "The scope of the answer is malformed.") from None


def _lifetime(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ResponseRejected("invalid_response", "The expires_in of the answer is no number of seconds.")
    return value


def _pause(retry_after: str | None) -> int | None:
    if retry_after is None or not retry_after.isascii() or not retry_after.isdigit():
        return None
    return min(int(retry_after[:6]), _LONGEST_PAUSE)
