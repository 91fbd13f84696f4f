"""When something was, as pages say it: how long ago in words, and exactly for who wants to know."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from valetkey.jose.records import dataclass


class Span(StrEnum):
    """The unit in which a moment is told."""

    NOW = "now"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"


_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as a page shows it: `count` spans ago, with the exact date and time (UTC)."""

    span: Span
    count: int
    machine: str
    """For the `datetime` attribute."""
    exact: str


def moment(at: int, now: int) -> Moment:
    """Return the NumericDate `at` as it is told at `now`; what lies ahead of a clock counts as now."""
    date = datetime.fromtimestamp(at, UTC)
    passed = max(0, now - at)
    for span, seconds in ((Span.DAYS, _DAY), (Span.HOURS, _HOUR), (Span.MINUTES, _MINUTE)):
        if passed >= seconds:
            return _told(span, passed // seconds, date)
    return _told(Span.NOW, 0, date)


def _told(span: Span, count: int, date: datetime) -> Moment:
    return Moment(span, count, date.strftime("%Y-%m-%dT%H:%M:%SZ"), date.strftime("%Y-%m-%d %H:%M UTC"))
