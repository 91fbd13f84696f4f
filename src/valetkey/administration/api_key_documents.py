"""What an administrative call about API keys may say, read strictly: every member is known, and of its type."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from valetkey.administration.api_keys import DEFAULT_OVERLAP, LONGEST_OVERLAP, ApiKeyFields
from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.api_key import ApiKeyQuestion, KeyRequest, OwnerKind
from valetkey.jose import JoseError
from valetkey.jose.encoding import parse_json_object
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import NumericDate, Scope, Seconds, TokenDigest

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpRequest

LARGEST_PAGE: Final = 100
DEFAULT_PAGE: Final = 50
_LONGEST_KEY: Final = 255
_PRINTABLE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_STATED: Final = frozenset(
    {"key_id", "status", "created_at", "revoked_at", "last_used_at", "secrets", "version", "api_key"}
)
"""Members that only the server states."""

_Document = TypeVar("_Document", bound=msgspec.Struct)


class NewApiKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The body of a POST that creates a key; times are seconds since the epoch."""

    name: str
    owner_kind: OwnerKind
    owner: str
    resources: tuple[str, ...]
    scope: str = ""
    limit: str | None = None
    expires_at: int | None = None

    def fields(self) -> ApiKeyFields:
        """Return what is said of the key; raises ActRefused."""
        return ApiKeyFields(
            self.name, _scope(self.scope), self.resources, NumericDate(self.expires_at or 0), self.limit
        )


class ChangedApiKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The body of a PATCH: what is left out stays, null takes away what may be absent."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    resources: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    scope: str | msgspec.UnsetType = msgspec.UNSET
    limit: str | msgspec.UnsetType | None = msgspec.UNSET
    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET

    def fields(self) -> ApiKeyFields:
        """Return what is said of the key; raises ActRefused."""
        return ApiKeyFields(
            None if self.name is msgspec.UNSET else self.name,
            None if self.scope is msgspec.UNSET else _scope(self.scope),
            None if self.resources is msgspec.UNSET else self.resources,
            None if self.expires_at is msgspec.UNSET else NumericDate(self.expires_at or 0),
            None if self.limit is msgspec.UNSET else (self.limit or ""),
        )


class Rotation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The body of a POST that rotates a key: for how many seconds the secrets before the new one stay good."""

    keep_for: int = DEFAULT_OVERLAP

    def overlap(self) -> Seconds:
        """Return it; raises ActRefused for what is no overlap."""
        if not 0 <= self.keep_for <= LONGEST_OVERLAP:
            raise ActRefused(f"keep_for: expected 0 to {LONGEST_OVERLAP} seconds")
        return Seconds(self.keep_for)


class Nothing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A body that says nothing."""


def read_document(body: bytes, kind: type[_Document]) -> _Document:
    """Return what a JSON object says, an absent one says nothing; raises ActRefused for anything else in it."""
    try:
        members = parse_json_object(body) if body else {}
    except JoseError:
        raise ActRefused("the body is no JSON object without repeated members") from None
    for name in members:
        if name in _STATED:
            raise ActRefused(f"{name} is stated by the server alone")
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        raise ActRefused(str(error)[:300]) from None


def asked_page(query: bytes) -> ApiKeyQuestion:
    """Return which keys a list asks for: a page is capped, and what is asked beside it refused by ActRefused."""
    try:
        asked = parse_form(query)
    except OAuthError:
        raise ActRefused("the query cannot be read") from None
    unknown = sorted(asked.names() - {"limit", "after", "owner"})
    if unknown:
        raise ActRefused(f"the list knows limit, after and owner, not {unknown[0][:50]}")
    limit = asked.get("limit")
    if limit is not None and (not _DIGITS.fullmatch(limit) or int(limit) < 1):
        raise ActRefused(f"limit: expected a number from 1 to {LARGEST_PAGE}")
    size = DEFAULT_PAGE if limit is None else min(int(limit), LARGEST_PAGE)
    after = asked.get("after")
    return ApiKeyQuestion(size, (NumericDate(0), "") if after is None else _position(after), asked.get("owner"))


def cursor(created_at: NumericDate, key_id: str) -> str:
    """Return what a list is asked for after a key."""
    return urlsafe_b64encode(f"{created_at}.{key_id}".encode()).rstrip(b"=").decode()


def asked_again(request: HttpRequest, client_id: str, document: msgspec.Struct) -> KeyRequest | None:
    """Return by which Idempotency-Key a client asks for something, None without; a bad one is ActRefused."""
    found = request.all_headers(b"idempotency-key")
    if not found:
        return None
    if len(found) > 1 or len(found[0]) > _LONGEST_KEY or not _PRINTABLE.fullmatch(found[0]):
        raise ActRefused(f"Idempotency-Key: expected one of 1 to {_LONGEST_KEY} printable characters")
    # No client_id has a NUL in it: what one client asks for is never taken for another's.
    asked = sha256(b"\0".join((client_id.encode(), found[0].encode()))).digest()
    return KeyRequest(TokenDigest(asked), TokenDigest(sha256(msgspec.json.encode(document)).digest()))


def _position(text: str) -> tuple[NumericDate, str]:
    try:
        moment, _, key_id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(".")
    except ValueError:
        moment, key_id = "", ""
    if not _DIGITS.fullmatch(moment) or not key_id:
        raise ActRefused("after: expected the next of a list before")
    return NumericDate(int(moment)), key_id


def _scope(text: str) -> Scope:
    try:
        return Scope.parse(text)
    except OAuthError:
        raise ActRefused("scope: expected scope names separated by single spaces") from None
