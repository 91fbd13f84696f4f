"""A running `valetkey serve` with one worker or several, with a web client and an end-user of its file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx2

from support.failpoints import VARIABLE, Moment
from support.lines import Line, Question, Reply, opened_lines
from support.operator import Operator
from support.person import Person
from support.serve import READY_WITHIN, SECRET, STOPS_WITHIN, Production, environment, write_configuration
from valetkey.oauth.pkce import challenge_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

API = "https://api.example.com"
CALLBACK = "https://web.example/callback"
VERIFIER = "v" * 43
PASSWORD = "correct horse battery staple"
SCOPE = "openid offline_access a.read"
OFFLINE = {"scope": SCOPE, "prompt": "consent"}
"""What a request says of an authorization that outlives the browser's session; without it, both end together."""

_FURTHER = f"""
[[clients]]
client_id = "web"
name = "Photo Prints"
grant_types = ["authorization_code", "refresh_token"]
authentication_method = "client_secret_basic"
secret_file = "secret"
redirect_uris = ["{CALLBACK}"]
scope = "{SCOPE}"
resources = ["{API}"]
id_token_signed_response_alg = "ES256"

[[users]]
username = "ada"
initial_password_file = "password"
"""
_TESTS = Path(__file__).resolve().parents[1]


def authorization_url(issuer: str, client_id: str = "web", **changes: str) -> str:
    """Return a good authorization request; `changes` replace parameters."""
    parameters = {
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid a.read",
        "state": "state-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return f"{issuer}/authorize?{urlencode(parameters | changes)}"


def redemption(code: str, client_id: str = "web", secret: str = SECRET) -> Question:
    """Return the token request that redeems a code."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": CALLBACK,
    }
    return Question.form("/token", form, (client_id, secret))


def refreshment(refresh_token: str, client_id: str = "web", secret: str = SECRET, **further: str) -> Question:
    """Return the token request that uses a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **further}
    return Question.form("/token", form, (client_id, secret))


def user_info(access_token: str) -> Question:
    """Return the UserInfo request with an access token."""
    return Question("GET", "/userinfo", headers={"authorization": f"Bearer {access_token}"})


def code_for(server: ProductionServer, person: Person, client_id: str = "web", **changes: str) -> str:
    """Return a code that a person lets the client have, signing in and consenting where that is asked."""
    return person.authorize(authorization_url(server.issuer, client_id, **changes))["code"]


def tokens_for(
    server: ProductionServer, person: Person, client_id: str = "web", secret: str = SECRET, **changes: str
) -> dict[str, str]:
    """Return the token response to a new code."""
    code = code_for(server, person, client_id, **changes)
    reply = server.ask_any(redemption(code, client_id, secret))
    assert reply.status == 200, reply.body
    return reply.document


