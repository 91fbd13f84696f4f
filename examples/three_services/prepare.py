"""Makes what nobody else may know: the server's key, two clients' credentials, a password."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING

from addresses import STATE

from valetkey.jose import Jwk

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: str) -> None:
    """Write a file that its owner alone can read."""
    path.touch(mode=0o600)
    path.write_text(content)


def prepare() -> None:
    """Fill the folder `state`, unless it is there."""
    if STATE.exists():
        return
    STATE.mkdir(mode=0o700)
    write(STATE / "key-encryption.key", b64encode(secrets.token_bytes(32)).decode())
    write(STATE / "shop.secret", secrets.token_urlsafe(32))
    # The server gets the public part alone: there is no secret of `orders` that it could lose.
    key = Jwk.generate("ES256")
    write(STATE / "orders.private.json", json.dumps(key.as_private_dict()))
    write(STATE / "orders.jwks.json", json.dumps({"keys": [key.public().as_dict()]}))
    write(STATE / "ada.password", secrets.token_urlsafe(12))


if __name__ == "__main__":
    prepare()
    print("Sign in as ada with the password", (STATE / "ada.password").read_text())
