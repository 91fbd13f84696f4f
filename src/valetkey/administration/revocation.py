"""The kill switch in an operator's hand: each act says what dies, and returns the Changes to commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.administration.refusal import ActRefused
from valetkey.administration.views import View
from valetkey.authorization_server.decision import BumpGeneration, Changes, EndSession, RevokeAuthorization
from valetkey.authorization_server.model import ManagedBy
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client, EndUser, StoredAuthorization, StoredSession
    from valetkey.oauth.types import NumericDate, TenantId

TOKENS: Final = ("codes", "refresh_tokens", "access_tokens")
EVERYTHING: Final = ("sessions", *TOKENS)
WITH_KEYS: Final = ("api_keys", *TOKENS)
"""What a counter kills: an API key is stamped with it like all the rest."""

_LATE: Final = (
    "An API that verifies JWTs by itself refuses them within a second if it follows the feed, "
    "else with the next status list that it reads, or when they expire."
)


@dataclass(frozen=True, slots=True)
class RevocationAct:
    """What is revoked, which kinds of things die with it, and the lines that tell a person."""

    view: View
    died: tuple[str, ...]
    lines: tuple[str, ...]
    changes: Changes

    def document(self) -> View:
        """Return what a script is told."""
        return {**self.view, "died": list(self.died)}


def revoke_subject(end_user: EndUser) -> RevocationAct:
    """End all that an end-user has: sessions in every browser, and what was granted to any client for them."""
    return RevocationAct(
        {"revoked": "subject", "username": end_user.username, "subject": end_user.subject},
        ("sessions", *WITH_KEYS),
        (
            (
                f"user {end_user.username} is signed out everywhere: "
                "every session, API key, code, refresh token and access token from before now is dead"
            ),
            _LATE,
        ),
        (BumpGeneration("subject", end_user.subject),),
    )


def revoke_client(client: Client) -> RevocationAct:
    """End all that a client holds, of end-users and of its own; sessions of end-users live on."""
    return RevocationAct(
        {"revoked": "client", "client_id": client.client_id},
        WITH_KEYS,
        (
            (
                f"client {client.client_id} holds nothing any more: "
                "every API key, code, refresh token and access token from before now is dead"
            ),
            f"It may ask for new ones; {_how_to_end(client)} ends that too.",
            _LATE,
        ),
        (BumpGeneration("client", client.client_id),),
    )


def _how_to_end(client: Client) -> str:
    if client.managed_by is ManagedBy.DOCUMENT:
        return "its host or URL in the setting outbound.block"
    return f"`valetkey client change {client.client_id} --disable`"


def revoke_session(found: StoredSession, now: NumericDate) -> RevocationAct:
    """End a browser's login and what is bound to it; raises ActRefused where it has ended before."""
    session, username = found.session, found.end_user.username
    if session.ended_at is not None:
        raise ActRefused(f"session {session.sid} of user {username} has ended before")
    return RevocationAct(
        {"revoked": "session", "sid": session.sid, "username": username, "subject": session.subject},
        EVERYTHING,
        (
            f"session {session.sid} of user {username} has ended, and whatever is bound to it is dead",
            (
                "Offline access and plain OAuth authorizations outlive a session: "
                f"`valetkey revoke subject {username}` ends them too."
            ),
            _LATE,
        ),
        (EndSession(session.sid, now),),
    )


def revoke_authorization(found: StoredAuthorization, now: NumericDate) -> RevocationAct:
    """End what one client was granted once; raises ActRefused where it was revoked before."""
    one = found.authorization
    if one.revoked_at is not None:
        raise ActRefused(f"authorization {one.authorization_id} was revoked before")
    return RevocationAct(
        {
            "revoked": "authorization",
            "authorization_id": one.authorization_id,
            "client_id": one.client_id,
            "subject": one.subject,
        },
        TOKENS,
        (
            (
                f"authorization {one.authorization_id} of client {one.client_id} is revoked: "
                "its codes, refresh tokens and access tokens are dead"
            ),
            _LATE,
        ),
        (RevokeAuthorization(one.authorization_id, now),),
    )


def revoke_all(tenant: TenantId | None) -> RevocationAct:
    """End everything of one tenant, or of the whole server."""
    where = "the whole server" if tenant is None else f"tenant {tenant}"
    kind = "server" if tenant is None else "tenant"
    return RevocationAct(
        {"revoked": "all", "tenant": tenant},
        ("sessions", *WITH_KEYS),
        (
            (
                f"everybody of {where} is signed out: "
                "every session, API key, code, refresh token and access token from before now is dead"
            ),
            _LATE,
        ),
        (BumpGeneration(kind, ""),),
    )
