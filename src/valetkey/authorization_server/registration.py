"""What clients, end-users, resource servers and tenants must look like, however they come (RFC 7591, 2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.claim_rule import EXPECTED, is_claim_name, is_source
from valetkey.authorization_server.client_algorithms import algorithm_faults
from valetkey.authorization_server.fault import Fault
from valetkey.authorization_server.key_algorithms import SIGNING_ALGORITHMS
from valetkey.authorization_server.model import AuthenticationMethod, ConsentMode, normalised_username
from valetkey.authorization_server.openid_registration import openid_faults
from valetkey.authorization_server.policy import IMPLICIT, PROFILES
from valetkey.authorization_server.rights import END_USER_SCOPES
from valetkey.authorization_server.standard_claims import value_fault
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENT_ALGORITHMS
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.outward_url import outward_url_fault, own_url_fault
from valetkey.oauth.redirect_uri import parse_registered
from valetkey.oauth.resource import is_identifier
from valetkey.oauth.token_exchange import GRANT_TYPE as TOKEN_EXCHANGE
from valetkey.oauth.types import DEFAULT_TENANT, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from valetkey.authorization_server.declaration import DeclaredEndUser
    from valetkey.authorization_server.model import ApplicationType, Client, EndUser, Resource, Tenant
    from valetkey.authorization_server.policy import Policy
    from valetkey.jose import Jwk, JwkSet
    from valetkey.oauth.types import GrantType, SecretText

MAXIMUM_CLAIMS: Final = 20
"""Rules of one resource server."""
SHORTEST_SECRET: Final = 32
"""Characters of a secret that we did not draw."""
SECRET_EXPECTED: Final = f"a secret of at least {SHORTEST_SECRET} characters"
SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 1024
"""Bytes of UTF-8."""
PASSWORD_EXPECTED: Final = f"a password of {SHORTEST_PASSWORD} characters to {LONGEST_PASSWORD} bytes"
MAXIMUM_REDIRECT_URIS: Final = 20
MAXIMUM_SECRETS: Final = 5
"""Live ones that one client may have at once."""
MAXIMUM_NAME: Final = 100
ID_TOKEN_ALGORITHMS: Final = SIGNING_ALGORITHMS
"""Those for which a tenant may have a signing key; whether it has, `client_key_faults` says."""
LONGEST_ACCESS_TOKEN: Final = 15 * 60
"""Seconds."""
RESERVED_CLAIMS: Final = frozenset(
    {"sub", "iss", "aud", "exp", "iat", "nbf", "nonce", "name", "email", "email_verified", "preferred_username",
     "updated_at"}
)  # fmt: skip
"""Claims that have a field of their own or that only the server states."""

_CLIENT_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_TENANT_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ACCENT: Final = re.compile(r"#[0-9a-f]{6}")
_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,255}")
_ROLE: Final = re.compile(r"[\x21-\x7e]{1,64}")


def client_faults(client: Client, policy: Policy, further: frozenset[GrantType] = frozenset()) -> tuple[Fault, ...]:
    """Return everything that forbids `client` under `policy`, which judges it; empty when it is sound.

    `further` are the grant types that others add to those of the policy.
    """
    return (
        *_name_faults("name", client.name),
        *_identity_faults(client),
        *_authentication_faults(client),
        *_key_source_faults(client),
        *_grant_faults(client, policy, further),
        *_right_faults(client),
        *_exchange_faults(client),
        *openid_faults(client, policy),
        *algorithm_faults(client, ID_TOKEN_ALGORITHMS),
    )


def end_user_faults(end_user: EndUser | DeclaredEndUser) -> tuple[Fault, ...]:
    """Return everything that is wrong with an end-user's fields; empty when they are sound."""
    return tuple(_end_user_faults(end_user))


def resource_faults(resource: Resource) -> tuple[Fault, ...]:
    """Return everything that is wrong with a resource server (RFC 8707, 2); empty when it is sound."""
    return tuple(_resource_faults(resource))


def tenant_faults(tenant: Tenant) -> tuple[Fault, ...]:
    """Return everything that is wrong with a tenant; its name stands in URLs. Empty when it is sound."""
    return tuple(_tenant_faults(tenant))


