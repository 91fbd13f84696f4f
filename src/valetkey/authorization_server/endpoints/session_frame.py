"""The check-session frame (OpenID Connect Session Management, 3.2): a page of ours in the pages of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.browser_state import is_managed, state_cookie_name
from valetkey.authorization_server.cors import origin_of, origins_of
from valetkey.authorization_server.pages import ErrorKind, ErrorPage, Page, SessionFramePage

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest

MOST_OCTETS: Final = 4_096
"""Of all origins in the header: proxies take no longer ones."""


async def respond(request: HttpRequest, server: AuthorizationServer) -> Page:
    """Answer with the frame for the origins of registered clients; the error page where nobody may watch.

    Its script answers "changed", "unchanged" or "error" to those origins alone.
    """
    if not is_managed(server):
        return Page(ErrorPage(ErrorKind.NOT_FOUND, "not_found", 404))
    clients = await server.stores.clients.list()
    registered = {origin for client in clients if not client.disabled for origin in origins_of(client)}
    # OIDCSM-3.2/origin OIDCSM-3.2/other-origins OIDCSM-3.2/changed OIDCSM-3.2/unchanged
    return Page(
        SessionFramePage(state_cookie_name(server), _within(registered, _framing(request))),
        # Which origins stand in the header may depend on who asks.
        (("vary", "referer"),),
    )


def _framing(request: HttpRequest) -> str | None:
    """Return the origin of the page that shows the frame, where the browser says it."""
    referer = request.header(b"referer")
    return None if referer is None else origin_of(referer)


def _within(registered: set[str], framing: str | None) -> tuple[str, ...]:
    """Return the one origin that asks, where it is registered; else as many as a header holds."""
    # The grammar of source expressions has no IPv6 literal (CSP Level 3, 2.3.1).
    spellable = sorted(origin for origin in registered if "[" not in origin)
    if framing is not None and framing in spellable:
        return (framing,)
    chosen: list[str] = []
    left = MOST_OCTETS
    for origin in spellable:
        left -= len(origin) + 1
        if left >= 0:
            chosen.append(origin)
    return tuple(chosen)
