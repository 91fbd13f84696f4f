"""ClientMetadata: what a client says of itself (RFC 7591, 2; OpenID Connect Registration, 2), parsed and capped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from valetkey.jose import InvalidKey, JoseError, JwkSet
from valetkey.jose.encoding import parse_json_object
from valetkey.jose.records import dataclass
from valetkey.oauth.client_members import (
    CLIENT_MEMBERS,
    MAXIMUM_LIST,
    MAXIMUM_TEXT,
    MAXIMUM_URI,
    MAXIMUM_URIS,
    PAGES,
    Shape,
)
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.outward_url import outward_url_fault
from valetkey.oauth.redirect_uri import ApplicationType
from valetkey.oauth.types import Scope

MAXIMUM_LANGUAGES: Final = 40
"""Members in other languages, of all names together (RFC 7591, 2.2)."""

_TEXTS: Final = ("software_id", "software_version")
_IN_LANGUAGES: Final = frozenset({"client_name", *PAGES})
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")
_SECRET_NAMES: Final = frozenset({"client_secret", "client_secret_expires_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """The members that we understand; all others are ignored (RFC 7591, 2). None: absent, the default holds."""

    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    token_endpoint_auth_method: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    grant_types: tuple[str, ...] | None = None
    application_type: ApplicationType | None = None
    client_name: str | None = None
    scope: Scope | None = None
    jwks: JwkSet | None = None
    jwks_uri: str | None = None
    id_token_signed_response_alg: str | None = None
    introspection_signed_response_alg: str | None = None
    openid: Mapping[str, object] = field(default_factory=dict)
    """Those of `CLIENT_MEMBERS` that were sent, but for the addresses of pages; lists are tuples."""
    described: Mapping[str, object] = field(default_factory=dict)
    """What people may read and nothing depends on; what pages do with its addresses, the profile says.

    `client_uri`, `logo_uri`, `policy_uri`, `tos_uri`, `contacts`, `software_id`, `software_version`, and what has a
    language, such as `client_name#de`.
    """

    @property
    def response_types(self) -> tuple[str, ...] | None:
        """What it wants to ask for; None where it does not say."""
        found = self.openid.get("response_types")
        return found if isinstance(found, tuple) else None


def parse_client_metadata_document(octets: bytes) -> Mapping[str, object]:
    """Return the members of a JSON object; raises OAuthError `invalid_client_metadata` where there is none."""
    try:
        return parse_json_object(octets)
    except JoseError:
        raise invalid_metadata("The body is no JSON object without repeated members.") from None


def parse_client_metadata(members: Mapping[str, object]) -> ClientMetadata:
    """Return the metadata that `members` spell; unknown ones are ignored, null counts as absent.

    Raises OAuthError `invalid_redirect_uri`, `invalid_client_metadata` or, for a software statement, whose issuers
    nobody here trusts, `unapproved_software_statement`. Whether a client may have all this, its judge knows.
    """
    # RFC7591-2/ignore-unknown OIDCR-3.1/unknown-ignored
    found = {name: value for name, value in members.items() if value is not None}
    if "software_statement" in found:
        raise _untrusted_statement(found["software_statement"])
    if "jwks" in found and "jwks_uri" in found:
        raise invalid_metadata("jwks and jwks_uri exclude each other.", "RFC7591-2/jwks-or-uri")
    return ClientMetadata(
        redirect_uris=_redirect_uris(found, "redirect_uris"),
        post_logout_redirect_uris=_redirect_uris(found, "post_logout_redirect_uris"),
        token_endpoint_auth_method=_text(found, "token_endpoint_auth_method"),
        token_endpoint_auth_signing_alg=_text(found, "token_endpoint_auth_signing_alg"),
        grant_types=_texts(found, "grant_types"),
        application_type=_application_type(found),
        client_name=_text(found, "client_name"),
        scope=_scope(found),
        jwks=_jwks(found),
        jwks_uri=_page(found, "jwks_uri"),
        id_token_signed_response_alg=_text(found, "id_token_signed_response_alg"),
        introspection_signed_response_alg=_text(found, "introspection_signed_response_alg"),
        openid=_openid(found),
        described=dict(_described(found)),
    )


def names_a_secret(members: Mapping[str, object]) -> bool:
    """Say whether a published document carries what only a server may draw (Client ID Metadata Document, 4.1)."""
    return not _SECRET_NAMES.isdisjoint(members)


def invalid_metadata(description: str, requirement: str = "RFC7591-3.2.2/invalid-client-metadata") -> OAuthError:
    """Return the refusal of metadata that is malformed, or more than the client may have."""
    return OAuthError(ErrorCode.INVALID_CLIENT_METADATA, description, requirement)


def invalid_redirect_uri(description: str) -> OAuthError:
    """Return the refusal of redirect URIs."""
    return OAuthError(ErrorCode.INVALID_REDIRECT_URI, description, "RFC7591-3.2.2/invalid-redirect-uri")


def _untrusted_statement(statement: object) -> OAuthError:
    if not isinstance(statement, str) or statement.count(".") != 2:  # noqa: PLR2004 - a JWS in compact form
        text = "The software statement is no JWT."
        return OAuthError(ErrorCode.INVALID_SOFTWARE_STATEMENT, text, "RFC7591-3.2.2/software-statement")
    text = "No issuer of software statements is trusted here."
    return OAuthError(ErrorCode.UNAPPROVED_SOFTWARE_STATEMENT, text, "RFC7591-3.2.2/software-statement")


def _openid(found: Mapping[str, object]) -> Mapping[str, object]:
    members: dict[str, object] = {}
    for member in CLIENT_MEMBERS:
        if member.name in found and member.shape is not Shape.PAGE:
            try:
                members[member.name] = member.read(found[member.name])
            except ValueError as error:
                raise invalid_metadata(f"{member.name} is {error}.") from None
    return members


def _redirect_uris(found: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = found.get(name, [])
    if not isinstance(value, list) or not all(isinstance(uri, str) for uri in value):
        raise invalid_redirect_uri(f"{name} is an array of strings.")
    if len(value) > MAXIMUM_URIS or any(len(uri) > MAXIMUM_URI for uri in value):
        raise invalid_redirect_uri(f"{name} holds {MAXIMUM_URIS} URIs of {MAXIMUM_URI} characters at most.")
    return tuple(dict.fromkeys(value))


def _texts(found: Mapping[str, object], name: str) -> tuple[str, ...] | None:
    if name not in found:
        return None
    value = found[name]
    if not isinstance(value, list) or len(value) > MAXIMUM_LIST or not all(_is_text(one) for one in value):
        raise invalid_metadata(f"{name} is an array of {MAXIMUM_LIST} strings at most.")
    return tuple(dict.fromkeys(value))


def _text(found: Mapping[str, object], name: str) -> str | None:
    if name not in found:
        return None
    value = found[name]
    if not _is_text(value) or not isinstance(value, str):
        raise invalid_metadata(f"{name} is a string of 1 to {MAXIMUM_TEXT} printable characters.")
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAXIMUM_TEXT and value.isprintable()


def _page(found: Mapping[str, object], name: str) -> str | None:
    if name not in found:
        return None
    value = found[name]
    fault = outward_url_fault(value) if isinstance(value, str) else "expected a string"
    if fault is not None or not isinstance(value, str):
        raise invalid_metadata(f"{name}: {fault}.", "RFC7591-2/web-pages")
    return value


def _application_type(found: Mapping[str, object]) -> ApplicationType | None:
    value = _text(found, "application_type")
    try:
        return None if value is None else ApplicationType(value)
    except ValueError:
        raise invalid_metadata("application_type is web or native.") from None


def _scope(found: Mapping[str, object]) -> Scope | None:
    value = found.get("scope")
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise invalid_metadata("scope is a string of names separated by spaces.")
        return Scope.parse(" ".join(value.split())) or None
    except OAuthError:
        raise invalid_metadata("scope is a string of names separated by spaces.") from None


def _jwks(found: Mapping[str, object]) -> JwkSet | None:
    value = found.get("jwks")
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise invalid_metadata("jwks is a JWK Set.", "RFC7591-2/jwks")
    try:
        return JwkSet.parse_public(value)
    except InvalidKey as error:
        raise invalid_metadata(f"jwks: {error}", "RFC7591-2/jwks") from None


def _described(found: Mapping[str, object]) -> list[tuple[str, object]]:
    described: list[tuple[str, object]] = [(name, _page(found, name)) for name in PAGES if name in found]
    described += [(name, _text(found, name)) for name in _TEXTS if name in found]
    if "contacts" in found:
        described.append(("contacts", list(_texts(found, "contacts") or ())))
    tagged = [name for name in found if name.partition("#")[0] in _IN_LANGUAGES and "#" in name]
    if len(tagged) > MAXIMUM_LANGUAGES:
        raise invalid_metadata(f"There are {MAXIMUM_LANGUAGES} members in other languages at most.")
    for name in tagged:
        plain, _, language = name.partition("#")
        if not _LANGUAGE.fullmatch(language):
            raise invalid_metadata("A member has a malformed language tag.", "RFC7591-2.2/language-tags")
        described.append((name, _text(found, name) if plain == "client_name" else _page(found, name)))
    return described
