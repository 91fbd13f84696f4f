"""Runs console examples in one shell for a page: `$ command`, and below it what it prints, where that is shown."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from support.documents.python_blocks import ExampleFailed, matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROGRAMS: Final = frozenset({
    "valetkey", "python", "cat", "cd", "chmod", "cp", "curl", "cut", "echo", "export", "false", "head", "ls",
    "mkdir", "mv", "openssl", "printf", "rm", "stat", "tail", "test", "true",
})  # fmt: skip
"""What a page may call: ours, and what every machine has. Others want a `not run` comment."""
SECONDS: Final = 90
_END: Final = "::end-of-command::"


@dataclass(frozen=True, slots=True)
class Command:
    """A command as typed, what is shown below it, and its line on the page."""

    text: str
    shown: str
    line: int


def commands(source: str, line: int) -> Iterator[Command]:
    """The commands of a block; raises ExampleFailed where it does not begin with one."""
    lines = source.splitlines()
    place = 0
    while place < len(lines):
        start = place
        if not lines[place].startswith("$ "):
            if lines[place].strip():
                raise ExampleFailed(f"line {line + place}: a console block begins with a command: $ ...")
            place += 1
            continue
        text = lines[place][2:]
        while text.endswith("\\") and place + 1 < len(lines):
            place += 1
            text += "\n" + lines[place]
        place += 1
        shown = []
        while place < len(lines) and not lines[place].startswith("$ "):
            shown.append(lines[place])
            place += 1
        yield Command(text, "\n".join(shown).strip("\n"), line + start)


def programs(command: str) -> set[str]:
    """The programs that a command line calls."""
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    found: set[str] = set()
    is_first = True
    for word in lexer:
        if set(word) <= set("|&;()"):
            is_first = True
        elif is_first and "=" not in word and word != "$":
            found.add(word)
            is_first = False
    return found


class Shell:
    """One bash for a page: variables and the folder stay from block to block."""

    def __init__(self, folder: Path, tools: Path, environment: Mapping[str, str]) -> None:
        _write_programs(tools)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
        own = {
            "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**kept, **own, "COLUMNS": "116", **environment},
            start_new_session=True,
        )

    def close(self) -> None:
        """End the shell, and whatever it started."""
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                pipe.close()

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a command and what it printed, on both streams."""
        if self._bash.stdin is None or self._bash.stdout is None:
            raise ExampleFailed("the shell has ended")
        script = f"{{ {command}\n}} </dev/null; __code=$?; printf '\\n%s %d\\n' '{_END}' $__code; (exit $__code)\n"
        self._bash.stdin.write(script.encode())
        self._bash.stdin.flush()
        seen = b""
        deadline = time.monotonic() + SECONDS
        while _END.encode() + b" " not in seen or not seen.endswith(b"\n"):
            ready, _, _ = select.select([self._bash.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self._bash.stdout.fileno(), 65_536) if ready else b""
            if not more:
                raise ExampleFailed(f"it did not end within {SECONDS} seconds: {command}\n{seen.decode()}")
            seen += more
        printed, _, code = seen.decode("utf-8", "replace").rpartition(f"\n{_END} ")
        return int(code), printed


def run_block(shell: Shell, path: Path, source: str, line: int) -> None:
    """Run the commands of a block; raises ExampleFailed for the first that does not do what is shown."""
    listed = list(commands(source, line))
    for place, command in enumerate(listed):
        where = f"{path}:{command.line}: $ {command.text}"
        strange = programs(command.text) - PROGRAMS
        if strange:
            raise ExampleFailed(f"{where}\ncalls {', '.join(sorted(strange))}: mark the block as not run")
        code, printed = shell.run(command.text)
        is_asked = place + 1 < len(listed) and listed[place + 1].text == "echo $?"
        if code != 0 and not is_asked:
            raise ExampleFailed(f"{where}\nended with {code}:\n{printed}")
        if command.shown and not matches(command.shown, printed):
            raise ExampleFailed(f"{where}\nshown:\n{command.shown}\nprinted:\n{printed}")


def _write_programs(tools: Path) -> None:
    tools.mkdir(parents=True, exist_ok=True)
    for name, call in (("valetkey", "-m valetkey"), ("python", "")):
        program = tools / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n', "utf-8")
        program.chmod(0o755)
