"""Both discovery documents (OpenID Connect Discovery, 4; RFC 8414, 3): one content, at two addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.authorization.request import Prompt
from valetkey.authorization_server.authorization.request_object import ALGORITHMS as REQUEST_OBJECT_ALGORITHMS
from valetkey.authorization_server.authorization.response_types import RESPONSE_TYPES, ResponseMode
from valetkey.authorization_server.browser_state import is_managed
from valetkey.authorization_server.claims import SUPPORTED_CLAIMS
from valetkey.authorization_server.client_algorithms import (
    CONTENT_ENCRYPTION_NAMES,
    ENCRYPTION_ALGORITHMS,
    MAC_ALGORITHMS,
)
from valetkey.authorization_server.client_authentication import ASSERTION_ALGORITHMS, METHODS
from valetkey.authorization_server.grant_table import GrantTable
from valetkey.authorization_server.grants.device_code import DEVICE_CODE
from valetkey.authorization_server.model import AuthenticationMethod, RegistrationMode
from valetkey.authorization_server.openid_client import SubjectType
from valetkey.authorization_server.policy import ClientUrlRule, Policy
from valetkey.authorization_server.rights import END_USER_SCOPES
from valetkey.authorization_server.self_registration.admission import mode_of
from valetkey.oauth import pkce
from valetkey.oauth.http import HttpResponse, json_response
from valetkey.oauth.metadata import ServerMetadata

if TYPE_CHECKING:
    from collections.abc import Collection

    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest

DISPLAYS: Final = ("page", "popup", "touch")
"""All pages fit all of them; whatever else a client asks for, it gets such a page (OpenID Connect Core, 15.1)."""
_CLAIMS_OF_A_TOKEN = ("iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid", "nonce", "at_hash", "c_hash")

_PROVING_METHODS = tuple(method.value for method in METHODS if method is not AuthenticationMethod.NONE)


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with what this issuer can do, derived from the tables that do it."""
    del request
    resources = await server.stores.resources.list()
    scopes = {name for resource in resources if not resource.disabled for name in resource.scopes}
    document = server_metadata(server, scopes, await server.signer.algorithms())
    decryption = await server.signer.decryption_algorithms()
    if decryption:
        document = replace(
            document,
            request_object_encryption_alg_values_supported=tuple(sorted(decryption)),
            request_object_encryption_enc_values_supported=CONTENT_ENCRYPTION_NAMES,
        )
    return json_response(200, document.as_document())  # RFC8414-3.2/response OIDCD-4.2/response


def server_metadata(
    server: AuthorizationServer, scopes: Collection[str], algorithms: Collection[str]
) -> ServerMetadata:
    """Return the metadata of one tenant: `scopes` its resources define, `algorithms` its keys have."""
    endpoint = server.issuer.endpoint
    document = ServerMetadata(
        issuer=server.issuer.url,  # RFC8414-2/issuer OIDCD-3/issuer
        authorization_endpoint=endpoint(paths.AUTHORIZATION),
        token_endpoint=endpoint(paths.TOKEN),
        device_authorization_endpoint=_device_authorization_endpoint(server),
        userinfo_endpoint=endpoint(paths.USERINFO),
        introspection_endpoint=endpoint(paths.INTROSPECTION),
        revocation_endpoint=endpoint(paths.REVOCATION),
        end_session_endpoint=endpoint(paths.END_SESSION),
        check_session_iframe=endpoint(paths.CHECK_SESSION) if is_managed(server) else None,
        frontchannel_logout_supported=True,
        frontchannel_logout_session_supported=True,
        backchannel_logout_supported=True,
        backchannel_logout_session_supported=True,
        jwks_uri=endpoint(paths.JWKS),
        registration_endpoint=_registration_endpoint(server),
        scopes_supported=tuple(sorted(END_USER_SCOPES.union(scopes))),  # OIDCD-3/openid-scope
        # RFC8414-2/response-types-supported OIDCD-3/dynamic-response-types
        response_types_supported=tuple(sorted(server.policy.response_types)),
        response_modes_supported=_response_modes(server.policy),
        grant_types_supported=GrantTable(server.further_grants).names(server.policy),  # OIDCD-3/dynamic-grant-types
        subject_types_supported=tuple(kind.value for kind in SubjectType),  # OIDCC-8/advertised
        id_token_signing_alg_values_supported=(*sorted(algorithms), *MAC_ALGORITHMS),  # OIDCD-3/rs256
        id_token_encryption_alg_values_supported=ENCRYPTION_ALGORITHMS,
        id_token_encryption_enc_values_supported=CONTENT_ENCRYPTION_NAMES,
        userinfo_signing_alg_values_supported=(*sorted(algorithms), *MAC_ALGORITHMS),
        userinfo_encryption_alg_values_supported=ENCRYPTION_ALGORITHMS,
        userinfo_encryption_enc_values_supported=CONTENT_ENCRYPTION_NAMES,
        token_endpoint_auth_methods_supported=tuple(method.value for method in METHODS),
        token_endpoint_auth_signing_alg_values_supported=ASSERTION_ALGORITHMS,  # OIDCD-3/no-unsigned-assertion
        introspection_endpoint_auth_methods_supported=_PROVING_METHODS,
        introspection_endpoint_auth_signing_alg_values_supported=ASSERTION_ALGORITHMS,
        introspection_signing_alg_values_supported=tuple(sorted(algorithms)),
        revocation_endpoint_auth_methods_supported=tuple(method.value for method in METHODS),
        revocation_endpoint_auth_signing_alg_values_supported=ASSERTION_ALGORITHMS,
        code_challenge_methods_supported=pkce.METHODS,  # RFC9700-2.1.1/detect-pkce
        prompt_values_supported=tuple(prompt.value for prompt in Prompt),
        acr_values_supported=tuple(level.name for level in server.policy.acr_levels),  # RFC9470-7/acr-values
        claims_supported=tuple(sorted({*SUPPORTED_CLAIMS, *_CLAIMS_OF_A_TOKEN})),
        claim_types_supported=("normal",),  # OIDCC-5.6/normal
        client_id_metadata_document_supported=server.policy.client_urls is ClientUrlRule.READ,  # CIMD-5
        authorization_response_iss_parameter_supported=True,  # RFC9207-2.3/metadata
        claims_parameter_supported=True,
    )
    return _with_requests(document, server)


def _with_requests(document: ServerMetadata, server: AuthorizationServer) -> ServerMetadata:
    """Return the metadata with what a request at the authorization endpoint may bring."""
    return replace(
        document,
        request_parameter_supported=True,
        request_uri_parameter_supported=True,
        require_request_uri_registration=True,
        request_object_signing_alg_values_supported=REQUEST_OBJECT_ALGORITHMS,
        display_values_supported=DISPLAYS,
        ui_locales_supported=server.ui_locales,
    )


def _device_authorization_endpoint(server: AuthorizationServer) -> str | None:
    is_offered = DEVICE_CODE in server.policy.grant_types
    return server.issuer.endpoint(paths.DEVICE_AUTHORIZATION) if is_offered else None


def _registration_endpoint(server: AuthorizationServer) -> str | None:
    is_closed = mode_of(server.tenant, server.policy) is RegistrationMode.CLOSED
    return None if is_closed else server.issuer.endpoint(paths.REGISTRATION)


def _response_modes(policy: Policy) -> tuple[str, ...]:
    used = {mode for name in policy.response_types for mode in RESPONSE_TYPES[name].modes}
    return tuple(mode.value for mode in ResponseMode if mode in used and mode.value in policy.response_modes)
