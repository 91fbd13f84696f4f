"""How soon a revoked JWT is refused by a guard that verifies locally, and what the look costs each request.

    python benchmarks/revocation.py [--smoke] [--rounds N] [--output FILE]

A real server (`valetkey serve`, SQLite) revokes tokens by POST /revoke; guards in this process, each with a list of
its own and under steady traffic, are asked every 10 ms until they refuse. The delay is counted from the moment that
the revocation was answered. The cost is the difference between judging a token with and without `status` by a fresh
list, CPU time, interleaved.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import httpx2
from machine import conditions, load_average
from subjects import BASIC, prepare_ours, running

from valetkey.jose import AsyncRemoteJwkSet, Jwk, JwkSet, VerifiedJwt, Verifier, jwt
from valetkey.oauth.status_list import StatusList, StatusReference
from valetkey.resource_server import Allow, Deny, ResourceServer, Rule
from valetkey.resource_server.revocation_view import KnownStatusList

RESOURCE = "https://api.example.com"
GUARDS = 10
PAUSE = 0.01
CALLS = 400
COST_ROUNDS = 15
DEADLINE = 60.0


async def token(client: httpx2.AsyncClient) -> str:
    """Buy one token of the machine's own."""
    answer = await client.post("/token", data={"grant_type": "client_credentials"})
    answer.raise_for_status()
    bought: str = answer.json()["access_token"]
    return bought


async def one_round(client: httpx2.AsyncClient, guard: ResourceServer) -> float:
    """Return the seconds from the answer of a revocation to the first refusal, at a random moment of the list."""
    bought = await token(client)
    header = [f"Bearer {bought}"]
    moment = time.perf_counter() + random.uniform(0.5, 6.0)  # noqa: S311 - spreads the rounds over the list's life
    while time.perf_counter() < moment:
        if not isinstance(await guard.decide(header, Rule()), Allow):
            raise RuntimeError("a living token was refused")  # noqa: TRY004 - no wrong type, a wrong measurement
        await asyncio.sleep(PAUSE)
    (await client.post("/revoke", data={"token": bought})).raise_for_status()
    began = time.perf_counter()
    while True:
        outcome = await guard.decide(header, Rule())
        if isinstance(outcome, Deny) and outcome.status == 401:  # noqa: PLR2004 - refused, and not for an outage
            return time.perf_counter() - began
        if time.perf_counter() > began + DEADLINE:
            raise RuntimeError("the revoked token still passes")
        await asyncio.sleep(PAUSE)


async def delays(port: int, rounds: int) -> list[float]:
    """Return the delay of every round."""
    issuer = f"http://localhost:{port}"
    headers = {"authorization": f"Basic {BASIC['machine']}"}
    async with httpx2.AsyncClient(base_url=issuer, headers=headers, trust_env=False, timeout=30) as client:

        async def at_one_guard(count: int) -> list[float]:
            keys = AsyncRemoteJwkSet(f"{issuer}/jwks.json")
            guard = ResourceServer(issuer=issuer, resource=RESOURCE, keys=keys)
            return [await one_round(client, guard) for _ in range(count)]

        each = await asyncio.gather(*(at_one_guard(max(1, rounds // GUARDS)) for _ in range(min(GUARDS, rounds))))
    return [delay for one in each for delay in one]


class _Held:
    """Keys at hand, so that nothing but the judgement is measured."""

    def __init__(self, keys: JwkSet) -> None:
        self._keys = keys

    async def verify(self, verifier: Verifier, presented: str, now: int | None = None) -> VerifiedJwt:
        return verifier.verify(presented, self._keys, now=now)


class _Fresh:
    """A status list that stays fresh, looked at exactly as the follower does."""

    def __init__(self, known: KnownStatusList) -> None:
        self._known = {known.uri: known}

    async def is_revoked(self, reference: StatusReference) -> bool:
        known = self._known[reference.uri]
        now = int(time.time())
        known.need(now)
        return known.is_revoked(reference.index, now)


async def costs(rounds: int) -> dict[str, float]:
    """Return the CPU microseconds of one decision without and with `status`, and of the look-up alone."""
    now, uri, key = int(time.time()), "https://as.example.com/status/one", Jwk.generate("ES256")
    statuses = StatusList.of_revoked(range(0, 1 << 17, 1_000), 1 << 17)
    known = KnownStatusList(uri, 3_600).told({"sub": uri, "iat": now, "status_list": statuses.claim()}, None, now)
    guard = ResourceServer(
        issuer="https://as.example.com",
        resource=RESOURCE,
        keys=_Held(JwkSet((key.public(),))),
        statuses=_Fresh(known),
    )
    claims: dict[str, object] = {
        "iss": "https://as.example.com", "sub": "a", "aud": RESOURCE, "exp": now + 3_600, "iat": now,
        "jti": "j", "client_id": "a", "scope": "a.read",
    }  # fmt: skip
    reference = StatusReference(uri, 77_777)
    plain, listed = (jwt.sign(one, key, typ="at+jwt") for one in (claims, claims | {"status": reference.claim()}))
    measured: dict[str, list[float]] = {"without": [], "with": [], "lookup": []}
    for _ in range(rounds):
        for name, text in (("without", plain), ("with", listed)):
            header = [f"Bearer {text}"]
            began = time.process_time()
            for _ in range(CALLS):
                await guard.decide(header, Rule())
            measured[name].append((time.process_time() - began) / CALLS * 1e6)
        began = time.process_time()
        for _ in range(CALLS * 10):
            known.is_revoked(77_777, now)
        measured["lookup"].append((time.process_time() - began) / CALLS / 10 * 1e6)
    return {name: median(values) for name, values in measured.items()}


def main() -> None:
    """Measure, print, and write the figures for the documentation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="one short round of each")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rounds, load_before = 1 if options.smoke else options.rounds, load_average()
    with tempfile.TemporaryDirectory() as folder:
        command, port = prepare_ours(Path(folder), 1)
        with running("valetkey", command, port, None) as subject:
            seconds = asyncio.run(delays(subject.port, rounds))
    cost = asyncio.run(costs(1 if options.smoke else COST_ROUNDS))
    cuts = quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    figures = {
        "rounds": len(seconds),
        "delay_seconds": {
            "lowest": min(seconds), "p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "highest": max(seconds),
        },
        "decision_us": {"without_status": cost["without"], "with_status": cost["with"]},
        "lookup_us": cost["lookup"],
        "conditions": conditions(load_before),
    }  # fmt: skip
    delay = " ".join(f"{name} {value:.2f}" for name, value in figures["delay_seconds"].items())  # type: ignore[attr-defined]
    print(f"revocation to refusal by status list, seconds over {len(seconds)} rounds: {delay}")
    extra = cost["with"] - cost["without"]
    print(f"one decision: {cost['without']:.1f} us, with status {cost['with']:.1f} us (+{extra:.1f} us)")
    print(f"the look-up alone: {cost['lookup']:.2f} us")
    if options.output:
        options.output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
