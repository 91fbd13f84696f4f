"""What an operator does with initial access tokens: whoever holds one may register clients (RFC 7591, 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.decision import AddRegistrationToken, Changes, RemoveRegistrationToken
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.self_registration.admission import mode_of
from valetkey.authorization_server.self_registration.changes import RegistrationToken
from valetkey.jose.records import dataclass
from valetkey.oauth.types import GrantType, NumericDate, OpaqueToken, Scope, Seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.administration.views import View
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Tenant
    from valetkey.oauth.types import TenantId

INITIAL_TOKEN_PREFIX: Final = "vk_iat_"  # noqa: S105 - the prefix that leak scanners know


@dataclass(frozen=True, slots=True)
class TokenFields:
    """What a new initial access token allows; None leaves a limit out."""

    lifetime: Seconds
    uses: int | None = None
    scope: Scope | None = None
    grant_types: frozenset[GrantType] = frozenset()


@dataclass(frozen=True, slots=True)
class TokenAct:
    """The token as it is kept, and as it is shown this once."""

    token: RegistrationToken
    shown: OpaqueToken
    changes: Changes


def add_registration_token(fields: TokenFields, tenant: Tenant, fresh: Fresh) -> TokenAct:
    """Draw an initial access token; raises ActRefused where it would admit nobody."""
    policy = PROFILES[tenant.profile]
    if mode_of(tenant, policy) is RegistrationMode.CLOSED:
        raise ActRefused(
            f"clients do not register themselves at tenant {tenant.tenant_id}: "
            "set registration to token or open first"
        )
    unknown = sorted(fields.grant_types - policy.grant_types)
    if unknown:
        known = ", ".join(sorted(policy.grant_types))
        raise ActRefused(f"grant type: profile {policy.name} knows {known}, not {unknown[0]}")
    shown = fresh.token(INITIAL_TOKEN_PREFIX)
    token = RegistrationToken(
        fresh.identifier("registration token"),
        shown.digest(),
        fresh.now,
        NumericDate(fresh.now + fields.lifetime),
        fields.uses,
        fields.scope,
        fields.grant_types,
    )
    return TokenAct(token, shown, (AddRegistrationToken(token),))


def remove_registration_token(token_id: str, held: Sequence[RegistrationToken]) -> Changes:
    """Take a token back; raises ActRefused for an unknown one."""
    if all(each.token_id != token_id for each in held):
        raise ActRefused(
            f"there is no registration token {token_id}: see `valetkey client registration-token list`"
        )
    return (RemoveRegistrationToken(token_id),)


def registration_token_view(token: RegistrationToken, tenant_id: TenantId) -> View:
    """Return a token without what it says; times are seconds since the epoch."""
    return {
        "token_id": token.token_id,
        "tenant": tenant_id,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "uses_left": token.uses_left,
        "scope": None if token.scope is None else str(token.scope),
        "grant_types": sorted(token.grant_types),
    }
