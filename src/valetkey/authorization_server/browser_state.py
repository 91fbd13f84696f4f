"""The login state of a browser as scripts may compare it (OpenID Connect Session Management, 2 and 3)."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from valetkey.authorization_server.browser import find_browser, live_sessions, presented_handle
from valetkey.authorization_server.cors import origin_of
from valetkey.authorization_server.pages import Page
from valetkey.authorization_server.policy import SessionManagement
from valetkey.jose.encoding import b64url_encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.authorization_server.browser import PresentBrowser
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Browser
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.types import ClientId, NumericDate, SessionId

Headers = tuple[tuple[str, str], ...]


def is_managed(server: AuthorizationServer) -> bool:
    """Say whether clients' pages may watch the login state at all."""
    return server.policy.session_management is SessionManagement.ON


def state_cookie_name(server: AuthorizationServer) -> str:
    """Return the name of the cookie that holds the login state: our frame's script reads it."""
    return f"{server.cookie_prefix}vk_opbs_{server.tenant.tenant_id}"


def browser_state(browser: Browser, sids: Iterable[SessionId]) -> str:
    """Return the login state of a browser: it changes with each session that begins or ends there.

    It names nobody, and without the browser's secret nobody can tell it.
    """
    named = "\n".join(("state", *sorted(sids))).encode()
    return b64url_encode(hmac.digest(browser.csrf_secret, named, "sha256"))


def session_state(client_id: ClientId, redirect_uri: str, state: str, salt: str) -> str | None:
    """Return what a client's page compares with; None where no page of an origin gets the answer.

    The hash of client_id, origin, login state and salt, and the salt behind a dot (Session Management, 3.2).
    """
    origin = origin_of(redirect_uri)
    if origin is None:
        return None
    # OIDCSM-3.2/recalculate OIDCSM-2/no-space
    hashed = hashlib.sha256(f"{client_id} {origin} {state} {salt}".encode()).digest()
    return f"{b64url_encode(hashed)}.{salt}"


def state_cookies(server: AuthorizationServer, browser: Browser, sids: Iterable[SessionId]) -> Headers:
    """Return the header that gives a browser its login state; none where nobody may watch it."""
    if not is_managed(server):
        return ()
    living = tuple(sids)
    return (_cookie(server, browser_state(browser, living)) if living else _no_cookie(server),)


def no_state_cookies(server: AuthorizationServer) -> Headers:
    """Return the header that takes the login state away, for a browser in which nobody is signed in."""
    return (_no_cookie(server),) if is_managed(server) else ()


async def watched_state(
    present: PresentBrowser | None,
    client_id: ClientId,
    redirect_uri: str,
    server: AuthorizationServer,
    fresh: Fresh,
) -> str | None:
    """Return the `session_state` of a response to a client; None where nobody may watch the login state."""
    if not is_managed(server) or present is None:
        return None
    sids = [stored.session.sid for stored in await live_sessions(present, server, fresh.now)]
    salt = fresh.identifier("session_state")
    return session_state(client_id, redirect_uri, browser_state(present.browser, sids), salt)


async def with_state(
    answer: HttpResponse | Page, request: HttpRequest, server: AuthorizationServer, now: NumericDate
) -> HttpResponse | Page:
    """Return `answer` with the login state of now, where the browser has another one."""
    present = await find_browser(presented_handle(request, server), server, now) if is_managed(server) else None
    if present is None:
        return answer
    sids = [stored.session.sid for stored in await live_sessions(present, server, now)]
    state = browser_state(present.browser, sids) if sids else ""
    if (*request.cookies(state_cookie_name(server)), "")[0] == state:
        return answer
    headers = state_cookies(server, present.browser, sids)
    return (
        Page(answer.view, (*answer.headers, *headers))
        if isinstance(answer, Page)
        else answer.with_headers(*headers)
    )


def _cookie(server: AuthorizationServer, value: str) -> tuple[str, str]:
    return "set-cookie", f"{state_cookie_name(server)}={value}; Path=/{_attributes(server)}"


def _no_cookie(server: AuthorizationServer) -> tuple[str, str]:
    return "set-cookie", f"{state_cookie_name(server)}=; Path=/; Max-Age=0{_attributes(server)}"


def _attributes(server: AuthorizationServer) -> str:
    # The frame stands in pages of other sites. Over http no cookie can be Secure: there only one site works.
    return "; SameSite=None; Secure" if server.cookie_prefix else "; SameSite=Lax"
