"""What the guard adds to verifying an access token, beside PyJWT, joserfc and Authlib judging the same request.

`python benchmarks/guard.py` prints, for each algorithm and subject, the median of the rounds in CPU microseconds,
the ratio to the bare primitive and to ours, and the spread; `--json FILE` writes the same figures for the docs;
`--smoke` runs each once. All are interleaved in one process and one event loop, with the keys at hand; each gets
the value of the `Authorization` header and judges scheme, `typ`, key by `kid`, signature, issuer, audience, expiry,
the claims of RFC 9068 and the scope. Ours also refuses duplicate members and non-canonical base64url.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jose import AUDIENCE, CLAIMS, ISSUER, bare_calls
from machine import conditions, load_average

from valetkey.jose import AsyncRemoteJwkSet, Jwk, JwkSet, Verifier, jwt
from valetkey.jose.remote import FetchAnswer
from valetkey.oauth.status_list import MEDIA_TYPE, StatusList, StatusReference
from valetkey.resource_server import Allow, RequestView, ResourceServer, RevocationSources, Rule, StatusFollower

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from valetkey.jose import VerifiedJwt
    from valetkey.jose.remote import FetchRequest

warnings.simplefilter("ignore")

ALGORITHMS = ("ES256", "RS256")
RESOURCE = AUDIENCE
STATUS_LIST_URI = f"{ISSUER}/status/1"
REQUIRED = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")  # RFC 9068, 2.2
SCOPE = "read"
ROUNDS = 15
ROUND_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """A key source without a network: what a guard costs by itself."""

    keys: JwkSet

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Verify with the held keys."""
        return verifier.verify(token, self.keys, now=now)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs tokens with and without a status, and serves its key set and its status list from memory."""

    key: Jwk

    def token(self, *, with_status: bool) -> str:
        """Return an access token that is valid."""
        claims = dict(CLAIMS)
        if with_status:
            claims["status"] = StatusReference(STATUS_LIST_URI, 4_711).claim()
        return jwt.sign(claims, self.key, typ=jwt.AT_JWT)

    async def fetch_keys(self, _request: FetchRequest) -> FetchAnswer:
        """Answer as the JWK Set endpoint does."""
        body = json.dumps({"keys": [self.key.as_dict()]}).encode()
        return FetchAnswer(200, {"content-type": "application/jwk-set+json"}, body)

    async def fetch_list(self, _request: FetchRequest) -> FetchAnswer:
        """Answer as the status list endpoint does: 100,000 tokens, one in a hundred revoked."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": STATUS_LIST_URI,
            "iat": now,
            "exp": now + 600,
            "ttl": 15,
            "status_list": StatusList.of_revoked(range(0, 100_000, 100), 100_000).claim(),
        }
        return FetchAnswer(
            200, {"content-type": MEDIA_TYPE}, jwt.sign(claims, self.key, typ="statuslist+jwt").encode()
        )


def synchronous(call: Callable[[], object]) -> Callable[[int], Awaitable[float]]:
    """Return what measures a function: so many calls, CPU microseconds of each."""

    async def many(count: int) -> float:
        # CPU time of this thread: what else runs on the machine takes turns, and those are not ours.
        start = time.thread_time_ns()
        for _ in range(count):
            call()
        return (time.thread_time_ns() - start) / count / 1_000

    return many


def asynchronous(call: Callable[[], Awaitable[object]]) -> Callable[[int], Awaitable[float]]:
    """As `synchronous`, of a coroutine function."""

    async def many(count: int) -> float:
        start = time.thread_time_ns()
        for _ in range(count):
            await call()
        return (time.thread_time_ns() - start) / count / 1_000

    return many


def allowed_by(server: ResourceServer, token: str) -> Callable[[], Awaitable[object]]:
    """Return the judgement of a request with this token; it must pass."""
    request, rule = _request(token), Rule.requiring(SCOPE)

    async def decide() -> None:
        if not isinstance(await server.decide(request, rule), Allow):
            raise TypeError("the guard refuses a good token")

    return decide


