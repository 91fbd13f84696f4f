"""Refusals, outages and our own bugs as what the caller may see: JSON for machines, a page for people."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

from valetkey.adapters.asgi.refusal import HttpRefusal
from valetkey.authorization_server.pages import ErrorKind, ErrorPage, Page
from valetkey.authorization_server.routes import Face
from valetkey.oauth.errors import ErrorCode, OAuthError, Unavailable
from valetkey.oauth.http import HttpResponse, json_response
from valetkey.oauth.problem import problem_response

if TYPE_CHECKING:
    from valetkey.authorization_server.ports import EventLog
    from valetkey.oauth.http import HttpRequest

_SERVER_ERROR: Final = 500
_FRAMES: Final = 6


def answer(fault: Exception, face: Face) -> HttpResponse | Page:
    """Return the answer to `fault`: fixed texts only, whatever the exception says."""
    match fault:
        case OAuthError():
            kind = _KINDS.get(fault.code, ErrorKind.BAD_REQUEST)
            return _answer(face, kind, (fault.status, fault.code.value, fault.description), fault.headers)
        case HttpRefusal():
            said = (fault.status, ErrorCode.INVALID_REQUEST.value, fault.description)
            return _answer(face, fault.kind, said, fault.headers)
        case Unavailable():
            code = ErrorCode.TEMPORARILY_UNAVAILABLE.value
            said = (503, code, "The server cannot answer right now; try again in a moment.")
            return _answer(face, ErrorKind.UNAVAILABLE, said, (("retry-after", str(fault.retry_after)),))
        case _:
            said = (_SERVER_ERROR, ErrorCode.SERVER_ERROR.value, "Something went wrong on our side.")
            return _answer(face, ErrorKind.SERVER_ERROR, said, ())


_KINDS: Final = {
    ErrorCode.SERVER_ERROR: ErrorKind.SERVER_ERROR,
    ErrorCode.TEMPORARILY_UNAVAILABLE: ErrorKind.UNAVAILABLE,
}


def _answer(
    face: Face, kind: ErrorKind, said: tuple[int, str, str], headers: tuple[tuple[str, str], ...]
) -> HttpResponse | Page:
    status, code, description = said
    if face is Face.PERSON:
        return Page(ErrorPage(kind, code, status, description if kind is ErrorKind.BAD_REQUEST else ""), headers)
    if face is Face.ADMINISTRATOR:
        return problem_response(status, code, description, headers)
    no_store = (("cache-control", "no-store"), ("pragma", "no-cache"))
    return json_response(status, {"error": code, "error_description": description}, (*no_store, *headers))


def record(log: EventLog, fault: Exception, request: HttpRequest, path: str) -> None:
    """Write what an operator needs to find `fault` by its request id; `path` is the row's, never the caller's."""
    match fault:
        case HttpRefusal(status=429):
            log.write(
                "request.limited",
                request_id=request.request_id,
                path=path,
                remote_address=request.remote_address,
            )
        case HttpRefusal():
            return
        case OAuthError():
            log.write(
                "request.refused",
                request_id=request.request_id,
                path=path,
                remote_address=request.remote_address,
                error=fault.code.value,
                requirement=fault.requirement,
                description=fault.description,
                detail=fault.detail or None,
            )
        case Unavailable():
            log.write("request.unavailable", request_id=request.request_id, path=path, what=fault.what)
        case _:
            log.write(
                "request.failed",
                request_id=request.request_id,
                path=path,
                exception=type(fault).__qualname__,
                message=str(fault),
                where=_where(fault),
            )


def _where(fault: Exception) -> str:
    # Frames without their source lines and values: enough to find the place, nothing that was sent.
    frames = traceback.extract_tb(fault.__traceback__)[-_FRAMES:]
    return " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
