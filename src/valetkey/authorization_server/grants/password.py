"""password: an end-user's own password in a client's hands (RFC 6749, 4.3), for the LEGACY profile alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.decision import Changes, EndUserIssue, GrantAuthorization, Refuse
from valetkey.authorization_server.grants.grant import invalid_grant
from valetkey.authorization_server.grants.refresh_token import first_link
from valetkey.authorization_server.model import (
    Authorization,
    EndUser,
    Generations,
    Resource,
    StoredAuthorization,
)
from valetkey.authorization_server.registration import LONGEST_ACCESS_TOKEN
from valetkey.authorization_server.rights import OPENID, rights_for
from valetkey.authorization_server.user_authentication.password import (
    METHOD,
    Claimant,
    forgiven,
    is_password,
    load_claimant,
    wait_before,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import AuthorizationId, GrantType, NumericDate, Scope, SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters

PASSWORD: Final = GrantType("password")


class TooManyAttempts(OAuthError):
    """A password was guessed at too often, from one address or for one end-user (RFC 6585, 4)."""

    @property
    def status(self) -> int:
        """429, which no code of the registry has."""
        return 429


@dataclass(frozen=True, slots=True)
class PasswordRequest:
    """What a token request asks for with an end-user's password."""

    username: str
    password: SecretText = field(repr=False)
    scope: Scope | None
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PasswordFacts:
    """What decides: the end-user whose password it is, None for a wrong one, and the counters read before them."""

    end_user: EndUser | None
    generations: Generations
    forgiven: Changes
    catalogue: Sequence[Resource]


class PasswordGrant:
    """A password is redeemed for tokens; it counts against the budgets of the sign-in page (RFC 6749, 4.3)."""

    grant_type = PASSWORD
    parameters = frozenset({"username", "password", "scope", "resource"})
    repeatable = frozenset({"resource"})

    def parse(self, form: Parameters) -> PasswordRequest:
        """Return what was asked; raises OAuthError."""
        scope = form.get("scope")
        return PasswordRequest(
            form.require("username", "RFC6749-4.3.2/username"),
            SecretText(form.require("password", "RFC6749-4.3.2/password")),
            None if scope is None else Scope.parse(scope),
            form.all("resource"),
        )

    async def load(
        self, asked: PasswordRequest, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> PasswordFacts:
        """Count the attempt, compare the password; raises TooManyAttempts, and Unavailable when too many wait."""
        stores = server.stores
        claimant = await load_claimant(asked.username, address, None, stores)
        wait = await wait_before(claimant, stores, fresh.now, None)  # RFC6749-4.3.2/brute-force
        if wait:
            raise _too_many(wait)
        is_right = await is_password(asked.password.reveal(), claimant.end_user, server.passwords)
        proven = claimant.end_user if is_right else None
        catalogue = await stores.resources.list()
        if proven is None:
            return PasswordFacts(None, Generations(), (), catalogue)
        # Read before the end-user: a change in between then loses the commit instead of going unnoticed.
        generations = await stores.authorizations.current(client.client_id, proven.subject)
        return PasswordFacts(await _still(claimant, server), generations, forgiven(claimant.budgets), catalogue)

    def decide(
        self, asked: PasswordRequest, facts: PasswordFacts, client: Client, policy: Policy, fresh: Fresh
    ) -> Decision:
        """Judge: one answer to a wrong password, an unknown end-user and a disabled one."""
        if facts.end_user is None:
            return Refuse(invalid_grant("The user name or the password is wrong.", "RFC6749-4.3.2/validate"))
        if asked.scope is not None and OPENID in asked.scope:
            return Refuse(
                OAuthError(
                    ErrorCode.INVALID_SCOPE, "Nobody signed in here whom openid could mean.", "RFC6749-4.3.2/scope"
                )
            )
        try:
            rights = rights_for(asked.scope, asked.resources, client, facts.catalogue, policy)
        except OAuthError as error:
            return Refuse(error)
        can_refresh = {"refresh_token"} <= client.grant_types & policy.grant_types
        lifetime = policy.authorization_lifetime if can_refresh else LONGEST_ACCESS_TOKEN
        authorization = Authorization(
            authorization_id=AuthorizationId(fresh.identifier("authorization")),
            client_id=client.client_id,
            subject=facts.end_user.subject,
            scope=rights.scope,
            resources=rights.resources,
            authentication=METHOD.authenticated(fresh.now),
            generations=facts.generations,
            created_at=fresh.now,
            expires_at=NumericDate(fresh.now + lifetime),
            sid=None,
            bound_to_session=False,
        )
        token, stored = first_link(authorization, client, policy, fresh, None)
        return EndUserIssue(
            StoredAuthorization(authorization, facts.generations),
            rights.scope,
            rights.resources,
            refresh_token=token,
            id_token_nonce_applies=False,
            changes=(GrantAuthorization(authorization, None), *stored, *facts.forgiven),
        )


async def _still(claimant: Claimant, server: AuthorizationServer) -> EndUser | None:
    """Return the end-user if the password that was right is still theirs: comparing it took a while."""
    before = claimant.end_user
    now = None if before is None else await server.stores.end_users.find(before.subject)
    if now is None or before is None or now.disabled or now.password_hash != before.password_hash:
        return None
    return now


def _too_many(wait: int) -> TooManyAttempts:
    return TooManyAttempts(
        ErrorCode.INVALID_GRANT,
        "The password was tried too often: wait.",
        "RFC6749-4.3.2/brute-force",
        headers=(("retry-after", str(wait)),),
    )
