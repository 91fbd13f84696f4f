"""`valetkey init`: a commented configuration that `valetkey serve` accepts as it is."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path

import click

from valetkey.adapters.chance import draw_fresh
from valetkey.cli import fail
from valetkey.cli.output import say, show_json
from valetkey.oauth.types import Issuer
from valetkey.settings.template import template


@click.command("init")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("valetkey.toml"), show_default=True, help="The file."
)
@click.option(
    "--issuer",
    default="http://localhost:8080",
    show_default=True,
    help="The URL under which clients and browsers will reach the server.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def init(output: Path, issuer: str, *, as_json: bool) -> None:
    r"""Write a commented configuration, and a key-encryption key in a file of its own. Nothing is overwritten.

    \b
    Example: valetkey init --output /etc/valetkey/valetkey.toml --issuer https://login.example.com
    """
    key = output.with_suffix(".key")
    try:
        text = template(Issuer.parse(issuer).url, key.name)
    except ValueError as error:
        fail(f"--issuer: {error}, found {issuer!r}")
    for path in (output, key):
        if path.exists():
            fail(f"{path} exists and is left as it is: name another file with --output")
    _write_new(key, b64encode(draw_fresh().draw("key-encryption key")) + b"\n")
    _write_new(output, text.encode())
    if as_json:
        show_json({"config": str(output), "key_encryption_key_file": str(key)})
        return
    say(f"wrote {output} and {key}")
    say(f"Keep a copy of {key} apart from the database: without it the signing keys cannot be opened.")
    say(f"Next: valetkey serve --config {output}")


def _write_new(path: Path, content: bytes) -> None:
    # Created readable by its owner alone: a mode set afterwards would come too late.
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        fail(f"{path} cannot be written: {(error.strerror or '').lower()}")
