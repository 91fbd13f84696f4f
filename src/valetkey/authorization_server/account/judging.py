"""The account page's judgements, all pure: which password may follow, what is alive, and what an act changes."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.authorization_server.browser import (
    TOUCH_INTERVAL,
    PresentBrowser,
    is_live,
    next_handle,
    remembered_until,
)
from valetkey.authorization_server.claims import opened_by
from valetkey.authorization_server.decision import (
    BumpGeneration,
    ChangePassword,
    EndSession,
    RotateBrowserHandle,
    StartSession,
    TouchSession,
)
from valetkey.authorization_server.model import Client, Consent, Session, Standing, StoredSession
from valetkey.authorization_server.pages import AccountProblem
from valetkey.authorization_server.registration import LONGEST_PASSWORD, is_sound_password
from valetkey.authorization_server.user_authentication.password import METHOD
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, Scope, SecretText, SessionId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Authorization, PasswordHash, StoredAuthorization
    from valetkey.authorization_server.policy import Policy
    from valetkey.oauth.types import ClientId


@dataclass(frozen=True, slots=True)
class Seat:
    """A signed-in end-user before their account page: the browser and the session in it that speaks."""

    browser: PresentBrowser
    stored: StoredSession


@dataclass(frozen=True, slots=True)
class ConnectedClient:
    """A client that can act for the end-user now, or that need not ask them again."""

    client: Client
    scope: Scope
    resources: tuple[str, ...]
    since: NumericDate
    has_access: bool
    """An authorization lives; otherwise only the answer of then is remembered."""
    outlives_session: bool
    """It keeps its access after every sign-out but the one everywhere."""
    claims: tuple[str, ...] = ()
    """The names of what it may know besides its scope."""


def judged_password(current: str, new: str, again: str) -> SecretText | AccountProblem:
    """Return the password to hash, in the one form in which it is compared (NIST SP 800-63B, 3.1.1.2)."""
    if len(new) > LONGEST_PASSWORD:
        return AccountProblem.UNSOUND
    normal = unicodedata.normalize("NFC", new)
    if not is_sound_password(normal):
        return AccountProblem.UNSOUND
    if again != new:
        return AccountProblem.DIFFERENT
    if len(current) <= LONGEST_PASSWORD and unicodedata.normalize("NFC", current) == normal:
        return AccountProblem.UNCHANGED
    return SecretText(normal)


def password_changed(seat: Seat, old: PasswordHash, new: PasswordHash, fresh: Fresh) -> Changes:
    """Return what a new password changes: whatever was granted dies, and this browser gets a session of its own.

    The stamp of that session is the generation that this very commit begins: with any other bump in between,
    it is older than the counters, and the commit is lost.
    """
    session, current = seat.stored.session, seat.stored.current
    renewed = Session(
        sid=SessionId(fresh.identifier("session")),
        browser_id=session.browser_id,
        subject=session.subject,
        authentication=METHOD.authenticated(fresh.now),
        generations=replace(current, subject=current.subject + 1),
        created_at=fresh.now,
        last_seen_at=fresh.now,
    )
    present = seat.browser
    return (
        ChangePassword(session.subject, old, new, fresh.now),
        EndSession(session.sid, fresh.now),
        RotateBrowserHandle(
            present.browser.handle_digest, next_handle(present).digest(), remembered_until(fresh.now)
        ),
        StartSession(renewed),
    )


def signed_out_everywhere(seat: Seat, sessions: Iterable[StoredSession], now: NumericDate) -> Changes:
    """Return what ends every session and every authorization of the end-user, this one with them."""
    subject = seat.stored.session.subject
    ended = {stored.session.sid: None for stored in (seat.stored, *sessions) if stored.session.subject == subject}
    # The generation kills them all, in flight or not; the sessions' own ends only clear up behind it.
    return (BumpGeneration("subject", subject), *(EndSession(sid, now) for sid in ended))


def seen(stored: StoredSession, now: NumericDate) -> Changes:
    """Return what a look at the page changes: it counts as activity, once a minute at most."""
    session = stored.session
    return (TouchSession(session.sid, now),) if now - session.last_seen_at >= TOUCH_INTERVAL else ()


def living_sessions(
    seat: Seat, found: Iterable[StoredSession], policy: Policy, now: NumericDate
) -> tuple[StoredSession, ...]:
    """Return the sessions that may still be used: this one first, then by when they were last seen."""
    own = seat.stored.session.sid
    others = [stored for stored in found if stored.session.sid != own and is_live(stored, policy, now)]
    others.sort(key=lambda stored: -stored.session.last_seen_at)
    return (seat.stored, *others)


def connected_clients(
    authorizations: Iterable[StoredAuthorization],
    consents: Iterable[Consent],
    clients: Mapping[ClientId, Client],
    sessions: Sequence[StoredSession],
    now: NumericDate,
) -> tuple[ConnectedClient, ...]:
    """Return who can act for the end-user or need not ask again, by name; `sessions` are the living ones."""
    sids = {stored.session.sid for stored in sessions}
    living: dict[ClientId, list[Authorization]] = {}
    for stored in authorizations:
        one = stored.authorization
        if stored.standing(now) is Standing.ALIVE and (not one.bound_to_session or one.sid in sids):
            living.setdefault(one.client_id, []).append(one)
    remembered = {consent.client_id: consent for consent in consents if now < consent.expires_at}
    found = [
        _connected(clients[client_id], living.get(client_id, []), remembered.get(client_id))
        for client_id in {**living, **remembered}
        if client_id in clients
    ]
    return tuple(sorted(found, key=lambda one: (one.client.name.casefold(), one.client.client_id)))


def _connected(client: Client, living: list[Authorization], remembered: Consent | None) -> ConnectedClient:
    kept: list[Authorization | Consent] = [*living, *([remembered] if remembered is not None else [])]
    scope = Scope.of(name for one in kept for name in one.scope)
    told = frozenset(name for one in living for name in one.claims.names)
    told |= remembered.claims if remembered is not None else frozenset()
    begun = [one.created_at for one in living]
    if remembered is not None:
        begun.append(remembered.granted_at)
    return ConnectedClient(
        client,
        scope,
        tuple(dict.fromkeys(resource for one in kept for resource in one.resources)),
        min(begun),
        has_access=bool(living),
        outlives_session=any(not one.bound_to_session for one in living),
        claims=tuple(sorted(told.difference(opened_by(scope)))),
    )
