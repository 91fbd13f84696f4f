"""The benchmarks run: a short round of each, whose figures say nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _report(name: str, flag: str, output: Path) -> tuple[dict[str, dict[str, object]], str]:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--smoke", flag, str(output)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(output.read_text()), ended.stdout


@pytest.mark.parametrize(
    ("name", "measured", "figures"),
    [
        ("server", "operations", {"client_credentials", "refresh", "code_flow"}),
        ("start", "subjects", {"valetkey"}),
        ("imports", "import_ms", {"valetkey.jose", "valetkey.server", "jwt"}),
        ("storage", "cases", {"burn, 1 process(es)", "refresh, 2 process(es)"}),
        ("gateway", "subjects", {"decision service", "Envoy, jwt_authn", "Envoy, decision service over gRPC"}),
        # It ends with 1 where a good token was refused.
        ("rotation", "runs", {"at once"}),
    ],
)
def test_a_short_round_reports_every_figure(name: str, measured: str, figures: set[str], tmp_path: Path) -> None:
    report, printed = _report(name, "--output", tmp_path / "figures.json")
    assert figures <= set(report[measured])
    assert {"interpreter", "load_before"} <= set(report["machine"])
    assert json.loads(printed) == report


@pytest.mark.parametrize(
    ("name", "operation", "subjects"),
    [
        ("jose", "ES256 verify", {"raw", "valetkey", "PyJWT", "joserfc", "jwcrypto", "Authlib"}),
        ("jose", "ECDH-ES decrypt", {"raw", "valetkey", "joserfc", "jwcrypto", "Authlib"}),
        ("jose", "verify again", {"raw", "valetkey"}),
        ("rate_limits", "in memory, one limit", {"valetkey", "throttled-py", "limits", "valetkey's own endpoints"}),
        ("rate_limits", "over Valkey, three limits", {"valetkey", "throttled-py", "limits"}),
        ("guard_faces", "FastAPI", {"no guard", "valetkey", "PyJWT by hand", "PyJWT by hand, def"}),
        ("guard_faces", "Flask", {"no guard", "valetkey", "Authlib"}),
        (
            "guard",
            "ES256 access token",
            {"raw", "verification", "guard, keys remote", "PyJWT", "joserfc", "Authlib"},
        ),
    ],
)
def test_a_single_round_prints_every_subject(name: str, operation: str, subjects: set[str], tmp_path: Path) -> None:
    report, printed = _report(name, "--json", tmp_path / "figures.json")
    row = report["operations"][operation]
    assert isinstance(row, dict)
    assert subjects <= set(row)
    assert all(f"  {subject} " in printed for subject in row)
