"""Which events of Shared Signals tell of what dies, and what a token says of one (SSF, 4; CAEP 1.0; RISC 1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from valetkey.authorization_server.revocation.deaths import (
    AuthorizationDies,
    AuthorizationsDie,
    GenerationMoves,
    SessionDies,
    TokenDies,
)
from valetkey.authorization_server.subject_identifier import session_for, subject_for
from valetkey.oauth.security_event import (
    ACCOUNT_DISABLED,
    ACCOUNT_PURGED,
    CREDENTIAL_CHANGE,
    SESSION_REVOKED,
    Cause,
    RevokedKind,
)
from valetkey.oauth.shared_signals import OF_STREAMS

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.revocation.deaths import Death
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import Stream, StreamEvent

_OF_SUBJECT: Final = {
    Cause.REVOKED: (SESSION_REVOKED,),
    Cause.PASSWORD_CHANGED: (CREDENTIAL_CHANGE, SESSION_REVOKED),
    Cause.DISABLED: (ACCOUNT_DISABLED, SESSION_REVOKED),
    Cause.REMOVED: (ACCOUNT_PURGED, SESSION_REVOKED),
}
"""With whatever takes an end-user's trust away, all their sessions end: told to who asks for nothing else."""
_REASONS: Final = {
    SESSION_REVOKED: "The session was ended.",
    CREDENTIAL_CHANGE: "The password was changed.",
}


def signals_of(death: Death) -> tuple[str, ...]:
    """Return the types of the events by which outside receivers hear of `death`; none of what is ours alone."""
    match death:
        case SessionDies():
            return (SESSION_REVOKED,)  # OIDCRISC-2.11/session-revoked
        case GenerationMoves(RevokedKind.SUBJECT, _, cause):
            return _OF_SUBJECT[cause]
        case GenerationMoves(RevokedKind.TENANT | RevokedKind.SERVER):
            return (SESSION_REVOKED,)
        case GenerationMoves() | AuthorizationDies() | AuthorizationsDie() | TokenDies():
            # What a client may do with its own authorizations and tokens concerns nobody else.
            return ()
        case _:
            assert_never(death)


def token_id(stream: Stream, event: StreamEvent) -> str:
    """Return the `jti` of every token that tells a stream of this event."""
    return f"{stream.stream_id}.{event.number}"


def numbers_of(stream: Stream, token_ids: tuple[str, ...]) -> tuple[int, ...]:
    """Return which events of this very stream are meant; what is not ours counts nothing."""
    start = f"{stream.stream_id}."
    texts = [one.removeprefix(start) for one in token_ids if one.startswith(start)]
    return tuple(int(one) for one in texts if one.isascii() and one.isdigit() and len(one) <= _LONGEST_NUMBER)


async def event_claims(
    event: StreamEvent, stream: Stream, client: Client, server: AuthorizationServer, now: int
) -> dict[str, object]:
    """Return the claims of the security event token: its end-user is named as `client` knows them.

    It has neither `sub` nor `exp`. Raises Unavailable when a pairwise subject cannot be told.
    """
    claims: dict[str, object] = {
        "iss": server.issuer.url,  # OIDSSF-4.1.6/iss
        "aud": client.client_id,
        "iat": now,
        "jti": token_id(stream, event),
        "sub_id": await _subject_of(event, stream, client, server),  # OIDSSF-3.1/sub-id
        "events": {event.event_type: _event(event)},  # OIDSSF-4.2.1/one-event
    }
    if event.transaction:
        claims["txn"] = str(event.transaction)  # OIDSSF-4.1.9/txn
    return claims


async def _subject_of(
    event: StreamEvent, stream: Stream, client: Client, server: AuthorizationServer
) -> dict[str, object]:
    if event.event_type in OF_STREAMS:
        return {"format": "opaque", "id": stream.stream_id}  # OIDSSF-8.1.4.1/sub-id OIDSSF-8.1.5/sub-id
    if event.subject is None:
        return {"format": "complex", "tenant": {"format": "uri", "uri": server.issuer.url}}
    told = await subject_for(client, event.subject, server)
    # OIDCRISC-3.1/format
    user: dict[str, object] = {"format": "iss_sub", "iss": server.issuer.url, "sub": told}
    if event.sid is None:
        return user
    session = {"format": "opaque", "id": await session_for(client, event.sid, server)}
    return {"format": "complex", "user": user, "session": session}


def _event(event: StreamEvent) -> dict[str, object]:
    if event.event_type in OF_STREAMS:
        return dict(event.detail)  # OIDSSF-8.1.4.2/state OIDSSF-8.1.5/status
    said: dict[str, object] = {}
    if event.occurred_at is not None:
        said["event_timestamp"] = event.occurred_at  # OIDCAEP-3.1.1/event-timestamp
    if event.event_type in _REASONS:
        said["reason_admin"] = {"en": _REASONS[event.event_type]}  # OIDCAEP-2/reason-admin
    if event.event_type == CREDENTIAL_CHANGE:
        said |= {"credential_type": "password", "change_type": "update"}
    return said


_LONGEST_NUMBER: Final = 18
