"""From what a client says of itself to the client that is registered: narrowed, then judged like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from valetkey.authorization_server.authorization.response_types import RESPONSE_TYPES, response_type_of
from valetkey.authorization_server.client_algorithms import SecretUse, secret_use
from valetkey.authorization_server.model import ApplicationType, AuthenticationMethod, Client, ConsentMode
from valetkey.authorization_server.openid_client import openid_metadata
from valetkey.authorization_server.registration import client_faults
from valetkey.authorization_server.rights import OFFLINE_ACCESS, REFRESH_TOKEN
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.client_metadata import invalid_metadata, invalid_redirect_uri
from valetkey.oauth.types import GrantType, Scope

if TYPE_CHECKING:
    from valetkey.authorization_server.model import ClientSecret, SelfRegistration
    from valetkey.authorization_server.policy import Policy
    from valetkey.oauth.client_metadata import ClientMetadata
    from valetkey.oauth.types import ClientId

CODE: Final = GrantType("authorization_code")
DEFAULT_GRANT_TYPES: Final = ("authorization_code",)
METHODS: Final = tuple(
    method for method in AuthenticationMethod if method is not AuthenticationMethod.CLIENT_SECRET_BASIC_OR_POST
)
"""Those with a registered name."""
_REDIRECT_FIELDS: Final = frozenset({"redirect_uris", "post_logout_redirect_uris"})


def method_of(metadata: ClientMetadata) -> AuthenticationMethod:
    """Return the method that a client wants; raises OAuthError `invalid_client_metadata` for an unknown one."""
    named = metadata.token_endpoint_auth_method or AuthenticationMethod.CLIENT_SECRET_BASIC.value
    method = next((each for each in METHODS if each.value == named), None)
    if method is None:
        raise invalid_metadata(f"token_endpoint_auth_method is one of {', '.join(METHODS)}.")
    return method


def secret_use_in(metadata: ClientMetadata) -> SecretUse:
    """Return what the secret of a client that is described so is good for; raises OAuthError."""
    return secret_use(method_of(metadata), metadata.id_token_signed_response_alg, openid_metadata(metadata.openid))


def described_client(
    client_id: ClientId,
    metadata: ClientMetadata,
    registration: SelfRegistration,
    secrets: tuple[ClientSecret, ...],
    policy: Policy,
) -> Client:
    """Return the client that `metadata` describes, within what `registration` allows it.

    Scopes and grant types that it may not have are left out (RFC 7591, 2): the answer tells it what it got. Nothing
    but what stands here comes from a stranger. Raises OAuthError `invalid_redirect_uri` and
    `invalid_client_metadata`.
    """
    method = method_of(metadata)
    grant_types = _grant_types(metadata, registration)
    response_types = _response_types(metadata, grant_types, policy)
    client = Client(
        client_id=client_id,
        name=metadata.client_name or _host_of(metadata.redirect_uris) or client_id,
        authentication_method=method,
        grant_types=grant_types,
        redirect_uris=metadata.redirect_uris,  # RFC7591-2/redirect-uris RFC7591-5/redirect-uris
        post_logout_redirect_uris=metadata.post_logout_redirect_uris,
        secrets=secrets,
        jwks=metadata.jwks,
        jwks_uri=metadata.jwks_uri,
        scope=_scope(metadata, registration),
        application_type=metadata.application_type or _application_type(metadata.redirect_uris),
        consent=ConsentMode.REMEMBER,
        id_token_signed_response_alg=metadata.id_token_signed_response_alg or "RS256",
        introspection_signed_response_alg=metadata.introspection_signed_response_alg or "RS256",
        authentication_signing_alg=metadata.token_endpoint_auth_signing_alg if method in ALGORITHMS_OF else None,
        openid=replace(openid_metadata(metadata.openid), response_types=response_types),
        registration=replace(registration, described=metadata.described),
    )
    for fault in client_faults(client, policy):
        text = f"{fault.field}: {fault.message}."
        raise invalid_redirect_uri(text) if fault.field in _REDIRECT_FIELDS else invalid_metadata(text)
    return client


def _grant_types(metadata: ClientMetadata, registration: SelfRegistration) -> frozenset[GrantType]:
    asked = metadata.grant_types
    if asked is None:
        # Who names only response types wants what they need (RFC 7591, 2.1).
        rows = filter(None, map(response_type_of, metadata.response_types or ()))
        asked = tuple(frozenset().union(*(row.grant_types for row in rows))) or DEFAULT_GRANT_TYPES
    grant_types = frozenset(map(GrantType, asked)) & registration.grant_types
    if not grant_types:
        raise invalid_metadata(f"grant_types: of these it may have {', '.join(sorted(registration.grant_types))}.")
    return grant_types


def _response_types(metadata: ClientMetadata, grant_types: frozenset[GrantType], policy: Policy) -> tuple[str, ...]:
    if metadata.response_types is not None:
        rows = [(name, response_type_of(name)) for name in metadata.response_types]
        return tuple(dict.fromkeys(name if row is None else row.name for name, row in rows))
    if CODE in grant_types:
        return ("code",)  # OIDCR-2/response-types
    # `code` is the default, but no grant type of this client could use it.
    return tuple(
        name
        for name, row in RESPONSE_TYPES.items()
        if name in policy.response_types and row.grant_types <= grant_types
    )


def _scope(metadata: ClientMetadata, registration: SelfRegistration) -> Scope:
    allowed = registration.scope
    scope = allowed if metadata.scope is None else metadata.scope.narrowed_to(allowed)
    if not scope:
        raise invalid_metadata("scope: none of these may be asked for by clients that register themselves.")
    if REFRESH_TOKEN in (metadata.grant_types or ()):
        # Many name the scopes of the API alone, and ask for this one by the way.
        scope = Scope(scope | ({OFFLINE_ACCESS} & allowed))
    return scope


def _application_type(redirect_uris: tuple[str, ...]) -> ApplicationType:
    # Who comes back by a loopback or an app's own scheme runs on a person's device, whether it says so or not: only
    # a native application may have any loopback port (RFC 8252, 7.3), and most of them do not know this member.
    is_native = bool(redirect_uris) and not any(uri.startswith("https:") for uri in redirect_uris)
    return ApplicationType.NATIVE if is_native else ApplicationType.WEB


def _host_of(redirect_uris: tuple[str, ...]) -> str | None:
    try:
        return urlsplit(redirect_uris[0]).hostname if redirect_uris else None
    except ValueError:
        return None
