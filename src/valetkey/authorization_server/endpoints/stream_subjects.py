"""Adding and removing subjects: of whom a receiver wants to hear (Shared Signals Framework, 8.1.3).

A stream tells of everybody whom its receiver has business with. Removing somebody ends that, adding them ends the
removal: nobody hears of a stranger by naming one, nor whether there is such a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server import paths
from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.openid_client import SubjectType
from valetkey.authorization_server.signals.access import own_stream, receiver_of
from valetkey.authorization_server.signals.configuration import StreamRefused
from valetkey.authorization_server.signals.streams import ExcludeSubject, IncludeSubject, StreamSubjects
from valetkey.authorization_server.subject_identifier import subject_behind
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.http import NO_STORE, HttpResponse
from valetkey.oauth.types import Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import Stream
    from valetkey.oauth.http import HttpRequest

MOST_EXCLUDED: Final = 10_000
"""Of one stream."""
_LONGEST_SUBJECT: Final = 255


class _Asked(msgspec.Struct, frozen=True):
    stream_id: str
    subject: dict[str, object]


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer 200 to an added subject and 204 to a removed one, known or not; raises StreamRefused, Unavailable."""
    fresh = server.fresh()
    client = await receiver_of(request, server, fresh.now)
    try:
        asked = msgspec.json.decode(request.body, type=_Asked)
    except msgspec.MsgspecError:
        raise StreamRefused(400, "The body names no subject of a stream.", "OIDSSF-8.1.3.2/malformed") from None
    stream = (await own_stream(asked.stream_id, client, server)).stream
    is_added = request.path == paths.STREAM_SUBJECTS_ADD
    told = _told(asked.subject, server)
    change: IncludeSubject | ExcludeSubject | None
    excluded = await server.stores.streams.excluded(stream.stream_id)
    if is_added:
        subject = await subject_behind(client, told, excluded, server)
        change = None if subject is None else IncludeSubject(stream.stream_id, subject)
        # OIDSSF-8.1.3.2/added
        answer = HttpResponse(200, NO_STORE)
    else:
        if len(excluded) >= MOST_EXCLUDED:
            raise StreamRefused(403, "Too many subjects were removed from the stream.", "OIDSSF-8.1.3.2/malformed")
        subject = await _known_to(client, stream, told, server)
        change = None if subject is None else ExcludeSubject(stream.stream_id, subject)
        answer = HttpResponse(204, NO_STORE)  # OIDSSF-8.1.3.3/removed
    if change is not None and not await server.stores.commit([change], by_client(request, client.client_id, fresh)):
        raise Unavailable("the store")
    return answer


def _told(subject: dict[str, object], server: AuthorizationServer) -> Subject:
    """Return the `sub` by which the receiver names somebody; raises StreamRefused for other formats."""
    found = subject.get("sub")
    is_one = subject.get("format") == "iss_sub" and subject.get("iss") == server.issuer.url
    if not is_one or not isinstance(found, str) or not 0 < len(found) <= _LONGEST_SUBJECT:
        reason = "A subject is named as iss_sub, by this issuer."
        raise StreamRefused(400, reason, "OIDSSF-8.1.3.2/malformed")
    return Subject(found)


async def _known_to(client: Client, stream: Stream, told: Subject, server: AuthorizationServer) -> Subject | None:
    """Return whom the receiver means, None for nobody of whom it would hear."""
    if client.openid.subject_type is SubjectType.PUBLIC:
        return told
    if stream.subjects is StreamSubjects.ALL:
        everybody = [one.subject for one in await server.stores.end_users.list()]
        return await subject_behind(client, told, everybody, server)
    granted = await server.stores.streams.granted(client.client_id)
    return await subject_behind(client, told, granted, server)
