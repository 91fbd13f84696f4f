"""A web application that issues and verifies its own JWTs: login, a cookie, CSRF defence, a logout that works.

Run it with `python server.py add-user alice` and then `python server.py`; everything it keeps is in `state/`.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import hmac
import html
import json
import os
import secrets
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from valetkey.jose import InvalidToken, Jwk, JwkSet, Verifier, jwt

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

LIFETIME = 8 * 3600
"""Seconds until somebody signs in again."""
GUESSES, GUESSES_SECONDS = 10, 900
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SCHEMA = """
create table if not exists users (name text primary key, password blob, salt blob, generation integer not null);
create table if not exists ended (jti text primary key, expires_at integer not null);
create table if not exists failures (name text not null, at integer not null);
"""


# --- what is kept ------------------------------------------------------------------------------------------------


def hash_password(password: str, salt: bytes) -> bytes:
    """Return the scrypt hash, with parameters that OWASP recommends; it takes some 100 ms on purpose."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**15, r=8, p=3, maxmem=2**26)


@dataclass(frozen=True, slots=True)
class Store:
    """Users, and the tokens that ended before their time."""

    path: Path

    def open(self) -> sqlite3.Connection:
        """Return a connection; the tables are there."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.executescript(SCHEMA)
        return connection

    def put_user(self, name: str, password: str) -> None:
        """Add a user or change the password. The generation rises: every token of the user is dead."""
        salt = secrets.token_bytes(16)
        with closing(self.open()) as db:
            db.execute(
                "insert into users values (?1, ?2, ?3, 1) on conflict (name)"
                " do update set password = ?2, salt = ?3, generation = generation + 1",
                (name, hash_password(password, salt), salt),
            )

    def password_matches(self, name: str, password: str) -> bool:
        """Tell whether the password is right; an unknown user takes as long as a known one."""
        with closing(self.open()) as db:
            row = db.execute("select password, salt from users where name = ?", (name,)).fetchone()
        expected, salt = row or (b"", b"nobody")
        return hmac.compare_digest(hash_password(password, salt), expected)

    def may_try(self, name: str, now: int) -> bool:
        """Count a login; False where too many failed of late."""
        with closing(self.open()) as db:
            db.execute("delete from failures where at < ?", (now - GUESSES_SECONDS,))
            db.execute("insert into failures values (?, ?)", (name, now))
            (count,) = db.execute("select count(*) from failures where name = ?", (name,)).fetchone()
        return bool(count <= GUESSES)

    def forget_failures(self, name: str) -> None:
        """Start counting again."""
        with closing(self.open()) as db:
            db.execute("delete from failures where name = ?", (name,))

    def generation(self, name: str) -> int | None:
        """Return the generation in which tokens of the user are made, or None where there is no such user."""
        with closing(self.open()) as db:
            row = db.execute("select generation from users where name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def is_alive(self, name: str, generation: int, jti: str) -> bool:
        """Tell whether a token has been ended: by itself, or with all others of its user."""
        with closing(self.open()) as db:
            row = db.execute(
                "select 1 from users where name = ? and generation = ? and not exists"
                " (select 1 from ended where jti = ?)",
                (name, generation, jti),
            ).fetchone()
        return row is not None

    def end(self, jti: str, expires_at: int, now: int) -> None:
        """End one token. What has expired anyway is forgotten, so the table stays small."""
        with closing(self.open()) as db:
            db.execute("delete from ended where expires_at <= ?", (now,))
            db.execute("insert or ignore into ended values (?, ?)", (jti, expires_at))

    def end_all(self, name: str) -> None:
        """End every token of a user at once."""
        with closing(self.open()) as db:
            db.execute("update users set generation = generation + 1 where name = ?", (name,))


# --- tokens ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who is signed in, by which token."""

    name: str
    jti: str
    expires_at: int


class Sessions:
    """Issues and verifies the JWT in the cookie. One server does both, so a shared secret is the right key."""

    def __init__(self, origin: str, key: Jwk, store: Store, clock: Callable[[], int]) -> None:
        self.origin, self.store, self.clock = origin, store, clock
        self._key, self._keys = key, JwkSet((key,))
        self._verifier = Verifier(
            issuer=origin,
            audience=origin,
            typ="session+jwt",
            algorithms=[key.algorithm],
            required=["sub", "jti", "iat", "gen"],
        )

    def issue(self, name: str) -> str:
        """Return a new token for a user who has just shown the password."""
        now = self.clock()
        claims = {
            "iss": self.origin,
            "aud": self.origin,
            "sub": name,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(16),
            "gen": self.store.generation(name),
        }
        return jwt.sign(claims, self._key, typ="session+jwt")

    def verify(self, token: str) -> Login | None:
        """Return who is signed in by this token, or None."""
        try:
            claims = self._verifier.verify(token, self._keys, now=self.clock()).claims
        except InvalidToken:
            return None
        name, jti, generation = str(claims["sub"]), str(claims["jti"]), claims["gen"]
        # A signature only says that we issued the token once. Whether it still counts, only we can know.
        if type(generation) is not int or not self.store.is_alive(name, generation, jti):
            return None
        return Login(name, jti, int(str(claims["exp"])))


