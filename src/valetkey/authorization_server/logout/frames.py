"""The frames of the signed-out page: one for each client that wants to know by itself (Front-Channel Logout, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.authorization_server.subject_identifier import session_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.authorization_server.model import StoredSession
    from valetkey.authorization_server.openid_client import OpenIdMetadata
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import Issuer, SessionId

MOST_FRAMES: Final = 40
"""Of one page: a browser loads no more of them in the time that somebody waits."""


async def frames_of(ended: Iterable[StoredSession], server: AuthorizationServer) -> tuple[str, ...]:
    """Return the addresses to show in frames once these sessions have ended, each once."""
    found: dict[str, None] = {}
    for one in ended:
        sid, subject = one.session.sid, one.session.subject
        for client_id in await server.stores.authorizations.signed_in_by(sid, subject):
            client = await server.find_client(client_id)
            if client is not None and not client.disabled:
                address = frame_of(client.openid, server.issuer, await session_for(client, sid, server))
                found |= {} if address is None else {address: None}
    return tuple(found)[:MOST_FRAMES]


def frame_of(openid: OpenIdMetadata, issuer: Issuer, sid: SessionId) -> str | None:
    """Return a client's logout address, with `iss` and `sid` where it needs them; None where it has none."""
    uri = openid.frontchannel_logout_uri
    if uri is None or not openid.frontchannel_logout_session_required:
        return uri
    # OIDCFCL-2/iss-and-sid OIDCFCL-2/keep-query
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'iss': issuer.url, 'sid': sid})}"
