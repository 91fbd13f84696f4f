"""An issuer on loopback that publishes metadata and keys, and says what it was asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from valetkey.jose import Jwk


class Provider:
    """Serves what `documents` holds by path: status and JSON value, or octets as they are."""

    def __init__(self, *keys: Jwk) -> None:
        self.keys = keys
        self.asked: list[str] = []
        self.documents: dict[str, tuple[int, object]] = {}
        outer = self

        class _Asked(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                status, document = outer.documents.get(self.path, (404, {"error": "not_found"}))
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Asked)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.jwks_uri = f"{self.issuer}/jwks.json"
        metadata = {"issuer": self.issuer, "jwks_uri": self.jwks_uri}
        self.documents["/.well-known/openid-configuration"] = (200, metadata)
        self.publish(*keys)

    def publish(self, *keys: Jwk) -> None:
        """Publish these keys from now on."""
        self.documents["/jwks.json"] = (200, {"keys": [key.as_dict() for key in keys]})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
