"""`valetkey audit`: who changed what, when and from where."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.audit import AuditQuestion
from valetkey.authorization_server.model import normalised_username
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_table
from valetkey.oauth.types import ClientId, NumericDate, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.audit import AuditRecord
    from valetkey.cli.desk import Desk

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_AGO: Final = re.compile(r"(\d{1,6})([smhd])")
_FIRST: Final = NumericDate(0)
_COLUMNS: Final = ("at", "event", "by", "actor", "about", "from")


class Moment(click.ParamType[int]):
    """A moment such as `2h` (ago), `2026-11-22`, or `2026-11-22T10:00Z`."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds since the epoch, negative for so many seconds ago."""
        text = str(value)
        ago = _AGO.fullmatch(text)
        if ago is not None:
            return -int(ago[1]) * _SECONDS[ago[2]]
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is no moment: say 2h, 7d, 2026-11-22 or 2026-11-22T10:00Z", param, ctx)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return max(int(aware.timestamp()), 1)


@click.command()
@click.option("--since", type=Moment(), help="From this moment on: 2h, 7d, 2026-11-22, 2026-11-22T10:00Z.")
@click.option("--until", type=Moment(), help="Up to this moment.")
@click.option("--user", help="What concerns this end-user: a user name, or the subject of one who was removed.")
@click.option("--client", help="What concerns this client.")
@click.option("--event", help="Only events whose name starts so, such as `consent.`.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many.")
@desk_options
def audit(**options: Any) -> None:
    r"""Show who changed what, when and from where, the newest first.

    \b
    Example: valetkey audit --user ada --since 7d
    """

    async def read(desk: Desk) -> list[AuditRecord]:
        return list(await desk.stores.audit.find(await _question(desk, options)))

    records = at_desk(options, read)
    if options["as_json"]:
        show_json([_view(record) for record in records])
        return
    show_table([_line(record) for record in records], _COLUMNS, "Nothing was recorded.")
    if len(records) == options["limit"]:
        say(f"The newest {options['limit']}: ask for more with --limit, or narrow it with --since.")


async def _question(desk: Desk, options: Mapping[str, Any]) -> AuditQuestion:
    now = desk.fresh.now
    since, until = options["since"], options["until"]
    return AuditQuestion(
        since=_FIRST if since is None else _moment(since, now),
        until=now if until is None else _moment(until, now),
        limit=options["limit"],
        subject=None if options["user"] is None else await _subject(desk, options["user"]),
        client_id=None if options["client"] is None else ClientId(options["client"]),
        event=options["event"],
    )


def _moment(said: int, now: NumericDate) -> NumericDate:
    return NumericDate(now + said if said < 0 else said)


async def _subject(desk: Desk, name: str) -> Subject:
    held = await desk.stores.end_users.find_by_username(normalised_username(name))
    if held is not None:
        return held.subject
    # Of somebody who was removed only the subject is left.
    if await desk.stores.audit.find(AuditQuestion(_FIRST, desk.fresh.now, 1, Subject(name))):
        return Subject(name)
    raise ActRefused(f"there is no user {name} in tenant {desk.tenant_id}, and no record of such a subject")


def _view(record: AuditRecord) -> dict[str, object]:
    return {
        "at": _time(record.at),
        "event": record.event,
        "actor_kind": record.kind.value,
        "actor": record.actor,
        "subject": record.subject,
        "client_id": record.client_id,
        "authorization_id": record.authorization_id,
        "sid": record.sid,
        "name": record.name,
        "detail": dict(record.detail),
        "surface": record.surface,
        "address": record.address,
        "request_id": record.request_id,
    }


def _line(record: AuditRecord) -> dict[str, object]:
    about = {"user": record.subject, "client": record.client_id, "name": record.name}
    return {
        "at": _time(record.at),
        "event": record.event,
        "by": record.kind.value,
        "actor": record.actor,
        "about": ", ".join(f"{kind} {name}" for kind, name in about.items() if name),
        "from": " ".join(filter(None, (record.surface, record.address))),
    }


def _time(at: NumericDate) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
