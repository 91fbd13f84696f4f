"""What an operator does with streams of outside receivers: each act returns the Changes to commit (SSF, 8.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server.signals.streams import (
    PutStream,
    QueueStreamEvent,
    RemoveStream,
    StreamSubjects,
)
from valetkey.oauth.shared_signals import STREAM_UPDATED, StreamStatus

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.signals.streams import StoredStream, Stream


def pause_stream(held: StoredStream, reason: str, fresh: Fresh) -> Changes:
    """Hold the events of a stream, and tell its receiver so first; raises ActRefused for one that is paused."""
    if held.stream.status is not StreamStatus.ENABLED:
        raise ActRefused(f"stream {held.stream.stream_id} is {held.stream.status.value} already")
    return _with_status(held.stream, StreamStatus.PAUSED, reason, fresh)


def resume_stream(held: StoredStream, fresh: Fresh) -> Changes:
    """Let the events of a stream go again, and tell its receiver; raises ActRefused for one that is enabled."""
    if held.stream.status is StreamStatus.ENABLED:
        raise ActRefused(f"stream {held.stream.stream_id} is enabled already")
    return _with_status(held.stream, StreamStatus.ENABLED, "", fresh)


def remove_stream(held: StoredStream) -> Changes:
    """Remove a stream with all that waits in it."""
    return (RemoveStream(held.stream.stream_id),)


def choose_subjects(held: StoredStream, subjects: StreamSubjects) -> Changes:
    """Say whose events a stream tells."""
    return (PutStream(replace(held.stream, subjects=subjects)),)


def _with_status(stream: Stream, status: StreamStatus, reason: str, fresh: Fresh) -> Changes:
    # OIDSSF-8.1.5/status
    detail = {"status": status.value, **({"reason": reason} if reason else {})}
    told = QueueStreamEvent(stream.stream_id, STREAM_UPDATED, detail, fresh.now)
    return (told, PutStream(replace(stream, status=status, reason=reason)))
