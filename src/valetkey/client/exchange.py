"""Requests to the token endpoint and what comes back (OAuth 2.1, 3.2 and 4; RFC 8414, 3.3)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from valetkey.oauth.types import ClientId, Scope, SecretText

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FORM: Final = ("content-type", "application/x-www-form-urlencoded")
_ACCEPT: Final = ("accept", "application/json")


class FlowError(Exception):
    """A flow cannot go on: `code` is the server's error code, or ours where the answer cannot be trusted."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Server:
    """The endpoints of an authorization server that its metadata named."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    sends_issuer: bool
    """`authorization_response_iss_parameter_supported` (RFC 9207): then a response without `iss` is refused."""

    @classmethod
    def parse(cls, document: bytes, issuer: str) -> Server:
        """Read a metadata document; raises FlowError unless it is the one of `issuer` exactly (RFC 8414, 3.3)."""
        members = _members(document, "invalid_metadata")
        if members.get("issuer") != issuer:  # RFC8414-3.3/issuer
            raise FlowError("invalid_metadata", "The metadata names another issuer than the one that was asked.")
        return cls(
            issuer,
            _text(members, "authorization_endpoint", "invalid_metadata"),
            _text(members, "token_endpoint", "invalid_metadata"),
            members.get("authorization_response_iss_parameter_supported") is True,
        )


def metadata_url(issuer: str) -> str:
    """Return where RFC 8414, 3.1 puts the metadata of `issuer`."""
    parts = urlsplit(issuer)  # RFC8414-3.1/terminating-slash
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.rstrip('/')}"


@dataclass(frozen=True, slots=True)
class FormPost:
    """A POST to send as it is."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """What the token endpoint issued; `expires_in` is seconds."""

    access_token: str = field(repr=False)
    scope: Scope
    expires_in: int | None
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, status: int, body: bytes, asked: Scope) -> TokenResponse:
        """Read the answer; raises FlowError with the server's code for a refusal (OAuth 2.1, 3.2.3 and 3.2.4)."""
        members = _members(body, "invalid_response")
        if status != 200:  # noqa: PLR2004 - the one status of success
            code, description = members.get("error"), members.get("error_description")
            raise FlowError(str(code or "invalid_response"), str(description or f"The server answered {status}."))
        if str(members.get("token_type", "")).lower() != "bearer":
            raise FlowError("invalid_response", "The server issued a token of an unknown type.")
        scope, lifetime = members.get("scope"), members.get("expires_in")
        return cls(
            _text(members, "access_token", "invalid_response"),
            Scope(scope.split()) if isinstance(scope, str) else asked,
            lifetime if isinstance(lifetime, int) else None,
            _optional_text(members, "refresh_token"),
            _optional_text(members, "id_token"),
        )


def token_post(
    server: Server, client_id: ClientId, secret: SecretText | None, form: Sequence[tuple[str, str]]
) -> FormPost:
    """Return the POST of `form`: a public client names itself in it, a confidential one uses Basic.

    Both parts of the credentials are form-encoded first (RFC 6749, 2.3.1).
    """
    headers: tuple[tuple[str, str], ...] = (_FORM, _ACCEPT)
    if secret is None:
        form = (*form, ("client_id", client_id))
    else:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
        headers = (*headers, ("authorization", "Basic " + b64encode(pair.encode()).decode()))
    return FormPost(server.token_endpoint, headers, urlencode(form).encode())


def client_credentials_request(
    server: Server, client_id: ClientId, secret: SecretText, scope: Scope, resource: str | None
) -> FormPost:
    """Return the request of a client that acts for itself (OAuth 2.1, 4.2)."""
    form = [("grant_type", "client_credentials"), *_rights(scope, resource)]
    return token_post(server, client_id, secret, form)


def refresh_request(
    server: Server, client_id: ClientId, secret: SecretText | None, refresh_token: SecretText
) -> FormPost:
    """Return the request that redeems a refresh token for all it stands for (OAuth 2.1, 4.3)."""
    form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.reveal())]
    return token_post(server, client_id, secret, form)


def _rights(scope: Scope, resource: str | None) -> list[tuple[str, str]]:
    named = [("scope", str(scope))] if scope else []
    return [*named, ("resource", resource)] if resource else named


def _members(document: bytes, code: str) -> Mapping[str, object]:
    try:
        members = msgspec.json.decode(document, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FlowError(code, "The answer is not a JSON object.") from None
    return members


def _text(members: Mapping[str, object], name: str, code: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise FlowError(code, f"The answer lacks {name}.")
    return value


def _optional_text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and value else None
