"""Envoy, nginx, Caddy, Traefik and HAProxy as processes, each with the snippet that the command prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from support.dev_server import free_port
from support.proxies.raw import exchange
from support.require import require
from valetkey.gateway.snippets import SNIPPETS, Address, Addresses, Credentials, snippet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

READY_WITHIN = 30
STOPS_WITHIN = 15
NOT_FOUND = 404

PROXIES = ("nginx", "caddy", "traefik", "haproxy", "envoy-http", "envoy-grpc")

_NGINX_AROUND = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    include {folder}/nginx.conf;
}}
"""
_CADDY_AROUND = "{{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}}\nimport {folder}/Caddyfile\n"


@dataclass(frozen=True, slots=True)
class Between:
    """The loopback ports of the API and of the decision service, and what the API sees of the credentials."""

    upstream: int
    decision: int
    credentials: Credentials = Credentials.DROPPED


def write_configuration(name: str, folder: Path, addresses: Addresses, credentials: Credentials) -> None:
    """Write the snippet as it is, and beside it what a machine has anyway."""
    for each in (name, f"{name}-lua"):
        if each in SNIPPETS:
            (folder / SNIPPETS[each]).write_text(snippet(each, addresses, credentials), encoding="utf-8")
    if name == "nginx":
        (folder / "around.conf").write_text(_NGINX_AROUND.format(folder=folder))
    if name == "caddy":
        (folder / "around").write_text(_CADDY_AROUND.format(folder=folder))


def command_of(name: str, folder: Path, listen: Address) -> list[str]:
    """Return the command that runs a proxy with the configuration in `folder`."""
    match name:
        case "nginx":
            return [str(require("nginx")), "-p", str(folder), "-c", str(folder / "around.conf")]
        case "caddy":
            return [str(require("caddy")), "run", "--adapter", "caddyfile", "--config", str(folder / "around")]
        case "traefik":
            return [
                str(require("traefik")),
                f"--entryPoints.web.address={listen}",
                f"--providers.file.filename={folder / SNIPPETS[name]}",
                "--providers.file.watch=false",
                "--global.checkNewVersion=false",
                "--global.sendAnonymousUsage=false",
                "--log.level=ERROR",
            ]
        case "haproxy":
            return [str(require("haproxy")), "-db", "-f", str(folder / SNIPPETS[name])]
        case _:
            flags = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
            return [str(require("envoy")), "-c", str(folder / SNIPPETS[name]), *flags]


@contextmanager
def running_proxy(
    name: str, folder: Path, between: Between, files: Mapping[str, str] = MappingProxyType({})
) -> Iterator[int]:
    """Run the proxy called `name`; yield the port on which it listens. `files` replace some of what it is given."""
    listen = Address("127.0.0.1", free_port())
    addresses = Addresses(Address("127.0.0.1", between.upstream), Address("127.0.0.1", between.decision), listen)
    write_configuration(name, folder, addresses, between.credentials)
    for file, content in files.items():
        (folder / file).write_text(content)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOMAXPROCS": "1",
        "XDG_DATA_HOME": str(folder),
    }
    log = folder / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command_of(name, folder, listen), cwd=folder, env=environment, stdout=output, stderr=output
        )
        try:
            _await_answer(listen.port, process, log)
            yield listen.port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    sys.stdout.write(log.read_text(errors="replace"))


def _await_answer(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # Traefik listens before it has read its routes, and says 404 until then.
            if exchange(port, "GET", "/ready").status != NOT_FOUND:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"the proxy did not start: {log.read_text(errors='replace')[-4000:]}")
