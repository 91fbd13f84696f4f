"""The scripts of the token debugger in Node, which has the same WebCrypto as browsers."""

from __future__ import annotations

import json
import shutil
import subprocess
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


def answers(calls: Iterable[tuple[str, dict[str, object]]]) -> list[Any]:
    """Return what each call (its name and what it is given) came to: `result`, or the name of a `problem`."""
    node = require("node")
    with TemporaryDirectory() as folder:
        with as_file(files("valetkey.ui").joinpath("static", "jwt")) as modules:
            shutil.copytree(modules, folder, dirs_exist_ok=True)
        # A browser is told by the tag that they are modules; Node is told here.
        (Path(folder) / "package.json").write_text('{"type": "module"}')
        done = subprocess.run(
            [node, "--no-warnings", RUNNER, folder],
            input=json.dumps([{"call": name, "given": given} for name, given in calls]),
            capture_output=True,
            text=True,
            timeout=ANSWERS_WITHIN,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def results(calls: Iterable[tuple[str, dict[str, object]]]) -> list[Any]:
    """Return the result of each call; none may raise."""
    found = answers(calls)
    assert [answer for answer in found if "result" not in answer] == []
    return [answer["result"] for answer in found]


def result(name: str, **given: object) -> Any:
    """Return the result of one call."""
    return results([(name, given)])[0]
