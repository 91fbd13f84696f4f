"""A tiny HTTP server on a free loopback port that shows the sample pages and the static files, nothing else."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from support.sample_pages import ISSUER, REQUEST_ID, TENANT
from valetkey.authorization_server import paths
from valetkey.authorization_server.pages import Page
from valetkey.oauth.http import HttpRequest, HttpResponse, see_other
from valetkey.ui.factor_image import qr_code
from valetkey.ui.render import Renderer
from valetkey.ui.routes import asset_routes
from valetkey.ui.views import AnyPage, UiPage


@contextmanager
def page_server(
    samples: Mapping[str, AnyPage], renderer: Renderer | None = None, address: str = "127.0.0.1"
) -> Iterator[str]:
    """Serve each sample at `/NAME?lang=TAG`; yields the origin.

    A POST is answered by what was sent, one to `/go?to=URL` by a redirect there. A page
    that would post itself is shown at rest, as it stands for a browser without script.
    """
    answers = _Answers(samples, renderer or Renderer())

    class _Asked(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(answers.to_get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            target = parse_qs(urlsplit(self.path).query).get("to")
            plain = HttpResponse(200, (("content-type", "text/plain"),), body)
            self._send(see_other(target[0]) if target else plain)

        def _send(self, response: HttpResponse) -> None:
            self.send_response(response.status)
            for name, value in (*response.headers, ("content-length", str(len(response.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a test's output is its own."""

    class _Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    with _Server((address, 0), _Asked) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            host = f"[{address}]" if ":" in address else address
            yield f"http://{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Answers:
    def __init__(self, samples: Mapping[str, AnyPage], renderer: Renderer) -> None:
        self._samples = samples
        self._renderer = renderer
        self._rows = {row.path: row for row in asset_routes()}

    def to_get(self, target: str) -> HttpResponse:
        parts = urlsplit(target)
        path = unquote(parts.path)
        if path == paths.SECOND_FACTOR_IMAGE:
            return HttpResponse(200, (("content-type", "image/svg+xml"),), qr_code("otpauth://totp/sample"))
        row = self._rows.get(path)
        if row is not None:
            request = HttpRequest("GET", path, parts.query.encode())
            response = asyncio.run(row.endpoint(request, None))  # type: ignore[arg-type] # static files ask no server
            if isinstance(response, HttpResponse):
                return response
        page = self._samples.get(path.removeprefix("/"))
        if page is None:
            return HttpResponse(404)
        shown = self._rendered(page, parse_qs(parts.query).get("lang", ["en"])[0])
        return replace(shown, body=shown.body.replace(b" data-onward", b""))

    def _rendered(self, page: Page | UiPage, language: str) -> HttpResponse:
        return self._renderer.render(
            page, tenant=TENANT, issuer=ISSUER, accept_language=language, request_id=REQUEST_ID
        )
