"""From the readings of a declaration to the value that it declares, judged like one that came by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.declaration import (
    DeclaredClient,
    DeclaredEndUser,
    DeclaredIssuer,
    DeclaredResource,
)
from valetkey.authorization_server.model import Client, ClientSecret, ManagedBy, Resource, Tenant
from valetkey.authorization_server.openid_client import openid_metadata
from valetkey.authorization_server.trusted_issuer import TrustedIssuer
from valetkey.oauth.types import ClientId, GrantType, NumericDate, TenantId
from valetkey.settings import declared_table as rows
from valetkey.settings import resource_table as resource_rows
from valetkey.settings import tenant_table as tenant_rows
from valetkey.settings.openid_table import OPENID_ROWS

if TYPE_CHECKING:
    from valetkey.authorization_server.declaration import DeclaredSecret
    from valetkey.settings.reading import Readings


def tenant_of(found: Readings, profile: str) -> Tenant:
    """Return a declared tenant; `profile` is the one for tenants that name none."""
    name = found[tenant_rows.TENANT_NAME]
    return Tenant(
        tenant_id=TenantId(name),
        display_name=found[tenant_rows.TENANT_DISPLAY_NAME] or name,
        profile=found[tenant_rows.TENANT_PROFILE] or profile,
        accent=found[tenant_rows.TENANT_ACCENT].lower(),
        registration=found[tenant_rows.TENANT_REGISTRATION],
        registration_scope=found[tenant_rows.TENANT_REGISTRATION_SCOPE],
        managed_by=ManagedBy.FILE,
        disabled=found[tenant_rows.DISABLED],
    )


def client_of(found: Readings) -> DeclaredClient:
    """Return a declared client."""
    client_id = found[rows.CLIENT_ID]
    client = Client(
        client_id=ClientId(client_id),
        name=found[rows.CLIENT_NAME] or client_id,
        authentication_method=found[rows.AUTHENTICATION_METHOD],
        grant_types=frozenset(GrantType(name) for name in found[rows.GRANT_TYPES]),
        redirect_uris=found[rows.REDIRECT_URIS],
        post_logout_redirect_uris=found[rows.POST_LOGOUT_REDIRECT_URIS],
        secrets=tuple(_secret(each) for each in found[rows.SECRET]),
        jwks=found[rows.JWKS],
        jwks_uri=found[rows.JWKS_URI],
        scope=found[rows.CLIENT_SCOPE],
        resources=found[rows.CLIENT_RESOURCES],
        application_type=found[rows.APPLICATION_TYPE],
        consent=found[rows.CONSENT],
        profile=found[rows.CLIENT_PROFILE],
        id_token_signed_response_alg=found[rows.ID_TOKEN_ALGORITHM],
        introspection_signed_response_alg=found[rows.INTROSPECTION_ALGORITHM],
        access_token_format=found[rows.CLIENT_TOKEN_FORMAT],
        authentication_signing_alg=found[rows.AUTHENTICATION_ALGORITHM],
        token_exchange=found[rows.TOKEN_EXCHANGE],
        attributes=found[rows.ATTRIBUTES],
        openid=openid_metadata({row.path: found[row] for row in OPENID_ROWS}),
        managed_by=ManagedBy.FILE,
        disabled=found[tenant_rows.DISABLED],
    )
    texts = {each.digest.value: each.text for each in found[rows.SECRET] if each.text is not None}
    return DeclaredClient(TenantId(found[tenant_rows.TENANT]), client, texts)


def end_user_of(found: Readings) -> DeclaredEndUser:
    """Return a declared end-user."""
    return DeclaredEndUser(
        tenant_id=TenantId(found[tenant_rows.TENANT]),
        username=found[rows.USERNAME],
        initial_password=found[rows.INITIAL_PASSWORD],
        name=found[rows.USER_NAME],
        email=found[rows.EMAIL],
        email_verified=found[rows.EMAIL_VERIFIED],
        roles=frozenset(found[rows.ROLES]),
        claims=found[rows.CLAIMS],
        disabled=found[tenant_rows.DISABLED],
    )


def resource_of(found: Readings) -> DeclaredResource:
    """Return a declared resource server."""
    identifier = found[resource_rows.IDENTIFIER]
    resource = Resource(
        identifier=identifier,
        name=found[resource_rows.RESOURCE_NAME] or identifier,
        scopes=found[resource_rows.SCOPES],
        access_token_lifetime=found[resource_rows.ACCESS_TOKEN_LIFETIME],
        access_token_format=found[resource_rows.RESOURCE_TOKEN_FORMAT],
        introspection_client_ids=tuple(map(ClientId, found[resource_rows.INTROSPECTION_CLIENT_IDS])),
        claims=found[resource_rows.CLAIM_RULES],
        signing_alg=found[resource_rows.SIGNING_ALG],
        encryption_jwks=found[resource_rows.ENCRYPTION_JWKS],
        encryption_enc=found[resource_rows.ENCRYPTION_ENC],
        managed_by=ManagedBy.FILE,
        disabled=found[tenant_rows.DISABLED],
    )
    return DeclaredResource(TenantId(found[tenant_rows.TENANT]), resource)


def trusted_issuer_of(found: Readings) -> DeclaredIssuer:
    """Return a declared trusted issuer."""
    trusted_issuer = TrustedIssuer(
        issuer=found[rows.ISSUER],
        clients=tuple(map(ClientId, found[rows.ISSUER_CLIENTS])),
        scope=found[rows.ISSUER_SCOPE],
        jwks=found[rows.JWKS],
        jwks_uri=found[rows.ISSUER_JWKS_URI],
        algorithms=found[rows.ALGORITHMS],
        subject_claim=found[rows.SUBJECT_CLAIM],
        subject_match=found[rows.SUBJECT_MATCH],
        subjects=found[rows.SUBJECTS],
        assertion_lifetime=found[rows.ASSERTION_LIFETIME],
        managed_by=ManagedBy.FILE,
        disabled=found[tenant_rows.DISABLED],
    )
    return DeclaredIssuer(TenantId(found[tenant_rows.TENANT]), trusted_issuer)


def _secret(declared: DeclaredSecret) -> ClientSecret:
    name = declared.digest.value.hex()[:12]
    return ClientSecret(name, declared.digest, created_at=NumericDate(0), expires_at=declared.expires_at)