def is_sound_secret(secret: SecretText) -> bool:
    """Say whether a client secret that we did not draw is long enough to be stored as a digest."""
    return len(secret.reveal()) >= SHORTEST_SECRET


def is_sound_password(password: str) -> bool:
    """Say whether an end-user may have this password: no rule but its length (NIST SP 800-63B, 3.1.1.2)."""
    return len(password) >= SHORTEST_PASSWORD and len(password.encode("utf-8", "surrogatepass")) <= LONGEST_PASSWORD


def _name_faults(field: str, name: str) -> Iterator[Fault]:
    # People decide by this name: what is invisible or turns the writing direction could deceive them.
    if not name.strip() or len(name) > MAXIMUM_NAME or not name.isprintable():
        yield Fault(field, f"expected 1 to {MAXIMUM_NAME} printable characters")


def _identity_faults(client: Client) -> Iterator[Fault]:
    if not _CLIENT_ID.fullmatch(client.client_id):
        yield Fault("client_id", "expected 1 to 256 printable ASCII characters without space")
    if client.profile is not None and client.profile not in PROFILES:
        yield Fault("profile", f"expected one of {', '.join(PROFILES)}")


def _authentication_faults(client: Client) -> Iterator[Fault]:
    method = client.authentication_method
    if method.needs_secret and not client.secrets and not client.disabled:
        yield Fault("secret", f"{method.value} needs a secret")
    if not method.needs_secret and client.secrets:
        yield Fault("secret", f"a client that authenticates by {method.value} has no secret")
    if len(client.secrets) > MAXIMUM_SECRETS:
        yield Fault("secret", f"expected {MAXIMUM_SECRETS} at most")
    if method is AuthenticationMethod.CLIENT_SECRET_JWT and any(each.sealed is None for each in client.secrets):
        yield Fault("secret", "client_secret_jwt needs the secret itself, the key of its MACs, not its digest")
    pinned = client.authentication_signing_alg
    known = ALGORITHMS_OF.get(method)
    if pinned is not None and known is not None and pinned not in known:
        yield Fault("token_endpoint_auth_signing_alg", f"{method.value} goes with {', '.join(known)}")
    if client.is_unverified and client.consent is ConsentMode.FIRST_PARTY:
        yield Fault("consent", "a client that introduced itself is nobody's own: its end-users are asked")
    keys = client.jwks
    if method is AuthenticationMethod.PRIVATE_KEY_JWT and keys is None and client.jwks_uri is None:
        yield Fault("jwks", "private_key_jwt needs the client's public keys, or the jwks_uri where they stand")
    if keys is not None:
        # A key that was left out would be missed only on the day it signs.
        yield from (Fault("jwks", f"key {bad.kid or bad.position}: {bad.reason}") for bad in keys.skipped)
        if any(kty == "oct" for kty in (*(key.kty for key in keys.keys), *(key.kty for key in keys.unbound))):
            yield Fault("jwks", "expected public keys, found a symmetric one")


def _key_source_faults(client: Client) -> Iterator[Fault]:
    if client.jwks_uri is None:
        return
    if client.jwks is not None:
        yield Fault("jwks_uri", "a client has either jwks or jwks_uri (RFC 7591, 2)")
    fault = outward_url_fault(client.jwks_uri) if client.is_unverified else own_url_fault(client.jwks_uri)
    if fault is not None:
        yield Fault("jwks_uri", fault)


def _grant_faults(client: Client, policy: Policy, further: frozenset[GrantType]) -> Iterator[Fault]:
    unknown = sorted(client.grant_types - policy.grant_types - further)
    # A confidential client without any speaks for a resource server, which only introspects.
    if unknown or (client.is_public and not client.grant_types):
        known = ", ".join(sorted(policy.grant_types | further))
        yield Fault(
            "grant_types", f"profile {policy.name} knows {known}" + (f", not {unknown[0]}" if unknown else "")
        )
    if "client_credentials" in client.grant_types and client.is_public:
        yield Fault("grant_types", "client_credentials needs a client that authenticates (RFC 6749, 4.4)")
    for grant_type in ("authorization_code", IMPLICIT):
        if grant_type in client.grant_types and not client.redirect_uris:
            yield Fault("redirect_uris", f"{grant_type} needs a redirect URI")
    if client.introspection_signed_response_alg not in ID_TOKEN_ALGORITHMS:
        yield Fault("introspection_signed_response_alg", f"expected one of {', '.join(ID_TOKEN_ALGORITHMS)}")


