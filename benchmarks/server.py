"""Tokens a second, latency and CPU of the server, side by side with npm oidc-provider in one run.

    python benchmarks/server.py [--smoke] [--rounds N] [--seconds S] [--output FILE]

The subjects are interleaved in every round, each on one core with the load on the other; figures are medians over
the rounds with the lowest and the highest. Ours keeps everything durably in SQLite (synchronous=FULL), the peer in
memory. Client credentials are loaded by wrk where it is installed, the rest by benchmarks/load.py.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import uvloop
from load import Connection, Measured, drive, get, post
from machine import conditions, load_average
from subjects import (
    BASIC,
    PEER_LIBRARY,
    REDIRECT_URI,
    VERIFIER,
    Subject,
    code_query,
    prepare_ours,
    prepare_peer,
    running,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CONNECTIONS = 16
SERVER_CORE, LOAD_CORE = 0, 1
CLIENT_CREDENTIALS = "grant_type=client_credentials&scope=a.read&resource=https%3A%2F%2Fapi.example.com"


@dataclass(frozen=True, slots=True)
class Load:
    """How many connections ask at once, and for how many seconds."""

    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One operation on one subject in one round."""

    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def client_credentials(subject: Subject, _cookie: str) -> Callable[[Connection, int], AsyncIterator[None]]:
    """A token for the client itself: one ES256 signature."""
    request = post(subject.token, CLIENT_CREDENTIALS, f"Authorization: Basic {BASIC['machine']}\r\n")

    async def steps(connection: Connection, _number: int) -> AsyncIterator[None]:
        while True:
            answer = await connection.exchange(request)
            expect(answer.status, 200, answer.body)
            yield

    return steps


def code_flow(subject: Subject, cookie: str) -> Callable[[Connection, int], AsyncIterator[None]]:
    """The whole flow with a live session: authorization request, code, redemption; two or three signatures."""

    async def steps(connection: Connection, number: int) -> AsyncIterator[None]:
        count = 0
        while True:
            count += 1
            await tokens(subject, cookie, connection, f"{number}-{count}")
            yield

    return steps


def refresh(subject: Subject, cookie: str) -> Callable[[Connection, int], AsyncIterator[None]]:
    """A refresh with rotation, each connection over its own chain; two signatures."""

    async def steps(connection: Connection, number: int) -> AsyncIterator[None]:
        token = (await tokens(subject, cookie, connection, str(number)))["refresh_token"]
        header = f"Authorization: Basic {BASIC['web']}\r\n"
        yield
        while True:
            body = f"grant_type=refresh_token&refresh_token={quote(token)}"
            answer = await connection.exchange(post(subject.token, body, header))
            expect(answer.status, 200, answer.body)
            token = json.loads(answer.body)["refresh_token"]
            yield

    return steps


OPERATIONS = {"client_credentials": client_credentials, "refresh": refresh, "code_flow": code_flow}


async def tokens(subject: Subject, cookie: str, connection: Connection, state: str) -> dict[str, str]:
    """Run one code flow over `connection`; return the token response."""
    host = f"localhost:{subject.port}"
    answer = await connection.exchange(get(f"{subject.authorize}?{code_query(state)}", cookie, host))
    expect(answer.status, 303, answer.body)
    redirect = answer.header(b"location")
    if not redirect.startswith(REDIRECT_URI):
        raise RuntimeError(f"{subject.name}: the session does not live, the browser was sent to {redirect}")
    code = parse_qs(urlsplit(redirect).query)["code"][0]
    body = (
        f"grant_type=authorization_code&code={quote(code)}&code_verifier={VERIFIER}"
        f"&redirect_uri={quote(REDIRECT_URI, safe='')}"
    )
    answer = await connection.exchange(post(subject.token, body, f"Authorization: Basic {BASIC['web']}\r\n", host))
    expect(answer.status, 200, answer.body)
    found: dict[str, str] = json.loads(answer.body)
    return found


def expect(status: int, expected: int, body: bytes) -> None:
    """Raise where a server answers something else: a fast refusal is no figure."""
    if status != expected:
        raise RuntimeError(f"{status} instead of {expected}: {body[:300]!r}")


def measure(subject: Subject, name: str, cookie: str, load: Load) -> Figures:
    """Run one operation on one subject."""
    cpu = subject.cpu_seconds()
    if name == "client_credentials" and shutil.which("wrk"):
        per_second, done, p50, p99 = by_wrk(subject, load)
    else:
        measured = uvloop.run(
            drive(subject.port, load.connections, load.seconds, OPERATIONS[name](subject, cookie))
        )
        per_second, done, p50, p99 = by_drive(measured)
    return Figures(per_second, (subject.cpu_seconds() - cpu) / done * 1e6, p50, p99)


