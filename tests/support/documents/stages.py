"""The surroundings that pages are run in, by name: what a reader has, and a test has to build."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from support.dev_server import running_dev
from support.provider import Provider
from valetkey.jose import Jwk, jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


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


STAGES: Final[Mapping[str, Callable[[Path], AbstractContextManager[Stage]]]] = {
    "provider": provider,
    "operator": operator,
    "production": production,
    "dev": dev,
}
