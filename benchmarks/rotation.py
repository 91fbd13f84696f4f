"""Rotation under load: keys are replaced again and again while tokens are asked for, and no good token is refused.

    python benchmarks/rotation.py [--smoke] [--rotations N] [--announce SECONDS] [--output FILE]

A real server (`valetkey serve`, two workers, SQLite) is asked for 200 tokens a second, of ES256, RS256, Ed25519.
Each token is judged by one of two guards at once, and one in ten again shortly before it expires; their keys come
from the published JWK Set alone, as everybody's do. Meanwhile `valetkey key rotate` replaces all keys: *planned*,
they were announced before; *at once*, the next key signs before anybody could know it. A refusal ends the run with
1. Where the machine is too busy a guard may be unable to say, because it read no status list in time (503): told
apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from load import Connection, post
from machine import conditions, load_average
from subjects import BASIC, prepare_ours, running

from valetkey.jose import AsyncRemoteJwkSet, RemoteJwkSet, jwt
from valetkey.resource_server import Allow, AllowAnonymous, RequestView, ResourceServer, Rule, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RATE, SMOKE_RATE = 200, 40
"""Tokens a second."""
CONNECTIONS = 32
RESOURCES = {
    "https://api.example.com": "ES256",
    "https://rsa.example.com": "RS256",
    "https://edwards.example.com": "Ed25519",
}
AGAIN_ONE_IN = 10
_UNAVAILABLE = 503
LIVES = 300
"""Seconds of an access token."""
AHEAD = 30
"""Seconds before its end at which it is judged again."""
ANNOUNCED_APART = 40.0
"""Seconds between the announcements of two algorithms."""
AT_ONCE_EVERY = 15.0
"""Seconds: who meets an unknown `kid` asks for the keys again after 10 at the soonest."""
FURTHER = """
[[resources]]
identifier = "https://rsa.example.com"
name = "API of another signature"
scopes = {{ "b.read" = "Read" }}
signing_alg = "RS256"

[[resources]]
identifier = "https://edwards.example.com"
name = "API of a third signature"
scopes = {{ "c.read" = "Read" }}
signing_alg = "Ed25519"

