"""The pages and static files of the two applications, with the headers that keep them safe."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from jinja2 import Environment
    from starlette.requests import Request

_MEDIA_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_PLAIN: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page(template: str, policy: str, **values: object) -> HTMLResponse:
    """Return a page; `policy` is what its Content-Security-Policy says beyond `default-src 'self'`."""
    html = _environment().get_template(template).render(**values)
    return HTMLResponse(html, headers=_PLAIN | {"content-security-policy": f"default-src 'self'; {policy}"})


def static_routes(*names: str) -> list[Route]:
    """Return a row for each packaged file."""
    return [Route(f"/{name}", _served(name), methods=["GET"]) for name in names]


def _served(name: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    content = files("valetkey.cli.demo_apps").joinpath("pages", name).read_bytes()
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]

    async def respond(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=_PLAIN)

    return respond


@cache
def _environment() -> Environment:
    # A start does not wait for what the first page needs.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - dear to import

    return Environment(
        loader=PackageLoader("valetkey.cli.demo_apps", "pages"), autoescape=True, undefined=StrictUndefined
    )