def _request(token: str) -> RequestView:
    # With as many headers as a browser or a common HTTP library sends: they are searched for each request.
    others = ("host", "user-agent", "accept", "accept-encoding", "accept-language", "connection", "x-request-id")
    headers = [(name.encode(), b"something of usual length") for name in others]
    return RequestView("GET", "/orders/7", [*headers, (b"authorization", f"Bearer {token}".encode())])


def ours(issuer: Issuer, algorithm: str) -> dict[str, Callable[[int], Awaitable[float]]]:
    """Return our subjects: the toolkit's verification alone, and the guard around it."""
    keys = JwkSet((issuer.key.public(),))
    plain, with_status = issuer.token(with_status=False), issuer.token(with_status=True)
    verifier = Verifier.access_token(issuer=ISSUER, audience=RESOURCE, algorithms=[algorithm])
    held = HeldKeys(keys)
    remote = AsyncRemoteJwkSet(f"{ISSUER}/jwks", fetch=issuer.fetch_keys)
    statuses = StatusFollower(ISSUER, held, algorithms=[algorithm], fetch=issuer.fetch_list)
    reference = StatusReference(STATUS_LIST_URI, 4_711)
    given: dict[str, Any] = {"issuer": ISSUER, "resource": RESOURCE, "algorithms": [algorithm]}
    following = ResourceServer.of_issuer(**given, keys=remote, revocations=RevocationSources(statuses))
    return {
        "verification": synchronous(lambda: verifier.verify(plain, keys)),
        "guard, keys held": asynchronous(allowed_by(ResourceServer.of_issuer(**given, keys=held), plain)),
        "guard, keys remote": asynchronous(allowed_by(ResourceServer.of_issuer(**given, keys=remote), plain)),
        "guard, keys remote, status list": asynchronous(allowed_by(following, with_status)),
        "revocation look-up": asynchronous(lambda: statuses.is_revoked(reference)),
    }


def bearer(header: str) -> str:
    """Return the token of an `Authorization` header, as a middleware reads it."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ValueError("no bearer token")
    return token


def published(key: Jwk) -> dict[str, Any]:
    """Return the public JWK, as the peers parse it."""
    return key.as_dict()


def pyjwt(key: Jwk, header: str) -> Callable[[], object]:
    """PyJWT, with what its users write around it."""
    import jwt as peer  # noqa: PLC0415 - only who measures this peer has it installed

    keys = {key.kid: peer.PyJWK(published(key))}
    given: dict[str, Any] = {
        "algorithms": [key.algorithm],
        "audience": RESOURCE,
        "issuer": ISSUER,
        "options": {"require": list(REQUIRED)},
    }

    def judge() -> None:
        token = bearer(header)
        found = peer.get_unverified_header(token)
        if found["typ"] != "at+jwt":
            raise ValueError("no access token")
        claims = peer.decode(token, keys[found["kid"]], **given)
        if SCOPE not in claims["scope"].split():
            raise ValueError("insufficient scope")

    return judge


def joserfc(key: Jwk, header: str) -> Callable[[], object]:
    """joserfc, with what its users write around it."""
    from joserfc import jwt as peer  # noqa: PLC0415 - only who measures this peer has it installed
    from joserfc.jwk import KeySet  # noqa: PLC0415 - only who measures this peer has it installed

    keys = KeySet.import_key_set({"keys": [published(key)]})
    expected: dict[str, Any] = {name: {"essential": True} for name in REQUIRED}
    expected["iss"] = {"essential": True, "value": ISSUER}
    expected["aud"] = {"essential": True, "value": RESOURCE}
    claims_registry = peer.JWTClaimsRegistry(**expected)

    def judge() -> None:
        token = peer.decode(bearer(header), keys, algorithms=[str(key.algorithm)])
        if token.header["typ"] != "at+jwt":
            raise ValueError("no access token")
        claims_registry.validate(token.claims)
        if SCOPE not in token.claims["scope"].split():
            raise ValueError("insufficient scope")

    return judge


def authlib(key: Jwk, header: str) -> Callable[[], object]:
    """Authlib's validator of RFC 9068 access tokens, as its resource protector calls it."""
    # A peer loads only when measured, and this one ships no types.
    from authlib.oauth2 import rfc9068  # type: ignore[import-untyped]  # noqa: PLC0415 - only who measures it has it; no types
    from joserfc.jwk import KeySet  # noqa: PLC0415 - only who measures this peer has it installed

    keys = KeySet.import_key_set({"keys": [published(key)]})

    class Validator(rfc9068.JWTBearerTokenValidator):  # type: ignore[misc]  # Authlib has no types, so its base is Any
        def get_jwks(self) -> KeySet:
            return keys

    validator = Validator(ISSUER, RESOURCE)

    def judge() -> None:
        validator.validate_token(validator.authenticate_token(bearer(header)), [SCOPE], None)

    return judge


