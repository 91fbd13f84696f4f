"""Runs flows against one issuer over HTTP: the synchronous shell, for any number of threads (RFC 9110)."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from valetkey.client.authentication import NoAuthentication, Registration
from valetkey.client.discovery import discover, require_issuer
from valetkey.client.errors import ServerUnreachable, StoreFailed
from valetkey.client.exchange import Party
from valetkey.client.flow import (
    DEADLINE_SECONDS,
    MAXIMUM_OCTETS,
    AsyncTokenStore,
    Draw,
    Load,
    Now,
    Send,
    Swap,
    Wait,
    is_loopback_url,
)
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.entropy import random_octets
from valetkey.oauth.http import HttpResponse

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    import httpx2

    from valetkey.client.authentication import ClientAuthentication
    from valetkey.client.flow import AnyTokenStore, Effect, Flow, OutgoingRequest, TokenStore

P = ParamSpec("P")
T = TypeVar("T")


class Connection:
    """One client at one issuer; connections are opened when first needed, and kept.

    `verify` is what TLS trusts instead of the usual authorities, `transport` replaces the network, `clock` the
    time. Raises ValueError for an issuer that is no https URL (http is for loopback only).
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        authentication: ClientAuthentication | None = None,
        *,
        verify: ssl.SSLContext | None = None,
        transport: httpx2.BaseTransport | None = None,
        clock: Clock = system_clock,
    ) -> None:
        require_issuer(issuer)
        self.issuer = issuer
        self.registration = Registration(client_id, authentication or NoAuthentication())
        self._verify, self._transport, self._clock = verify, transport, clock
        self._lock = threading.Lock()
        self._http: httpx2.Client | None = None
        self._party: Party | None = None

    def party(self) -> Party:
        """Return both sides: the server's endpoints are discovered once."""
        if self._party is None:
            found = self._drive(discover(self.issuer))
            with self._lock:
                if self._party is None:
                    self._party = Party(found, self.registration)
        return self._party

    def run(self, flow: Callable[Concatenate[Party, P], Flow[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a flow between client and server to its end; raises FlowError and nothing else."""
        return self._drive(flow(self.party(), *args, **kwargs))

    def close(self) -> None:
        """Close the connections; the next flow opens new ones."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drive(self, flow: Flow[T]) -> T:
        reply: Any = None
        try:
            effect = next(flow)
            while True:
                try:
                    reply = self._done(effect)
                except Exception as error:  # noqa: BLE001 - the flow decides what a failure means
                    effect = flow.throw(error)
                else:
                    effect = flow.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def _done(self, effect: Effect) -> Any:
        match effect:
            case Send(request):
                return self._send(request)
            case Wait(seconds):
                return time.sleep(seconds)
            case Now():
                return self._clock()
            case Draw(octets):
                return random_octets(octets)
            case Load(store):
                return _synchronous(store).load()
            case Swap(store, expected, document):
                return _synchronous(store).swap(expected, document)

    def _send(self, request: OutgoingRequest) -> HttpResponse:
        http = self._opened()
        import httpx2  # noqa: PLC0415 - dear to import: only who sends pays

        headers = [*request.headers, ("accept-encoding", "identity")]
        deadline = time.monotonic() + DEADLINE_SECONDS
        try:
            with http.stream(request.method, request.url, headers=headers, content=request.body) as response:
                refuse_encoding(response.headers)
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    refuse_excess(len(body))
                    if time.monotonic() > deadline:
                        raise ServerUnreachable("The server did not answer in time.")
                return response_of(response, bytes(body))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ServerUnreachable(f"The server cannot be reached ({type(error).__name__}).") from error

    def _opened(self) -> httpx2.Client:
        with self._lock:
            if self._http is None:
                import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

                try:
                    self._http = httpx2.Client(
                        verify=True if self._verify is None else self._verify,
                        transport=self._transport,
                        follow_redirects=False,
                        timeout=DEADLINE_SECONDS,
                        # A proxy of the environment is for the world outside: it would read what goes over http.
                        trust_env=not is_loopback_url(self.issuer),
                    )
                except (OSError, ValueError) as error:
                    raise ServerUnreachable(f"No connection can be made ({type(error).__name__}).") from error
            return self._http


def _synchronous(store: AnyTokenStore) -> TokenStore:
    if isinstance(store, AsyncTokenStore):
        raise StoreFailed("This store is for an asynchronous client.")
    return store


def refuse_encoding(headers: httpx2.Headers) -> None:
    """Return, or raise ServerUnreachable for an answer that is compressed: a few octets could become gigabytes."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ServerUnreachable("The server compressed its answer unasked.")


def refuse_excess(octets: int) -> None:
    """Return, or raise ServerUnreachable for an answer that is longer than any sensible one."""
    if octets > MAXIMUM_OCTETS:
        raise ServerUnreachable("The server's answer is too large.")


def response_of(response: httpx2.Response, body: bytes) -> HttpResponse:
    """Return the response as a value."""
    headers = tuple((name.lower(), value) for name, value in response.headers.items())
    return HttpResponse(response.status_code, headers, body)
