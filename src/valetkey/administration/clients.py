"""What an operator does with clients: each act judges, and returns the Changes to commit (RFC 7591, 2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from valetkey.administration.refusal import ActRefused, refuse_declared, refuse_faults
from valetkey.authorization_server.decision import Changes, PutClient, RemoveClient
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    ApplicationType,
    AuthenticationMethod,
    Client,
    ClientSecret,
    ConsentMode,
    ExchangeRule,
)
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import client_faults
from valetkey.jose import JwkSet
from valetkey.oauth.types import GrantType, NumericDate, OpaqueToken, Scope, SecretDigest

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Tenant
    from valetkey.oauth.types import ClientId, Seconds

SECRET_PREFIX: Final = "vk_cs_"  # noqa: S105 - the prefix that leak scanners know


@dataclass(frozen=True, slots=True)
class ClientFields:
    """What may be said of a client; None leaves it as it is."""

    name: str | None = None
    authentication_method: AuthenticationMethod | None = None
    grant_types: frozenset[GrantType] | None = None
    redirect_uris: tuple[str, ...] | None = None
    post_logout_redirect_uris: tuple[str, ...] | None = None
    jwks: JwkSet | None = None
    jwks_uri: str | None = None
    """Instead of `jwks`: either takes the place of the other."""
    scope: Scope | None = None
    resources: tuple[str, ...] | None = None
    application_type: ApplicationType | None = None
    consent: ConsentMode | None = None
    profile: str | None = None
    id_token_signed_response_alg: str | None = None
    access_token_format: AccessTokenFormat | None = None
    token_exchange: tuple[ExchangeRule, ...] | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ClientAct:
    """What becomes of the client; `secret` is shown this once, where one was drawn."""

    client: Client
    changes: Changes
    secret: OpaqueToken | None = None


def add_client(
    client_id: ClientId, fields: ClientFields, held: Client | None, tenant: Tenant, fresh: Fresh
) -> ClientAct:
    """Register a client, with a secret where its method needs one; raises ActRefused."""
    if held is not None:
        raise ActRefused(f"client {client_id} exists: change it with `valetkey client change {client_id}`")
    blank = Client(
        client_id=client_id,
        name=client_id,
        authentication_method=AuthenticationMethod.CLIENT_SECRET_BASIC,
        grant_types=frozenset({GrantType("authorization_code")}),
    )
    client, secret = _applied(blank, fields), None
    if client.authentication_method.needs_secret:
        secret = fresh.token(SECRET_PREFIX)
        client = replace(client, secrets=(_stored(secret, fresh),))
    return _judged(client, tenant, secret)


def change_client(held: Client, fields: ClientFields, tenant: Tenant) -> ClientAct:
    """Change what `fields` says; raises ActRefused."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    client = _applied(held, fields)
    if client.authentication_method.needs_secret and not client.secrets:
        method = client.authentication_method.value
        raise ActRefused(f"{method} needs a secret: add --rotate-secret, which draws one")
    return _judged(client, tenant, None)


def rotate_secret(held: Client, fields: ClientFields, tenant: Tenant, keep: Seconds, fresh: Fresh) -> ClientAct:
    """Draw a further secret, and let the old ones live for `keep` more seconds at most; raises ActRefused."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    client = _applied(held, fields)
    if not client.authentication_method.needs_secret:
        method = client.authentication_method.value
        raise ActRefused(f"client {held.client_id} authenticates by {method} and has no secret to rotate")
    secret = fresh.token(SECRET_PREFIX)
    end = NumericDate(fresh.now + keep)
    old = tuple(_ending(each, end) for each in client.secrets)
    alive = tuple(each for each in old if each.expires_at is None or each.expires_at > fresh.now)
    return _judged(replace(client, secrets=(_stored(secret, fresh), *alive)), tenant, secret)


def remove_client(held: Client) -> Changes:
    """Remove a client with all it was granted; raises ActRefused for one that a file declares."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    return (RemoveClient(held.client_id),)


def _applied(client: Client, fields: ClientFields) -> Client:
    method = fields.authentication_method or client.authentication_method
    return Client(
        client_id=client.client_id,
        name=client.name if fields.name is None else fields.name,
        authentication_method=method,
        grant_types=client.grant_types if fields.grant_types is None else fields.grant_types,
        redirect_uris=client.redirect_uris if fields.redirect_uris is None else fields.redirect_uris,
        post_logout_redirect_uris=(
            client.post_logout_redirect_uris
            if fields.post_logout_redirect_uris is None
            else fields.post_logout_redirect_uris
        ),
        # A secret that no longer authenticates must not come back with the next change of method.
        secrets=client.secrets if method.needs_secret else (),
        jwks=None if fields.jwks_uri else fields.jwks or client.jwks,
        jwks_uri=fields.jwks_uri or (None if fields.jwks else client.jwks_uri),
        scope=client.scope if fields.scope is None else fields.scope,
        resources=client.resources if fields.resources is None else fields.resources,
        application_type=fields.application_type or client.application_type,
        consent=fields.consent or client.consent,
        profile=fields.profile or client.profile,
        id_token_signed_response_alg=(fields.id_token_signed_response_alg or client.id_token_signed_response_alg),
        access_token_format=fields.access_token_format or client.access_token_format,
        token_exchange=client.token_exchange if fields.token_exchange is None else fields.token_exchange,
        managed_by=client.managed_by,
        disabled=client.disabled if fields.disabled is None else fields.disabled,
    )


def _judged(client: Client, tenant: Tenant, secret: OpaqueToken | None) -> ClientAct:
    profile = client.profile or tenant.profile
    if profile not in PROFILES:
        raise ActRefused(f"profile: expected one of {', '.join(PROFILES)}")
    refuse_faults(client_faults(client, PROFILES[profile]))
    return ClientAct(client, (PutClient(client),), secret)


def _stored(secret: OpaqueToken, fresh: Fresh) -> ClientSecret:
    return ClientSecret(fresh.identifier("client secret"), SecretDigest(bytes(secret.digest())), fresh.now)


def _ending(secret: ClientSecret, end: NumericDate) -> ClientSecret:
    return replace(secret, expires_at=end if secret.expires_at is None else min(secret.expires_at, end))
