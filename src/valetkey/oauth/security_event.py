"""Security event tokens about revocation, both directions (RFC 8417; OpenID CAEP 1.0; RFC 9493)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass
from valetkey.oauth.types import Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

REMEMBERED_SECONDS: Final = Seconds(20 * 60)
"""For how long a revocation is told and remembered: no access token lives that long."""

SESSION_REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE: Final = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
ACCOUNT_DISABLED: Final = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
ACCOUNT_PURGED: Final = "https://schemas.openid.net/secevent/risc/event-type/account-purged"
AUTHORIZATION_REVOKED: Final = "urn:valetkey:event:authorization-revoked"
TOKEN_REVOKED: Final = "urn:valetkey:event:token-revoked"  # noqa: S105 - the name of an event
CLIENT_REVOKED: Final = "urn:valetkey:event:client-revoked"
TENANT_REVOKED: Final = "urn:valetkey:event:tenant-revoked"
SERVER_REVOKED: Final = "urn:valetkey:event:server-revoked"

LOWEST_GENERATION: Final = "urn:valetkey:lowest-generation"
"""The member of an event that says which generation is the lowest that lives."""

TOKEN_EXPIRES_AT: Final = "urn:valetkey:token-expires-at"  # noqa: S105 - the name of a member
"""The member of an event about one token that says when it would have expired."""

_LONGEST_HANDLE: Final = 512


class RevokedKind(StrEnum):
    """What is named by the handle of a revocation."""

    AUTHORIZATION = "authorization"
    """An `authorization_id`."""
    SESSION = "session"
    """A `sid`."""
    TOKEN = "token"  # noqa: S105 - a kind of thing
    """The base64url SHA-256 of a `jti`."""
    SUBJECT = "subject"
    """A `sub`, of which all older generations are dead."""
    CLIENT = "client"
    """A `client_id`, likewise."""
    TENANT = "tenant"
    """The issuer itself, likewise; the handle is empty."""
    SERVER = "server"
    """All issuers of the server, likewise; the handle is empty."""


class Cause(StrEnum):
    """Why it died, as far as that is worth an event of its own."""

    REVOKED = "revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a cause
    DISABLED = "disabled"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One thing that died; where it is counted in generations, everything older than `lowest_generation`."""

    kind: RevokedKind
    handle: str
    lowest_generation: int = 0
    cause: Cause = Cause.REVOKED
    token_expires_at: int = 0
    """When a TOKEN would have expired; 0 for everything else."""


class MalformedSecurityEvent(ValueError):
    """An event is not what its type says: nothing can be told by it, and nothing may be passed over."""


def security_event_claims(
    revocation: Revocation, *, issuer: str, audience: str, token_id: str, now: int
) -> dict[str, object]:
    """Return the claims of the security event token that tells of `revocation` (RFC 8417, 2.2).

    It has no `exp` and no `sub`, so that nobody takes it for an access token (RFC 8417, 4.5 and 4.6).
    """
    event: dict[str, object] = {}
    if revocation.kind in _COUNTED:
        event[LOWEST_GENERATION] = revocation.lowest_generation
    event_type = _type_of(revocation)
    if revocation.kind is RevokedKind.TOKEN:
        event[TOKEN_EXPIRES_AT] = revocation.token_expires_at
    if event_type == CREDENTIAL_CHANGE:
        event |= {
            "credential_type": "password",
            "change_type": "update",
        }  # OIDCAEP-3.3.1/credential-type OIDCAEP-3.3.1/change-type
    return {
        "iss": issuer,
        "aud": audience,
        "iat": now,
        "jti": token_id,
        "sub_id": _subject_of(revocation, issuer),  # OIDSSF-3.1/sub-id OIDSSF-4.1.2/sub OIDSSF-4.1.7/exp
        "events": {event_type: event},  # RFC8417-2.2/events OIDSSF-4.2.1/one-event
    }


