"""How soon a revoked JWT is refused by a guard that verifies locally, and what the look costs each request.

    python benchmarks/revocation.py [--smoke] [--rounds N] [--output FILE]

A real server (`valetkey serve`, two workers, SQLite) revokes tokens by POST /revoke; guards in this process, each
with a list or a feed of its own and under steady traffic, are asked every few milliseconds until they refuse. The
delay is counted from the moment that the revocation was answered; which worker answered, and which one holds the
feed, is left to chance. The cost is that of judging a token with nothing to look up, by a fresh list,
and by a feed that has told of 30,000 revocations: CPU time, interleaved.
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
from subjects import BASIC, SECRET, prepare_ours, running

from valetkey.jose import AsyncRemoteJwkSet, Jwk, JwkSet, VerifiedJwt, Verifier, jwt
from valetkey.oauth.access_token import access_token_from_claims
from valetkey.oauth.event_poll import EventAnswer
from valetkey.oauth.security_event import Revocation, RevokedKind
from valetkey.oauth.status_list import StatusList, StatusReference
from valetkey.resource_server import (
    Allow,
    Deny,
    FeedCredentials,
    RequestView,
    ResourceServer,
    RevocationFeed,
    RevocationSources,
    Rule,
    StatusFollower,
)
from valetkey.resource_server.feed import FeedState
from valetkey.resource_server.revocation_view import KnownStatusList, RevokedTokens
from valetkey.resource_server.trusted_issuer import ALGORITHMS

RESOURCE = "https://api.example.com"
GUARDS = 10
PAUSE = {"list": 0.01, "feed": 0.004}
PATIENCE = {"list": (0.5, 6.0), "feed": (0.2, 1.2)}
"""Seconds for which a token is used before it is revoked: spreads the rounds over the life of a list."""
TOLD = 10_000
CALLS = 400
COST_ROUNDS = 15
DEADLINE = 60.0


async def token(client: httpx2.AsyncClient) -> str:
    """Buy one token of the machine's own."""
    answer = await client.post("/token", data={"grant_type": "client_credentials"})
    answer.raise_for_status()
    bought: str = answer.json()["access_token"]
    return bought


async def one_round(client: httpx2.AsyncClient, guard: ResourceServer, way: str) -> float:
    """Return the seconds from the answer of a revocation to the first refusal, at a random moment."""
    bought = await token(client)
    request = RequestView(headers=[(b"authorization", f"Bearer {bought}".encode())])
    moment = time.perf_counter() + random.uniform(*PATIENCE[way])  # noqa: S311 - guards nothing
    while time.perf_counter() < moment:
        if not isinstance(await guard.decide(request, Rule()), Allow):
            raise RuntimeError("a living token was refused")  # noqa: TRY004 - no wrong type, a wrong measurement
        await asyncio.sleep(PAUSE[way])
    (await client.post("/revoke", data={"token": bought})).raise_for_status()
    began = time.perf_counter()
    while True:
        outcome = await guard.decide(request, Rule())
        if isinstance(outcome, Deny) and outcome.status == 401:  # noqa: PLR2004 - refused, and not for an outage
            return time.perf_counter() - began
        if time.perf_counter() > began + DEADLINE:
            raise RuntimeError("the revoked token still passes")
        await asyncio.sleep(PAUSE[way])


