"""A visit to the device page that found a code: a stored interaction, bound to its browser (RFC 8628, 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.model import Interaction
from valetkey.oauth.types import ClientId, NumericDate, TokenDigest

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import BrowserId
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import OpaqueToken

DEVICE_PAGE: Final = ClientId(" device")
"""Stands where an interaction has its client: no client_id has a space, so no request can pretend to be a visit."""
_PREFIX: Final = "vk_in_"
_CODE: Final = "device"


def opened_device_visit(
    browser_id: BrowserId, code: TokenDigest, ui_locales: str | None, server: AuthorizationServer, fresh: Fresh
) -> tuple[Interaction, OpaqueToken]:
    """Return a new interaction about the device code of that digest, with the handle that its pages carry."""
    token = fresh.token(_PREFIX, "device visit")
    locales = () if ui_locales is None else (("ui_locales", ui_locales),)
    interaction = Interaction(
        digest=token.digest(),
        browser_id=browser_id,
        client_id=DEVICE_PAGE,
        parameters=((_CODE, code.hex()), *locales),
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + server.policy.interaction_lifetime),
    )
    return interaction, token


def is_device_visit(interaction: Interaction | None) -> bool:
    """Say whether an interaction was begun by the device page, not by a client."""
    return interaction is not None and interaction.client_id == DEVICE_PAGE


def code_of(interaction: Interaction) -> TokenDigest:
    """Return the digest of the device code that a visit is about."""
    return TokenDigest(bytes.fromhex(dict(interaction.parameters)[_CODE]))


def device_path(server: AuthorizationServer) -> str:
    """Return the path of the page where a code is entered."""
    return server.issuer.path + paths.DEVICE
