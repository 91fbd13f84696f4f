"""What an operator sees on a real terminal: a password that is not echoed, and colour."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.serve import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.operator import Operator

ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
PASSWORD = b"correct horse battery"


@contextmanager
def terminal(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of ours on a terminal; what it shows is read from `stdout`, keys go to `stdin`."""
    command = [sys.executable, "-c", ON_A_TERMINAL, sys.executable, "-m", "valetkey", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**environment(), "TERM": "xterm", **variables}
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def _until(program: subprocess.Popen[bytes], shown: bytes) -> bytes:
    assert program.stdout is not None
    seen = b""
    while shown not in seen:
        more = os.read(program.stdout.fileno(), 4096)
        assert more, seen
        seen += more
    return seen


def _type(program: subprocess.Popen[bytes], line: bytes) -> None:
    assert program.stdin is not None
    program.stdin.write(line + b"\n")
    program.stdin.flush()


def test_a_password_is_asked_for_twice_and_never_echoed(operator: Operator) -> None:
    with terminal("user", "add", "ada", "--config", str(operator.config)) as program:
        seen = _until(program, b"Password: ")
        _type(program, PASSWORD)
        seen += _until(program, b"Repeat for confirmation: ")
        _type(program, PASSWORD)
        seen += _until(program, b"user ada was added")

    assert PASSWORD not in seen
    assert operator.done("user", "show", "ada")["has_password"] is True


def test_a_password_that_was_repeated_wrongly_is_asked_for_again(operator: Operator) -> None:
    with terminal("user", "add", "ada", "--config", str(operator.config)) as program:
        _until(program, b"Password: ")
        _type(program, PASSWORD)
        _until(program, b"Repeat for confirmation: ")
        _type(program, b"correct house battery")
        seen = _until(program, b"Password: ")

    assert b"do not match" in seen
    assert operator.done("user", "list") == []


def test_a_table_has_colour_on_a_terminal_unless_it_is_not_wanted(operator: Operator) -> None:
    operator.done("tenant", "add", "acme")

    shown = {}
    for name, variables in (("wanted", {}), ("unwanted", {"NO_COLOR": "1"})):
        with terminal("tenant", "list", "--config", str(operator.config), **variables) as program:
            shown[name] = _until(program, b"acme")

    assert b"\x1b[1m" in shown["wanted"]
    assert b"\x1b[" not in shown["unwanted"]
