"""What it costs to import the toolkit, the guard and the server, beside the toolkits of others.

    python benchmarks/imports.py [--smoke] [--rounds N] [--output FILE]

Every round imports each module in a fresh interpreter, one after the other, on one core; figures are medians over
the rounds with the lowest and the highest, beyond what the interpreter takes to start. The code is compiled, as it
is after an installation.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from machine import conditions, load_average
from subjects import environment

CORE = 0
MODULES = ("valetkey.jose", "valetkey.resource_server", "valetkey.server")
PEERS = {"jwt": "PyJWT", "joserfc.jwt": "joserfc", "jwcrypto.jwt": "jwcrypto", "authlib.jose": "Authlib"}


def import_ms(module: str) -> dict[str, float]:
    """How long a fresh interpreter takes to import `module`, beyond starting, and the CPU of it."""
    code = (
        "import time; began, cpu = time.perf_counter(), time.process_time()\n"
        f"import {module}\n"
        "print(time.perf_counter() - began, time.process_time() - cpu)"
    )
    command = ["taskset", "-c", str(CORE), sys.executable, "-W", "ignore", "-c", code]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    wall, cpu = (float(text) * 1e3 for text in ended.stdout.split())
    return {"wall": wall, "cpu": cpu}


def spread(values: list[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": round(median(values), 1), "lowest": round(min(values), 1), "highest": round(max(values), 1)}


def run(modules: list[str], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Import every module in every round."""
    for module in modules:
        import_ms(module)  # not counted: it compiles
    found: dict[str, list[dict[str, float]]] = {module: [] for module in modules}
    for _ in range(rounds):
        for module in modules:
            found[module].append(import_ms(module))
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="one round, to see that it runs")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=Path, help="where the JSON goes besides standard output")
    asked = parser.parse_args()
    rounds = 1 if asked.smoke else asked.rounds
    load = load_average()
    peers = [module for module in PEERS if find_spec(module.partition(".")[0]) is not None]
    found = run([*MODULES, *peers], rounds)
    names = ["cryptography", "msgspec", *(PEERS[module] for module in peers)]
    report = {
        "benchmark": "imports",
        "about": {"versions": {name: version(name) for name in names}},
        "machine": conditions(load),
        "rounds": rounds,
        "import_ms": {
            module: {field: spread([one[field] for one in each]) for field in each[0]}
            for module, each in found.items()
        },
    }
    text = json.dumps(report, indent=2)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
