"""Who is signed out by a request, and whether they are asked first: pure (RP-Initiated Logout, 2 to 4)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from valetkey.authorization_server.logout.request import LogoutRequest
from valetkey.authorization_server.model import Client, StoredSession
from valetkey.authorization_server.policy import LogoutConfirmation
from valetkey.jose.records import dataclass
from valetkey.oauth.redirect_uri import VerifiedRedirect
from valetkey.oauth.types import SessionId, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.policy import Policy


class Hint(StrEnum):
    """What a request's id_token_hint is worth."""

    ABSENT = "absent"
    REFUSED = "refused"
    """Forged, of another client than named, or no ID Token of ours at all: as good as absent."""
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Hinted:
    """Whom a verified hint names."""

    subject: Subject | None
    """None where it is nobody who is signed in with this browser."""
    sid: SessionId | None
    is_over: bool
    """Its session was one of this browser, and has ended."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a request is judged.

    `client` is who asks, as far as that is believed; `to` is where it wants the browser to go afterwards, once that
    is one of its registered addresses. `sessions` are the live ones of this browser, newest sign-in first.
    """

    asked: LogoutRequest
    sessions: tuple[StoredSession, ...]
    client: Client | None = None
    hint: Hint = Hint.ABSENT
    hinted: Hinted | None = None
    to: VerifiedRedirect | None = None

    @property
    def is_address_refused(self) -> bool:
        """Whether a client that is known asks for an address that it has not registered."""
        return self.client is not None and self.to is None and self.asked.post_logout_redirect_uri is not None


@dataclass(frozen=True, slots=True)
class Over:
    """Nobody is signed in whom the request means: the browser goes on, by itself or by a click."""

    to: VerifiedRedirect | None
    needs_click: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A page asks whether these sessions end, and only then goes on to `to`."""

    sessions: tuple[StoredSession, ...]
    to: VerifiedRedirect | None


@dataclass(frozen=True, slots=True)
class End:
    """These sessions end at once."""

    sessions: tuple[StoredSession, ...]
    to: VerifiedRedirect | None


LogoutDecision = Over | Ask | End


def decide(facts: Facts, policy: Policy) -> LogoutDecision:
    """Judge a request: on any doubt the end-user is asked, and nobody is sent where nothing vouches for it."""
    if facts.hint is Hint.VERIFIED and facts.hinted is not None:
        return _by_hint(facts, facts.hinted, policy)
    if not facts.sessions:
        # Without a hint nothing says that somebody was signed out: OIDCRIL-3/without-hint
        return Over(facts.to, needs_click=True)
    # OIDCRIL-2/ask-without-hint
    return Ask(_meant(facts), facts.to)


def _by_hint(facts: Facts, hinted: Hinted, policy: Policy) -> LogoutDecision:
    named = tuple(one for one in facts.sessions if one.session.sid == hinted.sid)
    named = named or tuple(one for one in facts.sessions if one.session.subject == hinted.subject)
    if named:
        is_asked = policy.logout_confirmation is LogoutConfirmation.ALWAYS or facts.is_address_refused
        return Ask(named, facts.to) if is_asked else End(named, facts.to)
    if not facts.sessions or hinted.is_over:
        return Over(facts.to)
    # Somebody else is signed in: that they leave is theirs to say, and where they go then too.
    return Ask(facts.sessions, None)  # OIDCRIL-2/ask-other-end-user


def _meant(facts: Facts) -> tuple[StoredSession, ...]:
    """Whom a request without a hint means: the one that `logout_hint` names, else everybody in this browser."""
    name = facts.asked.logout_hint
    if name is None:
        return facts.sessions
    named = tuple(
        one
        for one in facts.sessions
        if name in {one.session.sid, one.end_user.username, one.end_user.email, one.session.subject}
    )
    return named or facts.sessions
