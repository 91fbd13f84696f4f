"""The keys of a server, as its client needs them: fetched when needed, kept while fresh (RFC 7517, 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.client.errors import ResponseRejected, ServerUnreachable
from valetkey.client.flow import OutgoingRequest, present_time, send
from valetkey.jose import KeySourceUnavailable, MalformedToken, jwt
from valetkey.jose.remote import FetchAnswer, Need, RemoteJwkSet

if TYPE_CHECKING:
    from valetkey.client.flow import Flow
    from valetkey.jose import JwkSet


class KeyMemory:
    """What is known of published keys, by their URL; shared by the flows of one client."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, RemoteJwkSet] = {}

    def find(self, url: str) -> RemoteJwkSet:
        """Return what is known of the keys at `url`."""
        return self._known.get(url) or RemoteJwkSet(url)

    def keep(self, known: RemoteJwkSet) -> None:
        """Remember what is known now."""
        self._known[known.url] = known


def keys_for(token: str, url: str, memory: KeyMemory) -> Flow[JwkSet]:
    """Return the keys at `url`, fetched first where they are stale or lack the one that `token` names.

    Raises ResponseRejected for a token that is none, ServerUnreachable where no usable keys are to be had.
    """
    try:
        kid = jwt.peek(token).header.get("kid")
    except MalformedToken as error:
        raise ResponseRejected("invalid_response", "The answer holds no well-formed token.") from error
    wanted = kid if isinstance(kid, str) else None
    now = yield from present_time()
    known = memory.find(url)
    if known.need(wanted, now) is not Need.NOTHING:
        known = yield from _asked(known, wanted, now)
        memory.keep(known)
    try:
        return known.usable(now)
    except KeySourceUnavailable as error:
        raise ServerUnreachable(str(error)) from error


def _asked(known: RemoteJwkSet, wanted: str | None, now: int) -> Flow[RemoteJwkSet]:
    asked = known.request()
    try:
        response = yield from send(OutgoingRequest(asked.url, tuple(asked.headers.items()), method="GET"))
    except ServerUnreachable as error:
        return known.failed(error.description, now)
    answer = FetchAnswer(response.status, dict(response.headers), response.body)
    return known.answered(answer, now, wanted=wanted)
