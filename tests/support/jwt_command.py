"""Somebody who types `valetkey jwt ...`: the real command, without a process for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from valetkey.cli import main

if TYPE_CHECKING:
    from click.testing import Result

    from valetkey.jose import Jwk


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with keys and tokens in files."""

    folder: Path

    def run(self, *arguments: object, typed: str | bytes | None = None) -> Result:
        """Run a command; `typed` is its standard input."""
        return CliRunner().invoke(main, ["jwt", *map(str, arguments)], input=typed, catch_exceptions=False)

    def done(self, *arguments: object, typed: str | bytes | None = None) -> str:
        """Run a command that must succeed; return what it printed."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    def document(self, *arguments: object, typed: str | bytes | None = None) -> Any:
        """Run a command with --json that must succeed; return the document."""
        return json.loads(self.done(*arguments, "--json", typed=typed))

    def ended(self, code: int, *arguments: object, typed: str | bytes | None = None) -> str:
        """Run a command that must end with `code` and print nothing on standard output; return the other stream."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        return result.stderr

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def key(self, key: Jwk, name: str = "key.jwk") -> Path:
        """Write a private key."""
        return self.write(name, json.dumps(key.as_private_dict()))

    def public(self, key: Jwk, name: str = "public.jwk") -> Path:
        """Write a public key."""
        return self.write(name, json.dumps(key.as_dict()))
