"""The browser at the other end: its cookie handle, its forms' tokens and the sessions in it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.model import Browser, BrowserId
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, OpaqueToken, Seconds

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import StoredSession
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest

HANDLE_PREFIX: Final = "vk_bh_"
STRANGER_LIFETIME: Final = Seconds(86_400)
"""How long a browser is kept in which nobody signed in: whoever asks can make as many as they like."""
BROWSER_LIFETIME: Final = Seconds(180 * 86_400)
"""How long a browser is recognised after a sign-in: its sessions end earlier, by the policy's lifetimes."""
TOUCH_INTERVAL: Final = Seconds(60)

_LONGEST_HANDLE: Final = 128


class Form(StrEnum):
    """The forms that change something: a token of one is worthless in another."""

    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"
    ONE_TIME_CODE = "one_time_code"
    LOGOUT = "logout"
    ACCOUNT = "account"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class PresentBrowser:
    """A stored browser together with the handle that it presented or is about to get."""

    browser: Browser
    handle: OpaqueToken


def cookie_name(server: AuthorizationServer) -> str:
    """Return the name of the cookie that holds a browser's handle for this tenant."""
    return f"{server.cookie_prefix}vk_session_{server.tenant.tenant_id}"


def presented_handle(request: HttpRequest, server: AuthorizationServer) -> OpaqueToken | None:
    """Return the handle in the request's cookie.

    Several cookies of the name are none: who can plant a second one must not choose between them.
    """
    values = request.cookies(cookie_name(server))
    if len(values) != 1 or not values[0] or len(values[0]) > _LONGEST_HANDLE:
        return None
    return OpaqueToken.presented(values[0])


async def find_browser(
    handle: OpaqueToken | None, server: AuthorizationServer, now: NumericDate
) -> PresentBrowser | None:
    """Return the browser that `handle` belongs to, None for one that is unknown or forgotten."""
    if handle is None:
        return None
    browser = await server.stores.browsers.find(handle.digest())
    return None if browser is None or now >= browser.expires_at else PresentBrowser(browser, handle)


def new_browser(fresh: Fresh) -> PresentBrowser:
    """Return a browser that gets its first cookie."""
    handle = fresh.token(HANDLE_PREFIX, "browser")
    browser = Browser(
        browser_id=BrowserId(fresh.identifier("browser")),
        handle_digest=handle.digest(),
        csrf_secret=fresh.draw("csrf"),
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + STRANGER_LIFETIME),
    )
    return PresentBrowser(browser, handle)


def next_handle(present: PresentBrowser) -> OpaqueToken:
    """Return the handle that follows at a sign-in, the same for both clicks of a double click.

    It takes the presented handle, which no store keeps, and the browser's secret, which no cookie holds: neither
    who planted the old cookie nor who reads the database can tell the new one.
    """
    drawn = hmac.digest(present.browser.csrf_secret, b"handle\n" + present.handle.reveal().encode(), "sha256")
    return OpaqueToken.from_entropy(HANDLE_PREFIX, drawn)


def remembered_until(now: NumericDate) -> NumericDate:
    """Return until when a browser is recognised in which somebody signs in now."""
    return NumericDate(now + BROWSER_LIFETIME)


def set_cookie(server: AuthorizationServer, handle: OpaqueToken, lifetime: int) -> tuple[str, str]:
    """Return the `set-cookie` header that gives a browser its handle for `lifetime` seconds."""
    return _cookie(server, handle.reveal(), lifetime)


def no_cookie(server: AuthorizationServer) -> tuple[str, str]:
    """Return the `set-cookie` header that takes the handle away."""
    return _cookie(server, "", 0)


def form_token(browser: Browser, form: Form, *bound_to: str) -> str:
    """Return the token of a form, bound to this browser and to what the form decides."""
    message = "\n".join((form.value, *bound_to)).encode()
    return urlsafe_b64encode(hmac.digest(browser.csrf_secret, message, "sha256")).rstrip(b"=").decode()


def is_form_token(presented: str | None, browser: Browser, form: Form, *bound_to: str) -> bool:
    """Say in constant time whether `presented` is the token of that form."""
    expected = form_token(browser, form, *bound_to)
    return presented is not None and hmac.compare_digest(expected.encode(), presented.encode())


async def live_sessions(
    present: PresentBrowser | None, server: AuthorizationServer, now: NumericDate
) -> tuple[StoredSession, ...]:
    """Return the sessions in a browser that may still be used, newest sign-in first."""
    if present is None:
        return ()
    found = await server.stores.browsers.sessions(present.browser.browser_id)
    return tuple(stored for stored in found if is_live(stored, server.policy, now))


def is_live(stored: StoredSession, policy: Policy, now: NumericDate) -> bool:
    """Say whether a session may still be used: not ended, timed out, disabled or of an older generation."""
    session = stored.session
    return (
        session.ended_at is None
        and not stored.end_user.disabled
        and not session.generations.is_older_than(stored.current)
        and now < session.created_at + policy.session_lifetime
        and now < session.last_seen_at + policy.session_idle_lifetime
    )


def short_digest(*parts: str) -> str:
    """Return a digest of values for a form's token to be bound to."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _cookie(server: AuthorizationServer, value: str, max_age: int) -> tuple[str, str]:
    secure = "; Secure" if server.cookie_prefix else ""
    cookie = f"{cookie_name(server)}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
    return "set-cookie", cookie
