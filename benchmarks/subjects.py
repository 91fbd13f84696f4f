"""The servers that are measured: ours with one or more workers, and npm oidc-provider, registered alike."""

from __future__ import annotations

import os
import re
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
from urllib.parse import urlencode, urljoin

import httpx2

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s" * 43
BASIC = {name: b64encode(f"{name}:{SECRET}".encode()).decode() for name in ("machine", "web")}
REDIRECT_URI = "https://web.example.com/callback"
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a server that lives for one run
PEER = Path(__file__).parent / "peer_server.mjs"
PEER_LIBRARY = Path(__file__).parents[1] / "tests" / "interop" / "node_modules" / "oidc-provider"
_STARTS_WITHIN = 60.0

CONFIGURATION = """
issuer = "http://localhost:{port}"
key_encryption_key_file = "kek"

[server]
port = {port}
workers = {workers}
drain_delay = 0

[[resources]]
identifier = "https://api.example.com"
name = "API"
scopes = {{ "a.read" = "Read" }}
introspection_client_ids = ["api"]

[[clients]]
client_id = "api"
grant_types = []
authentication_method = "client_secret_basic"
secret_file = "secret"
scope = "a.read"

[[clients]]
client_id = "machine"
grant_types = ["client_credentials"]
authentication_method = "client_secret_basic"
secret_file = "secret"
scope = "a.read"
resources = ["https://api.example.com"]

[[clients]]
client_id = "web"
grant_types = ["authorization_code", "refresh_token"]
authentication_method = "client_secret_basic"
secret_file = "secret"
scope = "openid offline_access a.read"
resources = ["https://api.example.com"]
redirect_uris = ["https://web.example.com/callback"]
consent = "first_party"
id_token_signed_response_alg = "ES256"

[[users]]
username = "alice"
initial_password_file = "password"
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """One running server; `authorize` and `token` are its paths."""

    name: str
    port: int
    pid: int
    authorize: str
    token: str

    def cpu_seconds(self) -> float:
        """CPU that the process and its children have used, user and system."""
        ticks = 0
        for pid in tree(self.pid):
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        """Memory of the process and its children; what they share is counted once."""
        kib = 0
        for pid in tree(self.pid):
            with suppress(OSError):
                found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
                kib += int(found[1]) if found else 0
        return kib / 1024

    def sign_in(self) -> str:
        """Sign in once with a browser's forms; return the Cookie header line of the live session."""
        issuer = f"http://localhost:{self.port}"
        with httpx2.Client(trust_env=False, timeout=30, follow_redirects=False) as browser:
            response = browser.get(f"{issuer}{self.authorize}?{code_query('state')}")
            for _ in range(15):
                if response.status_code in {302, 303}:
                    target = urljoin(str(response.url), response.headers["location"])
                    if target.startswith(REDIRECT_URI):
                        break
                    response = browser.get(target)
                    continue
                action, fields = _form_of(response.text)
                response = browser.post(urljoin(str(response.url), action), data=fields)
            else:
                raise RuntimeError(f"{self.name}: signing in does not end")
            pairs = {cookie.name: cookie.value for cookie in browser.cookies.jar}
        return "Cookie: " + "; ".join(f"{name}={value}" for name, value in pairs.items()) + "\r\n"


def code_query(state: str) -> str:
    """Return the query of an authorization request."""
    return urlencode(
        {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": REDIRECT_URI,
            "scope": "openid offline_access a.read",
            "resource": "https://api.example.com",
            "state": state,
            "nonce": "nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
    )


def _form_of(page: str) -> tuple[str, dict[str, str]]:
    form = re.search(r"<form[^>]*action=\"([^\"]+)\"[^>]*>(.*?)</form>", page, re.DOTALL)
    if form is None:
        raise RuntimeError("a page without a form: " + page[:300])
    fields = {}
    for tag in re.findall(r"<input[^>]*>", form[2]):
        named = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        fields[named.get("name", "")] = named.get("value", "")
    for name in fields:
        if name in {"username", "login"}:
            fields[name] = "alice"
        elif name == "password":
            fields[name] = PASSWORD
    fields.pop("", None)
    return form[1].replace("&amp;", "&"), fields


def tree(pid: int) -> list[int]:
    """Return the process and its descendants."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            found += [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare_ours(folder: Path, workers: int) -> tuple[list[str], int]:
    """Write a configuration; return the command that serves it, and its port."""
    port = free_port()
    kek = folder / "kek"
    if not kek.exists():
        contents = {"kek": b64encode(secrets.token_bytes(32)).decode(), "secret": SECRET, "password": PASSWORD}
        for name, content in contents.items():
            (folder / name).write_text(content)
            (folder / name).chmod(0o600)
    path = folder / f"valetkey-{workers}.toml"
    path.write_text(CONFIGURATION.format(port=port, workers=workers))
    return [sys.executable, "-m", "valetkey", "serve", "--config", str(path)], port


def prepare_peer() -> tuple[list[str], int]:
    """Return the command of the peer, and its port."""
    port = free_port()
    return ["node", str(PEER), str(port), SECRET], port


def environment() -> dict[str, str]:
    """Return what a started process finds: nothing of ours is set, and Python keeps the code that it compiled."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("VALETKEY_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**own, "NODE_ENV": "production"}


@contextmanager
def running(name: str, command: list[str], port: int, core: int | None) -> Iterator[Subject]:
    """Start a server, on one core where one is named, wait until it answers, and stop it in the end."""
    pinned = ["taskset", "-c", str(core), *command] if core is not None else command
    process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        until_answers(port, process)
        authorize = "/auth" if name == "oidc-provider" else "/authorize"
        yield Subject(name, port, process.pid, authorize, "/token")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_answers(port: int, process: subprocess.Popen[bytes]) -> float:
    """Return the clock's reading when the JWK Set or discovery was answered 200 for the first time."""
    deadline = time.perf_counter() + _STARTS_WITHIN
    request = b"GET /.well-known/openid-configuration HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    while time.perf_counter() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as asked:
            asked.settimeout(20)
            asked.sendall(request)
            if asked.recv(64).startswith(b"HTTP/1.1 200"):
                return time.perf_counter()
        time.sleep(0.002)
    raise RuntimeError(f"the server on port {port} did not start")
