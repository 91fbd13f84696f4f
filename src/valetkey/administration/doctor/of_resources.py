"""What can be wrong with a tenant's resource servers and signing keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.administration.doctor.finding import Diagnosis, Estate, Said, Severity
from valetkey.authorization_server.claim_mapping import LARGE, ClaimFacts, mapped_claims, octets_of
from valetkey.authorization_server.model import AccessTokenFormat, KeyState
from valetkey.authorization_server.registration import resource_faults
from valetkey.authorization_server.token_form import ALGORITHM
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD_KEY: Final = 365 * 86_400
"""Seconds."""


def _unsound(estate: Estate) -> Iterator[Said]:
    for resource in estate.resources:
        for fault in () if resource.disabled else resource_faults(resource):
            yield (
                f"resource {resource.identifier}",
                f"{fault.field}: {fault.message}",
                f"change it with `valetkey resource change {resource.identifier}`",
            )


def _unreadable(estate: Estate) -> Iterator[Said]:
    for resource in estate.resources:
        is_opaque = resource.access_token_format is AccessTokenFormat.OPAQUE
        if is_opaque and not resource.introspection_client_ids and not resource.disabled:
            yield (
                f"resource {resource.identifier}",
                "its tokens are opaque, and nobody may introspect them for it",
                "name a client that speaks for it: `--introspection-client`",
            )


def _spoken_for_by_nobody(estate: Estate) -> Iterator[Said]:
    able = {client.client_id for client in estate.clients if not client.is_public and not client.disabled}
    for resource in estate.resources:
        for client_id in resource.introspection_client_ids:
            if client_id not in able and not resource.disabled:
                yield (
                    f"resource {resource.identifier}",
                    f"client {client_id} should speak for it, but is unknown, public or disabled",
                    "add a confidential client of that name, or name another",
                )


def _long_lived(estate: Estate) -> Iterator[Said]:
    for resource in estate.resources:
        lifetime = resource.access_token_lifetime or 0
        if lifetime > estate.policy.access_token_lifetime and not resource.disabled:
            yield (
                f"resource {resource.identifier}",
                f"its tokens live {lifetime} seconds; the profile says {estate.policy.access_token_lifetime}",
                "shorten it, or be sure that the resource server follows revocations",
            )


def _with_large_claims(estate: Estate) -> Iterator[Said]:
    for resource in estate.resources:
        if resource.disabled or not resource.claims or not estate.clients:
            continue
        scope = Scope(rule.scope for rule in resource.claims if rule.scope is not None)
        client = max(estate.clients, key=lambda each: octets_of(each.attributes))
        weighed = (
            (octets_of(mapped_claims([resource], scope, ClaimFacts(client, end_user, None))), end_user)
            for end_user in estate.end_users
        )
        largest = max(weighed, key=lambda found: found[0], default=None)
        if largest is not None and largest[0] > LARGE:
            yield (
                f"resource {resource.identifier}",
                f"its tokens carry {largest[0]} octets of mapped claims for user {largest[1].username}",
                "map fewer claims, or let the resource introspect opaque tokens",
            )


def _without_resources(estate: Estate) -> Iterator[Said]:
    if not any(not resource.disabled for resource in estate.resources) and estate.clients:
        yield (
            f"tenant {estate.tenant.tenant_id}",
            "no resource server is known: access tokens are good for UserInfo only",
            "add your API with `valetkey resource add`",
        )


def _without_key(estate: Estate) -> Iterator[Said]:
    active = {key.algorithm for key in estate.signing_keys if key.state is KeyState.ACTIVE}
    # A tenant gets its keys with its first request: none at all is one that never had any.
    if not active:
        return
    needed = {ALGORITHM, *(each.signing_alg for each in estate.resources if each.signing_alg)}
    needed |= {*(each.id_token_signed_response_alg for each in estate.clients if not each.disabled)}
    for algorithm in sorted(needed - active):
        if algorithm.startswith("HS"):
            continue
        yield (
            f"tenant {estate.tenant.tenant_id}",
            f"there is no active signing key for {algorithm}",
            "start the server once, which makes what is missing, or choose another algorithm",
        )


def _old_key(estate: Estate) -> Iterator[Said]:
    for key in estate.signing_keys:
        if key.state is KeyState.ACTIVE and estate.now - key.used_since > OLD_KEY:
            yield (
                f"tenant {estate.tenant.tenant_id}",
                f"key {key.kid} ({key.algorithm}) has been used for more than a year",
                "rotate it with `valetkey key rotate`, or let keys.rotation_days do so",
            )


DIAGNOSES: Final[tuple[Diagnosis[Estate], ...]] = (
    Diagnosis("resource-unsound", Severity.FAULT, "RFC 8707, 2", _unsound),
    Diagnosis("resource-unreadable", Severity.FAULT, "RFC 7662, 2.1", _unreadable),
    Diagnosis("resource-spoken-for-by-nobody", Severity.FAULT, "RFC 7662, 2.1", _spoken_for_by_nobody),
    Diagnosis("signing-key-missing", Severity.FAULT, "RFC 9068, 2.1", _without_key),
    Diagnosis("resource-large-tokens", Severity.WARNING, "RFC 9110, 5.4: fields have limits", _with_large_claims),
    Diagnosis("resource-long-access-tokens", Severity.WARNING, "RFC 9700, 4.10", _long_lived),
    Diagnosis("resource-none", Severity.NOTE, "RFC 8707, 2", _without_resources),
    Diagnosis("signing-key-old", Severity.NOTE, "NIST SP 800-57, 5.3.6", _old_key),
)
