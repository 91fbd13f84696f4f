"""The rows of the static files: each stands under its exact path, so no request can name another file."""

from __future__ import annotations

import hashlib
from typing import Final

from valetkey.authorization_server.pages import ErrorKind, ErrorPage, Page
from valetkey.authorization_server.routes import Cache, Cors, Csrf, Endpoint, Face, Pace, Route
from valetkey.jose.records import dataclass
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.ui.accent import Colour, accent_stylesheet
from valetkey.ui.assets import Asset, load_manifest, media_type

_GUARDS: Final = (("x-content-type-options", "nosniff"), ("cross-origin-resource-policy", "same-origin"))


@dataclass(frozen=True, slots=True)
class ServeAsset:
    """The endpoint of one packaged file."""

    asset: Asset

    async def __call__(self, request: HttpRequest, server: object) -> HttpResponse:
        """Return the file, or 304 to who has it (RFC 9110, 13.1.2)."""
        del server
        return _file(request, self.asset)


async def serve_accent(request: HttpRequest, server: object) -> HttpResponse | Page:
    """Return the accent style sheet of the colour in the query; the error page for anything but six digits.

    The colour comes from the URL, not from the tenant: what a URL answers never changes.
    """
    del server
    try:
        colour = Colour.parse(request.query.decode("ascii").removeprefix("v="))
    except ValueError:
        return Page(ErrorPage(ErrorKind.NOT_FOUND, "not_found", 404))
    content = accent_stylesheet(colour).encode()
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    return _file(request, Asset(request.path, media_type("css"), etag, content))


def asset_routes() -> tuple[Route, ...]:
    """Return a row for each packaged file and one for the accent style sheets."""
    manifest = load_manifest()
    rows = [_row(asset.path, ServeAsset(asset)) for asset in manifest.assets.values()]
    return (*rows, _row(manifest.accent_path, serve_accent))


def _row(path: str, endpoint: Endpoint) -> Route:
    methods = frozenset({"GET", "HEAD"})
    return Route(methods, path, endpoint, Cache.IMMUTABLE, Cors.NONE, Csrf.SAFE, Face.PERSON, pace=Pace.FREE)


def _file(request: HttpRequest, asset: Asset) -> HttpResponse:
    known = ("etag", asset.etag)
    if _has_it(request, asset.etag):
        return HttpResponse(304, (known,))
    return HttpResponse(200, (("content-type", asset.media_type), known, *_GUARDS), asset.content)


def _has_it(request: HttpRequest, etag: str) -> bool:
    tags = ",".join(request.all_headers(b"if-none-match")).split(",")
    return any(tag.strip().removeprefix("W/") in {etag, "*"} for tag in tags)
