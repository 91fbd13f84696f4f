"""Signs in from a program without a web server: the browser comes back to 127.0.0.1 (RFC 8252, 7.3 and 8.3)."""

from __future__ import annotations

import html
import queue
import threading
import webbrowser
from base64 import b64encode
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qs, urlsplit

from valetkey.client.errors import FlowError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.client.code_flow import StartedCodeFlow
    from valetkey.client.oauth_client import OAuthClient
    from valetkey.client.signed_in import SignedIn

PATH: Final = "/callback"
SECONDS: Final = 300
_PATIENCE: Final = 10
_STYLE: Final = (
    ":root{color-scheme:light dark;font:1.125rem/1.5 system-ui,sans-serif}"
    "body{margin:20vh auto;max-width:32rem;padding:0 1.5rem}h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:0}"
)
_STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("connection", "close"),
)


def sign_in(
    client: OAuthClient,
    scope: str,
    *,
    resource: str | None = None,
    show: Callable[[str], object] = webbrowser.open,
    seconds: float = SECONDS,
    path: str = PATH,
) -> SignedIn:
    """Sign an end-user in by their browser, and return the tokens.

    `show` is given the URL to open, and says False where it could not. The redirect URI is
    `http://127.0.0.1:PORT` with a port of the system's choice, and `path`: register it without a port. Raises
    TimedOut after `seconds`, and as `finish_code` does.
    """
    with LoopbackListener(path) as listener:
        started = client.start_code(listener.redirect_uri, scope, resource=resource)
        listener.expect(started)
        require_shown(show(started.url))
        return client.finish_code(started, listener.wait(seconds))


def _nobody() -> None:
    return


def require_shown(shown: object) -> None:
    """Return, or raise FlowError `no_browser` where `show` said that it could not open the URL."""
    if shown is False:
        raise FlowError("no_browser", "No browser could be opened: give `show` something that prints the URL.")


class LoopbackListener:
    """Listens on 127.0.0.1 while it is open, for the one redirect that answers a started flow.

    A request whose `state` is another one gets an error page, and the waiting goes on: any program of the machine,
    and any page in the browser, can send such requests. `arrived` is called, in another thread, when it came.
    """

    def __init__(self, path: str = PATH, arrived: Callable[[], object] = _nobody) -> None:
        self._path, self._arrived = path, arrived
        self._answers: queue.Queue[str] = queue.Queue()
        self._started: StartedCodeFlow | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def redirect_uri(self) -> str:
        """The redirect URI that leads here."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    def expect(self, started: StartedCodeFlow) -> None:
        """Take answers to `started` from now on, and to nothing else."""
        self._started = started

    def wait(self, seconds: float = SECONDS) -> str:
        """Return the query of the redirect that answers what is expected; raises TimedOut where none comes."""
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            raise TimedOut(f"Nobody signed in within {seconds:g} seconds.") from None

    def accept(self, query: str) -> None:
        """End the waiting with this answer."""
        self._answers.put(query)
        self._arrived()

    def answer(self, host: str, target: str) -> tuple[int, str, str | None]:
        """Return status and page for a request, and the query of the one that is waited for."""
        parts = urlsplit(target)
        # Another name in Host is a page of another site that was pointed here.
        if host != urlsplit(self.redirect_uri).netloc or parts.path != self._path:
            return 404, _page("Nothing here", "Go back to the program."), None
        if self._started is None or not self._started.is_answer(parts.query):
            return 400, _page("Not expected", "This answer belongs to no sign-in that was started here."), None
        refusal = parse_qs(parts.query).get("error", [""])[0]
        if refusal:
            words = f"The server said {refusal[:100]}. You can close this page."
            return 200, _page("Not signed in", words), parts.query
        return 200, _page("Signed in", "You can close this page: the program goes on."), parts.query

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE)


def _answering(listener: LoopbackListener) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        timeout = _PATIENCE

        def do_GET(self) -> None:
            status, page, query = listener.answer(self.headers.get("host", ""), self.path)
            content = page.encode()
            self.send_response(status)
            for name, value in (*_HEADERS, ("content-length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
            # Only now: the program may end as soon as it has the answer, and the page with it.
            if query is not None:
                listener.accept(query)

        def log_message(self, *_words: object) -> None:
            """Keep the code, which stands in the request line, out of the terminal."""

    return Answering


def _page(title: str, text: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1><p>{html.escape(text)}</p></body></html>\n"
    )
