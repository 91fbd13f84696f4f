"""A running `valetkey dev`, the real program in a process of its own, on a free port and a fresh state folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.person import Person
from valetkey.client import CodeFlow, Credentials, Server
from valetkey.client.discovery import metadata_url
from valetkey.oauth.types import Scope, SecretText

if TYPE_CHECKING:
    from collections.abc import Iterator

STOPS_WITHIN = 20


def free_port() -> int:
    """Return a port that nobody listens on, nor on the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@dataclass(frozen=True, slots=True)
class DevServer:
    """What the program said of itself, and its process."""

    report: dict[str, Any]
    state: Path
    process: subprocess.Popen[str]

    @property
    def issuer(self) -> str:
        """The issuer."""
        return str(self.report["issuer"])

    @property
    def api(self) -> str:
        """The demo API."""
        return str(self.report["api"])

    @property
    def ca_file(self) -> str | None:
        """The file of the throw-away CA, with --tls."""
        return self.report.get("ca_file")

    def client(self, name: str) -> dict[str, Any]:
        """The demo client called `name`."""
        found: dict[str, Any] = self.report["clients"][name]
        return found

    def secret(self, name: str) -> SecretText | None:
        """The secret of a demo client, None for a public one."""
        found = self.client(name).get("client_secret")
        return SecretText(found) if found else None

    def person(self, role: str = "") -> Person:
        """A new browser of the seeded end-user, or of the one with `role`."""
        users = [user for user in self.report["users"] if not role or user["role"] == role]
        return Person(self.issuer, users[0]["username"], users[0]["password"], ca_file=self.ca_file)

    def server(self) -> Server:
        """The endpoints, as the metadata names them."""
        return Server.parse(self.person().browser.get(metadata_url(self.issuer)).content, self.issuer)

    def command(self, *words: str) -> dict[str, Any]:
        """Run `valetkey WORDS` beside the running server, as an operator does; return the view that it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "valetkey", *words, "--state", str(self.state), "--json"],
            capture_output=True,
            text=True,
            timeout=STOPS_WITHIN,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        view: dict[str, Any] = json.loads(done.stdout)
        return view

    def add_client(self, client_id: str, *options: str) -> dict[str, Any]:
        """Register a client; return its view."""
        return self.command("client", "add", client_id, *options)

    def flow(self, name: str, scope: str) -> CodeFlow:
        """A code flow of the demo client called `name`, with its first redirect URI."""
        client = self.client(name)
        asked = Scope(scope.split())
        secret = client.get("client_secret")
        credentials = Credentials.basic(name, secret) if secret else None
        return CodeFlow(self.server(), name, client["redirect_uris"][0], asked, self.api, credentials)


@contextmanager
def running_dev(state: Path, *arguments: str) -> Iterator[DevServer]:
    """Start `valetkey dev`, wait for the one line that says it is ready, and stop it by Ctrl-C in the end."""
    if "--port" not in arguments:
        arguments = (*arguments, "--port", str(free_port()))
    command = [sys.executable, "-m", "valetkey", "dev", "--json", "--state", str(state), *arguments]
    log = state.with_suffix(".log")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    with log.open("a+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            errors.seek(0)
            raise AssertionError(f"valetkey dev ended with {process.wait()}: {errors.read()[-2000:]}")
        try:
            yield DevServer(json.loads(line), state, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(STOPS_WITHIN)
            process.stdout.close()
