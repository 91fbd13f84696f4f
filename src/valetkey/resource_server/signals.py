"""Signals of other vendors, received: what a security event token says is believed or not, and who dies by it."""

from __future__ import annotations

import math
from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from valetkey.jose import InvalidToken, Verifier
from valetkey.jose.clock import system_clock
from valetkey.jose.errors import ClaimInvalid
from valetkey.jose.jwt import peek
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import SECURITY_EVENT_TOKEN
from valetkey.oauth.security_event import ACCOUNT_DISABLED, ACCOUNT_PURGED, CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import (
    CREDENTIAL_COMPROMISE,
    SESSIONS_REVOKED,
    STREAM_UPDATED,
    TOKEN_CLAIMS_CHANGE,
    VERIFICATION,
    SetErrorCode,
)
from valetkey.oauth.signalled_subject import (
    OfEmail,
    OfOpaque,
    OfSession,
    OfSubject,
    OfTenant,
    OfToken,
    UnknownSubject,
    parse_subject,
)
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.signalled_deaths import SignalledDeaths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.jose.clock import Clock
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.signalled_subject import Signalled
    from valetkey.resource_server.keys import KeySource

ALGORITHMS: Final = frozenset({"ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "RS256"})
MOST_REMEMBERED_IDS: Final = 10_000
_MILLISECONDS: Final = 100_000_000_000
"""A time beyond this is not in seconds: some transmitters count milliseconds."""
_ADDED: Final = frozenset({"create"})
_OF_SESSIONS: Final = frozenset({SESSION_REVOKED, SESSIONS_REVOKED})
_KILLING: Final = _OF_SESSIONS | {
    CREDENTIAL_CHANGE,
    ACCOUNT_DISABLED,
    ACCOUNT_PURGED,
    CREDENTIAL_COMPROMISE,
    # What a token says has changed: whoever holds it gets one that says it right.
    TOKEN_CLAIMS_CHANGE,
}
_CODES: Final = {
    "unknown_key": SetErrorCode.INVALID_KEY,
    "signature_invalid": SetErrorCode.AUTHENTICATION_FAILED,
    "algorithm_not_allowed": SetErrorCode.INVALID_KEY,
}


@dataclass(frozen=True, slots=True)
class Transmitter:
    """Whose signals are believed, and of whose tokens they may tell."""

    issuer: str
    audience: str
    """What its tokens name as `aud`: as whom the transmitter knows us."""
    token_issuers: tuple[str, ...] = ()
    """The issuers of the tokens that it may end; none means the transmitter itself."""
    algorithms: Collection[str] = ALGORITHMS
    critical_members: tuple[str, ...] = ()
    """Its `critical_subject_members`."""


class Heard(StrEnum):
    """What was made of a security event token."""

    APPLIED = "applied"
    """Somebody's tokens are dead now."""
    IGNORED = "ignored"
    """It is genuine, and nothing here depends on it."""
    REPEATED = "repeated"
    """It was heard before."""
    VERIFIED = "verified"
    """It proves that the stream is alive."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """One token that was taken: its `jti`, its event, and what was made of it; `detail` is for a log."""

    heard: Heard
    token_id: str
    event_type: str
    detail: str = ""


class SignalRefused(Exception):
    """A token that is not taken; `code` and `description` are what its transmitter is told (RFC 8935, 2.4)."""

    def __init__(self, code: SetErrorCode, description: str) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description


class Signals:
    """What one transmitter told: it says of each token at once whether an event ended it.

    It is kept in the memory of the process alone: after a start only what is told from then on is known.
    """

    def __init__(self, transmitter: Transmitter, keys: KeySource, *, clock: Clock = system_clock) -> None:
        """Build it; `keys` are those that the transmitter publishes. Raises ConfigurationError."""
        self._transmitter = transmitter
        self._issuers = transmitter.token_issuers or (transmitter.issuer,)
        self._keys = keys
        self._clock = clock
        self._deaths = SignalledDeaths(self._issuers)
        self._ids: dict[str, None] = {}
        self._states: dict[str, None] = {}
        # OIDSSF-4.1.1/typ OIDSSF-4.1.6/iss-validated
        self._verifier = Verifier.of_kind(
            SECURITY_EVENT_TOKEN,
            issuer=transmitter.issuer,
            audience=transmitter.audience,
            algorithms=transmitter.algorithms,
        )

    def judge(self, token: AccessToken) -> Verdict:
        """Return REVOKED for a token that an event ended; UNKNOWN says nothing."""
        return Verdict.REVOKED if self._deaths.covers(token) else Verdict.UNKNOWN

    def expect(self, state: str) -> None:
        """Expect a verification event with this state: from now on one with another state is refused."""
        self._states[state] = None

    async def hear(self, token: str) -> Hearing:
        """Take in one security event token; raises SignalRefused, and KeySourceUnavailable without any key.

        What it says holds from the moment of return on; a token that is heard again changes nothing.
        """
        claims = await self._believed(token)
        event_type, event = _event_of(claims)
        token_id = str(claims["jti"])
        if token_id in self._ids:
            return Hearing(Heard.REPEATED, token_id, event_type)
        hearing = self._applied(claims, event_type, event)
        # Only what was applied is remembered: who sends it again after a failure is heard.
        self._ids[token_id] = None
        while len(self._ids) > MOST_REMEMBERED_IDS:
            del self._ids[next(iter(self._ids))]
        return hearing

    async def _believed(self, token: str) -> Mapping[str, object]:
        try:
            claims = (await self._keys.verify(self._verifier, token, self._clock())).claims
        except InvalidToken as error:
            raise SignalRefused(_code_of(error, token, self._transmitter), f"{error.code}.") from None
        if "sub" in claims:
            # OIDSSF-4.1.2/sub
            raise SignalRefused(SetErrorCode.INVALID_REQUEST, "A security event token has no sub.")
        return claims

    def _applied(self, claims: Mapping[str, object], event_type: str, event: Mapping[str, object]) -> Hearing:
        token_id, now = str(claims["jti"]), self._clock()
        if event_type == VERIFICATION:
            state = event.get("state")
            if self._states and state not in self._states:
                # OIDSSF-8.1.4.1/state
                raise SignalRefused(SetErrorCode.INVALID_STATE, "This state was not asked for.")
            self._states.clear()
            return Hearing(Heard.VERIFIED, token_id, event_type, str(state or ""))
        if event_type == STREAM_UPDATED:
            return Hearing(Heard.IGNORED, token_id, event_type, f"the stream is {event.get('status')}")
        if event_type not in _KILLING or (event_type == CREDENTIAL_CHANGE and event.get("change_type") in _ADDED):
            return Hearing(Heard.IGNORED, token_id, event_type, "nothing here depends on it")
        try:
            named = parse_subject(claims.get("sub_id"), self._transmitter.critical_members)
        except UnknownSubject as unknown:
            return Hearing(Heard.IGNORED, token_id, event_type, str(unknown))
        moment = min(_moment_of(event, claims), now)
        ended = {self._end(one, event_type, moment, now) for one in named}
        if True not in ended:
            return Hearing(Heard.IGNORED, token_id, event_type, "it names another issuer's tokens")
        return Hearing(Heard.APPLIED, token_id, event_type)

    def _end(self, named: Signalled, event_type: str, moment: int, now: int) -> bool:  # noqa: C901 - a case for each
        deaths = self._deaths
        match named:
            case OfSubject(issuer, subject):
                return deaths.end_subject(issuer, subject, moment, now)
            case OfToken(issuer, token_id):
                return deaths.end_token(issuer, token_id, now)
            case OfSession(sid):
                for issuer in self._issuers:
                    deaths.end_session(issuer, sid, now)
            case OfEmail(email):
                for issuer in self._issuers:
                    deaths.end_email(issuer, email, moment, now)
            case OfOpaque(handle) if event_type in _OF_SESSIONS:
                return self._end(OfSession(handle), event_type, moment, now)
            case OfOpaque(handle):
                for issuer in self._issuers:
                    deaths.end_subject(issuer, handle, moment, now)
            case OfTenant(url):
                return deaths.end_all(url, moment)
            case _:
                assert_never(named)
        return True


def _event_of(claims: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
    events = claims.get("events")
    if not isinstance(events, dict) or len(events) != 1:
        raise SignalRefused(SetErrorCode.INVALID_REQUEST, "A token tells of one event.")
    ((event_type, event),) = events.items()
    if not isinstance(event, dict):
        # RFC8417-2.2/event-object
        raise SignalRefused(SetErrorCode.INVALID_REQUEST, "An event is an object.")
    return event_type, event


def _moment_of(event: Mapping[str, object], claims: Mapping[str, object]) -> int:
    """Return when it happened, in seconds; the latest that is said where nothing better is."""
    for found in (event.get("event_timestamp"), claims.get("toe"), claims.get("iat")):
        if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found) and found > 0:
            # A part of a second that has begun counts whole: what was issued in it dies.
            return math.ceil(found / 1_000) if found >= _MILLISECONDS else math.ceil(found)
    raise SignalRefused(SetErrorCode.INVALID_REQUEST, "The token does not say when it was issued.")


def _code_of(error: InvalidToken, token: str, transmitter: Transmitter) -> SetErrorCode:
    if isinstance(error, ClaimInvalid):
        if error.claim == "iss":
            return SetErrorCode.INVALID_ISSUER
        return SetErrorCode.INVALID_AUDIENCE if error.claim == "aud" else SetErrorCode.INVALID_REQUEST
    try:
        # Another issuer's key is unknown here, and it is the issuer that is wrong.
        is_anothers = peek(token).claims.get("iss") != transmitter.issuer
    except InvalidToken:
        return SetErrorCode.INVALID_REQUEST
    return SetErrorCode.INVALID_ISSUER if is_anothers else _CODES.get(error.code, SetErrorCode.INVALID_REQUEST)
