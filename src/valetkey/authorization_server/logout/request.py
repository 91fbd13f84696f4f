"""A logout request as it was sent (RP-Initiated Logout, 2), and one that is kept between two requests."""

from __future__ import annotations

from dataclasses import field, fields
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.interaction import UNBOUND
from valetkey.authorization_server.model import Interaction
from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, NumericDate

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import OpaqueToken

LOGOUT: Final = ClientId(" logout")
"""Stands where an interaction has its client: no client_id has a space, so no request can pretend to be one."""
_PREFIX: Final = "vk_in_"


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """The parameters by their names; nothing of them is believed yet."""

    id_token_hint: str | None = field(default=None, repr=False)
    logout_hint: str | None = None
    client_id: str | None = None
    post_logout_redirect_uri: str | None = None
    state: str | None = None
    ui_locales: str | None = None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What was sent, as a form carries it on."""
        said = ((one.name, getattr(self, one.name)) for one in fields(self))
        return tuple((name, value) for name, value in said if isinstance(value, str))


def parse(parameters: Parameters) -> LogoutRequest:
    """Return the request; what it names besides is ignored (RP-Initiated Logout, 2)."""
    return LogoutRequest(**{one.name: parameters.get(one.name) or None for one in fields(LogoutRequest)})


def kept(asked: LogoutRequest, server: AuthorizationServer, fresh: Fresh) -> tuple[Interaction, OpaqueToken]:
    """Return a stored request with its handle: a POST from another site brings no cookie of ours, a GET does."""
    token = fresh.token(_PREFIX, "logout")
    interaction = Interaction(
        digest=token.digest(),
        browser_id=UNBOUND,
        client_id=LOGOUT,
        parameters=asked.pairs,
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + server.policy.interaction_lifetime),
    )
    return interaction, token


def taken_up(interaction: Interaction | None, now: NumericDate) -> LogoutRequest:
    """Return the request that was kept; an empty one where there is none, or no longer."""
    if interaction is None or interaction.client_id != LOGOUT or now >= interaction.expires_at:
        return LogoutRequest()
    return LogoutRequest(**dict(interaction.parameters))
