"""Runs a flow of `valetkey.client` by hand: the answers are a script, the time moves only by waiting."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs

from valetkey.client.flow import AsyncTokenStore, Draw, Load, Now, OutgoingRequest, Send, Swap, Wait
from valetkey.oauth.http import HttpResponse

if TYPE_CHECKING:
    from valetkey.client.flow import Effect, Flow

T = TypeVar("T")
START = 1_800_000_000


def answer(document: dict[str, object], status: int = 200) -> HttpResponse:
    """Return a JSON response."""
    return HttpResponse(status, (("content-type", "application/json"),), json.dumps(document).encode())


@dataclass
class Script:
    """Answers each request with the next of `answers`: a response, its status and body, or an error to throw in."""

    answers: list[HttpResponse | tuple[int, bytes] | Exception]
    requests: list[OutgoingRequest] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    now: float = START
    drawn: int = 0

    def __init__(self, *answers: HttpResponse | tuple[int, bytes] | Exception) -> None:
        self.answers = list(answers)
        self.requests, self.waits, self.now, self.drawn = [], [], START, 0

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        reply: Any = None
        error: Exception | None = None
        try:
            while True:
                effect = flow.send(reply) if error is None else flow.throw(error)
                reply, error = None, None
                found = self.done(effect)
                if isinstance(found, Exception):
                    error = found
                else:
                    reply = found
        except StopIteration as end:
            result: T = end.value
            return result

    def done(self, effect: Effect) -> Any:
        """Do one effect."""
        match effect:
            case Send(request):
                self.requests.append(request)
                found = self.answers.pop(0)
                return HttpResponse(found[0], (), found[1]) if isinstance(found, tuple) else found
            case Wait(seconds):
                self.waits.append(seconds)
                self.now += seconds
                return None
            case Now():
                return int(self.now)
            case Draw(octets):
                self.drawn += 1
                return self.drawn.to_bytes(octets, "big")
            case Load(store):
                assert not isinstance(store, AsyncTokenStore)
                return store.load()
            case Swap(store, expected, document):
                assert not isinstance(store, AsyncTokenStore)
                return store.swap(expected, document)

    @property
    def urls(self) -> list[str]:
        """Where was asked, in order."""
        return [request.url for request in self.requests]

    def form(self, place: int = -1) -> dict[str, list[str]]:
        """Return the form of a request."""
        return parse_qs(self.requests[place].body.decode(), keep_blank_values=True)
