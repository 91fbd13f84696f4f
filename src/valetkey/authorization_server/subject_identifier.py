"""Subject identifiers (OpenID Connect Core, 8): which `sub` a client sees, the public one or its sector's own."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from valetkey.authorization_server.openid_client import SubjectType
from valetkey.authorization_server.sector import sector_of
from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.types import SessionId, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer


async def subject_for(client: Client, subject: Subject, server: AuthorizationServer) -> Subject:
    """Return the `sub` by which `client` knows the end-user `subject`, in whatever it can read (Core, 8).

    The public one costs nothing; raises Unavailable when the tenant's salt cannot be read.
    """
    if client.openid.subject_type is SubjectType.PUBLIC:
        return subject
    return pairwise_subject(await server.pairwise_salt.read(), sector_of(client), subject)


async def session_for(client: Client, sid: SessionId, server: AuthorizationServer) -> SessionId:
    """Return the `sid` by which `client` knows a session; no two sectors of pairwise clients know it by the same.

    Raises Unavailable as `subject_for` does.
    """
    if client.openid.subject_type is SubjectType.PUBLIC:
        return sid
    # A NUL begins no sector: no `sid` is anybody's `sub`.
    told = pairwise_subject(await server.pairwise_salt.read(), "\0session\0" + sector_of(client), Subject(sid))
    return SessionId(told)


async def session_behind(
    client: Client, told: SessionId, among: Iterable[SessionId], server: AuthorizationServer
) -> SessionId | None:
    """Return the session that a client knows as `told`; to a pairwise one, None where it is none `among` these."""
    if client.openid.subject_type is SubjectType.PUBLIC:
        return told
    for sid in among:
        if await session_for(client, sid, server) == told:
            return sid
    return None


async def subject_behind(
    client: Client, told: Subject, among: Iterable[Subject], server: AuthorizationServer
) -> Subject | None:
    """Return which of the end-users `among` the client knows as `told`; None where it is none of them.

    A pairwise `sub` leads back to nobody: whoever it may mean has to be at hand.
    """
    for subject in among:
        if await subject_for(client, subject, server) == told:
            return subject
    return None


def pairwise_subject(salt: bytes, sector: str, subject: Subject) -> Subject:
    """Return the `sub` of one end-user in one sector: HMAC-SHA256 under the salt, in base64url (Core, 8.1)."""
    # OIDCC-8.1/not-reversible OIDCC-8.1/distinct OIDCC-8.1/deterministic
    # No host has a NUL in it: no two pairs of sector and subject are one text.
    told = hmac.digest(salt, b"\0".join((sector.encode(), subject.encode("utf-8", "surrogatepass"))), "sha256")
    return Subject(b64url_encode(told))