def by_drive(measured: Measured) -> tuple[float, int, float, float]:
    """Rate, count, p50 and p99 (ms) of a run of our own generator."""
    waits = sorted(measured.waits)
    done = len(waits)
    return done / measured.seconds, done, waits[done // 2] * 1e3, waits[done * 99 // 100] * 1e3


def by_wrk(subject: Subject, load: Load) -> tuple[float, int, float, float]:
    """Rate, count, p50 and p99 (ms) of a run of wrk."""
    script = f"""
wrk.method = "POST"
wrk.body = "{CLIENT_CREDENTIALS}"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Authorization"] = "Basic {BASIC["machine"]}"
done = function(summary, latency, requests)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
"""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        url = f"http://127.0.0.1:{subject.port}{subject.token}"
        wrk = ["wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(load.seconds))}s", "-s", file.name, url]
        output = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
    found = re.search(r"^figures (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.MULTILINE)
    if found is None or int(found[3]):
        raise RuntimeError(f"{subject.name}: wrk counts failures\n{output}")
    done, duration, _, p50, p99 = (int(number) for number in found.groups())
    return done / (duration / 1e6), done, p50 / 1e3, p99 / 1e3


def spread(values: list[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": round(median(values), 1), "lowest": round(min(values), 1), "highest": round(max(values), 1)}


def summary(rounds: list[Figures]) -> dict[str, object]:
    """The figures of one operation on one subject."""
    return {field: spread([getattr(one, field) for one in rounds]) for field in Figures.__slots__}


def ratios(ours: list[Figures], peer: list[Figures]) -> dict[str, object]:
    """Ours to the peer, round by round: more than 1 is faster, or dearer."""
    return {
        "per_second": spread2([one.per_second / other.per_second for one, other in zip(ours, peer, strict=True)]),
        "cpu_us": spread2([one.cpu_us / other.cpu_us for one, other in zip(ours, peer, strict=True)]),
    }


def spread2(values: list[float]) -> dict[str, float]:
    """As spread, to two places."""
    return {"median": round(median(values), 2), "lowest": round(min(values), 2), "highest": round(max(values), 2)}


def run(rounds: int, load: Load, names: list[str], *, peer: bool) -> dict[str, dict[str, list[Figures]]]:
    """Start every subject, warm each up, and measure all in every round."""
    found: dict[str, dict[str, list[Figures]]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        two = folder / "two"
        two.mkdir()
        started = [("valetkey", *prepare_ours(folder, 1), SERVER_CORE)]
        started.append(("valetkey, two workers", *prepare_ours(two, 2), None))  # type: ignore[arg-type]  # any core
        if peer:
            started.append(("oidc-provider", *prepare_peer(), SERVER_CORE))
        subjects = [stack.enter_context(running(*each)) for each in started]
        os.sched_setaffinity(0, {LOAD_CORE})
        cookies = {subject.name: subject.sign_in() for subject in subjects}
        for subject in subjects:
            for name in names:
                measure(subject, name, cookies[subject.name], Load(load.connections, load.seconds / 2))
        for _ in range(rounds):
            for name in names:
                for subject in subjects:
                    figures = measure(subject, name, cookies[subject.name], load)
                    found.setdefault(name, {}).setdefault(subject.name, []).append(figures)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="one short round, to see that it runs")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each operation in each round")
    parser.add_argument("--only", choices=list(OPERATIONS), action="append", help="measure these operations only")
    parser.add_argument("--output", type=Path, help="where the JSON goes besides standard output")
    asked = parser.parse_args()
    # That it runs is seen with two connections, also where others use the machine.
    rounds, load = (1, Load(2, 0.3)) if asked.smoke else (asked.rounds, Load(CONNECTIONS, asked.seconds))
    before = load_average()
    peer = PEER_LIBRARY.exists() and shutil.which("node") is not None
    found = run(rounds, load, asked.only or list(OPERATIONS), peer=peer)
    report = {
        "benchmark": "server",
        "machine": conditions(before),
        "software": f"uvicorn {version('uvicorn')}, uvloop {version('uvloop')}",
        "peer": peer_version() if peer else None,
        "storage": "ours: SQLite, synchronous=FULL; peer: memory",
        "rounds": rounds,
        "seconds": load.seconds,
        "connections": load.connections,
        "operations": {
            name: {subject: summary(figures) for subject, figures in subjects.items()}
            for name, subjects in found.items()
        },
        "ratio_to_peer": {
            name: {
                subject: ratios(figures, subjects["oidc-provider"])
                for subject, figures in subjects.items()
                if subject != "oidc-provider"
            }
            for name, subjects in found.items()
            if "oidc-provider" in subjects
        },
    }
    text = json.dumps(report, indent=2)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text + "\n")


def peer_version() -> str:
    """Return the peer's name and versions."""
    package = json.loads((PEER_LIBRARY / "package.json").read_text())
    node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return f"oidc-provider {package['version']}, node {node}, in-memory adapter"


if __name__ == "__main__":
    main()
