"""The Protocol of a grant: what differs between grants, and nothing that they share (OAuth 2.1, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from valetkey.authorization_server.model import Standing
from valetkey.oauth.errors import ErrorCode, OAuthError

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client, StoredAuthorization
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import GrantType, NumericDate

Asked = TypeVar("Asked")
Facts = TypeVar("Facts")


class Grant(Protocol[Asked, Facts]):
    """Parse what was asked, load the facts, decide. Stateless; the endpoint owns all that grants share."""

    grant_type: GrantType
    parameters: frozenset[str]
    repeatable: frozenset[str]
    """Those of `parameters` that a request may carry more than once."""

    def parse(self, form: Parameters) -> Asked:
        """Return what was asked; raises OAuthError."""
        ...

    async def load(
        self, asked: Asked, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> Facts:
        """Read the facts that decide, at the moment `fresh.now`; `address` is where the request came from."""
        ...

    def decide(self, asked: Asked, facts: Facts, client: Client, policy: Policy, fresh: Fresh) -> Decision:
        """Judge: pure, synchronous."""
        ...


def invalid_grant(description: str, requirement: str) -> OAuthError:
    """Return the refusal of a code or token that is not good, or no longer (RFC 6749, 5.2)."""
    return OAuthError(ErrorCode.INVALID_GRANT, description, requirement)


def is_alive(stored: StoredAuthorization, now: NumericDate) -> bool:
    """Say whether what hangs off an authorization may still be honoured."""
    return stored.standing(now) is Standing.ALIVE
