"""Runs every benchmark, one after the other: `python -m benchmarks [NAME ...] [options of the benchmarks]`.

Each writes its figures to `benchmarks/results/NAME.json`, from which docs/performance.md is written.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = {
    "jose": "--json",
    "imports": "--output",
    "guard": "--json",
    "guard_faces": "--json",
    "rate_limits": "--json",
    "gateway": "--output",
    "storage": "--output",
    "server": "--output",
    "start": "--output",
    "revocation": "--output",
    "rotation": "--output",
}
"""Each benchmark with its flag that names the file for its figures."""


def main() -> int:
    """Run those that are named, or all that exist; return the exit code of the first that fails."""
    named = [argument for argument in sys.argv[1:] if argument in NAMES]
    options = [argument for argument in sys.argv[1:] if argument not in NAMES]
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    for name in named or NAMES:
        script = FOLDER / f"{name}.py"
        if script.exists():
            print(f"== {name}", file=sys.stderr)
            command = [sys.executable, str(script), NAMES[name], str(results / f"{name}.json"), *options]
            ended = subprocess.run(command, check=False)
            if ended.returncode:
                return ended.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
