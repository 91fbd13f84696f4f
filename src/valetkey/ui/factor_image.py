"""The picture from which a device reads the key of an enrolment: an SVG of our own, for one session alone."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from valetkey.authorization_server import paths
from valetkey.authorization_server.account.enrolment import find_enrolment, picture_text
from valetkey.authorization_server.account.judging import Seat
from valetkey.authorization_server.authorization.loading import query_of
from valetkey.authorization_server.browser import find_browser, live_sessions, presented_handle
from valetkey.authorization_server.pages import ErrorKind, ErrorPage, Page
from valetkey.authorization_server.routes import Cache, Cors, Csrf, Face, Pace, Route
from valetkey.oauth.http import HttpResponse

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest

_GUARDS = (
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
)


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Return the picture to the session in which the enrolment was begun, and 404 to everybody else."""
    fresh = server.fresh()
    present = await find_browser(presented_handle(request, server), server, fresh.now)
    sessions = await live_sessions(present, server, fresh.now)
    if present is None or not sessions:
        return _nothing()
    seat = Seat(present, sessions[0])
    found = await find_enrolment(query_of(request).get("enrolment"), seat, server, fresh.now)
    if found is None:
        return _nothing()
    return HttpResponse(
        200, (("content-type", "image/svg+xml"), *_GUARDS), qr_code(picture_text(found, seat, server))
    )


def qr_code(text: str) -> bytes:
    """Return an SVG of `text`, black on white in every colour scheme, with the quiet zone around it."""
    import segno  # noqa: PLC0415 - only an enrolment needs it

    written = BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(written, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False, svgclass=None)
    return written.getvalue()


def image_route() -> Route:
    """Return the row of the picture."""
    methods = frozenset({"GET"})
    return Route(
        methods,
        paths.SECOND_FACTOR_IMAGE,
        respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.SAFE,
        Face.PERSON,
        pace=Pace.PAGE,
    )


def _nothing() -> Page:
    return Page(ErrorPage(ErrorKind.NOT_FOUND, "not_found", 404))
