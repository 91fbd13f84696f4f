"""What an operator sees of what is kept: plain JSON values, without any secret or digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.openid_client import members_of
from valetkey.oauth.shared_signals import DeliveryMethod

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client, EndUser, Resource, SelfRegistration, Tenant
    from valetkey.authorization_server.self_registration.changes import RegistrationUse
    from valetkey.authorization_server.signals.streams import StoredStream
    from valetkey.authorization_server.trusted_issuer import TrustedIssuer
    from valetkey.oauth.types import TenantId

View = dict[str, object]


def client_view(client: Client, tenant_id: TenantId) -> View:
    """Return a client; of its secrets only names and times, in seconds since the epoch."""
    return {
        "client_id": client.client_id,
        "tenant": tenant_id,
        "name": client.name,
        "authentication_method": client.authentication_method.value,
        "grant_types": sorted(client.grant_types),
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "scope": str(client.scope),
        "resources": list(client.resources),
        "application_type": client.application_type.value,
        "consent": client.consent.value,
        "profile": client.profile,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "introspection_signed_response_alg": client.introspection_signed_response_alg,
        "access_token_format": client.access_token_format and client.access_token_format.value,
        "token_exchange": [
            {"client": rule.subject_client_id, "resources": list(rule.resources), "kind": rule.kind.value}
            for rule in client.token_exchange
        ],
        "attributes": dict(client.attributes),
        "openid": members_of(client.openid),
        "jwks": client.jwks.as_dict() if client.jwks is not None else None,
        "jwks_uri": client.jwks_uri,
        "secrets": [
            {"secret_id": each.secret_id, "created_at": each.created_at, "expires_at": each.expires_at}
            for each in client.secrets
        ],
        "token_endpoint_auth_signing_alg": client.authentication_signing_alg,
        "registration": None if client.registration is None else _registration_view(client.registration),
        "managed_by": client.managed_by.value,
        "disabled": client.disabled,
    }


def used_client_view(client: Client, use: RegistrationUse | None, tenant_id: TenantId) -> View:
    """Return a client; of one that registered itself also when it was used, and until when it is kept."""
    view = client_view(client, tenant_id)
    if client.registration is None or use is None:
        return view
    known = {"last_used_at": use.last_used_at, "kept_until": use.expires_at}
    return {**view, "registration": {**_registration_view(client.registration), **known}}


def _registration_view(registration: SelfRegistration) -> View:
    return {
        "registered_at": registration.registered_at,
        "token_id": registration.token_id,
        "scope": str(registration.scope),
        "grant_types": sorted(registration.grant_types),
        "described": dict(registration.described),
    }


def end_user_view(end_user: EndUser, tenant_id: TenantId) -> View:
    """Return an end-user; of the password only whether there is one."""
    return {
        "username": end_user.username,
        "tenant": tenant_id,
        "subject": end_user.subject,
        "name": end_user.name,
        "email": end_user.email,
        "email_verified": end_user.email_verified,
        "roles": sorted(end_user.roles),
        "claims": dict(end_user.claims),
        "has_password": end_user.password_hash is not None,
        "updated_at": end_user.updated_at,
        "managed_by": end_user.managed_by.value,
        "disabled": end_user.disabled,
    }


def resource_view(resource: Resource, tenant_id: TenantId) -> View:
    """Return a resource server."""
    return {
        "identifier": resource.identifier,
        "tenant": tenant_id,
        "name": resource.name,
        "scopes": dict(resource.scopes),
        "access_token_lifetime": resource.access_token_lifetime,
        "access_token_format": resource.access_token_format.value,
        "introspection_client_ids": list(resource.introspection_client_ids),
        "claims": {rule.claim: str(rule) for rule in resource.claims},
        "signing_alg": resource.signing_alg,
        "encryption_jwks": resource.encryption_jwks.as_dict() if resource.encryption_jwks is not None else None,
        "encryption_enc": resource.encryption_enc,
        "managed_by": resource.managed_by.value,
        "disabled": resource.disabled,
    }


def trusted_issuer_view(found: TrustedIssuer, tenant_id: TenantId) -> View:
    """Return a trusted issuer."""
    return {
        "issuer": found.issuer,
        "tenant": tenant_id,
        "clients": list(found.clients),
        "scope": str(found.scope),
        "jwks": found.jwks.as_dict() if found.jwks is not None else None,
        "jwks_uri": found.jwks_uri,
        "algorithms": list(found.algorithms),
        "subject_claim": found.subject_claim,
        "subject_match": found.subject_match.value,
        "subjects": dict(found.subjects),
        "assertion_lifetime": found.assertion_lifetime,
        "managed_by": found.managed_by.value,
        "disabled": found.disabled,
    }


def tenant_view(tenant: Tenant, issuer: str | None) -> View:
    """Return a tenant with its issuer, None where that is not known."""
    return {
        "name": tenant.tenant_id,
        "issuer": issuer,
        "display_name": tenant.display_name,
        "profile": tenant.profile,
        "accent": tenant.accent,
        "registration": tenant.registration and tenant.registration.value,
        "registration_scope": None if tenant.registration_scope is None else str(tenant.registration_scope),
        "managed_by": tenant.managed_by.value,
        "disabled": tenant.disabled,
    }


def stream_view(found: StoredStream, waiting: int, tenant_id: TenantId) -> View:
    """Return a stream of an outside receiver, without the header that its pushes carry; times are in seconds."""
    stream = found.stream
    return {
        "stream_id": stream.stream_id,
        "tenant": tenant_id,
        "client_id": stream.client_id,
        "status": stream.status.value,
        "reason": stream.reason,
        "delivery": "push" if stream.delivery.method is DeliveryMethod.PUSH else "poll",
        "endpoint_url": stream.delivery.endpoint_url,
        "events_delivered": list(stream.delivered),
        "subjects": stream.subjects.value,
        "description": stream.description,
        "created_at": stream.created_at,
        "waiting": waiting,
        "tries": found.tries,
        "due_at": found.due_at,
    }
