"""The audit trail: who changed what, when and from where, derived from the very changes that a commit makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, NumericDate, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.oauth.http import HttpRequest


class ActorKind(StrEnum):
    """Who makes a change."""

    END_USER = "end_user"
    CLIENT = "client"
    OPERATOR = "operator"
    SERVER = "server"
    """The server itself: what a file declares, and keys that it makes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """From where a commit comes: it says who makes all of its changes."""

    kind: ActorKind
    now: NumericDate
    surface: str
    """Where it was asked: a path of ours, or such as `command line`."""
    request_id: str
    """The id of the request, by which the log tells of it too."""
    actor: str = ""
    """The client or operator; of an end-user the change itself knows the subject."""
    address: str = ""


def by_end_user(request: HttpRequest, fresh: Fresh) -> Origin:
    """Return the origin of what somebody does on a page of ours."""
    return Origin(ActorKind.END_USER, fresh.now, request.path, request.request_id, address=request.remote_address)


def by_client(request: HttpRequest, client_id: str, fresh: Fresh) -> Origin:
    """Return the origin of what a client asks for; it has to be authenticated before anything is committed."""
    path, request_id = request.path, request.request_id
    return Origin(ActorKind.CLIENT, fresh.now, path, request_id, client_id[:256], request.remote_address)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as it is kept, with its origin."""

    at: NumericDate
    event: str
    kind: ActorKind
    actor: str
    subject: str | None
    client_id: str | None
    authorization_id: str | None
    sid: str | None
    name: str | None
    detail: Mapping[str, object]
    surface: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """Which records are asked for; None asks for any."""

    since: NumericDate
    until: NumericDate
    limit: int
    """At most so many, the newest."""
    subject: Subject | None = None
    client_id: ClientId | None = None
    event: str | None = None
    """Events whose name starts so."""


class AuditTrail(Protocol):
    """Who changed what, of one tenant; it is written by commits alone."""

    async def find(self, asked: AuditQuestion) -> Sequence[AuditRecord]:
        """Return the newest records that were asked for, the newest first."""
        ...
