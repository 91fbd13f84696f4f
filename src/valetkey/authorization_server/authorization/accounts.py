"""Whose request it is: which of the accounts that are signed in answers it (OpenID Connect Core, 3.1.2.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.request import Prompt
from valetkey.authorization_server.model import (
    AccountChoice,
    Interaction,
    StoredSession,
    normalised_email,
    normalised_username,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
    from valetkey.oauth.types import SessionId


ANOTHER_ACCOUNT: Final = "another"
"""What a form sends for who wants to go on as somebody else; no session is called so."""


def choose_session(
    asked: VerifiedAuthorizationRequest, sessions: tuple[StoredSession, ...], interaction: Interaction | None
) -> StoredSession | None:
    """Return the session that the request is about: the one that was chosen for it, else the newest hinted at.

    None: nobody who is signed in answers it as it stands.
    """
    if interaction is not None and interaction.account_choice is not None:
        return None
    if interaction is not None and interaction.sid is not None:
        return next((stored for stored in sessions if stored.session.sid == interaction.sid), None)
    named = hinted_at(asked, sessions)
    candidates = named if named or asked.hinted_subject is not None else sessions
    return candidates[0] if candidates else None


def hinted_at(
    asked: VerifiedAuthorizationRequest, sessions: tuple[StoredSession, ...]
) -> tuple[StoredSession, ...]:
    """Return the sessions of whom the client hints at, newest first: none signs anybody in."""
    if asked.hinted_subject is not None:
        return tuple(stored for stored in sessions if stored.session.subject == asked.hinted_subject)
    return tuple(stored for stored in sessions if asked.login_hint and _is_called(stored, asked.login_hint))


def is_ambiguous(asked: VerifiedAuthorizationRequest, sessions: tuple[StoredSession, ...]) -> bool:
    """Say whether several accounts are signed in and the client hints at none of them."""
    is_hinted = asked.hinted_subject is not None or bool(hinted_at(asked, sessions))
    return not is_hinted and len(accounts_of(sessions)) > 1


def must_choose(
    asked: VerifiedAuthorizationRequest, sessions: tuple[StoredSession, ...], interaction: Interaction | None
) -> bool:
    """Say whether the end-user has to say with which account they go on; without any they sign in instead."""
    if not sessions:
        return False
    if interaction is not None and interaction.account_choice is not None:
        return interaction.account_choice is AccountChoice.ASKED
    if interaction is not None and interaction.sid is not None:
        return False
    return Prompt.SELECT_ACCOUNT in asked.prompt or is_ambiguous(asked, sessions)


def accounts_of(sessions: Sequence[StoredSession]) -> tuple[StoredSession, ...]:
    """Return one session for each account, the newest, in their order."""
    newest: dict[str, StoredSession] = {}
    for stored in sessions:
        newest.setdefault(stored.session.subject, stored)
    return tuple(newest.values())


def may_choose_again(interaction: Interaction, sessions: Sequence[StoredSession]) -> bool:
    """Say whether somebody who went on to sign in with another account may still choose one that is signed in."""
    return interaction.account_choice is AccountChoice.ANOTHER and bool(sessions)


def chosen(interaction: Interaction, sid: SessionId) -> Interaction:
    """Return the interaction of who chose the session `sid`: what was done in another counts no longer."""
    return replace(_undecided(interaction), sid=sid, account_choice=None)


def chosen_another(interaction: Interaction) -> Interaction:
    """Return the interaction of who wants to sign in with another account."""
    return replace(_undecided(interaction), account_choice=AccountChoice.ANOTHER)


def asked_for_accounts(interaction: Interaction) -> Interaction:
    """Return the interaction of who wants to see the accounts first."""
    return replace(_undecided(interaction), account_choice=AccountChoice.ASKED)


def _undecided(interaction: Interaction) -> Interaction:
    return replace(interaction, version=interaction.version + 1, sid=None, authenticated_at=None, answer=None)


def _is_called(stored: StoredSession, hint: str) -> bool:
    end_user = stored.end_user
    if normalised_username(hint) == normalised_username(end_user.username):
        return True
    return end_user.email is not None and normalised_email(hint) == normalised_email(end_user.email)
