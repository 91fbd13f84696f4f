"""The decision service over HTTP (ASGI 3.0): proxies that are trusted ask it, and nobody else is answered."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from valetkey.oauth.http import NO_STORE, HttpRequest, HttpResponse, json_response
from valetkey.resource_server.decision import BadRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from valetkey.gateway.contracts.contract import HttpContract
    from valetkey.gateway.service import DecisionService
    from valetkey.gateway.settings import TrustedPeers
    from valetkey.resource_server.signal_endpoint import SignalEndpoint

    Messages = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Messages]]
    Send = Callable[[Messages], Awaitable[None]]

DECIDE: Final = "/decide/"
SIGNALS: Final = "/signals/"
_PREFIXED: Final = "envoy-http"
"""The contract whose proxy writes the path of the request behind ours."""
_STRANGER: Final = json_response(403, {"error_description": "This address is no trusted peer."}, NO_STORE)
_NOWHERE: Final = json_response(404, {"error_description": "Nothing is here."}, NO_STORE)
_ALIVE: Final = HttpResponse(200, (("content-type", "text/plain"), *NO_STORE), b"ok\n")
_DRAINING: Final = HttpResponse(503, (("content-type", "text/plain"), *NO_STORE), b"draining\n")
_STARTING: Final = HttpResponse(503, (("content-type", "text/plain"), *NO_STORE), b"starting\n")
_PUBLISHED: Final = (("content-type", "application/jwk-set+json"), ("cache-control", "public, max-age=300"))

_NO_ENDPOINTS: Final[Mapping[str, SignalEndpoint]] = MappingProxyType({})


class DecisionApplication:
    """Serves `/decide/NAME` for each contract, `/jwks.json`, `/healthz` and `/readyz`.

    What transmitters of signals push is taken at `/signals/NAME`, from everywhere: its header proves each of them.
    """

    def __init__(
        self,
        service: DecisionService,
        contracts: Mapping[str, HttpContract],
        peers: TrustedPeers,
        endpoints: Mapping[str, SignalEndpoint] = _NO_ENDPOINTS,
    ) -> None:
        self._endpoints = endpoints
        self._service, self._contracts, self._peers = service, dict(contracts), peers
        self._is_draining = False
        self._is_settled = True
        signer = service.signer
        self._keys = (
            _NOWHERE if signer is None else HttpResponse(200, _PUBLISHED, msgspec.json.encode(signer.published()))
        )

    def settling(self) -> Callable[[object], None]:
        """Say that it is not ready until the function that is returned is called."""
        self._is_settled = False

        def settled(_: object) -> None:
            self._is_settled = True

        return settled

    def drain(self) -> None:
        """Say from now on that it is not ready."""
        self._is_draining = True

    async def __call__(self, scope: Messages, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        endpoint = self._endpoints.get(scope["path"].removeprefix(SIGNALS))
        if endpoint is not None and scope["path"].startswith(SIGNALS):
            await endpoint(scope, receive, send)
            return
        # No proxy sends a body along with its question; what somebody sends anyway is not waited for.
        response = await self._respond(scope)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in response.headers]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body})

    async def _respond(self, scope: Messages) -> HttpResponse:
        path = scope["path"]
        if not path.startswith(DECIDE):
            return self._apart(path)
        client = scope.get("client")
        address = "" if client is None else client[0]
        if address not in self._peers:
            return _STRANGER
        contract = self._contract(path[len(DECIDE) :])
        if contract is None:
            return _NOWHERE
        asked = HttpRequest(scope["method"], path, scope["query_string"], scope["headers"], b"", address)
        view = contract.read(asked)
        if isinstance(view, BadRequest):
            return contract.write(view, ())
        return contract.write(*await self._service.judge(view))

    def _contract(self, rest: str) -> HttpContract | None:
        if rest == _PREFIXED or rest.startswith(_PREFIXED + "/"):
            return self._contracts.get(_PREFIXED)
        return self._contracts.get(rest)

    def _apart(self, path: str) -> HttpResponse:
        match path:
            case "/healthz":
                return _ALIVE
            case "/readyz":
                if self._is_draining:
                    return _DRAINING
                return _ALIVE if self._is_settled else _STARTING
            case "/jwks.json":
                return self._keys
            case _:
                return _NOWHERE
