"""How long ago something was, in words."""

import pytest

from valetkey.ui.moments import Moment, Span, moment

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("ago", "span", "count"),
    [
        (-5, Span.NOW, 0),
        (0, Span.NOW, 0),
        (59, Span.NOW, 0),
        (60, Span.MINUTES, 1),
        (3_599, Span.MINUTES, 59),
        (3_600, Span.HOURS, 1),
        (86_399, Span.HOURS, 23),
        (86_400, Span.DAYS, 1),
        (40 * 86_400, Span.DAYS, 40),
    ],
)
def test_a_moment_is_told_in_the_largest_unit_that_has_passed(ago: int, span: Span, count: int) -> None:
    told = moment(NOW - ago, NOW)
    assert (told.span, told.count) == (span, count)


def test_a_moment_is_exact_for_who_wants_to_know() -> None:
    assert moment(NOW, NOW) == Moment(Span.NOW, 0, "2027-01-15T08:00:00Z", "2027-01-15 08:00 UTC")
