"""`valetkey stream`: what an operator does with the streams of outside receivers of signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from valetkey.administration.refusal import ActRefused
from valetkey.administration.streams import choose_subjects, pause_stream, remove_stream, resume_stream
from valetkey.administration.views import stream_view
from valetkey.authorization_server.signals.streams import MOST_HELD, StreamId, StreamSubjects
from valetkey.cli.desk import at_desk, desk_options
from valetkey.cli.output import say, show_json, show_record, show_table
from valetkey.oauth.shared_signals import StreamStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.signals.streams import StoredStream
    from valetkey.cli.desk import Desk

_COLUMNS: Final = ("stream_id", "client_id", "status", "delivery", "endpoint_url", "subjects", "waiting", "tries")


@click.group()
def stream() -> None:
    """List, show, pause, resume and remove the streams over which other products hear of revocations."""


@stream.command("list")
@desk_options
def list_streams(**options: Any) -> None:
    r"""List the streams of a tenant, with what waits in each.

    \b
    Example: valetkey stream list
    """

    async def act(desk: Desk) -> list[dict[str, object]]:
        return [await _viewed(desk, each) for each in await desk.stores.streams.list()]

    views = at_desk(options, act)
    if options["as_json"]:
        show_json(views)
    else:
        show_table(views, _COLUMNS, "There is no stream: a receiver creates its own, with scope ssf.manage.")


@stream.command("show")
@click.argument("stream_id")
@desk_options
def show(stream_id: str, **options: Any) -> None:
    r"""Show one stream.

    \b
    Example: valetkey stream show 3q2-7wAAAAAAAAAAAAAAAA
    """

    async def act(desk: Desk) -> dict[str, object]:
        return await _viewed(desk, await _held(desk, stream_id))

    view = at_desk(options, act)
    (show_json if options["as_json"] else show_record)(view)


@stream.command("pause")
@click.argument("stream_id")
@click.option("--reason", default="", help="Told to the receiver.")
@desk_options
def pause(stream_id: str, reason: str, **options: Any) -> None:
    r"""Hold the events of a stream; its receiver is told so first.

    \b
    Example: valetkey stream pause 3q2-7wAAAAAAAAAAAAAAAA --reason maintenance
    """
    _change(stream_id, options, lambda desk, held: pause_stream(held, reason[:255], desk.fresh), "was paused")


@stream.command("resume")
@click.argument("stream_id")
@desk_options
def resume(stream_id: str, **options: Any) -> None:
    r"""Let the events of a stream go again, with all that was held meanwhile.

    \b
    Example: valetkey stream resume 3q2-7wAAAAAAAAAAAAAAAA
    """
    _change(stream_id, options, lambda desk, held: resume_stream(held, desk.fresh), "was resumed")


@stream.command("subjects")
@click.argument("stream_id")
@click.argument("subjects", type=click.Choice([each.value for each in StreamSubjects]))
@desk_options
def subjects(stream_id: str, subjects: str, **options: Any) -> None:
    r"""Say whose events a stream tells: of users who granted its client something, or of all users.

    \b
    Example: valetkey stream subjects 3q2-7wAAAAAAAAAAAAAAAA all
    """
    chosen = StreamSubjects(subjects)
    _change(stream_id, options, lambda _, held: choose_subjects(held, chosen), f"tells of {subjects} users")


@stream.command("remove")
@click.argument("stream_id")
@desk_options
def remove(stream_id: str, **options: Any) -> None:
    r"""Remove a stream with all that waits in it.

    \b
    Example: valetkey stream remove 3q2-7wAAAAAAAAAAAAAAAA
    """

    async def act(desk: Desk) -> None:
        await desk.commit(remove_stream(await _held(desk, stream_id)))

    at_desk(options, act)
    if options["as_json"]:
        show_json({"stream_id": stream_id, "removed": True})
    else:
        say(f"stream {stream_id} was removed")


def _change(
    stream_id: str, options: Mapping[str, Any], changes: Callable[[Desk, StoredStream], Changes], line: str
) -> None:
    async def act(desk: Desk) -> dict[str, object]:
        await desk.commit(changes(desk, await _held(desk, stream_id)))
        return await _viewed(desk, await _held(desk, stream_id))

    view = at_desk(options, act)
    if options["as_json"]:
        show_json(view)
    else:
        say(f"stream {stream_id} {line}")


async def _held(desk: Desk, stream_id: str) -> StoredStream:
    held = await desk.stores.streams.find(StreamId(stream_id))
    if held is None:
        raise ActRefused(f"there is no stream {stream_id} in tenant {desk.tenant_id}: see `valetkey stream list`")
    return held


async def _viewed(desk: Desk, held: StoredStream) -> dict[str, object]:
    waiting = await desk.stores.streams.events(held.stream.stream_id, MOST_HELD + 1, StreamStatus.ENABLED)
    return stream_view(held, len(waiting), desk.tenant_id)
