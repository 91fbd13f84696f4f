"""What a guard costs a request in each framework, beside what people write there with PyJWT, joserfc and Authlib.

`python benchmarks/guard_faces.py` prints, for each framework and subject, the median of the rounds in CPU
microseconds of one request, what of it is the guard's (the same request to the same application without a guard is
taken off, round by round), the ratio of that to ours, and the spread; `--json FILE` writes the same figures for the
docs; `--smoke` runs each once. All are interleaved in one process, with ES256 access tokens and the keys at hand.
The CPU is that of all threads. Authlib's protector is measured in Flask, where it has one for RFC 9068.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard import REQUIRED, RESOURCE, ROUND_SECONDS, ROUNDS, SCOPE, Issuer, bearer, joserfc, published
from jose import ISSUER
from machine import conditions, load_average

from valetkey.integrations import asgi, fastapi, flask, starlette
from valetkey.jose import AsyncRemoteJwkSet, Jwk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Call = Callable[[], Awaitable[object]]

warnings.simplefilter("ignore")

OPEN = "no guard"
OURS = "valetkey"
_OK = 200
_LINE = b"200 OK"


def requests_to(app: Any, token: str) -> Call:
    """Return one request to an ASGI application, which has to be answered by 200."""
    others = [(name, b"something of usual length") for name in (b"host", b"user-agent", b"accept", b"x-request-id")]
    headers = [*others, (b"authorization", f"Bearer {token}".encode())]

    request = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
        "path": "/orders", "raw_path": b"/orders", "query_string": b"", "root_path": "",
        "client": ("192.0.2.1", 4711), "server": ("api.example.com", 443),
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def call() -> None:
        statuses = []

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await app({**request, "headers": list(headers)}, receive, send)
        if statuses != [_OK]:
            raise RuntimeError(f"a good token was answered by {statuses}")

    return call


def requests_to_wsgi(app: Any, token: str) -> Call:
    """Return one request to a WSGI application, which has to be answered by 200."""
    from werkzeug.test import create_environ  # noqa: PLC0415 - only who measures Flask has it

    environ = create_environ("/orders", RESOURCE, headers={"authorization": f"Bearer {token}"})

    async def call() -> None:
        lines: list[str] = []
        for _ in app(dict(environ), lambda line, *_: lines.append(line)):
            pass
        if lines != ["200 OK"]:
            raise RuntimeError(f"a good token was answered by {lines}")

    return call


def judged_by_pyjwt(key: Jwk) -> Callable[[str], dict[str, Any]]:
    """Return what is written around PyJWT: the claims of a token that is good."""
    import jwt as peer  # noqa: PLC0415 - only who measures this peer has it installed

    keys = {key.kid: peer.PyJWK(published(key))}
    options: Any = {"require": list(REQUIRED)}

    def judge(token: str) -> dict[str, Any]:
        found = peer.get_unverified_header(token)
        if found["typ"] != "at+jwt":
            raise ValueError("no access token")
        return peer.decode(
            token,
            keys[found["kid"]],
            algorithms=[str(key.algorithm)],
            audience=RESOURCE,
            issuer=ISSUER,
            options=options,
        )

    return judge


def of_asgi(issuer: Issuer, token: str) -> dict[str, Call]:
    """Return the subjects of bare ASGI."""

    async def bare(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": _OK, "headers": []})
        await send({"type": "http.response.body", "body": _LINE})

    guard = asgi.Guard(ISSUER, RESOURCE, keys=_keys(issuer))
    judge = joserfc(issuer.key, f"Bearer {token}")

    async def by_joserfc(scope: Any, receive: Any, send: Any) -> None:
        if not any(name == b"authorization" for name, _ in scope["headers"]):
            raise ValueError("no token")
        judge()
        await bare(scope, receive, send)

    return {
        OPEN: requests_to(bare, token),
        OURS: requests_to(asgi.GuardMiddleware(bare, guard.for_all(SCOPE)), token),
        "joserfc by hand": requests_to(by_joserfc, token),
    }


def of_starlette(issuer: Issuer, token: str) -> dict[str, Call]:
    """Return the subjects of Starlette."""
    from starlette.applications import Starlette  # noqa: PLC0415 - only who measures Starlette has it
    from starlette.authentication import (  # noqa: PLC0415 - only who measures Starlette has it
        AuthCredentials,
        AuthenticationBackend,
        SimpleUser,
        requires,
    )
    from starlette.middleware import Middleware  # noqa: PLC0415 - only who measures Starlette has it
    from starlette.middleware.authentication import AuthenticationMiddleware  # noqa: PLC0415 - only who measures Starlette has it
    from starlette.responses import Response  # noqa: PLC0415 - only who measures Starlette has it
    from starlette.routing import Route  # noqa: PLC0415 - only who measures Starlette has it

    guard = starlette.Guard(ISSUER, RESOURCE, keys=_keys(issuer))
    judge = judged_by_pyjwt(issuer.key)

    async def orders(_request: Any) -> Response:
        return Response(_LINE)

    class Backend(AuthenticationBackend):
        async def authenticate(self, conn: Any) -> tuple[AuthCredentials, SimpleUser]:
            claims = judge(bearer(conn.headers["authorization"]))
            return AuthCredentials(claims["scope"].split()), SimpleUser(claims["sub"])

    @requires(SCOPE)
    async def required(request: Any) -> Response:
        return await orders(request)

    by_hand = Starlette(
        routes=[Route("/orders", required)], middleware=[Middleware(AuthenticationMiddleware, backend=Backend())]
    )
    return {
        OPEN: requests_to(Starlette(routes=[Route("/orders", orders)]), token),
        OURS: requests_to(Starlette(routes=[Route("/orders", guard.requires(SCOPE)(orders))]), token),
        "PyJWT by hand": requests_to(by_hand, token),
    }


def of_fastapi(issuer: Issuer, token: str) -> dict[str, Call]:
    """Return the subjects of FastAPI."""
    from fastapi import Depends, FastAPI, HTTPException, Response  # noqa: PLC0415 - only who measures FastAPI has it
    from fastapi.security import HTTPBearer  # noqa: PLC0415 - only who measures FastAPI has it

    guard = fastapi.Guard(ISSUER, RESOURCE, keys=_keys(issuer))
    judge = judged_by_pyjwt(issuer.key)
    presented = Depends(HTTPBearer())

    def claims_of(credentials: Any = presented) -> dict[str, Any]:
        claims = judge(credentials.credentials)
        if SCOPE not in claims["scope"].split():
            raise HTTPException(403)
        return claims

    async def awaited(credentials: Any = presented) -> dict[str, Any]:
        return claims_of(credentials)

    def application(*dependencies: Any) -> FastAPI:
        app = FastAPI(openapi_url=None)

        async def orders() -> Response:
            return Response(_LINE)

        app.get("/orders", dependencies=list(dependencies))(orders)
        return app

    return {
        OPEN: requests_to(application(), token),
        OURS: requests_to(application(Depends(guard.token(SCOPE))), token),
        "PyJWT by hand": requests_to(application(Depends(awaited)), token),
        "PyJWT by hand, def": requests_to(application(Depends(claims_of)), token),
    }


def of_flask(issuer: Issuer, token: str) -> dict[str, Call]:
    """Return the subjects of Flask."""
    from authlib.integrations.flask_oauth2 import (  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no types
        ResourceProtector,
    )
    from authlib.oauth2 import rfc9068  # type: ignore[import-untyped]  # noqa: PLC0415 - a peer
    from flask import Flask  # noqa: PLC0415 - only who measures it has it
    from joserfc.jwk import KeySet  # noqa: PLC0415 - only who measures this peer has it installed

    keys = KeySet.import_key_set({"keys": [published(issuer.key)]})

    class Validator(rfc9068.JWTBearerTokenValidator):  # type: ignore[misc]  # Authlib has no types, so its base is Any
        def get_jwks(self) -> KeySet:
            return keys

    require = ResourceProtector()
    require.register_token_validator(Validator(ISSUER, RESOURCE))
    guard = flask.Guard(ISSUER, RESOURCE, keys=_keys(issuer))

    def application(decorate: Callable[[Any], Any]) -> Flask:
        app = Flask("orders")

        def orders() -> bytes:
            return _LINE

        app.get("/orders")(decorate(orders))
        return app

    return {
        OPEN: requests_to_wsgi(application(lambda view: view), token),
        OURS: requests_to_wsgi(application(guard.requires(SCOPE)), token),
        "Authlib": requests_to_wsgi(application(require(SCOPE)), token),
    }


FRAMEWORKS = {"ASGI": of_asgi, "Starlette": of_starlette, "FastAPI": of_fastapi, "Flask": of_flask}


def _keys(issuer: Issuer) -> AsyncRemoteJwkSet:
    return AsyncRemoteJwkSet(f"{ISSUER}/jwks", fetch=issuer.fetch_keys)


async def timed(call: Call, count: int) -> float:
    """Return the CPU microseconds of one request, over so many."""
    start = time.process_time_ns()
    for _ in range(count):
        await call()
    return (time.process_time_ns() - start) / count / 1_000


async def measured(subjects: dict[str, Call], rounds: int) -> dict[str, dict[str, float]]:
    """Return the figures of each subject, its rounds interleaved with those of the others."""
    counts = {}
    for name, call in subjects.items():
        await timed(call, 5)  # the first fetches keys, and builds what an application builds late
        per_call = max(await timed(call, 5), 1.0)
        counts[name] = max(5, int(ROUND_SECONDS * 1e6 / per_call)) if rounds > 1 else 1
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, call in subjects.items():
            samples[name].append(await timed(call, counts[name]))
    return {name: _figures(taken, samples) for name, taken in samples.items()}


def _figures(taken: list[float], samples: dict[str, list[float]]) -> dict[str, float]:
    rounds = list(zip(taken, samples[OPEN], samples[OURS], strict=True))
    return {
        "median_us": round(statistics.median(taken), 2),
        "spread": round((max(taken) - min(taken)) / statistics.median(taken), 2),
        "guard_us": round(statistics.median(one - bare for one, bare, _ in rounds), 2),
        # A single disturbed round may say that a guard costs nothing, by which nothing can be divided.
        "guard_to_valetkey": round(
            statistics.median((one - bare) / max(own - bare, 1.0) for one, bare, own in rounds), 2
        ),
    }


async def run(rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Measure every framework."""
    issuer = Issuer(Jwk.generate("ES256"))
    token = issuer.token(with_status=False)
    return {name: await measured(of(issuer, token), rounds) for name, of in FRAMEWORKS.items()}


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--smoke", action="store_true", help="run each subject once")
    chosen = parser.parse_args()
    rounds = 1 if chosen.smoke else ROUNDS
    load = load_average()
    operations = asyncio.run(run(rounds))
    for framework, row in operations.items():
        print(framework)
        for name, figure in row.items():
            print(
                f"  {name:20} {figure['median_us']:9.2f} us  spread {figure['spread']:5.2f}"
                f"  {figure['guard_us']:9.2f} us of it the guard  {figure['guard_to_valetkey']:6.2f}x ours"
            )
    if chosen.json is not None:
        packages = ("starlette", "fastapi", "flask", "PyJWT", "joserfc", "Authlib", "cryptography", "msgspec")
        versions = {name: version(name) for name in packages}
        about = {"rounds": rounds, "runs": 1, "versions": versions, "machine": conditions(load)}
        chosen.json.write_text(json.dumps({"about": about, "operations": operations}, indent=1) + "\n")


if __name__ == "__main__":
    main()
