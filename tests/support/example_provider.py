"""The OpenID Providers of deploy/examples, served as they stand there: only addresses and secrets are ours."""

from __future__ import annotations

import secrets
import shutil
import socket
import sys
import tomllib
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import msgspec

from support.production_server import ProductionServer
from valetkey.jose import Jwk, JwkSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.person import Person

EXAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "examples"
PASSWORD = "correct horse battery staple"
_ALGORITHMS = {"private-key-jwt": "ES256", "encrypted": "RSA-OAEP-256"}


@dataclass(slots=True)
class ExampleProvider:
    """A running example, with the secrets and private keys of its clients."""

    server: ProductionServer
    secrets: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Jwk] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        """Where it listens."""
        return self.server.issuer

    def person(self, username: str = "ada") -> Person:
        """Return a new browser of an end-user of the file."""
        return self.server.person(username, PASSWORD)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Ask as a client does."""
        return httpx2.get(self.issuer + path, headers=headers, timeout=30)

    def post(self, path: str, form: Mapping[str, str], auth: tuple[str, str] | None = None) -> httpx2.Response:
        """Post a form as a client does."""
        return httpx2.post(self.issuer + path, data=dict(form), auth=auth, timeout=30)


@contextmanager
def example_provider(name: str, folder: Path) -> Iterator[ExampleProvider]:
    """Serve `deploy/examples/NAME` on a free port, with every file that it names made in `folder`."""
    config = folder / name
    shutil.copyfile(EXAMPLES / name, config)
    declared = tomllib.loads(config.read_text())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environ = {
        "VALETKEY_ISSUER": f"http://localhost:{port}",
        "VALETKEY_SERVER__PORT": str(port),
        "VALETKEY_SERVER__DRAIN_DELAY": "0",
    }
    server = ProductionServer(config, port, 1, [sys.executable, "-m", "valetkey"], environ)
    provider = ExampleProvider(server)
    _secret(folder / declared["key_encryption_key_file"], b64encode(secrets.token_bytes(32)).decode())
    for client in declared.get("clients", ()):
        client_id = client["client_id"]
        if "secret_file" in client:
            provider.secrets[client_id] = secrets.token_hex(32)
            _secret(folder / client["secret_file"], provider.secrets[client_id])
        if "jwks_file" in client:
            key = provider.keys[client_id] = Jwk.generate(_ALGORITHMS[client_id])
            _secret(folder / client["jwks_file"], msgspec.json.encode(JwkSet((key.public(),)).as_dict()).decode())
    for user in declared["users"]:
        _secret(folder / user["initial_password_file"], PASSWORD)
    try:
        server.start()
        yield provider
    finally:
        server.stop()


def _secret(path: Path, content: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    path.chmod(0o600)
