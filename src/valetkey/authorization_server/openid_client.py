"""What OpenID Connect lets a client say of itself beyond OAuth (Registration, 2; the logout specifications)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final

import msgspec

from valetkey.jose.records import dataclass
from valetkey.oauth.client_members import CLIENT_MEMBERS, PAGES


class SubjectType(StrEnum):
    """Whether two clients can tell that they know the same end-user (OpenID Connect Core, 8)."""

    PUBLIC = "public"
    """Every client learns the same `sub`."""
    PAIRWISE = "pairwise"
    """Every sector learns a `sub` of its own."""


@dataclass(frozen=True, slots=True)
class OpenIdMetadata:
    """The client metadata of OpenID Connect, each under its registered name; None: absent, its default holds.

    `id_token_signed_response_alg`, redirect and post-logout redirect URIs stand with the client itself.
    """

    response_types: tuple[str, ...] | None = None
    """What it may ask for; None: all that its grant types allow."""
    subject_type: SubjectType = SubjectType.PUBLIC
    sector_identifier_uri: str | None = None
    """https: the document that lists its redirect URIs, whose host is its sector (Core, 8.1)."""
    id_token_encrypted_response_alg: str | None = None
    """None: its ID Tokens are signed only."""
    id_token_encrypted_response_enc: str | None = None
    """None means A128CBC-HS256, as in all members of this kind."""
    userinfo_signed_response_alg: str | None = None
    """None: UserInfo answers with JSON, unless it is encrypted."""
    userinfo_encrypted_response_alg: str | None = None
    userinfo_encrypted_response_enc: str | None = None
    request_object_signing_alg: str | None = None
    """The one algorithm of its request objects; None allows all that its keys fit."""
    request_object_encryption_alg: str | None = None
    request_object_encryption_enc: str | None = None
    request_uris: tuple[str, ...] = ()
    """Where its request objects may be fetched from; a fragment is the digest of the content (Core, 6.2)."""
    require_signed_request_object: bool = False
    """It never asks by plain parameters (RFC 9101, 10.5)."""
    default_max_age: int | None = None
    """Seconds."""
    require_auth_time: bool = False
    """Every ID Token carries `auth_time`."""
    default_acr_values: tuple[str, ...] = ()
    initiate_login_uri: str | None = None
    """https: where a third party may begin a sign-in (Core, 4)."""
    frontchannel_logout_uri: str | None = None
    """Shown in a frame of the signed-out page (Front-Channel Logout, 2)."""
    frontchannel_logout_session_required: bool = False
    backchannel_logout_uri: str | None = None
    """Gets a logout token by POST (Back-Channel Logout, 2.2)."""
    backchannel_logout_session_required: bool = False
    pages: Mapping[str, str] = field(default_factory=dict)
    """`client_uri`, `logo_uri`, `policy_uri`, `tos_uri` of a client that an operator added, for people to read."""


_SAID_NOTHING: Final = OpenIdMetadata()


def openid_metadata(members: Mapping[str, object]) -> OpenIdMetadata:
    """Return the record of members by their registered names, as `Member.read` returns each; None: absent."""
    said = {name: value for name, value in members.items() if value is not None}
    pages = {name: said.pop(name) for name in PAGES if name in said}
    return msgspec.convert({**said, "pages": pages}, OpenIdMetadata)


def members_of(openid: OpenIdMetadata) -> dict[str, object]:
    """Return what was said, as JSON values by registered name; what has its default is left out."""
    found: dict[str, object] = {}
    for member in CLIENT_MEMBERS:
        value = openid.pages.get(member.name) if member.name in PAGES else getattr(openid, member.name)
        unsaid = None if member.name in PAGES else getattr(_SAID_NOTHING, member.name)
        if value != unsaid:
            found[member.name] = list(value) if isinstance(value, tuple) else msgspec.to_builtins(value)
    return found


def with_members(openid: OpenIdMetadata, members: Mapping[str, object]) -> OpenIdMetadata:
    """Return the record with other values for `members`; None gives one its default back."""
    return openid_metadata({**members_of(openid), **members})