def parse_revocation(claims: Mapping[str, object]) -> Revocation | None:
    """Return the revocation that a verified security event token tells of, None for an event of another type.

    Raises MalformedSecurityEvent for one of a type that is known and does not say what it has to.
    """
    # What an event says beyond what is read here is passed over: OIDSSF-4.2.3/additional-fields
    events = claims.get("events")
    if not isinstance(events, dict) or len(events) != 1:
        raise MalformedSecurityEvent("a token tells of one event")
    ((event_type, event),) = events.items()
    if event_type not in _KINDS:
        return None
    if not isinstance(event, dict):
        raise MalformedSecurityEvent("an event is an object")  # RFC8417-2.2/event-object
    subject = claims.get("sub_id")
    if not isinstance(subject, dict):
        raise MalformedSecurityEvent("the claim sub_id is missing")
    return _revocation_of(event_type, event, subject)


def _revocation_of(
    event_type: str, event: Mapping[str, object], subject: Mapping[str, object]
) -> Revocation | None:
    kind, cause = _KINDS[event_type]
    session = subject.get("session")
    if event_type == SESSION_REVOKED and subject.get("format") == "complex" and isinstance(session, dict):
        return Revocation(RevokedKind.SESSION, _text(session, "id"))
    if kind is RevokedKind.TOKEN:
        return Revocation(kind, _text(subject, "id"), token_expires_at=_number(event, TOKEN_EXPIRES_AT))
    if kind not in _COUNTED:
        return Revocation(kind, _text(subject, "id"))
    lowest = _number(event, LOWEST_GENERATION)
    match kind:
        case RevokedKind.SUBJECT:
            return Revocation(kind, _text(subject, "sub"), lowest, cause)
        case RevokedKind.CLIENT:
            return Revocation(kind, _text(subject, "id"), lowest, cause)
        case _:
            return Revocation(kind, "", lowest, cause)


_COUNTED: Final = frozenset({RevokedKind.SUBJECT, RevokedKind.CLIENT, RevokedKind.TENANT, RevokedKind.SERVER})
_OF_SUBJECT: Final = {
    Cause.REVOKED: SESSION_REVOKED,
    Cause.PASSWORD_CHANGED: CREDENTIAL_CHANGE,
    Cause.DISABLED: ACCOUNT_DISABLED,
    Cause.REMOVED: ACCOUNT_PURGED,
}
_OF_OTHERS: Final = {
    RevokedKind.AUTHORIZATION: AUTHORIZATION_REVOKED,
    RevokedKind.SESSION: SESSION_REVOKED,
    RevokedKind.TOKEN: TOKEN_REVOKED,
    RevokedKind.CLIENT: CLIENT_REVOKED,
    RevokedKind.TENANT: TENANT_REVOKED,
    RevokedKind.SERVER: SERVER_REVOKED,
}
_KINDS: Final[dict[str, tuple[RevokedKind, Cause]]] = {
    **{event_type: (kind, Cause.REVOKED) for kind, event_type in _OF_OTHERS.items()},
    **{event_type: (RevokedKind.SUBJECT, cause) for cause, event_type in _OF_SUBJECT.items()},
}
"""What an event of a type is about; one of SESSION_REVOKED is about a session where it names one."""


def _type_of(revocation: Revocation) -> str:
    if revocation.kind is RevokedKind.SUBJECT:
        return _OF_SUBJECT[revocation.cause]
    return _OF_OTHERS[revocation.kind]


def _subject_of(revocation: Revocation, issuer: str) -> dict[str, object]:
    match revocation.kind:
        case RevokedKind.SUBJECT:
            return {"format": "iss_sub", "iss": issuer, "sub": revocation.handle}
        case RevokedKind.SESSION:
            return {"format": "complex", "session": {"format": "opaque", "id": revocation.handle}}
        case RevokedKind.TENANT | RevokedKind.SERVER:
            return {"format": "uri", "uri": issuer}
        case _:
            return {"format": "opaque", "id": revocation.handle}


def _number(event: Mapping[str, object], name: str) -> int:
    value = event.get(name)
    if type(value) is not int or value < 0:
        raise MalformedSecurityEvent(f"the event has no {name}")
    return value


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_HANDLE:
        raise MalformedSecurityEvent(f"the subject has no {name}")
    return value
