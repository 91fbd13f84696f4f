"""Start-up time and memory of the server beside npm oidc-provider.

    python benchmarks/start.py [--smoke] [--rounds N] [--output FILE]

The subjects are started one after the other in every round, on one core; figures are medians over the rounds with
the lowest and the highest. A start is warm: files are in the page cache, database and keys exist. Memory is what
the processes hold for themselves (PSS), idle and after a load of client credentials.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import uvloop
from load import drive
from machine import conditions, load_average
from server import CONNECTIONS, client_credentials, peer_version
from subjects import PEER_LIBRARY, Subject, environment, prepare_ours, prepare_peer, until_answers

SERVER_CORE, LOAD_CORE = 0, 1


def measure(name: str, command: list[str], port: int, load_seconds: float) -> dict[str, float]:
    """Start a server, wait for its first 200, load it, stop it."""
    began = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        first = until_answers(port, process) - began
        subject = Subject(name, port, process.pid, "", "/token")
        cpu = subject.cpu_seconds()
        idle = subject.memory_mib()
        measured = uvloop.run(drive(port, CONNECTIONS, load_seconds, client_credentials(subject, "")))
        loaded = subject.memory_mib()
        stopping = time.perf_counter()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return {
        "first_200_ms": first * 1e3,
        "cpu_to_start_ms": cpu * 1e3,
        "idle_mib": idle,
        "loaded_mib": loaded,
        "requests_before_loaded": float(len(measured.waits)),
        "stop_ms": (time.perf_counter() - stopping) * 1e3,
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": round(median(values), 1), "lowest": round(min(values), 1), "highest": round(max(values), 1)}


def run(rounds: int, load_seconds: float, *, peer: bool) -> dict[str, list[dict[str, float]]]:
    """Start every subject in every round."""
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        ours, our_port = prepare_ours(Path(folder), 1)
        # The first start makes database and keys: it is not counted.
        measure("valetkey", ours, our_port, 0.05)
        os.sched_setaffinity(0, {LOAD_CORE})
        for _ in range(rounds):
            found.setdefault("valetkey", []).append(measure("valetkey", ours, our_port, load_seconds))
            if peer:
                found.setdefault("oidc-provider", []).append(
                    measure("oidc-provider", *prepare_peer(), load_seconds)
                )
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="one short round, to see that it runs")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load before memory is read again")
    parser.add_argument("--output", type=Path, help="where the JSON goes besides standard output")
    asked = parser.parse_args()
    rounds, seconds = (1, 0.2) if asked.smoke else (asked.rounds, asked.seconds)
    load = load_average()
    peer = PEER_LIBRARY.exists() and shutil.which("node") is not None
    found = run(rounds, seconds, peer=peer)
    report = {
        "benchmark": "start",
        "machine": conditions(load),
        "peer": peer_version() if peer else None,
        "rounds": rounds,
        "seconds": seconds,
        "subjects": {
            name: {field: spread([one[field] for one in each]) for field in each[0]} for name, each in found.items()
        },
    }
    text = json.dumps(report, indent=2)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
