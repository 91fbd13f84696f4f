"""Events of streams as they go out: signed as receivers of other makers expect it (CAEP interoperability, 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.signals.telling import event_claims
from valetkey.jose.token_kinds import SECURITY_EVENT_TOKEN

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import Stream, StreamEvent

_ALGORITHMS: Final = ("RS256", "ES256")
"""RS256 where the tenant has such a key: every receiver knows it."""


async def signed_event(event: StreamEvent, stream: Stream, client: Client, server: AuthorizationServer) -> str:
    """Return the security event token for the receiver; raises Unavailable when no key can sign it."""
    claims = await event_claims(event, stream, client, server, server.fresh().now)
    active = await server.signer.algorithms()
    algorithm = next((one for one in _ALGORITHMS if one in active), _ALGORITHMS[-1])
    # OIDSSF-4.1.1/typ
    return await server.signer.sign(claims, typ=SECURITY_EVENT_TOKEN.typ, algorithm=algorithm)
