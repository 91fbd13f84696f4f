"""Durable commits a second, and the CPU each one costs, over one SQLite file in one and in two processes.

    python benchmarks/storage.py [--smoke] [--rounds N] [--seconds S] [--output FILE]

The cases are interleaved in every round; the figures are medians over the rounds with the lowest and the highest.
Every commit counted is durable (`synchronous=FULL`) and was acknowledged. CPU is that of the whole process, the
writer's thread and the event loop together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import apsw
import uvloop
from machine import conditions, load_average

from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.adapters.storage.sqlite.storage import SqliteStorage, SqliteStores
from valetkey.authorization_server.decision import (
    AddRefreshToken,
    BurnJti,
    GrantAuthorization,
    RedeemCode,
    RotateRefreshToken,
)
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    AuthorizationCode,
    Generations,
    KeptReply,
    RefreshToken,
)
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, Subject, TenantId, TokenDigest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

TASKS = 64  # requests that wait at once, in each process
NOW = NumericDate(1_800_000_000)
LATER = NumericDate(NOW + 86_400)
CLIENT_ID = ClientId("web")


def digest(*parts: object) -> TokenDigest:
    """A digest that belongs to these parts."""
    return TokenDigest(sha256(repr(parts).encode()).digest())


@dataclass(frozen=True, slots=True)
class Seat:
    """One task of one process: what it commits never collides with another's."""

    stores: SqliteStores
    name: str

    def granted(self, number: int) -> tuple[GrantAuthorization, AuthorizationCode]:
        """An authorization with its code."""
        name = AuthorizationId(f"{self.name}-{number}")
        authorization = Authorization(
            authorization_id=name,
            client_id=CLIENT_ID,
            subject=Subject(self.name),
            scope=Scope.of(("openid", "offline_access", "read")),
            resources=("https://api.example",),
            authentication=Authentication(NOW, "password", ("pwd",)),
            generations=Generations(),
            created_at=NOW,
            expires_at=LATER,
            sid=None,
            bound_to_session=False,
        )
        uri, challenge = "https://app.example/cb", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        code = AuthorizationCode(digest(self.name, number), name, CLIENT_ID, uri, True, challenge, NOW, LATER)
        return GrantAuthorization(authorization, code), code

    def refresh_token(self, authorization_id: AuthorizationId, number: int) -> RefreshToken:
        """One link of a chain."""
        return RefreshToken(digest("rt", self.name, number), authorization_id, CLIENT_ID, NOW, LATER)


async def burn(seat: Seat) -> AsyncIterator[bool]:
    """One statement: what a client assertion costs."""
    for number in count():
        yield await seat.stores.commit([BurnJti(seat.name, digest(number), LATER, NOW)])


async def refresh(seat: Seat) -> AsyncIterator[bool]:
    """A refresh with rotation: the token, its authorization and end-user are read, four statements committed."""
    grant, _ = seat.granted(0)
    token = seat.refresh_token(grant.authorization.authorization_id, 0)
    await seat.stores.commit([grant, AddRefreshToken(token)])
    reply = KeptReply(b"s" * 1_200, b"b" * 32, LATER)
    for number in count(1):
        found = await seat.stores.refresh_tokens.find(token.digest)
        successor = replace(token, digest=digest("rt", seat.name, number))
        yield found is not None and await seat.stores.commit(
            [RotateRefreshToken(token.digest, successor, reply, NOW)]
        )
        token = successor


async def code(seat: Seat) -> AsyncIterator[bool]:
    """Two commits a flow: the code is granted, then found and redeemed for a refresh token."""
    for number in count():
        grant, granted = seat.granted(number)
        yield await seat.stores.commit([grant])
        found = await seat.stores.codes.find(granted.digest)
        token = seat.refresh_token(granted.authorization_id, number)
        yield found is not None and await seat.stores.commit(
            [RedeemCode(granted.digest, NOW), AddRefreshToken(token)]
        )


CASES: dict[str, Callable[[Seat], AsyncIterator[bool]]] = {"burn": burn, "refresh": refresh, "code": code}


