"""An operator at the command line: the real commands on a real database, without a process for each."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from valetkey.cli import main

if TYPE_CHECKING:
    from click.testing import Result


@dataclass(frozen=True, slots=True)
class Operator:
    """Runs commands against one configuration."""

    config: Path

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        """Run a command of an operator with `--config`; `typed` is its standard input."""
        return self.bare(*arguments, "--config", str(self.config), typed=typed)

    def bare(self, *arguments: str, typed: str | None = None, environ: dict[str, str] | None = None) -> Result:
        """Run a command as it is, without settings of ours in the environment."""
        clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith("VALETKEY_")}
        return CliRunner().invoke(main, list(arguments), input=typed, env={**clean, **(environ or {})})

    def done(self, *arguments: str, typed: str | None = None) -> Any:
        """Run a command with `--json` that must succeed; return what it printed."""
        result = self.run(*arguments, "--json", typed=typed)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def refused(self, *arguments: str, typed: str | None = None) -> str:
        """Run a command that must be refused with exit code 1; return the line on stderr."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr.removesuffix("\n")
