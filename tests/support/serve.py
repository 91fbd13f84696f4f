"""A running `valetkey serve`, the real program in processes of its own, configured with one machine client."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READY_WITHIN = 60.0
STOPS_WITHIN = 40
SECRET = "s" * 43

CONFIGURATION = """
issuer = "http://localhost:{port}"
key_encryption_key_file = "kek"

[server]
port = {port}
workers = {workers}
drain_delay = {drain_delay}

[[resources]]
identifier = "https://api.example.com"
name = "API"
scopes = {{ "a.read" = "Read" }}

[[clients]]
client_id = "machine"
name = "Machine"
grant_types = ["client_credentials"]
authentication_method = "client_secret_basic"
secret_file = "secret"
scope = "a.read"
resources = ["https://api.example.com"]
"""


def write_configuration(
    folder: Path, *, workers: int = 1, drain_delay: int = 0, further: str = ""
) -> tuple[Path, int]:
    """Write a configuration that `serve` accepts; return its path and the port it names."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    for name, content in (("kek", b64encode(secrets.token_bytes(32)).decode()), ("secret", SECRET)):
        (folder / name).write_text(content)
        (folder / name).chmod(0o600)
    path = folder / "valetkey.toml"
    path.write_text(CONFIGURATION.format(port=port, workers=workers, drain_delay=drain_delay) + further)
    return path, port


def command(path: Path) -> list[str]:
    """Return the command line that serves `path`."""
    return [sys.executable, "-m", "valetkey", "serve", "--config", str(path)]


def environment() -> dict[str, str]:
    """Return this process's environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}


@dataclass(frozen=True, slots=True)
class Production:
    """The running program."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def token(self, client: httpx2.Client) -> httpx2.Response:
        """Ask for a token by client credentials."""
        form = {"grant_type": "client_credentials"}
        return client.post(f"{self.url}/token", data=form, auth=("machine", SECRET))

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in _command_of(int(child))]

    def until_ready(self) -> None:
        """Wait until `/readyz` answers 200."""
        with httpx2.Client() as client:
            self.until(lambda: client.get(f"{self.url}/readyz").status_code == 200)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()` is true; the program's end or a minute ends the test."""

        deadline = time.monotonic() + READY_WITHIN
        while True:
            with suppress(httpx2.TransportError):
                if holds():
                    return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def running_serve(folder: Path, *, workers: int = 1, drain_delay: int = 0) -> Iterator[Production]:
    """Start `valetkey serve`, wait until it is ready, and stop it by SIGTERM in the end."""
    path, port = write_configuration(folder, workers=workers, drain_delay=drain_delay)
    log = folder / "serve.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(command(path), stderr=errors, env=environment())
    running = Production(process, port, log)
    try:
        running.until_ready()
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