async def work(path: str, case: str, worker: str, seconds: float) -> None:
    """One process: says that it is ready, waits for a line, commits for `seconds`, prints what it measured."""
    storage = await SqliteStorage.open(path)
    stores = storage.stores(TenantId("default"))
    waits: list[float] = []

    async def sit(seat: Seat, started: Awaitable[object]) -> None:
        commits = CASES[case](seat)
        await anext(commits)
        await started
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            if not await anext(commits):
                raise RuntimeError("A commit that nobody contests was lost.")
            waits.append(time.perf_counter() - begin)

    started = asyncio.get_running_loop().create_future()
    sitting = [
        asyncio.ensure_future(sit(Seat(stores, f"{worker}-{number}"), asyncio.shield(started)))
        for number in range(TASKS)
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    begin, cpu = time.perf_counter(), time.process_time()
    started.set_result(None)
    await asyncio.gather(*sitting)
    cpu, elapsed = time.process_time() - cpu, time.perf_counter() - begin
    await storage.close()
    waits.sort()
    found = {
        "commits_per_second": len(waits) / elapsed,
        "cpu_us_per_commit": cpu / len(waits) * 1e6,
        "p50_ms": waits[len(waits) // 2] * 1e3,
        "p99_ms": waits[len(waits) * 99 // 100] * 1e3,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def measure(case: str, processes: int, seconds: float) -> list[dict[str, float]]:
    """What each of the processes measured, over a database that begins empty."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "valetkey.db")
        upgrade(path)
        own = [sys.executable, __file__, "--path", path, "--case", case, "--seconds", str(seconds)]
        workers = [
            subprocess.Popen(
                [*own, "--worker", str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for number in range(processes)
        ]
        lines = list(conversation(workers))
    return [json.loads(line) for line in lines]


def conversation(workers: list[subprocess.Popen[str]]) -> Iterator[str]:
    """Starts all workers at once, when all are ready, and yields what each prints."""
    for worker in workers:
        if worker.stdout is None or worker.stdout.readline() != "ready\n":
            raise RuntimeError("A worker did not start.")
    for worker in workers:
        if worker.stdin is not None:
            worker.stdin.write("go\n")
            worker.stdin.flush()
    for worker in workers:
        output, _ = worker.communicate(timeout=120)
        if worker.returncode != 0:
            raise RuntimeError("A worker failed.")
        yield output


def spread(values: list[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": round(median(values), 1), "lowest": round(min(values), 1), "highest": round(max(values), 1)}


def summary(rounds: list[list[dict[str, float]]]) -> dict[str, object]:
    """The figures of one case: rates are summed over its processes, the others taken from each."""
    figures: dict[str, object] = {
        "commits_per_second": spread([sum(one["commits_per_second"] for one in each) for each in rounds])
    }
    if len(rounds[0]) > 1:
        figures["slowest_process_share"] = spread(
            [
                100
                * min(one["commits_per_second"] for one in each)
                / sum(one["commits_per_second"] for one in each)
                for each in rounds
            ]
        )
    for name in ("cpu_us_per_commit", "p50_ms", "p99_ms"):
        figures[name] = spread([one[name] for each in rounds for one in each])
    return figures


def main() -> None:
    """Runs the benchmark, or one worker of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="one short round, to see that it runs")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each case in each round")
    parser.add_argument("--output", type=Path, help="where the JSON goes besides standard output")
    for own in ("--path", "--case", "--worker"):
        parser.add_argument(own, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker is not None:
        uvloop.run(work(asked.path, asked.case, asked.worker, asked.seconds))
        return
    load = load_average()
    rounds, seconds = (1, 0.05) if asked.smoke else (asked.rounds, asked.seconds)
    cases = [("burn", 1), ("refresh", 2)] if asked.smoke else [(case, n) for case in CASES for n in (1, 2)]
    measured: dict[str, list[list[dict[str, float]]]] = {f"{case}, {n} process(es)": [] for case, n in cases}
    for _ in range(rounds):
        for case, processes in cases:
            measured[f"{case}, {processes} process(es)"].append(measure(case, processes, seconds))
    report = {
        "benchmark": "storage",
        "machine": conditions(load),
        "engine": f"SQLite {apsw.sqlite_lib_version()}, apsw {apsw.apsw_version()}, WAL, synchronous=FULL",
        "rounds": rounds,
        "seconds": seconds,
        "tasks_per_process": TASKS,
        "cases": {name: summary(each) for name, each in measured.items()},
    }
    text = json.dumps(report, indent=2)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
