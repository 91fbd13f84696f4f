"""A Node script of tests/interop in a process of its own, which answers calls: a JSON line in, a JSON line out."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.require import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).resolve().parents[1] / "interop"
ANSWERS_WITHIN = 60
"""Seconds for one call, after which the script is killed and the test fails."""


class PeerRefusal(Exception):
    """What the client in the script raised; `facts` are its own members, such as `error`, `code` and `status`."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(json.dumps(facts))
        self.facts = facts

    @property
    def error(self) -> str | None:
        """The error code of OAuth, where the server sent one."""
        found: str | None = self.facts["error"]
        return found


@dataclass(frozen=True, slots=True)
class NodePeer:
    """One running script."""

    process: subprocess.Popen[str]

    def call(self, name: str, **given: object) -> Any:
        """Return what the function called `name` returns; raises PeerRefusal for what it raises."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": name, "given": given}) + "\n")
        self.process.stdin.flush()
        patience = threading.Timer(ANSWERS_WITHIN, self.process.kill)
        patience.start()
        try:
            line = self.process.stdout.readline()
        finally:
            patience.cancel()
        assert line, f"the script ended without an answer to {name}"
        answer = json.loads(line)
        if "failure" in answer:
            raise PeerRefusal(answer["failure"])
        return answer["result"]


@contextmanager
def node_peer(script: str, environment: Mapping[str, str] | None = None) -> Iterator[NodePeer]:
    """Run `script` of tests/interop; skips the test where Node or the npm clients are missing."""
    node = require("node")
    require("npm-clients")
    process = subprocess.Popen(
        [node, FOLDER / script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=FOLDER,
        env=None if environment is None else dict(environment),
    )
    try:
        yield NodePeer(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
