"""Signing out at the server as well: where the browser goes (OpenID Connect RP-Initiated Logout, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from valetkey.client.exchange import Party


def sign_out_url(
    party: Party, id_token: str | None, post_logout_redirect_uri: str | None = None, state: str | None = None
) -> str:
    """Return where to send the browser of an end-user who signed out here.

    `id_token` is that of the sign-in: with it the server knows whom to sign out. It sends the browser on to
    `post_logout_redirect_uri` only if that is registered. Raises ResponseRejected for a server without such an
    endpoint.
    """
    endpoint = party.server.require("end_session_endpoint")
    asked = {
        "client_id": party.client.client_id,
        "id_token_hint": id_token,
        "post_logout_redirect_uri": post_logout_redirect_uri,
        "state": state,
    }
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
