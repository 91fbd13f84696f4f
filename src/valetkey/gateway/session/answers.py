"""What the session layer answers: JSON for scripts, a redirect only for navigations (RFC 10017, 6.1.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.oauth.http import NO_STORE, HttpResponse, json_response, see_other

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.client import StepUp
    from valetkey.gateway.session.forgery import Forged
    from valetkey.gateway.session.settings import SessionSettings

_SAFE: Final = (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"))


def answer(status: int, document: dict[str, object], headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
    """Return a JSON answer that nobody keeps."""
    return json_response(status, document, (*NO_STORE, *_SAFE, *headers))


def refusal(
    status: int,
    code: str,
    description: str,
    headers: tuple[tuple[str, str], ...] = (),
    members: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Return a JSON answer that says what is wrong: `error` for programs, `error_description` for people."""
    return answer(status, {"error": code, "error_description": description, **(members or {})}, headers)


def away(location: str, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
    """Return a redirect for a navigation; where it leads learns nothing of where it came from."""
    return see_other(location, (*_SAFE, *headers))


def sign_in_needed(settings: SessionSettings) -> HttpResponse:
    """Return the 401 for a call without a session: it names where a navigation signs in, and redirects nobody.

    It takes no cookie away: a late answer to the old one would take the new one of a sign-in meanwhile.
    """
    description = "Nobody is signed in, or the session has ended."
    return refusal(401, "sign_in_needed", description, members={"login": settings.login_path})


def step_up_needed(settings: SessionSettings, wanted: StepUp) -> HttpResponse:
    """Return the 401 for a call that wants a better or newer sign-in (RFC 9470, 3)."""
    members: dict[str, object] = {}
    if wanted.acr_values:
        members["acr_values"] = list(wanted.acr_values)
    if wanted.max_age is not None:
        members["max_age"] = wanted.max_age
    query = urlencode(wanted.parameters)
    login = f"{settings.login_path}?{query}" if query else settings.login_path
    description = "This needs a newer or stronger sign-in."
    return refusal(401, "insufficient_user_authentication", description, members={**members, "login": login})


def forbidden(forged: Forged) -> HttpResponse:
    """Return the 403 for a call that another site may have made."""
    return refusal(403, "forbidden", forged.reason)


def later(code: str, description: str, retry_after: int = 2) -> HttpResponse:
    """Return the 503 for what is nobody's fault who asked."""
    return refusal(503, code, description, (("retry-after", str(retry_after)),))
