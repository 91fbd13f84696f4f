"""The page of the figures is the one that the committed figures write, and says of each goal what became of it."""

import json
import socket
from pathlib import Path

import pytest
from tools import performance_page
from tools.performance_goals import GOALS, Bound, Goal

ROOT = Path(__file__).parents[2]
GOAL = Goal("signing", "jose", ("operations", "sign", "median"), Bound.AT_MOST, 2.0, "x")


def test_the_page_is_the_one_that_the_committed_figures_write() -> None:
    assert performance_page.is_current(ROOT), "docs/performance.md is not up to date: run make docs"


def test_every_goal_finds_its_figure_among_the_committed_ones() -> None:
    found = performance_page.load(ROOT)
    assert [goal.operation for goal in GOALS if goal.figure(found) is None] == []


@pytest.mark.parametrize(
    ("figure", "said"),
    [(2.0, "reached"), (1.5, "reached"), (2.5, "**missed**: 25% above"), (None, "not measured")],
)
def test_a_goal_that_bounds_from_above_is_said_in_plain_words(figure: float | None, said: str) -> None:
    assert GOAL.distance(figure) == said


@pytest.mark.parametrize(("figure", "said"), [(2.5, "reached"), (1.5, "**missed**: 25% below")])
def test_a_goal_that_bounds_from_below_is_said_in_plain_words(figure: float, said: str) -> None:
    goal = Goal("requests", "server", (), Bound.AT_LEAST, 2.0, "x")
    assert goal.distance(figure) == said


def test_a_figure_that_is_not_there_is_no_figure() -> None:
    assert GOAL.figure({}) is None
    assert GOAL.figure({"jose": {"operations": {}}}) is None
    assert GOAL.figure({"jose": {"operations": {"sign": {"median": 1.25}}}}) == 1.25


def test_a_busy_machine_is_said_to_have_been_busy() -> None:
    found = json.loads(json.dumps(performance_page.load(ROOT)))
    for report in found.values():
        performance_page._machine(report).update(load_before=0.1)  # type: ignore[attr-defined]  # read from JSON
    assert "machine was busy" not in performance_page.page(found)
    performance_page._machine(found["server"]).update(load_before=7.5)  # type: ignore[attr-defined]  # as above
    assert "machine was busy with other work** before `server` began" in performance_page.page(found)


def test_the_figures_and_the_page_do_not_name_the_machine() -> None:
    texts = [(ROOT / performance_page.PAGE).read_text("utf-8")]
    texts += [path.read_text("utf-8") for path in (ROOT / performance_page.RESULTS).glob("*.json")]
    for text in texts:
        assert str(Path.home()) not in text
        assert str(ROOT) not in text
        assert socket.gethostname() not in text


def test_the_tool_tells_that_the_page_was_edited_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / performance_page.RESULTS).parent.mkdir()
    (tmp_path / performance_page.RESULTS).symlink_to(ROOT / performance_page.RESULTS)
    monkeypatch.setattr(performance_page, "ROOT", tmp_path)
    assert performance_page.main([]) == 0
    assert performance_page.main(["--check"]) == 0
    with (tmp_path / performance_page.PAGE).open("a") as written:
        written.write("a hand-written line\n")
    assert performance_page.main(["--check"]) == 1
    assert "docs/performance.md is not up to date: run make docs" in capsys.readouterr().err
