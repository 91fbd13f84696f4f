"""What a relying party verifies of a logout token before it ends sessions (Back-Channel Logout, 2.6)."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.client.errors import ResponseRejected
from valetkey.client.id_token import ALGORITHMS
from valetkey.jose import InvalidToken, JwkSet, Verifier
from valetkey.jose.jwt import opened_jwt
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import LOGOUT_TOKEN, require_text
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.http import NO_STORE, HttpResponse, json_response
from valetkey.oauth.parameters import parse_form

if TYPE_CHECKING:
    from collections.abc import Collection  # noqa: TC004 - annotations only

    from valetkey.jose.jwe import Decrypter  # noqa: TC004 - annotations only: who does not encrypt does not load it

MAXIMUM_AGE: Final = 300
"""Seconds since `iat`: a token is made for the moment in which it is sent."""
_PARAMETER: Final = "logout_token"


@dataclass(frozen=True, slots=True)
class EndedSessions:
    """Whose sessions end: with a `sid` that one alone, else every session of `subject`. One of both is there."""

    subject: str | None
    sid: str | None


class SeenTokens(Protocol):
    """Remembers which logout tokens were used, for all processes that end the same sessions."""

    def is_first_use(self, token_id: str, until: int, now: int) -> bool:
        """Say whether this `jti` is new, and remember it `until` then; both times are seconds since the epoch."""
        ...


class MemorySeenTokens:
    """The SeenTokens of one process; safe to share between threads."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, object]] = {}

    def is_first_use(self, token_id: str, until: int, now: int) -> bool:
        """Say whether this `jti` is new, and remember it `until` then."""
        for over in [name for name, (expires_at, _) in tuple(self._seen.items()) if expires_at <= now]:
            self._seen.pop(over, None)
        # Of several threads that come at once, one finds its own mark.
        mark = object()
        return self._seen.setdefault(token_id, (until, mark))[1] is mark


@dataclass(frozen=True, slots=True)
class LogoutReceiver:
    """One client's back-channel logout endpoint, sans I/O: built once, safe to share between threads.

    `decrypter` opens tokens that are encrypted for the client, `algorithms` are those that it registered.
    """

    issuer: str
    client_id: str
    seen: SeenTokens = field(default_factory=MemorySeenTokens)
    algorithms: Collection[str] = ALGORITHMS
    decrypter: Decrypter | None = None
    _verifier: Verifier = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        verifier = Verifier.of_kind(
            LOGOUT_TOKEN, issuer=self.issuer, audience=self.client_id, algorithms=self.algorithms
        )
        object.__setattr__(self, "_verifier", replace(verifier, max_age=MAXIMUM_AGE))

    def read(self, body: bytes) -> str:
        """Return the logout token of a form that was posted; raises ResponseRejected `invalid_request`."""
        try:
            return parse_form(body).require(_PARAMETER, "OIDCBCL-2.8/failed")
        except OAuthError as error:
            raise ResponseRejected("invalid_request", error.description) from None

    def verify(self, logout_token: str, keys: JwkSet, *, now: int | None = None) -> EndedSessions:
        """Return whose sessions end; `keys` are those of the issuer, `now` is seconds since the epoch.

        Raises ResponseRejected: `invalid_logout_token` (its cause is the InvalidToken) for one that is not to be
        believed, `replayed_logout_token` for one that was used before. Then nothing may be logged out.
        """
        moment = self._verifier.clock() if now is None else now
        try:
            # OIDCBCL-2.6/decrypt OIDCBCL-2.6/signature OIDCBCL-2.6/claims
            # OIDCBCL-2.6/sub-or-sid OIDCBCL-2.6/events OIDCBCL-2.6/nonce
            signed = logout_token if self.decrypter is None else opened_jwt(logout_token, self.decrypter)
            claims = self._verifier.verify(signed, keys, now=moment).claims
            sid = require_text(claims, "sid") if "sid" in claims else None
            token_id = require_text(claims, "jti")
        except InvalidToken as error:
            text = f"The logout token is not to be believed: {error.code}."
            raise ResponseRejected("invalid_logout_token", text) from error
        # Past its `exp` and the greatest age it would be refused anyway.
        if not self.seen.is_first_use(token_id, moment + MAXIMUM_AGE + self._verifier.leeway, moment):
            raise ResponseRejected("replayed_logout_token", "The logout token was used before.")
        subject = claims.get("sub")
        return EndedSessions(subject if isinstance(subject, str) else None, sid)


def logged_out() -> HttpResponse:
    """Return the answer to a logout token by which everything it names has ended (Back-Channel Logout, 2.8)."""
    return HttpResponse(200, NO_STORE)  # OIDCBCL-2.8/succeeded


def not_logged_out(description: str) -> HttpResponse:
    """Return the answer to what is no logout token for us (Back-Channel Logout, 2.8)."""
    # OIDCBCL-2.8/failed
    return json_response(400, {"error": "invalid_request", "error_description": description}, NO_STORE)
