"""A sign-in of our own: a stored interaction that leads to the account page instead of to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.model import Interaction
from valetkey.oauth.types import ClientId, NumericDate

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import BrowserId
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import OpaqueToken

OURSELVES: Final = ClientId("")
"""Stands where an interaction has its client: no client can be registered under it."""
VISIT_PREFIX: Final = "vk_in_"


def opened_visit(
    browser_id: BrowserId, ui_locales: str | None, server: AuthorizationServer, fresh: Fresh
) -> tuple[Interaction, OpaqueToken]:
    """Return a new interaction that ends at the account page, with the handle that the sign-in page carries."""
    token = fresh.token(VISIT_PREFIX, "visit")
    interaction = Interaction(
        digest=token.digest(),
        browser_id=browser_id,
        client_id=OURSELVES,
        parameters=() if ui_locales is None else (("ui_locales", ui_locales),),
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + server.policy.interaction_lifetime),
    )
    return interaction, token


def is_visit(interaction: Interaction | None) -> bool:
    """Say whether an interaction was begun by the account page, not by a client."""
    return interaction is not None and interaction.client_id == OURSELVES


def account_path(server: AuthorizationServer) -> str:
    """Return the one place where such a visit ends: no request can name another."""
    return server.issuer.path + paths.ACCOUNT
