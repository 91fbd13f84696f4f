"""The JSON documents in which tenants, clients, resources and end-users are kept.

A member that only a newer version knows is passed over, and one that is added has a default: old and
new versions run side by side.
"""

import msgspec

from valetkey.adapters.storage.sql.step import Record
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    ApplicationType,
    AuthenticationMethod,
    Client,
    ClientSecret,
    ConsentMode,
    EndUser,
    ExchangeKind,
    ExchangeRule,
    ManagedBy,
    RegistrationMode,
    Resource,
    SelfRegistration,
    Tenant,
)
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.jose import JwkSet
from valetkey.oauth.types import (
    ClientId,
    GrantType,
    NumericDate,
    Scope,
    Seconds,
    SecretDigest,
    TenantId,
    TokenDigest,
)


class _TenantDocument(msgspec.Struct, frozen=True):
    display_name: str
    profile: str
    accent: str
    managed_by: ManagedBy
    disabled: bool
    registration: RegistrationMode | None = None
    registration_scope: str | None = None


class _SecretDocument(msgspec.Struct, frozen=True):
    secret_id: str
    digest: bytes
    created_at: int
    expires_at: int | None
    sealed: bytes | None = None


class _RegistrationDocument(msgspec.Struct, frozen=True):
    registered_at: int
    access_token_digest: bytes
    token_id: str | None
    scope: str
    grant_types: list[str]
    described: dict[str, object]


class _ExchangeDocument(msgspec.Struct, frozen=True):
    subject_client_id: str
    resources: tuple[str, ...]
    kind: ExchangeKind


class _ClientDocument(msgspec.Struct, frozen=True):
    name: str
    authentication_method: AuthenticationMethod
    grant_types: list[str]
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    secrets: tuple[_SecretDocument, ...]
    jwks: dict[str, object] | None
    scope: str
    resources: tuple[str, ...]
    application_type: ApplicationType
    consent: ConsentMode
    profile: str | None
    id_token_signed_response_alg: str
    managed_by: ManagedBy
    access_token_format: AccessTokenFormat | None = None
    jwks_uri: str | None = None
    authentication_signing_alg: str | None = None
    registration: _RegistrationDocument | None = None
    token_exchange: tuple[_ExchangeDocument, ...] = ()
    attributes: dict[str, object] = {}
    introspection_signed_response_alg: str = "RS256"
    openid: OpenIdMetadata | None = None


class _ResourceDocument(msgspec.Struct, frozen=True):
    name: str
    scopes: dict[str, str]
    access_token_lifetime: int | None
    managed_by: ManagedBy
    disabled: bool
    access_token_format: AccessTokenFormat = AccessTokenFormat.JWT
    introspection_client_ids: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    signing_alg: str | None = None
    encryption_jwks: dict[str, object] | None = None
    encryption_enc: str = "A256GCM"


class _EndUserDocument(msgspec.Struct, frozen=True):
    name: str | None
    email: str | None
    email_verified: bool
    roles: list[str]
    claims: dict[str, object]
    managed_by: ManagedBy


_NO_OPENID = OpenIdMetadata()
_tenants = msgspec.json.Decoder(_TenantDocument)
_clients = msgspec.json.Decoder(_ClientDocument)
_resources = msgspec.json.Decoder(_ResourceDocument)
_end_users = msgspec.json.Decoder(_EndUserDocument)


def tenant_document(tenant: Tenant) -> str:
    """What the column `tenants.document` holds."""
    return _encode(
        _TenantDocument(
            tenant.display_name,
            tenant.profile,
            tenant.accent,
            tenant.managed_by,
            tenant.disabled,
            tenant.registration,
            None if tenant.registration_scope is None else str(tenant.registration_scope),
        )
    )


def tenant_from(row: Record) -> Tenant:
    """A row of tenant, document."""
    found = _tenants.decode(row[1])
    return Tenant(
        tenant_id=TenantId(row[0]),
        display_name=found.display_name,
        profile=found.profile,
        accent=found.accent,
        registration=found.registration,
        registration_scope=None if found.registration_scope is None else _scope(found.registration_scope),
        managed_by=found.managed_by,
        disabled=found.disabled,
    )


def client_document(client: Client) -> str:
    """What the column `clients.document` holds; secrets are digests."""
    return _encode(
        _ClientDocument(
            name=client.name,
            authentication_method=client.authentication_method,
            grant_types=sorted(client.grant_types),
            redirect_uris=client.redirect_uris,
            post_logout_redirect_uris=client.post_logout_redirect_uris,
            secrets=tuple(
                _SecretDocument(
                    secret.secret_id, secret.digest.value, secret.created_at, secret.expires_at, secret.sealed
                )
                for secret in client.secrets
            ),
            jwks=None if client.jwks is None else client.jwks.as_dict(),
            jwks_uri=client.jwks_uri,
            scope=str(client.scope),
            resources=client.resources,
            application_type=client.application_type,
            consent=client.consent,
            profile=client.profile,
            id_token_signed_response_alg=client.id_token_signed_response_alg,
            managed_by=client.managed_by,
            access_token_format=client.access_token_format,
            authentication_signing_alg=client.authentication_signing_alg,
            registration=None if client.registration is None else _registration_document(client.registration),
            token_exchange=tuple(
                _ExchangeDocument(rule.subject_client_id, rule.resources, rule.kind)
                for rule in client.token_exchange
            ),
            attributes=dict(client.attributes),
            introspection_signed_response_alg=client.introspection_signed_response_alg,
            openid=None if client.openid == _NO_OPENID else client.openid,
        )
    )


