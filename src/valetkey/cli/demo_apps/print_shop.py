"""The server-side application: tokens stay on the server, a logout token ends sessions (Back-Channel Logout)."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from valetkey.cli.demo_apps.album_api import AlbumApi
from valetkey.cli.demo_apps.browsers import Browser, Browsers
from valetkey.cli.demo_apps.parties import (
    BACKCHANNEL_LOGOUT_PATH,
    CALLBACK_PATH,
    PRINT_SHOP,
    SIGNED_OUT_PATH,
    Parties,
)
from valetkey.cli.demo_apps.rendering import page, static_routes
from valetkey.cli.demo_apps.visits import ACTIONS, Visits, keys_of_issuer
from valetkey.client import AsyncOAuthClient, ClientSecretBasic, FlowError, ResponseRejected
from valetkey.client.logout_token import LogoutReceiver, logged_out, not_logged_out
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.parameters import parse_form

if TYPE_CHECKING:
    from starlette.requests import Request

    from valetkey.oauth.http import HttpResponse

COOKIE: Final = "print_shop"
SHOWN_CLAIMS: Final = ("sub", "name", "email", "auth_time", "acr", "amr", "sid")


class PrintShop:
    """The application at its own origin."""

    def __init__(self, parties: Parties) -> None:
        self._parties = parties
        self._browsers = Browsers()
        oauth = AsyncOAuthClient(parties.issuer, PRINT_SHOP, ClientSecretBasic(parties.secret))
        self._receiver = LogoutReceiver(parties.issuer, PRINT_SHOP)
        self._visits = Visits(oauth, AlbumApi(parties.api), parties.api, parties.print_shop + CALLBACK_PATH)

    def application(self) -> Starlette:
        """Return the ASGI application."""
        rows = [
            Route("/", self.home),
            Route("/sign-in", self.sign_in),
            Route(CALLBACK_PATH, self.callback),
            Route("/act", self.act, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route(SIGNED_OUT_PATH, self.signed_out),
            Route(BACKCHANNEL_LOGOUT_PATH, self.backchannel_logout, methods=["POST"]),
            Route("/version", self.version),
            *static_routes("print_shop.js", "demo.css", "icon.svg"),
        ]
        return Starlette(routes=rows)

    async def home(self, request: Request) -> Response:
        """Show who is signed in, what the API answers, and what happened."""
        browser = self._browser(request) or Browser()
        albums = await self._visits.albums(browser)
        claims = {} if browser.visitor is None else browser.visitor.claims
        shown = page(
            "print_shop.html",
            # Forms here lead on to the authorization server.
            f"form-action 'self' {self._parties.issuer}; frame-ancestors 'none'",
            parties=self._parties,
            browser=browser,
            claims=[(name, claims[name]) for name in SHOWN_CLAIMS if name in claims],
            albums=albums,
        )
        if self._browser(request) is None:
            self._remember(browser, shown)
        return shown

    async def sign_in(self, request: Request) -> Response:
        """Send the browser to the authorization server; with `?silent` it asks for no page."""
        browser = self._browser(request) or Browser()
        why, asked = ("silent", {"prompt": "none"}) if "silent" in request.query_params else ("sign_in", {})
        try:
            away = _see_other(await self._visits.begin(browser, why, asked))
        except FlowError as error:
            browser.tell(f"The authorization server was not reached: {error}")
            away = _see_other("/")
        if self._browser(request) is None:
            self._remember(browser, away)
        return away

    async def callback(self, request: Request) -> Response:
        """Take the answer to a sign-in that this browser began, and go on with what its person wanted."""
        browser, query = self._browser(request), request.url.query
        started = None if browser is None else browser.answered(query)
        if browser is None or started is None:
            # Nobody else's answer signs this browser in.
            return _see_other("/")
        back = _see_other("/")
        try:
            await self._visits.finish(browser, started, query)
            if started.why in ACTIONS:
                await self._visits.act_again(browser, started.why)
        except FlowError as error:
            browser.tell(f"The sign-in brought nothing: {error}")
            return back
        self._remember(browser, back)
        return back

    async def act(self, request: Request) -> Response:
        """Do at the API what the page offers."""
        browser = self._browser(request)
        action = await _asked_by(browser, request)
        try:
            away = await self._visits.act(browser, action) if browser is not None and action in ACTIONS else None
        except FlowError:
            away = None
        return _see_other(away or "/")

    async def sign_out(self, request: Request) -> Response:
        """Forget the visitor here, then sign out at the authorization server (RP-Initiated Logout)."""
        browser = self._browser(request)
        if await _asked_by(browser, request) is None or browser is None or browser.visitor is None:
            return _see_other("/")
        visitor, browser.visitor = browser.visitor, None
        browser.tell("Signed out here; the browser goes on to the authorization server.")
        try:
            back = self._parties.print_shop + SIGNED_OUT_PATH
            return _see_other(await self._visits.oauth.sign_out_url(visitor.id_token, back))
        except FlowError as error:
            browser.tell(f"The authorization server was not reached: {error}")
            return _see_other("/")

    async def signed_out(self, request: Request) -> Response:
        """Take back who signed out at the authorization server."""
        browser = self._browser(request)
        if browser is not None:
            browser.tell("The authorization server sent the browser back: signed out there too.")
        return _see_other("/")

    async def backchannel_logout(self, request: Request) -> Response:
        """End the sessions that a logout token names (Back-Channel Logout, 2.7 and 2.8)."""
        try:
            token = self._receiver.read(await request.body())
            keys = await self._visits.oauth.run(keys_of_issuer, token)
            ended = self._receiver.verify(token, keys)
        except ResponseRejected as error:
            return _sent(not_logged_out(error.description))
        except FlowError:
            # Not its sender's fault: told so, the server tries again.
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers={"cache-control": "no-store"})
        self._browsers.sign_out(ended, "Signed out by a logout token of the authorization server.")
        return _sent(logged_out())

    async def version(self, request: Request) -> Response:
        """Say whether the page is still the newest, for the script that waits for a change."""
        browser = self._browser(request)
        found = {"version": 0 if browser is None else browser.version}
        return JSONResponse(found, headers={"cache-control": "no-store"})

    def _browser(self, request: Request) -> Browser | None:
        return self._browsers.find(request.cookies.get(COOKIE))

    def _remember(self, browser: Browser, response: Response) -> None:
        handle = self._browsers.keep(browser)
        response.set_cookie(COOKIE, handle, httponly=True, samesite="lax", secure=self._parties.is_https)


async def _asked_by(browser: Browser | None, request: Request) -> str | None:
    """Return what the form of this browser's own page asks for; None for a form from anywhere else."""
    try:
        form = parse_form(await request.body())
    except OAuthError:
        return None
    token = form.get("token") or ""
    if browser is None or not hmac.compare_digest(token.encode(), browser.form_token.encode()):
        return None
    return form.get("action") or ""


def _sent(answer: HttpResponse) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))


def _see_other(url: str) -> Response:
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, headers={"cache-control": "no-store"})