async def delays(port: int, rounds: int, way: str) -> list[float]:
    """Return the delay of every round, by the `list` or by the `feed`."""
    issuer = f"http://localhost:{port}"
    headers = {"authorization": f"Basic {BASIC['machine']}"}
    async with httpx2.AsyncClient(base_url=issuer, headers=headers, trust_env=False, timeout=30) as client:

        async def at_one_guard(count: int) -> list[float]:
            keys = AsyncRemoteJwkSet(f"{issuer}/jwks.json")
            feed = RevocationFeed(issuer, FeedCredentials("api", SECRET), keys, algorithms=ALGORITHMS)
            lists = StatusFollower(issuer, keys, algorithms=ALGORITHMS)
            sources = RevocationSources(lists, feed if way == "feed" else None)
            guard = ResourceServer.of_issuer(issuer=issuer, resource=RESOURCE, keys=keys, revocations=sources)
            try:
                return [await one_round(client, guard, way) for _ in range(count)]
            finally:
                await feed.aclose()

        each = await asyncio.gather(*(at_one_guard(max(1, rounds // GUARDS)) for _ in range(min(GUARDS, rounds))))
    return [delay for one in each for delay in one]


class _Silence(httpx2.AsyncBaseTransport):
    """A network on which nothing ever comes back."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        del request
        await asyncio.Event().wait()
        raise httpx2.ReadTimeout("nothing comes")


def told_feed(issuer: str, keys: _Held, now: int) -> RevocationFeed:
    """Return a feed that is current and has told of many revocations."""
    feed = RevocationFeed(
        issuer, FeedCredentials("api", SECRET), keys, algorithms=ALGORITHMS, transport=_Silence(), clock=lambda: now
    )
    revoked = RevokedTokens()
    for number in range(TOLD):
        revoked.learn(Revocation(RevokedKind.AUTHORIZATION, f"authorization-{number}"), now)
        revoked.learn(Revocation(RevokedKind.SUBJECT, f"subject-{number}", 1), now)
        revoked.learn(Revocation(RevokedKind.TOKEN, f"token-{number}", token_expires_at=now + number % 900), now)
    feed._revoked, feed._state = revoked, FeedState().answered(EventAnswer(), now, now)  # noqa: SLF001 - as if it had come
    return feed


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
    """Return the CPU microseconds of a decision by nothing, by a list and by a feed, and of each look-up alone."""
    now, uri, key = int(time.time()), "https://as.example.com/status/one", Jwk.generate("ES256")
    statuses = StatusList.of_revoked(range(0, 1 << 17, 1_000), 1 << 17)
    known = KnownStatusList(uri, 3_600).told({"sub": uri, "iat": now, "status_list": statuses.claim()}, None, now)
    issuer, keys = "https://as.example.com", _Held(JwkSet((key.public(),)))
    feed = told_feed(issuer, keys, now)
    by_list = ResourceServer.of_issuer(
        issuer=issuer, resource=RESOURCE, keys=keys, revocations=RevocationSources(_Fresh(known))
    )
    sources = RevocationSources(_Fresh(known), feed)
    by_feed = ResourceServer.of_issuer(issuer=issuer, resource=RESOURCE, keys=keys, revocations=sources)
    claims: dict[str, object] = {
        "iss": issuer, "sub": "a", "aud": RESOURCE, "exp": now + 3_600, "iat": now,
        "jti": "j", "client_id": "a", "scope": "a.read", "authorization_id": "a", "gen": [0, 0, 0, 0],
    }  # fmt: skip
    reference = StatusReference(uri, 77_777)
    plain, listed = (jwt.sign(one, key, typ="at+jwt") for one in (claims, claims | {"status": reference.claim()}))
    parsed = access_token_from_claims(claims)
    ways = (("without", plain, by_list), ("list", listed, by_list), ("feed", listed, by_feed))
    measured: dict[str, list[float]] = {name: [] for name in ("without", "list", "feed", "in_list", "in_feed")}
    for _ in range(rounds):
        for name, text, guard in ways:
            request = RequestView(headers=[(b"authorization", f"Bearer {text}".encode())])
            began = time.process_time()
            for _ in range(CALLS):
                await guard.decide(request, Rule())
            measured[name].append((time.process_time() - began) / CALLS * 1e6)
        began = time.process_time()
        for _ in range(CALLS * 10):
            known.is_revoked(77_777, now)
        measured["in_list"].append((time.process_time() - began) / CALLS / 10 * 1e6)
        began = time.process_time()
        for _ in range(CALLS * 10):
            feed._revoked.covers(parsed)  # noqa: SLF001 - the look alone
        measured["in_feed"].append((time.process_time() - began) / CALLS / 10 * 1e6)
    await feed.aclose()
    return {name: median(values) for name, values in measured.items()}


def spread(seconds: list[float]) -> dict[str, float]:
    """Return the distribution of delays."""
    cuts = quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    return {"lowest": min(seconds), "p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "highest": max(seconds)}


def main() -> None:
    """Measure, print, and write the figures for the documentation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="one short round of each")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rounds, load_before = 1 if options.smoke else options.rounds, load_average()
    with tempfile.TemporaryDirectory() as folder:
        command, port = prepare_ours(Path(folder), 2)
        with running("valetkey", command, port, None) as subject:
            seconds = {way: asyncio.run(delays(subject.port, rounds, way)) for way in PAUSE}
    cost = asyncio.run(costs(1 if options.smoke else COST_ROUNDS))
    figures = {
        "rounds": rounds,
        "delay_seconds": {way: spread(each) for way, each in seconds.items()},
        "decision_us": {"nothing": cost["without"], "list": cost["list"], "feed": cost["feed"]},
        "lookup_us": {"list": cost["in_list"], "feed": cost["in_feed"]},
        "conditions": conditions(load_before),
    }
    for way, each in seconds.items():
        delay = " ".join(f"{name} {value:.3f}" for name, value in spread(each).items())
        print(f"revocation to refusal by {way}, seconds over {len(each)} rounds: {delay}")
    print("one decision, us: " + ", ".join(f"{way} {cost[way]:.1f}" for way in ("without", "list", "feed")))
    print(f"the look-up alone, us: list {cost['in_list']:.2f}, feed {cost['in_feed']:.2f}")
    if options.output:
        options.output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
