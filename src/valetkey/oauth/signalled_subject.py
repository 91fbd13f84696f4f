"""Subject identifiers of security events as what a token can be compared with (RFC 9493; OpenID SSF 1.0, 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_LONGEST: Final = 1_024
_MOST_ALIASES: Final = 16
_NARROWING: Final = frozenset({"device", "application", "org_unit", "group"})
"""Members that a token says nothing of: who is named beside them is meant as a whole, which is the safe side."""


@dataclass(frozen=True, slots=True)
class OfSubject:
    """All tokens of one `sub` of one issuer."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class OfSession:
    """All tokens of one session: its `sid`."""

    sid: str


@dataclass(frozen=True, slots=True)
class OfToken:
    """One token: its issuer and its `jti`."""

    issuer: str
    token_id: str


@dataclass(frozen=True, slots=True)
class OfEmail:
    """All tokens whose claim `email` is this address, in lower case, verified or not."""

    email: str


@dataclass(frozen=True, slots=True)
class OfOpaque:
    """Whatever the transmitter means by its own identifier: a session or a subject."""

    handle: str


@dataclass(frozen=True, slots=True)
class OfTenant:
    """All tokens of an issuer that is named by its URL, or by a handle of its own."""

    named: str


Signalled = OfSubject | OfSession | OfToken | OfEmail | OfOpaque | OfTenant


class UnknownSubject(ValueError):
    """A subject is written in a way, or has a critical member, that nothing here can be compared with."""


def parse_subject(found: object, critical: Collection[str] = ()) -> tuple[Signalled, ...]:
    """Return what a `sub_id` names, each part of it by itself; raises UnknownSubject.

    `critical` are the members of a complex subject that must be understood (SSF, 7.1).
    """
    if not isinstance(found, dict):
        raise UnknownSubject("the subject is no object")
    match found.get("format"):
        case "complex":
            return _complex(found, critical)
        case "aliases":
            return _aliases(found, critical)
        case _:
            return (_simple(found),)


def _simple(found: Mapping[str, object]) -> Signalled:
    match found.get("format"):
        case "iss_sub":
            return OfSubject(_text(found, "iss"), _text(found, "sub"))
        case "email":
            return OfEmail(_text(found, "email").lower())
        case "jwt_id":
            return OfToken(_text(found, "iss"), _text(found, "jti"))
        case "opaque":
            return OfOpaque(_text(found, "id"))
        case "uri":
            return OfTenant(_text(found, "uri"))
        case _:
            # OIDSSF-3.6/best-effort
            raise UnknownSubject("the format of the subject is not known")


def _complex(found: Mapping[str, object], critical: Collection[str]) -> tuple[Signalled, ...]:
    members = {name for name in found if name != "format"}
    if not set(critical) & members <= {"user", "session", "tenant"}:
        raise UnknownSubject("a critical member of the subject is not understood")  # OIDSSF-3.6/critical
    session, user, tenant = found.get("session"), found.get("user"), found.get("tenant")
    # OIDSSF-3.6/best-effort: the narrowest member that a token can be compared with decides.
    if isinstance(session, dict):
        told = _simple(session)
        return (OfSession(told.handle) if isinstance(told, OfOpaque) else told,)
    if isinstance(user, dict):
        return parse_subject(user) if user.get("format") == "aliases" else (_simple(user),)
    if isinstance(tenant, dict) and not members & _NARROWING:
        told = _simple(tenant)
        return (OfTenant(told.handle) if isinstance(told, OfOpaque) else told,)
    raise UnknownSubject("the subject names neither a session nor a user")


def _aliases(found: Mapping[str, object], critical: Collection[str]) -> tuple[Signalled, ...]:
    identifiers = found.get("identifiers")
    if not isinstance(identifiers, list) or not 0 < len(identifiers) <= _MOST_ALIASES:
        raise UnknownSubject("the aliases of the subject are missing, or too many")
    known: list[Signalled] = []
    for one in identifiers:
        if not isinstance(one, dict) or one.get("format") == "aliases":
            raise UnknownSubject("an alias is no subject")
        try:
            known += parse_subject(one, critical)
        except UnknownSubject:
            # One name of several that is understood is enough to know who is meant.
            continue
    if not known:
        raise UnknownSubject("no alias of the subject is known")
    return tuple(known)


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise UnknownSubject(f"the subject has no {name}")
    return value
