"""What a client id URL and its document must look like, and the client that comes of them (CIMD, 3 and 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from valetkey.authorization_server.model import AuthenticationMethod, Client, ConsentMode, ManagedBy
from valetkey.authorization_server.registration import client_faults
from valetkey.oauth.client_metadata import (
    ClientMetadata,
    names_a_secret,
    parse_client_metadata,
    parse_client_metadata_document,
)
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.outward_url import outward_url_fault, own_url_fault
from valetkey.oauth.redirect_uri import ApplicationType
from valetkey.oauth.types import ClientId, GrantType, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.authorization_server.policy import Policy

LONGEST_URL: Final = 256
"""Characters: people are shown it, and it stands in every token."""
MOST_OCTETS: Final = 5 * 1024  # CIMD-6.6/size
MEDIA_TYPES: Final = ("application/json", "+json")
GRANT_TYPES: Final = frozenset(map(GrantType, ("authorization_code", "refresh_token")))
"""Those in which an end-user answers for what a stranger gets."""

_CODE: Final = "authorization_code"
_METHODS: Final = {
    # RFC 7591 means client_secret_basic where nothing is said, which a public document cannot.
    None: AuthenticationMethod.NONE,
    "none": AuthenticationMethod.NONE,
    "private_key_jwt": AuthenticationMethod.PRIVATE_KEY_JWT,
}


class UnfitDocument(Exception):
    """The document makes no client; `detail` says why, for the log alone."""

    def __init__(self, detail: str) -> None:
        super().__init__("The document describes no client that may be used here.")
        self.detail = detail


def client_id_url_fault(client_id: str, is_opened: Callable[[str], bool]) -> str | None:
    """Return what keeps `client_id` from being the URL of a client's document, None where nothing does.

    `is_opened` says of a host whether the operator named it as one of their own: such a one may have a port, and a
    name that is not public.
    """
    is_own = _is_own(client_id, is_opened)
    fault = own_url_fault(client_id) if is_own else outward_url_fault(client_id)  # CIMD-3/form
    if fault is not None:
        return fault
    parts = urlsplit(client_id)
    if len(client_id) > LONGEST_URL:
        return f"expected {LONGEST_URL} characters at most"
    if parts.netloc != parts.netloc.lower():
        return "expected a host in lower case"
    if parts.path in {"", "/"}:
        return "expected a path"
    if "?" in client_id or (parts.port is not None and not is_own):
        return "expected neither query nor port"
    return None


def parse_document(client_id: str, octets: bytes) -> ClientMetadata:
    """Return what a document says of the client whose URL it was fetched from; raises UnfitDocument."""
    try:
        members = parse_client_metadata_document(octets)
        _judge(client_id, members)
        metadata = parse_client_metadata(members)
    except OAuthError as error:
        raise UnfitDocument(error.description) from None
    if metadata.response_types is not None and "code" not in metadata.response_types:
        raise UnfitDocument("response_types lacks code")
    if metadata.openid.get("subject_type", "public") != "public":
        raise UnfitDocument("subject_type is not public")
    return metadata


def introduced_client(client_id: ClientId, metadata: ClientMetadata, permitted: Scope, policy: Policy) -> Client:
    """Return the client that introduced itself, with at most the `permitted` scope; raises UnfitDocument.

    It is nobody's but its own: end-users are asked every time, and it may use no grant without them.
    """
    client = _described(client_id, metadata, permitted, policy)
    faults = client_faults(client, policy)
    if faults:
        raise UnfitDocument("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
    return client


def site_of(client: Client) -> str:
    """Return the host of the document in which a client introduced itself; "" for one that was registered."""
    return (urlsplit(client.client_id).netloc or "") if client.managed_by is ManagedBy.DOCUMENT else ""


def absent_client(client_id: ClientId, metadata: ClientMetadata | None) -> Client:
    """Return what is known of a client without asking its site, so that its tokens can be judged and taken back.

    It may ask for nothing.
    """
    if metadata is None:
        metadata = ClientMetadata(client_name=urlsplit(client_id).hostname)
    return Client(
        client_id=client_id,
        name=_name(client_id, metadata),
        authentication_method=AuthenticationMethod.NONE,
        grant_types=frozenset(),
        redirect_uris=metadata.redirect_uris,
        consent=ConsentMode.ASK,
        managed_by=ManagedBy.DOCUMENT,
    )


def _is_own(client_id: str, is_opened: Callable[[str], bool]) -> bool:
    try:
        return is_opened(urlsplit(client_id).hostname or "")
    except ValueError:
        return False


def _judge(client_id: str, members: Mapping[str, object]) -> None:
    # Compared as the client sent it, character by character: CIMD-4.1/client-id
    if members.get("client_id") != client_id:
        raise UnfitDocument("client_id is not the URL of the document")
    if names_a_secret(members):
        raise UnfitDocument("it names a client secret")  # CIMD-4.1/no-secret
    method = members.get("token_endpoint_auth_method")
    if not (method is None or isinstance(method, str)) or method not in _METHODS:
        # CIMD-4.1/no-symmetric
        raise UnfitDocument("token_endpoint_auth_method is neither none nor private_key_jwt")


def _described(client_id: ClientId, metadata: ClientMetadata, permitted: Scope, policy: Policy) -> Client:
    grant_types = (_CODE,) if metadata.grant_types is None else metadata.grant_types
    is_web = all(uri.startswith("https:") for uri in metadata.redirect_uris)
    return Client(
        client_id=client_id,
        name=_name(client_id, metadata),
        authentication_method=_METHODS[metadata.token_endpoint_auth_method],  # CIMD-6.2/authenticate
        grant_types=GRANT_TYPES & policy.grant_types & frozenset(map(GrantType, grant_types)),
        redirect_uris=metadata.redirect_uris,  # CIMD-4.5/redirect-uris
        post_logout_redirect_uris=metadata.post_logout_redirect_uris,
        jwks=metadata.jwks,
        jwks_uri=metadata.jwks_uri,
        scope=permitted if metadata.scope is None else metadata.scope.narrowed_to(permitted),
        # What these documents say of it varies; where the answer goes does not.
        application_type=ApplicationType.WEB if is_web else ApplicationType.NATIVE,
        consent=ConsentMode.ASK,
        id_token_signed_response_alg=metadata.id_token_signed_response_alg or "RS256",
        authentication_signing_alg=metadata.token_endpoint_auth_signing_alg,
        managed_by=ManagedBy.DOCUMENT,
    )


def _name(client_id: str, metadata: ClientMetadata) -> str:
    return metadata.client_name or urlsplit(client_id).hostname or client_id
