"""Where a tenant's or a client's own profile is looser than the one judged against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.administration.doctor.finding import Diagnosis, Estate, Said, Severity
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.policy import AssertionAudience, PkceRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from valetkey.authorization_server.policy import Policy


def _named_profiles(estate: Estate) -> Iterator[tuple[str, str]]:
    """Return who names which profile."""
    yield f"tenant {estate.tenant.tenant_id}", estate.tenant.profile
    for client in estate.clients:
        if client.profile is not None and not client.disabled:
            yield f"client {client.client_id}", client.profile


def _looser(is_looser: Callable[[Policy, Policy], bool], message: str) -> Callable[[Estate], Iterator[Said]]:
    def look(estate: Estate) -> Iterator[Said]:
        for about, name in _named_profiles(estate):
            own = estate.profiles.get(name)
            if own is not None and is_looser(own, estate.policy):
                remedy = f"give it profile {estate.policy.name}, or judge it with --profile {name}"
                yield about, f"profile {name} {message}", remedy

    return look


def _has_password(policy: Policy) -> bool:
    return "password" in policy.grant_types


def _issues_in_the_front_channel(policy: Policy) -> bool:
    return any("token" in response_type.split() for response_type in policy.response_types)


def _open_registration(estate: Estate) -> Iterator[Said]:
    own = estate.profiles.get(estate.tenant.profile)
    mode = estate.tenant.registration or (own.registration if own is not None else None)
    if mode is RegistrationMode.OPEN and estate.policy.registration is not RegistrationMode.OPEN:
        yield (
            f"tenant {estate.tenant.tenant_id}",
            "everybody may register clients",
            "close registration, or ask for an initial access token",
        )


DIAGNOSES: Final[tuple[Diagnosis[Estate], ...]] = (
    Diagnosis(
        "password-grant",
        Severity.FAULT,
        "RFC 9700, 2.4",
        _looser(
            lambda own, judged: _has_password(own) and not _has_password(judged),
            "lets clients ask end-users for their password",
        ),
    ),
    Diagnosis(
        "implicit-grant",
        Severity.FAULT,
        "RFC 9700, 2.1.2",
        _looser(
            lambda own, judged: _issues_in_the_front_channel(own) and not _issues_in_the_front_channel(judged),
            "hands access tokens out in URLs",
        ),
    ),
    Diagnosis(
        "pkce-optional",
        Severity.FAULT,
        "OAuth 2.1, 4.1.1; RFC 9700, 2.1.1",
        _looser(
            lambda own, judged: own.pkce is not PkceRule.REQUIRED and judged.pkce is PkceRule.REQUIRED,
            "lets confidential clients leave PKCE out",
        ),
    ),
    Diagnosis(
        "assertion-audience",
        Severity.WARNING,
        "RFC 7523, 3 and its update",
        _looser(
            lambda own, judged: (
                own.assertion_audience is not judged.assertion_audience
                and judged.assertion_audience is AssertionAudience.ISSUER
            ),
            "accepts client assertions that name the token endpoint instead of the issuer",
        ),
    ),
    Diagnosis(
        "long-access-tokens",
        Severity.WARNING,
        "RFC 9700, 4.10; a stolen token lives until then",
        _looser(
            lambda own, judged: own.access_token_lifetime > judged.access_token_lifetime,
            "lets access tokens live longer",
        ),
    ),
    Diagnosis("open-registration", Severity.WARNING, "RFC 7591, 5", _open_registration),
)
