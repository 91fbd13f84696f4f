"""The benchmarks of the server run: a short round of each, whose figures say nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("name", "figures"), [("server", {"client_credentials", "refresh", "code_flow"}), ("start", {"valetkey"})]
)
def test_a_short_round_reports_every_figure(name: str, figures: set[str], tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--smoke", "--output", str(output)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    report = json.loads(output.read_text())
    measured = report["operations"] if name == "server" else report["subjects"]
    assert figures <= set(measured)
    assert json.loads(ended.stdout) == report
