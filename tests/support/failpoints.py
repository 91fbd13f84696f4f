"""`valetkey` that can be told to die or to stand still at a certain moment of a commit.

Usage: python -m support.failpoints serve --config FILE.

The file that the environment variable FAILPOINT names says when, as in "after RedeemCode": the first process that
gets there removes the file and is killed or stopped by the kernel. Without the file nothing happens. Worker
processes that are spawned import this module anew, and so can be told the same.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from valetkey.adapters.storage.sql.changes import unit_of
from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sqlite import storage, writer
from valetkey.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from valetkey.adapters.storage.sql.step import UnitOfWork
    from valetkey.authorization_server.audit import Origin
    from valetkey.authorization_server.decision import Change
    from valetkey.oauth.types import TenantId

VARIABLE = "FAILPOINT"


class Moment(StrEnum):
    """When a process dies, or stands still."""

    HELD = "held"
    """All is judged and minted, and nothing is written; the process does not die but stops until SIGCONT."""
    BEFORE = "before"
    """All is judged and minted, and nothing is written."""
    WITHIN = "within"
    """All is written, and the transaction is open."""
    AFTER = "after"
    """All is committed, and nobody was answered."""


class _Doomed(list[Step]):
    moment: Moment


def _strike(signal_number: signal.Signals = signal.SIGKILL) -> None:
    try:
        Path(os.environ[VARIABLE]).unlink()
    except FileNotFoundError:
        # Another process was there first: it strikes one, and only once.
        return
    os.kill(os.getpid(), signal_number)


def _told() -> tuple[Moment, str] | None:
    try:
        moment, name = Path(os.environ[VARIABLE]).read_text().split()
    except FileNotFoundError:
        return None
    return Moment(moment), name


_attempt, _commit_batch = writer._attempt, writer.Writer._commit_batch


def _doomed_unit_of(tenant: TenantId, changes: Sequence[Change], origin: Origin | None = None) -> list[Step]:
    unit = unit_of(tenant, changes, origin)
    told = _told()
    if told is None or told[1] not in {type(change).__name__ for change in changes}:
        return unit
    if told[0] is Moment.HELD:
        _strike(signal.SIGSTOP)
        return unit
    if told[0] is Moment.BEFORE:
        _strike()
    doomed = _Doomed(unit)
    doomed.moment = told[0]
    return doomed


def _doomed_attempt(connection: apsw.Connection, unit: UnitOfWork) -> writer.Outcome:
    outcome = _attempt(connection, unit)
    if isinstance(unit, _Doomed) and unit.moment is Moment.WITHIN and outcome is True:
        _strike()
    return outcome


def _doomed_commit_batch(self: writer.Writer) -> tuple[list[writer.Pending], list[writer.Outcome]]:
    batch, outcomes = _commit_batch(self)
    for pending, outcome in zip(batch, outcomes, strict=True):
        unit = pending.unit
        if isinstance(unit, _Doomed) and unit.moment is Moment.AFTER and outcome is True:
            _strike()
    return batch, outcomes


if __name__ in {"__main__", "__mp_main__"}:
    storage.unit_of = _doomed_unit_of  # type: ignore[attr-defined]
    writer._attempt = _doomed_attempt
    writer.Writer._commit_batch = _doomed_commit_batch  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