@dataclass(slots=True)
class ProductionServer:
    """The program over one database file; it can be killed and started again."""

    config: Path
    port: int
    workers: int
    program: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    issuer: str = ""
    operator: Operator = field(init=False)
    """Runs commands beside the server."""
    running: Production = field(init=False)

    def __post_init__(self) -> None:
        """The issuer is where it listens, unless something else is said."""
        self.issuer = self.issuer or f"http://localhost:{self.port}"
        self.operator = Operator(self.config)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.config.parent / "valetkey.db"

    def start(self) -> None:
        """Start the program and wait until it is ready."""
        self.spawn()
        self.running.until_ready()

    def spawn(self) -> None:
        """Start the program."""
        log = self.config.parent / "serve.log"
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [*self.program, "serve", "--config", str(self.config)],
                stderr=errors,
                env={**environment(), **self.environ},
            )
        self.running = Production(process, self.port, log)

    def stop(self) -> int:
        """End the program by SIGTERM; return its exit code."""
        process = self.running.process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def serving(self) -> list[int]:
        """Return the process ids of those who answer requests, once all are there."""
        if self.workers == 1:
            return [self.running.process.pid]
        self.running.until(lambda: len(self.running.workers()) == self.workers)
        return sorted(self.running.workers())

    def lines(self, count: int) -> AbstractContextManager[list[Line]]:
        """Open `count` connections to each worker."""
        return opened_lines(self.serving(), self.port, count)

    def ask(self, question: Question) -> list[Reply]:
        """Ask each worker the same, one after the other."""
        with self.lines(1) as lines:
            return [line.ask(question) for line in lines]

    def ask_any(self, question: Question) -> Reply:
        """Ask whichever worker is there first."""
        with closing(Line(0, "127.0.0.1", self.port)) as line:
            return line.ask(question)

    def person(self, username: str = "ada", password: str = PASSWORD) -> Person:
        """Return a new browser of an end-user."""
        person = Person(self.issuer, username, password)
        # Where a process was killed, the answer may have to wait for the next one.
        person.browser.timeout = httpx2.Timeout(READY_WITHIN)
        return person

    def doom(self, moment: Moment, change: str) -> None:
        """Let the first process that comes to `moment` of a commit with `change` be killed or stopped there."""
        failpoint = _failpoint(self.config.parent)
        written = failpoint.with_suffix(".new")
        written.write_text(f"{moment} {change}")
        written.replace(failpoint)

    def revive(self) -> None:
        """Wait for the end of who was killed; a server without any process left is started on the same file."""
        if self.workers == 1:
            assert self.running.process.wait(STOPS_WITHIN) == -signal.SIGKILL
            self.start()
        assert not _failpoint(self.config.parent).exists()


@contextmanager
def running_production(
    folder: Path,
    *,
    workers: int = 1,
    drain_delay: int = 0,
    environ: Mapping[str, str] | None = None,
    further: str = "",
) -> Iterator[ProductionServer]:
    """Start the program as an operator does, with further variables and lines; stop it by SIGTERM in the end."""
    server = _written(folder, workers, drain_delay, [sys.executable, "-m", "valetkey"], environ or {})
    with server.config.open("a") as config:
        config.write(further)
    yield from _running(server)


@contextmanager
def running_mortal(folder: Path, *, workers: int = 1) -> Iterator[ProductionServer]:
    """Start the program with failpoints, which `doom` tells when to die."""
    program = [sys.executable, "-m", "support.failpoints"]
    environ = {
        VARIABLE: str(_failpoint(folder)),
        "PYTHONPATH": os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")]),
    }
    yield from _running(_written(folder, workers, 0, program, environ))


@contextmanager
def running_twins(folder: Path) -> Iterator[tuple[ProductionServer, ProductionServer]]:
    """Start two programs at the same moment over one database that does not exist yet, on two ports."""
    program = [sys.executable, "-m", "valetkey"]
    one = _written(folder, 1, 0, program, {})
    first = one.config.read_text()
    other = _written(folder, 1, 0, program, {})
    # Two nodes have one issuer and one key, whatever they listen on.
    twin = one.config.with_name("twin.toml")
    twin.write_text(first.replace(f"\nport = {one.port}\n", f"\nport = {other.port}\n"))
    one.config.write_text(first)
    servers = (one, replace(other, config=twin, issuer=one.issuer))
    try:
        for server in servers:
            server.spawn()
        for server in servers:
            server.running.until_ready()
        yield servers
    finally:
        for server in servers:
            server.stop()


def _failpoint(folder: Path) -> Path:
    return folder / "failpoint"


def _written(
    folder: Path, workers: int, drain_delay: int, program: Sequence[str], environ: Mapping[str, str]
) -> ProductionServer:
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o600)
    config, port = write_configuration(folder, workers=workers, drain_delay=drain_delay, further=_FURTHER)
    return ProductionServer(config, port, workers, program, environ)


def _running(server: ProductionServer) -> Iterator[ProductionServer]:
    try:
        server.start()
        yield server
    finally:
        server.stop()