[keys]
algorithms = ["ES256", "RS256", "Ed25519"]
rotation_days = 0
announce_seconds = {announce}
"""


@dataclass
class Watch:
    """What was seen so far."""

    tokens: int = 0
    judged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unsaid: Counter[str] = field(default_factory=Counter)
    """Tokens that a guard could not judge for an outage."""
    waits: list[float] = field(default_factory=list)
    kids: dict[str, list[str]] = field(default_factory=dict)
    """By algorithm, in the order in which they came."""
    fetches: int = 0
    asked_again: int = 0
    """Fetches for a `kid` that was unknown."""
    behind: int = 0
    """Moments at which no connection was free."""

    def __str__(self) -> str:
        """What is told while it runs."""
        return f"{self.tokens} tokens, {dict(self.refused)} refused, {dict(self.unsaid)} not judged"

    def has_more_than(self, name: str, seen: int) -> bool:
        """Say whether more keys of an algorithm than were seen have signed."""
        return len(self.kids[name]) > seen

    def saw(self, token: str) -> None:
        """Note which key signed a token."""
        header = jwt.peek(token).header
        seen = self.kids.setdefault(str(header["alg"]), [])
        if str(header["kid"]) not in seen:
            seen.append(str(header["kid"]))


class Guards:
    """Two guards for each resource, each with keys of its own, as two machines have them."""

    def __init__(self, issuer: str, watch: Watch) -> None:
        self._watch = watch
        self._fetched: dict[int, int] = {}
        self._guards = {resource: [self._guard(issuer, resource) for _ in range(2)] for resource in RESOURCES}
        self._turn = 0

    def _guard(self, issuer: str, resource: str) -> ResourceServer:
        number = len(self._fetched)
        self._fetched[number] = 0

        def count(known: RemoteJwkSet) -> None:
            self._watch.fetches += 1
            early = known.fetched_at - self._fetched[number] < known.refresh_at - known.fetched_at
            self._watch.asked_again += bool(self._fetched[number]) and early
            self._fetched[number] = known.fetched_at

        keys = AsyncRemoteJwkSet(f"{issuer}/jwks.json", report=count)
        return ResourceServer.of_issuer(
            issuer=issuer, resource=resource, keys=keys, algorithms=[RESOURCES[resource]]
        )

    async def judge(self, token: str, resource: str, when: str) -> None:
        """Let one of the guards judge a token that is good; where we come too late for that, nothing was seen."""
        self._turn += 1
        expires_at = jwt.peek(token).claims["exp"]
        if not isinstance(expires_at, int) or time.time() > expires_at - 2:
            self._watch.unsaid["too late"] += 1
            return
        request = RequestView(headers=[(b"authorization", f"Bearer {token}".encode())])
        outcome = await self._guards[resource][self._turn % 2].decide(request, Rule())
        self._watch.judged += 1
        if isinstance(outcome, Unavailable):
            self._watch.unsaid[when] += 1
        elif not isinstance(outcome, Allow | AllowAnonymous):
            self._watch.refused[f"{when}: {outcome.status}"] += 1


async def load(port: int, rate: int, watch: Watch, guards: Guards, over: asyncio.Event) -> None:
    """Ask for `rate` tokens a second until it is `over`."""
    free = [await Connection.open(port) for _ in range(CONNECTIONS)]
    requests = {
        resource: post(
            "/token",
            f"grant_type=client_credentials&resource={resource}",
            f"Authorization: Basic {BASIC['machine']}\r\n",
        )
        for resource in RESOURCES
    }
    kept: deque[tuple[float, str, str]] = deque()
    doing: set[asyncio.Task[None]] = set()

    async def one(connection: Connection, resource: str) -> None:
        began = time.perf_counter()
        answer = await connection.exchange(requests[resource])
        watch.waits.append(time.perf_counter() - began)
        free.append(connection)
        if answer.status != 200:  # noqa: PLR2004 - the one success
            watch.refused[f"no token: {answer.status}"] += 1
            return
        token: str = json.loads(answer.body)["access_token"]
        watch.tokens += 1
        watch.saw(token)
        await guards.judge(token, resource, "at once")
        if watch.tokens % AGAIN_ONE_IN == 0:
            kept.append((time.monotonic() + LIVES - AHEAD, token, resource))

    began, count = time.monotonic(), 0
    names = list(RESOURCES)
    while not over.is_set():
        count += 1
        await asyncio.sleep(max(0.0, began + count / rate - time.monotonic()))
        while kept and kept[0][0] <= time.monotonic():
            _, token, resource = kept.popleft()
            doing.add(asyncio.create_task(guards.judge(token, resource, "before it expires")))
        if free:
            doing.add(asyncio.create_task(one(free.pop(0), names[count % len(names)])))
        else:
            watch.behind += 1
        doing = {task for task in doing if not task.done()}
    await asyncio.gather(*doing)
    # Those whose key was retired meanwhile, too: all that are left.
    for _, token, resource in kept:
        await guards.judge(token, resource, "at the end")


async def until(happened: Callable[[], bool]) -> None:
    """Return when something has happened."""
    while not happened():  # noqa: ASYNC110 - what happens is seen in tokens, which tell nobody
        await asyncio.sleep(0.2)


async def rotate(config: Path, *flags: str) -> None:
    """Rotate all keys as an operator does, beside the server."""
    command = [sys.executable, "-m", "valetkey", "key", "rotate", "--config", str(config), *flags]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError("the rotation failed")


async def planned(config: Path, watch: Watch, rotations: int) -> None:
    """Announce the next key of each algorithm and wait until it signs, again and again, the algorithms in turn."""
    names = list(watch.kids)

    async def of_one(name: str, place: int) -> None:
        await asyncio.sleep(place * ANNOUNCED_APART)
        for _ in range(place, rotations, len(names)):
            seen = len(watch.kids[name])
            await rotate(config, "--algorithm", name)
            await until(partial(watch.has_more_than, name, seen))
            print(f"planned, {name}: {watch}", file=sys.stderr)

    await asyncio.gather(*(of_one(name, place) for place, name in enumerate(names)))


async def at_once(config: Path, watch: Watch, rotations: int) -> None:
    """Let the next keys sign at once, again and again."""
    for number in range(rotations):
        await asyncio.sleep(AT_ONCE_EVERY)
        await rotate(config, "--now")
        print(f"at once {number + 1}: {watch}", file=sys.stderr)


def prepared(folder: Path, announce: int) -> tuple[list[str], int]:
    """Write a configuration with both resource servers; return the command that serves it, and its port."""
    command, port = prepare_ours(folder, 2)
    config = Path(command[-1])
    text = config.read_text().replace(
        'resources = ["https://api.example.com"]\n\n[[clients]]\nclient_id = "web"',
        f'resources = {json.dumps(list(RESOURCES))}\n\n[[clients]]\nclient_id = "web"',
    )
    text = text.replace('scope = "a.read"\nresources', 'scope = "a.read b.read c.read"\nresources')
    config.write_text(text + FURTHER.format(announce=announce))
    return command, port


async def run(way: str, rotations: int, announce: int, rate: int) -> dict[str, object]:
    """Return what one run has seen."""
    with tempfile.TemporaryDirectory() as folder:
        command, port = prepared(Path(folder), announce)
        config = Path(command[-1])
        with running("valetkey", command, port, None):
            watch, over = Watch(), asyncio.Event()
            loading = asyncio.create_task(load(port, rate, watch, Guards(f"http://localhost:{port}", watch), over))
            began = time.monotonic()
            await until(lambda: len(watch.kids) == len(RESOURCES))
            await (planned if way == "planned" else at_once)(config, watch, rotations)
            await asyncio.sleep(2)
            over.set()
            seconds = time.monotonic() - began
            await loading
    return summary(watch, rotations, seconds)


def summary(watch: Watch, rotations: int, seconds: float) -> dict[str, object]:
    """Return the figures of a run."""
    waits = sorted(watch.waits)
    return {
        "rotations": rotations,
        "seconds": round(seconds),
        "tokens": watch.tokens,
        "tokens_per_second": round(watch.tokens / seconds, 1),
        "judged": watch.judged,
        "refused": sum(watch.refused.values()),
        "refusals": dict(watch.refused),
        "not_judged": sum(watch.unsaid.values()),
        "keys_seen": {name: len(kids) for name, kids in watch.kids.items()},
        "key_fetches": watch.fetches,
        "key_fetches_for_an_unknown_kid": watch.asked_again,
        "rate_missed": watch.behind,
        "p50_ms": round(waits[len(waits) // 2] * 1e3, 2),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1e3, 2),
        "longest_ms": round(waits[-1] * 1e3, 2),
    }


def main() -> int:
    """Measure, print and write; return 1 where a token was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rotations", type=int, default=12)
    parser.add_argument("--announce", type=int, default=120, help="seconds for which a planned key is announced")
    parser.add_argument("--only", choices=["at once", "planned"], help="rotate in this way only")
    parser.add_argument("--output", type=Path)
    parser.add_argument(
        "--smoke", action="store_true", help="two rotations at once, under less load; the figures say little"
    )
    given = parser.parse_args()
    before = load_average()
    rate = SMOKE_RATE if given.smoke else RATE
    ways = {"at once": 2} if given.smoke else dict.fromkeys(("at once", "planned"), given.rotations)
    if given.only is not None:
        ways = {given.only: given.rotations}
    runs: Mapping[str, dict[str, object]] = {
        way: uvloop.run(run(way, rotations, given.announce, rate)) for way, rotations in ways.items()
    }
    report = {
        "machine": conditions(before),
        "rounds": given.rotations,
        "announce_seconds": given.announce,
        "runs": runs,
    }
    text = json.dumps(report, indent=1)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n")
    return 1 if any(found["refused"] for found in runs.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
