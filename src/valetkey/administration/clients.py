"""What an operator does with clients: each act judges, and returns the Changes to commit (RFC 7591, 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.administration.refusal import ActRefused, refuse_declared, refuse_faults
from valetkey.authorization_server.client_algorithms import secret_use_of
from valetkey.authorization_server.client_secrets import draw_secret, live_secrets
from valetkey.authorization_server.decision import Changes, PutClient, RemoveClient
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    ApplicationType,
    AuthenticationMethod,
    Client,
    ClientSecret,
    ConsentMode,
    ExchangeRule,
    SelfRegistration,
)
from valetkey.authorization_server.openid_client import with_members
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import client_faults
from valetkey.jose import JwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.resource import is_identifier
from valetkey.oauth.types import GrantType, NumericDate, OpaqueToken, Scope

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Tenant
    from valetkey.authorization_server.ports import SealedSecrets
    from valetkey.oauth.types import ClientId, Seconds


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
    introspection_signed_response_alg: str | None = None
    access_token_format: AccessTokenFormat | None = None
    token_exchange: tuple[ExchangeRule, ...] | None = None
    authentication_signing_alg: str | None = None
    attributes: Mapping[str, object] | None = None
    openid: Mapping[str, object] | None = None
    """Members of `CLIENT_MEMBERS` by name; None takes one away."""
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ClientAct:
    """What becomes of the client; `secret` is shown this once, where one was drawn."""

    client: Client
    changes: Changes
    secret: OpaqueToken | None = None


def add_client(
    client_id: ClientId,
    fields: ClientFields,
    held: Client | None,
    tenant: Tenant,
    fresh: Fresh,
    *,
    vault: SealedSecrets,
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
        drawn, secret = draw_secret(client_id, secret_use_of(client), fresh, vault)
        client = replace(client, secrets=(drawn,))
    return judged_client(client, tenant, secret)


def change_client(held: Client, fields: ClientFields, tenant: Tenant, fresh: Fresh) -> ClientAct:
    """Change what `fields` says; raises ActRefused."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    client = _applied(held, fields)
    method = client.authentication_method
    alive = live_secrets(client.secrets, secret_use_of(client), fresh.now)
    if method.needs_secret and not alive:
        needs = method.value if method is not held.authentication_method else "what is changed"
        raise ActRefused(f"{needs} needs a secret of its own: add --rotate-secret, which draws one")
    return judged_client(replace(client, secrets=alive), tenant, None)


def rotate_secret(
    held: Client, fields: ClientFields, tenant: Tenant, keep: Seconds, fresh: Fresh, *, vault: SealedSecrets
) -> ClientAct:
    """Draw a further secret, and let the old ones live for `keep` more seconds at most; raises ActRefused."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    client = _applied(held, fields)
    method = client.authentication_method
    if not method.needs_secret:
        raise ActRefused(f"client {held.client_id} authenticates by {method.value} and has no secret to rotate")
    use = secret_use_of(client)
    drawn, secret = draw_secret(client.client_id, use, fresh, vault)
    end = NumericDate(fresh.now + keep)
    old = live_secrets(tuple(ending(each, end) for each in client.secrets), use, fresh.now)
    return judged_client(replace(client, secrets=(drawn, *old)), tenant, secret)


def remove_client(held: Client) -> Changes:
    """Remove a client with all it was granted; raises ActRefused for one that a file declares."""
    refuse_declared(f"client {held.client_id}", held.managed_by)
    return (RemoveClient(held.client_id),)


def _applied(client: Client, fields: ClientFields) -> Client:
    said = {
        each.name: value for each in dataclass_fields(fields) if (value := getattr(fields, each.name)) is not None
    }
    said["openid"] = with_members(client.openid, fields.openid or {})
    applied = replace(client, **said)
    # What no longer authenticates must not come back with the next change of method.
    secrets = client.secrets if applied.authentication_method.needs_secret else ()
    pinned = applied.authentication_signing_alg
    if fields.authentication_method is not None and fields.authentication_signing_alg is None:
        pinned = pinned if pinned in ALGORITHMS_OF.get(applied.authentication_method, ()) else None
    return replace(
        applied,
        secrets=secrets,
        authentication_signing_alg=pinned,
        jwks=None if fields.jwks_uri else applied.jwks,
        jwks_uri=None if fields.jwks else applied.jwks_uri,
        registration=_limited(applied.registration, fields),
    )


def _limited(registration: SelfRegistration | None, fields: ClientFields) -> SelfRegistration | None:
    """Return a registration that an operator's word bounds: else the client gave itself back what they took."""
    if registration is None:
        return None
    return replace(
        registration,
        scope=registration.scope if fields.scope is None else fields.scope,
        grant_types=registration.grant_types if fields.grant_types is None else fields.grant_types,
    )


def judged_client(client: Client, tenant: Tenant, secret: OpaqueToken | None) -> ClientAct:
    """Return the act that stores `client`; raises ActRefused with a line for each rule that it breaks.

    Which grant types others add to this server, only its settings say: one with an absolute URI passes here.
    """
    profile = client.profile or tenant.profile
    if profile not in PROFILES:
        raise ActRefused(f"profile: expected one of {', '.join(PROFILES)}")
    further = frozenset(name for name in client.grant_types if is_identifier(name))
    refuse_faults(client_faults(client, PROFILES[profile], further))
    return ClientAct(client, (PutClient(client),), secret)


def ending(secret: ClientSecret, end: NumericDate) -> ClientSecret:
    """Return a secret that ends at `end` at the latest."""
    return replace(secret, expires_at=end if secret.expires_at is None else min(secret.expires_at, end))
