"""What can be wrong with clients that were sound when they were added, or that another profile judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from valetkey.administration.doctor.finding import Diagnosis, Estate, Said, Severity
from valetkey.authorization_server.model import ConsentMode
from valetkey.authorization_server.registration import client_faults
from valetkey.authorization_server.rights import END_USER_SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from valetkey.authorization_server.model import Client, ClientSecret
    from valetkey.oauth.types import NumericDate

SOON: Final = 14 * 86_400
"""Seconds before an end that somebody should hear of."""
LONG: Final = 365 * 86_400
"""Seconds after which a secret that nobody replaced is old."""


def _each(look: Callable[[Client, Estate], Iterator[tuple[str, str]]]) -> Callable[[Estate], Iterator[Said]]:
    def of_all(estate: Estate) -> Iterator[Said]:
        for client in estate.clients:
            if not client.disabled:
                for message, remedy in look(client, estate):
                    yield f"client {client.client_id}", message, remedy

    return of_all


def _unsound(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    for fault in client_faults(client, estate.policy):
        yield f"{fault.field}: {fault.message}", f"change it with `valetkey client change {client.client_id}`"


def _without_living_secret(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    if client.authentication_method.needs_secret and client.secrets and not _living(client, estate.now):
        yield (
            "every secret has expired: it cannot authenticate",
            _rotation(client),
        )


def _with_ending_secret(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    living = _living(client, estate.now)
    if living and all(secret.expires_at is not None and secret.expires_at - estate.now < SOON for secret in living):
        days = max((secret.expires_at or 0) - estate.now for secret in living) // 86_400
        yield (
            f"its last secret expires in {days} days",
            f"{_rotation(client)}, and give the new one to the client",
        )


def _with_old_secret(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    for secret in _living(client, estate.now):
        if estate.now - secret.created_at > LONG:
            years = (estate.now - secret.created_at) // LONG
            yield (
                f"secret {secret.secret_id} is more than {years} year{'s' if years > 1 else ''} old",
                _rotation(client),
            )


def _with_many_secrets(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    living = _living(client, estate.now)
    if len(living) > 2:  # noqa: PLR2004 - one in use and its successor
        yield f"{len(living)} secrets are good at once", "let the ones expire that nobody uses any more"


def _with_unknown_resources(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    known = {resource.identifier for resource in estate.resources if not resource.disabled}
    for identifier in client.resources:
        if identifier not in known:
            yield f"resource {identifier} is unknown or disabled", "add the resource, or take it off the client"


def _with_unknown_partners(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    known = {each.client_id for each in estate.clients if not each.disabled}
    for rule in client.token_exchange:
        if rule.subject_client_id not in known:
            yield (
                f"it may exchange the tokens of client {rule.subject_client_id}, which is unknown or disabled",
                "add that client, or take the rule away",
            )


def _with_undefined_scopes(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    live = [resource for resource in estate.resources if not resource.disabled]
    meant = [resource for resource in live if not client.resources or resource.identifier in client.resources]
    defined = END_USER_SCOPES.union(*(resource.scopes for resource in meant))
    for name in sorted(client.scope - defined):
        yield f"scope {name} is defined by no resource it may name", "define it at a resource, or take it off"


def _without_scope(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    del estate
    if client.grant_types and not client.scope:
        yield "it may ask for nothing: every request ends in invalid_scope", "give it a scope"


def _at_localhost(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    del estate
    for uri in client.redirect_uris:
        if urlsplit(uri).hostname == "localhost":
            yield (
                f"{uri} depends on what the machine takes localhost for",
                "register 127.0.0.1 and [::1] instead",
            )


def _silent_on_open_redirects(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    del estate
    schemes = {urlsplit(uri).scheme for uri in client.redirect_uris}
    if client.is_public and client.consent is ConsentMode.FIRST_PARTY and schemes - {"https"}:
        yield (
            "it never asks for consent, though any program of the device can take its redirect URI",
            "let it ask: `--consent ask`",
        )


def _unverified(estate: Estate) -> Iterator[Said]:
    count = sum(client.is_unverified for client in estate.clients)
    if count:
        yield (
            f"tenant {estate.tenant.tenant_id}",
            f"{count} client{'s' if count > 1 else ''} registered without an operator",
            "look at them with `valetkey client list`",
        )


def _rotation(client: Client) -> str:
    return f"run `valetkey client change {client.client_id} --rotate-secret`"


def _living(client: Client, now: NumericDate) -> tuple[ClientSecret, ...]:
    return tuple(secret for secret in client.secrets if secret.is_live(now))


DIAGNOSES: Final[tuple[Diagnosis[Estate], ...]] = (
    Diagnosis("client-unsound", Severity.FAULT, "RFC 7591, 2, under the profile", _each(_unsound)),
    Diagnosis("client-without-living-secret", Severity.FAULT, "RFC 7591, 3.2.1", _each(_without_living_secret)),
    Diagnosis("client-resource-unknown", Severity.FAULT, "RFC 8707, 2", _each(_with_unknown_resources)),
    Diagnosis("client-exchange-unknown", Severity.FAULT, "RFC 8693, 2.1", _each(_with_unknown_partners)),
    Diagnosis("client-without-scope", Severity.FAULT, "RFC 6749, 3.3", _each(_without_scope)),
    Diagnosis("client-secret-ends", Severity.WARNING, "RFC 7591, 3.2.1", _each(_with_ending_secret)),
    Diagnosis("client-scope-undefined", Severity.WARNING, "RFC 6749, 3.3", _each(_with_undefined_scopes)),
    Diagnosis("client-secrets-many", Severity.WARNING, "each is one more to lose", _each(_with_many_secrets)),
    Diagnosis("redirect-localhost", Severity.WARNING, "RFC 8252, 8.3", _each(_at_localhost)),
    Diagnosis("consent-never-asked", Severity.WARNING, "RFC 8252, 8.6", _each(_silent_on_open_redirects)),
    Diagnosis("client-secret-old", Severity.NOTE, "RFC 9700, 2.5", _each(_with_old_secret)),
    Diagnosis("clients-unverified", Severity.NOTE, "RFC 7591, 5", _unverified),
)