def _right_faults(client: Client) -> Iterator[Fault]:
    if any(not _ROLE.fullmatch(name) for name in client.attributes):
        yield Fault("attributes", "expected names of 1 to 64 printable ASCII characters without space")
    yield from _uri_faults("redirect_uris", client.redirect_uris, client.application_type)
    yield from _uri_faults("post_logout_redirect_uris", client.post_logout_redirect_uris, client.application_type)
    yield from _scope_faults("scope", client.scope)
    yield from (
        Fault("resources", f"expected absolute URIs without fragment, found {resource!r}")
        for resource in client.resources
        if not is_identifier(resource)
    )


def _exchange_faults(client: Client) -> Iterator[Fault]:
    rules = client.token_exchange
    # Without a rule it exchanges nobody's tokens, but API keys for the resource servers that it speaks for.
    if client.is_public and (rules or TOKEN_EXCHANGE in client.grant_types):
        yield Fault("token_exchange", "only a client that authenticates may exchange tokens")
    if len({rule.subject_client_id for rule in rules}) < len(rules):
        yield Fault("token_exchange", "expected one rule for each client whose tokens it may exchange")
    for rule in rules:
        if not _CLIENT_ID.fullmatch(rule.subject_client_id):
            yield Fault("token_exchange", f"{rule.subject_client_id[:100]!r} is no client_id")
        if not rule.resources or not all(map(is_identifier, rule.resources)):
            yield Fault("token_exchange", "each rule lists the resource servers that the new token may be for")
        if client.resources and not set(rule.resources) <= set(client.resources):
            yield Fault("token_exchange", "a rule lists a resource server that the client may not name")


def _uri_faults(field: str, uris: tuple[str, ...], application_type: ApplicationType) -> Iterator[Fault]:
    if len(uris) > MAXIMUM_REDIRECT_URIS:
        yield Fault(field, f"expected {MAXIMUM_REDIRECT_URIS} at most")
    for uri in uris[:MAXIMUM_REDIRECT_URIS]:
        try:
            parse_registered(uri, application_type)
        except ValueError as error:
            yield Fault(field, f"{uri[:100]!r}: {error}")


def _scope_faults(field: str, names: frozenset[str]) -> Iterator[Fault]:
    yield from (
        Fault(field, f"{name!r} is no scope name (RFC 6749, 3.3)")
        for name in sorted(names)
        if not _is_scope_name(name)
    )


def _is_scope_name(name: str) -> bool:
    try:
        # A name with a space would parse as two.
        return Scope.parse(name) == Scope((name,))
    except OAuthError:
        return False


def _end_user_faults(end_user: EndUser | DeclaredEndUser) -> Iterator[Fault]:
    username = end_user.username
    if not normalised_username(username) or len(username) > MAXIMUM_NAME or not username.isprintable():
        yield Fault("username", f"expected 1 to {MAXIMUM_NAME} printable characters")
    if end_user.name is not None:
        yield from _name_faults("name", end_user.name)
    if end_user.email is not None and not _EMAIL.fullmatch(end_user.email):  # OIDCC-5.1/email
        yield Fault("email", "expected an address such as ada@example.com")
    if end_user.email_verified and end_user.email is None:
        yield Fault("email_verified", "there is no email to be verified")
    yield from (
        Fault("roles", f"expected printable ASCII without space, found {role!r}")
        for role in sorted(end_user.roles)
        if not _ROLE.fullmatch(role)
    )
    yield from _claim_faults(end_user.claims)


