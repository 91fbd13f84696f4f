"""What an operator does with resource servers: each act judges, and returns the Changes to commit (RFC 8707)."""

from __future__ import annotations

from collections.abc import Mapping

from valetkey.administration.refusal import ActRefused, refuse_declared, refuse_faults
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.decision import Changes, PutResource, RemoveResource
from valetkey.authorization_server.model import AccessTokenFormat, Resource
from valetkey.authorization_server.registration import resource_faults
from valetkey.jose import JwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, Seconds


@dataclass(frozen=True, slots=True)
class ResourceFields:
    """What may be said of a resource server; None leaves it as it is."""

    name: str | None = None
    scopes: Mapping[str, str] | None = None
    access_token_lifetime: Seconds | None = None
    access_token_format: AccessTokenFormat | None = None
    introspection_client_ids: tuple[ClientId, ...] | None = None
    claims: tuple[ClaimRule, ...] | None = None
    signing_alg: str | None = None
    encryption_jwks: JwkSet | None = None
    """A set without keys takes the encryption away."""
    encryption_enc: str | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ResourceAct:
    """What becomes of the resource server."""

    resource: Resource
    changes: Changes


def add_resource(identifier: str, fields: ResourceFields, held: Resource | None) -> ResourceAct:
    """Add a resource server; raises ActRefused."""
    if held is not None:
        raise ActRefused(f"resource {identifier} exists: change it with `valetkey resource change {identifier}`")
    return _judged(Resource(identifier, identifier, {}), fields)


def change_resource(held: Resource, fields: ResourceFields) -> ResourceAct:
    """Change what `fields` says; raises ActRefused."""
    refuse_declared(f"resource {held.identifier}", held.managed_by)
    return _judged(held, fields)


def remove_resource(held: Resource) -> Changes:
    """Remove a resource server: no further token is minted for it. Raises ActRefused for a declared one."""
    refuse_declared(f"resource {held.identifier}", held.managed_by)
    return (RemoveResource(held.identifier),)


def _encryption(held: Resource, fields: ResourceFields) -> JwkSet | None:
    given = fields.encryption_jwks
    if given is None:
        return held.encryption_jwks
    return given if given.keys or given.unbound or given.skipped else None


def _judged(held: Resource, fields: ResourceFields) -> ResourceAct:
    resource = Resource(
        identifier=held.identifier,
        name=held.name if fields.name is None else fields.name,
        scopes=held.scopes if fields.scopes is None else fields.scopes,
        access_token_lifetime=fields.access_token_lifetime or held.access_token_lifetime,
        access_token_format=fields.access_token_format or held.access_token_format,
        introspection_client_ids=(
            held.introspection_client_ids
            if fields.introspection_client_ids is None
            else fields.introspection_client_ids
        ),
        claims=held.claims if fields.claims is None else fields.claims,
        signing_alg=fields.signing_alg or held.signing_alg,
        encryption_jwks=_encryption(held, fields),
        encryption_enc=fields.encryption_enc or held.encryption_enc,
        managed_by=held.managed_by,
        disabled=held.disabled if fields.disabled is None else fields.disabled,
    )
    refuse_faults(resource_faults(resource))
    return ResourceAct(resource, (PutResource(resource),))