# --- HTTP --------------------------------------------------------------------------------------------------------


class SameOriginOnly:
    """Refuses what another site makes a browser do: the cookie comes along by itself, the intention does not."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self.app, self.origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] in UNSAFE and not self._is_ours(dict(scope["headers"])):
            await PlainTextResponse("This request came from another site.", 403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_ours(self, headers: dict[bytes, bytes]) -> bool:
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if site is not None:
            return site in {b"same-origin", b"none"}
        # No browser of today sends neither with a POST: such a request carries no cookie that a victim owns.
        return origin is None or origin == self.origin.encode()


class Pages:
    """The endpoints."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.is_https = sessions.origin.startswith("https://")
        # The prefix makes the browser refuse a cookie of this name from a sibling domain or over http.
        self.cookie = "__Host-session" if self.is_https else "session"

    async def home(self, request: Request) -> Response:
        """Who is signed in, or the form to do so."""
        login = await self._login(request)
        return page(SIGN_IN if login is None else SIGNED_IN.format(name=html.escape(login.name)))

    async def sign_in(self, request: Request) -> Response:
        """Take name and password, and set the cookie."""
        form = parse_qs((await request.body())[:4096].decode("utf-8", "replace"))
        name, password = form.get("name", [""])[0], form.get("password", [""])[0]
        store = self.sessions.store
        if not await run_in_threadpool(store.may_try, name, self.sessions.clock()):
            return page("<p>Too many attempts. Try again in a quarter of an hour.</p>", 429)
        if not await run_in_threadpool(store.password_matches, name, password):
            return page("<p>The name or the password is wrong.</p>" + SIGN_IN, 401)
        await run_in_threadpool(store.forget_failures, name)
        token = await run_in_threadpool(self.sessions.issue, name)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            self.cookie, token, max_age=LIFETIME, path="/", secure=self.is_https, httponly=True, samesite="lax"
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """End this token, on the server: a copy of the cookie is dead too."""
        login = await self._login(request)
        if login is not None:
            await run_in_threadpool(self.sessions.store.end, login.jti, login.expires_at, self.sessions.clock())
        return self._signed_out()

    async def sign_out_everywhere(self, request: Request) -> Response:
        """End every token of the user."""
        login = await self._login(request)
        if login is not None:
            await run_in_threadpool(self.sessions.store.end_all, login.name)
        return self._signed_out()

    async def _login(self, request: Request) -> Login | None:
        token = request.cookies.get(self.cookie)
        return None if token is None else await run_in_threadpool(self.sessions.verify, token)

    def _signed_out(self) -> Response:
        response = RedirectResponse("/", 303)
        response.delete_cookie(self.cookie, path="/", secure=self.is_https, httponly=True, samesite="lax")
        return response


SIGN_IN = """<form method="post" action="/sign-in">
<label>Name <input name="name" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button></form>"""
SIGNED_IN = """<p>Hello, {name}.</p>
<form method="post" action="/sign-out"><button>Sign out</button></form>
<form method="post" action="/sign-out-everywhere"><button>Sign out everywhere</button></form>"""
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


def page(body: str, status: int = 200) -> HTMLResponse:
    """Return a page that no cache keeps and no other site can frame."""
    return HTMLResponse(f'<!doctype html><html lang="en"><title>Notes</title>{body}</html>\n', status, HEADERS)


def application(
    origin: str, key: Jwk, store: Store, clock: Callable[[], int] = lambda: int(time.time())
) -> Starlette:
    """Return the application that browsers see at `origin`."""
    pages = Pages(Sessions(origin, key, store, clock))
    routes = [
        Route("/", pages.home),
        Route("/sign-in", pages.sign_in, methods=["POST"]),
        Route("/sign-out", pages.sign_out, methods=["POST"]),
        Route("/sign-out-everywhere", pages.sign_out_everywhere, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SameOriginOnly, origin=origin)])


# --- the program -------------------------------------------------------------------------------------------------


def read_or_make_key(path: Path) -> Jwk:
    """Return the key of the file, which only its owner can read; made at the first start."""
    if not path.exists():
        text = json.dumps(Jwk.generate("HS256").as_private_dict())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    return Jwk.parse(path.read_bytes())


def main() -> None:
    """Serve, or add a user whose password is typed or comes from standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("state"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--origin", help="what browsers see, such as https://notes.example")
    parser.add_argument("command", nargs="*", metavar="add-user NAME")
    options = parser.parse_args()
    options.state.mkdir(mode=0o700, exist_ok=True)
    store = Store(options.state / "users.db")
    match options.command:
        case ["add-user", name]:
            store.put_user(name, getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n"))
        case []:
            import uvicorn  # noqa: PLC0415 - adding a user needs none

            origin = options.origin or f"http://localhost:{options.port}"
            app = application(origin, read_or_make_key(options.state / "session.jwk"), store)
            uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")
        case _:
            parser.error("the only command is: add-user NAME")


if __name__ == "__main__":
    main()