def client_from(row: Record) -> Client:
    """A row of client_id, disabled, document."""
    found = _clients.decode(row[2])
    return Client(
        client_id=ClientId(row[0]),
        name=found.name,
        authentication_method=found.authentication_method,
        grant_types=frozenset(map(GrantType, found.grant_types)),
        redirect_uris=found.redirect_uris,
        post_logout_redirect_uris=found.post_logout_redirect_uris,
        secrets=tuple(map(_secret, found.secrets)),
        jwks=None if found.jwks is None else JwkSet.parse(found.jwks),
        jwks_uri=found.jwks_uri,
        scope=_scope(found.scope),
        resources=found.resources,
        application_type=found.application_type,
        consent=found.consent,
        profile=found.profile,
        id_token_signed_response_alg=found.id_token_signed_response_alg,
        access_token_format=found.access_token_format,
        authentication_signing_alg=found.authentication_signing_alg,
        registration=None if found.registration is None else _registration(found.registration),
        token_exchange=tuple(
            ExchangeRule(ClientId(rule.subject_client_id), rule.resources, rule.kind)
            for rule in found.token_exchange
        ),
        attributes=found.attributes,
        introspection_signed_response_alg=found.introspection_signed_response_alg,
        openid=found.openid or _NO_OPENID,
        managed_by=found.managed_by,
        disabled=bool(row[1]),
    )


def resource_document(resource: Resource) -> str:
    """What the column `resources.document` holds."""
    return _encode(
        _ResourceDocument(
            resource.name,
            dict(resource.scopes),
            resource.access_token_lifetime,
            resource.managed_by,
            resource.disabled,
            resource.access_token_format,
            resource.introspection_client_ids,
            tuple((rule.claim, str(rule)) for rule in resource.claims),
            resource.signing_alg,
            None if resource.encryption_jwks is None else resource.encryption_jwks.as_dict(),
            resource.encryption_enc,
        )
    )


def resource_from(row: Record) -> Resource:
    """A row of identifier, document."""
    found = _resources.decode(row[1])
    lifetime = found.access_token_lifetime
    return Resource(
        identifier=row[0],
        name=found.name,
        scopes=found.scopes,
        access_token_lifetime=None if lifetime is None else Seconds(lifetime),
        access_token_format=found.access_token_format,
        introspection_client_ids=tuple(map(ClientId, found.introspection_client_ids)),
        claims=tuple(ClaimRule.parse(claim, text) for claim, text in found.claims),
        signing_alg=found.signing_alg,
        encryption_jwks=None if found.encryption_jwks is None else JwkSet.parse(found.encryption_jwks),
        encryption_enc=found.encryption_enc,
        managed_by=found.managed_by,
        disabled=found.disabled,
    )


def end_user_document(end_user: EndUser) -> str:
    """What the column `end_users.document` holds."""
    return _encode(
        _EndUserDocument(
            end_user.name,
            end_user.email,
            end_user.email_verified,
            sorted(end_user.roles),
            dict(end_user.claims),
            end_user.managed_by,
        )
    )


def end_user_from(row: Record) -> EndUser:
    """A row of subject, username, password_hash, updated_at, disabled, document."""
    found = _end_users.decode(row[5])
    return EndUser(
        subject=row[0],
        username=row[1],
        password_hash=row[2],
        updated_at=row[3],
        name=found.name,
        email=found.email,
        email_verified=found.email_verified,
        roles=frozenset(found.roles),
        claims=found.claims,
        managed_by=found.managed_by,
        disabled=bool(row[4]),
    )


def _secret_document(secret: ClientSecret) -> _SecretDocument:
    return _SecretDocument(
        secret.secret_id, secret.digest.value, secret.created_at, secret.expires_at, secret.sealed
    )


def _secret(found: _SecretDocument) -> ClientSecret:
    expires_at = None if found.expires_at is None else NumericDate(found.expires_at)
    digest = SecretDigest(found.digest)
    return ClientSecret(found.secret_id, digest, NumericDate(found.created_at), expires_at, found.sealed)


def _registration_document(registration: SelfRegistration) -> _RegistrationDocument:
    return _RegistrationDocument(
        registration.registered_at,
        registration.access_token_digest,
        registration.token_id,
        str(registration.scope),
        sorted(registration.grant_types),
        dict(registration.described),
    )


def _registration(found: _RegistrationDocument) -> SelfRegistration:
    return SelfRegistration(
        NumericDate(found.registered_at),
        TokenDigest(found.access_token_digest),
        found.token_id,
        _scope(found.scope),
        frozenset(map(GrantType, found.grant_types)),
        found.described,
    )


def _scope(text: str) -> Scope:
    return Scope.of(text.split())


def _encode(document: msgspec.Struct) -> str:
    return msgspec.json.encode(document).decode()
