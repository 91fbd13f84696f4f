"""The scripts of the token debugger in Node, which has the same WebCrypto as browsers and is started once."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import threading
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from support.require import require
from valetkey.ui.jwt_debugger import debugger_tables

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNNER = Path(__file__).with_suffix(".mjs")
ANSWERS_WITHIN = 60
TABLES = debugger_tables(str)


class _Node:
    """Node with the modules loaded: it answers a line of calls with a line of answers, until its input ends."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        with as_file(files("valetkey.ui").joinpath("static", "jwt")) as modules:
            shutil.copytree(modules, self._folder.name, dirs_exist_ok=True)
        # A browser is told by the tag that they are modules; Node is told here.
        (Path(self._folder.name) / "package.json").write_text('{"type": "module"}')
        self._process = subprocess.Popen(
            [require("node"), "--no-warnings", RUNNER, self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, calls: Iterable[tuple[str, dict[str, object]]]) -> list[Any]:
        """Return the answers; one that does not come in time ends Node and the test."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        impatience = threading.Timer(ANSWERS_WITHIN, self._process.kill)
        impatience.start()
        try:
            self._process.stdin.write(json.dumps([{"call": name, "given": given} for name, given in calls]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            impatience.cancel()
            impatience.join()
        assert line, f"Node ended with {self._process.wait()}"
        found: list[Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End Node, and take the modules away."""
        self._process.communicate()
        self._folder.cleanup()


@cache
def _node() -> _Node:
    started = _Node()
    atexit.register(started.close)
    return started


def answers(calls: Iterable[tuple[str, dict[str, object]]]) -> list[Any]:
    """Return what each call (its name and what it is given) came to: `result`, or the name of a `problem`."""
    return _node().ask(calls)


def results(calls: Iterable[tuple[str, dict[str, object]]]) -> list[Any]:
    """Return the result of each call; none may raise."""
    found = answers(calls)
    assert [answer for answer in found if "result" not in answer] == []
    return [answer["result"] for answer in found]


def result(name: str, **given: object) -> Any:
    """Return the result of one call."""
    return results([(name, given)])[0]
