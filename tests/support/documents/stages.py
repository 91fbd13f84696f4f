"""The surroundings that pages are run in, by name: what a reader has, and a test has to build."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from support.dev_server import free_port, running_dev
from support.playing import browse, enter_code
from support.provider import Provider
from valetkey.jose import Jwk, jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from support.dev_server import DevServer


@dataclass(frozen=True, slots=True)
class Stage:
    """Texts of the page that are replaced before it runs, names for its Python, variables for its shell."""

    substitutions: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def provider(work: Path) -> Iterator[Stage]:
    """`https://login.example.com` publishes its keys; `token.txt` and `token` hold an access token of it."""
    with Provider(Jwk.generate("ES256"), Jwk.generate("RS256")) as running:
        now = int(time.time())
        claims = {
            "iss": running.issuer, "aud": "https://api.example.com", "sub": "alice", "client_id": "shop",
            "iat": now, "exp": now + 300, "jti": "t1", "scope": "orders:read",
        }  # fmt: skip
        token = jwt.sign(claims, running.keys[0], typ="at+jwt")
        (work / "token.txt").write_text(token + "\n", "utf-8")
        yield Stage({"https://login.example.com": running.issuer}, {"token": token, "provider": running})


@contextmanager
def examples(work: Path) -> Iterator[Stage]:
    """The configurations of `deploy/examples` stand in the folder, with every secret that they name."""
    for found in (Path(__file__).resolve().parents[3] / "deploy" / "examples").glob("*.toml"):
        text = found.read_text("utf-8")
        (work / found.name).write_text(text, "utf-8")
        for name in re.findall(r'"(secrets/[a-z.-]+)"', text):
            secret = work / name
            secret.parent.mkdir(exist_ok=True)
            secret.write_text(secrets.token_hex(32), "utf-8")
            secret.chmod(0o600)
    (work / "keys").mkdir()
    yield Stage()


@contextmanager
def operator(work: Path) -> Iterator[Stage]:
    """`valetkey.toml` and its database stand in the folder, as `valetkey init` and `db upgrade` make them."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    for arguments in (["init"], ["db", "upgrade", "--config", "valetkey.toml"]):
        command = [sys.executable, "-m", "valetkey", *arguments]
        subprocess.run(command, cwd=work, env=clean, check=True, capture_output=True)
    yield Stage()


@contextmanager
def production(work: Path) -> Iterator[Stage]:
    """The folders of a server's machine stand under the page's own."""
    for name in ("etc/valetkey", "var/lib/valetkey"):
        (work / name).mkdir(parents=True)
    yield Stage({f"/{name}": f"{work}/{name}" for name in ("etc/valetkey", "var/lib/valetkey")})


@contextmanager
def dev(work: Path) -> Iterator[Stage]:
    """`valetkey dev` runs, its state in `.valetkey-dev`: under its own address and that of the pages' server."""
    with running_dev(work / ".valetkey-dev") as running:
        ours = ("http://localhost:8400", "https://login.example.com")
        yield Stage({**dict.fromkeys(ours, running.issuer), "http://localhost:8401": running.api})


@contextmanager
def person(work: Path) -> Iterator[Stage]:
    """As `dev`, with alice at the keyboard: she signs in where a browser opens, and enters codes that she reads."""
    with running_dev(work / ".valetkey-dev") as running:
        stage = Stage({"http://localhost:8400": running.issuer, "http://localhost:8401": running.api})
        with opening_browsers(browse(running)):
            yield replace(stage, names={"print": printing_to_a_reader(running)})


@contextmanager
def opening_browsers(visit: Callable[[str], None]) -> Iterator[None]:
    """Let `webbrowser.open` lead to `visit`."""

    class Browser(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: FBT001, FBT002 - the standard library's
            del new, autoraise
            visit(url)
            return True

    name = "a person of the examples"
    webbrowser.register(name, None, Browser(), preferred=True)
    try:
        yield
    finally:
        order = getattr(webbrowser, "_tryorder")  # noqa: B009 - it has no public way to take a browser away
        order.remove(name)


def printing_to_a_reader(running: DevServer) -> Callable[[str], None]:
    """Return what prints for a person who enters the user code that is told."""

    def told(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        found = re.search(r"(http\S+/device) and enter ([A-Z-]+)", text)
        if found:
            threading.Thread(target=enter_code, args=(running, found[1], found[2]), daemon=True).start()

    return told


@contextmanager
def jwt_without_oauth(_work: Path) -> Iterator[Stage]:
    """The example server runs at `http://localhost:8000`, and knows alice."""
    program = Path(__file__).parents[3] / "examples" / "jwt_without_oauth" / "server.py"
    port, origin = free_port(), "http://localhost:8000"
    with TemporaryDirectory() as state:
        call = [sys.executable, str(program), "--state", state]
        password = b"correct horse battery staple\n"
        subprocess.run([*call, "add-user", "alice"], input=password, check=True, capture_output=True)
        with subprocess.Popen([*call, "--port", str(port)]) as server:
            try:
                wait_until_open(port, server)
                yield Stage({origin: f"http://localhost:{port}"})
            finally:
                server.terminate()


def wait_until_open(port: int, server: subprocess.Popen[bytes]) -> None:
    """Return when something listens on the port; raises RuntimeError where the server ends or needs too long."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server of the page did not start")


SECONDS_TO_START: Final = 60

STAGES: Final[Mapping[str, Callable[[Path], AbstractContextManager[Stage]]]] = {
    "provider": provider,
    "jwt-without-oauth": jwt_without_oauth,
    "operator": operator,
    "examples": examples,
    "production": production,
    "dev": dev,
    "person": person,
}
