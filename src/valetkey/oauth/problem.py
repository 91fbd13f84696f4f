"""Problem details: what an administrative call is told when it is refused (RFC 9457, 3)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.oauth.http import NO_STORE, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

MEDIA_TYPE: Final = "application/problem+json"


def problem_response(
    status: int,
    code: str,
    detail: str,
    headers: tuple[tuple[str, str], ...] = (),
    *,
    errors: Sequence[str] = (),
) -> HttpResponse:
    """Return a problem of the kind that its status names; `code` is stable, `errors` are single faults."""
    document: dict[str, object] = {  # RFC9457-3.1.2/status
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        document["errors"] = list(errors)
    return HttpResponse(status, (("content-type", MEDIA_TYPE), *NO_STORE, *headers), msgspec.json.encode(document))