def _claim_faults(claims: Mapping[str, object]) -> Iterator[Fault]:
    yield from (
        Fault("claims", f"{claim} is stated by the server or has a field of its own")
        for claim in sorted(RESERVED_CLAIMS & claims.keys())
    )
    for claim, value in sorted(claims.items()):
        fault = None if claim in RESERVED_CLAIMS else value_fault(claim, value)
        if fault is not None:
            yield Fault("claims", f"{claim}: {fault}")
    if "phone_number_verified" in claims and "phone_number" not in claims:
        yield Fault("claims", "phone_number_verified: there is no phone_number to be verified")


def _resource_faults(resource: Resource) -> Iterator[Fault]:
    if not is_identifier(resource.identifier):
        yield Fault("identifier", "expected an absolute URI without fragment (RFC 8707, 2)")
    yield from _name_faults("name", resource.name)
    yield from _scope_faults("scopes", frozenset(resource.scopes))
    yield from (
        Fault("scopes", f"{name}: say in words what it allows")
        for name, words in sorted(resource.scopes.items())
        if not words.strip()
    )
    yield from (
        Fault("introspection_client_ids", f"{client_id[:100]!r} is no client_id")
        for client_id in resource.introspection_client_ids
        if not _CLIENT_ID.fullmatch(client_id)
    )
    yield from _token_faults(resource)
    lifetime = resource.access_token_lifetime
    if lifetime is not None and not 1 <= lifetime <= LONGEST_ACCESS_TOKEN:
        yield Fault("access_token_lifetime", f"expected 1 to {LONGEST_ACCESS_TOKEN} seconds")


def _token_faults(resource: Resource) -> Iterator[Fault]:
    if len(resource.claims) > MAXIMUM_CLAIMS:
        yield Fault("claims", f"expected {MAXIMUM_CLAIMS} at most")
    for rule in resource.claims:
        if not is_claim_name(rule.claim):
            yield Fault("claims", f"{rule.claim[:100]!r} is stated by the server alone, or is no claim name")
        elif not is_source(rule.source):
            yield Fault("claims", f"{rule.claim}: expected {EXPECTED}")
        elif rule.scope is not None and rule.scope not in END_USER_SCOPES.union(resource.scopes):
            yield Fault("claims", f"{rule.claim}: {rule.scope} is no scope of the resource or of OpenID Connect")
    if resource.signing_alg is not None and resource.signing_alg not in ID_TOKEN_ALGORITHMS:
        yield Fault("signing_alg", f"expected one of {', '.join(ID_TOKEN_ALGORITHMS)}")
    if resource.encryption_jwks is not None:
        yield from _encryption_faults(resource.encryption_jwks, resource)


def _is_encryption_key(key: Jwk) -> bool:
    row = KEY_MANAGEMENT_ALGORITHMS.get((key.algorithm, key.kty))
    return row is not None and row.kty != "oct" and key.algorithm != "RSA1_5" and not key.is_private


def _encryption_faults(keys: JwkSet, resource: Resource) -> Iterator[Fault]:
    yield from (Fault("encryption_jwks", f"key {bad.kid or bad.position}: {bad.reason}") for bad in keys.skipped)
    if len(keys.keys) != 1 or not _is_encryption_key(keys.keys[0]):
        yield Fault("encryption_jwks", "expected one public key with its alg, such as ECDH-ES+A256KW")
    if resource.encryption_enc not in CONTENT_ENCRYPTIONS:
        yield Fault("encryption_enc", f"expected one of {', '.join(CONTENT_ENCRYPTIONS)}")


def _tenant_faults(tenant: Tenant) -> Iterator[Fault]:
    if not _TENANT_ID.fullmatch(tenant.tenant_id):
        yield Fault("name", "expected at most 63 of a-z, 0-9 and inner hyphens")
    yield from _name_faults("display_name", tenant.display_name)
    if tenant.profile not in PROFILES:
        yield Fault("profile", f"expected one of {', '.join(PROFILES)}")
    if not _ACCENT.fullmatch(tenant.accent):
        yield Fault("accent", "expected a colour such as #2454d6")
    if tenant.disabled and tenant.tenant_id == DEFAULT_TENANT:
        yield Fault("disabled", "the default tenant stands at the root of the server and cannot be switched off")
