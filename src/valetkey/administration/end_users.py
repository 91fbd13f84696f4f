"""What an operator does with end-users: each act judges, and returns the Changes to commit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.administration.refusal import ActRefused, refuse_declared, refuse_faults
from valetkey.authorization_server.decision import Changes, EndSession, PutEndUser, RemoveEndUser
from valetkey.authorization_server.model import EndUser, PasswordHash
from valetkey.authorization_server.registration import PASSWORD_EXPECTED, end_user_faults, is_sound_password
from valetkey.authorization_server.second_factor import RemoveFactor
from valetkey.jose.records import dataclass
from valetkey.oauth.types import SecretText, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import StoredSession
    from valetkey.authorization_server.second_factor import OneTimeCodeFactor

# 32 letters: an octet falls on each of them equally often.
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class EndUserFields:
    """What may be said of an end-user; None leaves it as it is."""

    name: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    roles: frozenset[str] | None = None
    password_hash: PasswordHash | None = None
    disabled: bool | None = None

    @property
    def is_only_a_password(self) -> bool:
        """Whether nothing but the password is to be changed, which no file declares for longer than the start."""
        return replace(self, password_hash=None) == EndUserFields()


@dataclass(frozen=True, slots=True)
class EndUserAct:
    """What becomes of the end-user."""

    end_user: EndUser
    changes: Changes


def add_end_user(username: str, fields: EndUserFields, held: EndUser | None, fresh: Fresh) -> EndUserAct:
    """Add an end-user under a new subject; `held` is who has the user name. Raises ActRefused."""
    if held is not None:
        raise ActRefused(f"user {held.username} exists: change it with `valetkey user change {held.username}`")
    blank = EndUser(Subject(fresh.identifier("subject")), username, None, fresh.now)  # OIDCC-2/subject
    return _judged(_applied(blank, fields, fresh))


def change_end_user(held: EndUser, fields: EndUserFields, fresh: Fresh) -> EndUserAct:
    """Change what `fields` says; a new password or a disabling ends all that was granted. Raises ActRefused."""
    if not fields.is_only_a_password:
        refuse_declared(f"user {held.username}", held.managed_by)
    return _judged(_applied(held, fields, fresh))


def remove_end_user(held: EndUser, fresh: Fresh) -> Changes:
    """Remove an end-user with sessions, consents and tokens; raises ActRefused for one that a file declares."""
    refuse_declared(f"user {held.username}", held.managed_by)
    return (RemoveEndUser(held.subject, fresh.now),)


def remove_second_factor(
    held: EndUser, factor: OneTimeCodeFactor | None, sessions: Iterable[StoredSession], fresh: Fresh
) -> Changes:
    """Remove the device of an end-user who lost it, and end their `sessions`: who found it may sit in one of them.

    What outlives a sign-out goes on; a new password ends that too. Raises ActRefused where there is no device.
    """
    if factor is None or not factor.is_confirmed:
        raise ActRefused(f"user {held.username} has no second factor")
    own = (stored.session.sid for stored in sessions if stored.session.subject == held.subject)
    ended = tuple(EndSession(sid, fresh.now) for sid in own)
    return (RemoveFactor(held.subject, factor.factor_id), *ended)


def generated_password(fresh: Fresh) -> SecretText:
    """Return a password of 80 bits, as four groups of four letters that nobody mistakes for each other."""
    letters = [_LETTERS[octet % len(_LETTERS)] for octet in fresh.draw("password")[:16]]
    return SecretText("-".join("".join(letters[start : start + 4]) for start in range(0, 16, 4)))


def refuse_weak_password(password: SecretText) -> None:
    """Raise ActRefused for a password that nobody may have."""
    if not is_sound_password(password.reveal()):
        raise ActRefused(f"expected {PASSWORD_EXPECTED}")


def _applied(end_user: EndUser, fields: EndUserFields, fresh: Fresh) -> EndUser:
    email = end_user.email if fields.email is None else fields.email
    # What was verified is the old address, never the new one.
    verified = end_user.email_verified and email == end_user.email
    return replace(
        end_user,
        password_hash=fields.password_hash or end_user.password_hash,
        updated_at=fresh.now,
        name=end_user.name if fields.name is None else fields.name,
        email=email,
        email_verified=verified if fields.email_verified is None else fields.email_verified,
        roles=end_user.roles if fields.roles is None else fields.roles,
        disabled=end_user.disabled if fields.disabled is None else fields.disabled,
    )


def _judged(end_user: EndUser) -> EndUserAct:
    refuse_faults(end_user_faults(end_user))
    return EndUserAct(end_user, (PutEndUser(end_user),))
