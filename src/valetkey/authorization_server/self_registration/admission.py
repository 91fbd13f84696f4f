"""Who may register a client, and what it may have at most (RFC 7591, 3 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.policy import IMPLICIT
from valetkey.authorization_server.rights import END_USER_SCOPES
from valetkey.authorization_server.self_registration.changes import RegistrationToken
from valetkey.jose.records import dataclass
from valetkey.oauth.challenge import Challenge
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import GrantType, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.model import Resource, Tenant
    from valetkey.authorization_server.policy import Policy
    from valetkey.oauth.types import NumericDate

FOR_EVERYBODY: Final = frozenset({GrantType("authorization_code"), GrantType("refresh_token"), IMPLICIT})
"""Grant types in which an end-user is shown where the answer goes; all others an initial access token must name."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a client that was let in may have at most."""

    scope: Scope
    grant_types: frozenset[GrantType]
    token: RegistrationToken | None
    """What it came in by; None for open registration."""


def mode_of(tenant: Tenant, policy: Policy) -> RegistrationMode:
    """Return who may register at a tenant: what it says, else its profile."""
    return policy.registration if tenant.registration is None else tenant.registration


def admitted(
    mode: RegistrationMode,
    token: RegistrationToken | None,
    tenant: Tenant,
    catalogue: Sequence[Resource],
    policy: Policy,
) -> Admission:
    """Return what may be registered; `token` is the live one that was presented. Raises OAuthError."""
    if mode is RegistrationMode.CLOSED:
        raise not_admitted("Clients do not register themselves here.")
    if token is None and mode is not RegistrationMode.OPEN:
        raise not_admitted("An initial access token is needed.")
    said = tenant.registration_scope if token is None or token.scope is None else token.scope
    every = END_USER_SCOPES.union(*(each.scopes for each in catalogue if not each.disabled))
    further = frozenset[GrantType]() if token is None else token.grant_types
    return Admission(Scope(every) if said is None else said, (FOR_EVERYBODY | further) & policy.grant_types, token)


def live_token(found: RegistrationToken | None, now: NumericDate) -> RegistrationToken:
    """Return the initial access token that was presented; raises OAuthError unless it still admits somebody."""
    if found is None or not found.is_live(now):
        raise invalid_token("The initial access token is not valid, or not any more.", "RFC7591-3/initial-token")
    return found


def not_admitted(description: str) -> OAuthError:
    """Return the refusal of a request that shows no token where one is needed (RFC 6750, 3.1)."""
    return OAuthError(
        ErrorCode.INVALID_TOKEN,
        description,
        "RFC7591-3/initial-token",
        headers=(("www-authenticate", str(Challenge("Bearer"))),),
    )


def invalid_token(description: str, requirement: str) -> OAuthError:
    """Return the refusal of a token that was presented."""
    challenge = Challenge("Bearer", (("error", "invalid_token"), ("error_description", description)))
    return OAuthError(
        ErrorCode.INVALID_TOKEN,
        description,
        requirement,
        headers=(("www-authenticate", str(challenge)),),
    )