PEERS = {"PyJWT": pyjwt, "joserfc": joserfc, "Authlib": authlib}


def subjects(algorithm: str) -> dict[str, Callable[[int], Awaitable[float]]]:
    """Return everything that is measured with tokens of one algorithm."""
    issuer = Issuer(Jwk.generate(algorithm))
    token = issuer.token(with_status=False)
    found = {"raw": synchronous(bare_calls(issuer.key, token)[1]), **ours(issuer, algorithm)}
    for name, peer in PEERS.items():
        found[name] = synchronous(peer(issuer.key, f"Bearer {token}"))
    return found


async def measured(timed: dict[str, Callable[[int], Awaitable[float]]], rounds: int) -> dict[str, dict[str, float]]:
    """Return the figures of each subject, its rounds interleaved with those of the others."""
    counts = {}
    for name, many in timed.items():
        await many(3)  # the first fetches keys and lists
        counts[name] = max(1, int(ROUND_SECONDS * 1e6 / max(await many(3), 0.1))) if rounds > 1 else 1
    samples: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, many in timed.items():
            samples[name].append(await many(counts[name]))
            await asyncio.sleep(0)  # what is refreshed in the background has its turn
    return {name: figures(taken, samples) for name, taken in samples.items()}


def figures(taken: list[float], samples: dict[str, list[float]]) -> dict[str, float]:
    """Return what one subject's rounds say; compared within each round, which cancels what the machine did."""
    verified, guarded = samples["verification"], samples["guard, keys remote"]
    return {
        "median_us": round(statistics.median(taken), 2),
        "spread": round((max(taken) - min(taken)) / statistics.median(taken), 2),
        "to_raw": round(statistics.median(one / raw for one, raw in zip(taken, samples["raw"], strict=True)), 2),
        "to_guard": round(statistics.median(one / own for one, own in zip(taken, guarded, strict=True)), 2),
        "above_verification_us": round(
            statistics.median(one - own for one, own in zip(taken, verified, strict=True)), 2
        ),
    }


async def run(rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Measure every algorithm."""
    return {f"{name} access token": await measured(subjects(name), rounds) for name in ALGORITHMS}


def least_disturbed(runs: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the run in which the bare primitive was fastest."""
    return min(runs, key=lambda row: row["raw"]["median_us"])


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--smoke", action="store_true", help="run each subject once")
    parser.add_argument("--repeat", type=int, default=1, help="how often; the least disturbed run of each is kept")
    chosen = parser.parse_args()
    rounds = 1 if chosen.smoke else ROUNDS
    load = load_average()
    runs = [asyncio.run(run(rounds)) for _ in range(chosen.repeat)]
    operations = {name: least_disturbed([one[name] for one in runs]) for name in runs[0]}
    for operation, row in operations.items():
        print(operation)
        for name, figure in row.items():
            print(
                f"  {name:32} {figure['median_us']:9.2f} us  spread {figure['spread']:5.2f}"
                f"  {figure['to_raw']:6.2f}x raw  {figure['to_guard']:6.2f}x guard"
                f"  {figure['above_verification_us']:+8.2f} us to verification"
            )
    if chosen.json is not None:
        versions = {name: version(name) for name in ("cryptography", "msgspec", "PyJWT", "joserfc", "Authlib")}
        about = {"rounds": rounds, "runs": chosen.repeat, "versions": versions, "machine": conditions(load)}
        chosen.json.write_text(json.dumps({"about": about, "operations": operations}, indent=1) + "\n")


if __name__ == "__main__":
    main()
