"""The log stream: JSON or text lines on stderr, redacted, capped and escaped, written by a thread of their own."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import unicodedata
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

Field = str | int | None

LONGEST_VALUE: Final = 1024
"""Characters of one value; what follows is cut and counted."""
_QUEUE: Final = 10_000
"""Lines that may wait for a slow sink; further ones are dropped and counted."""

SAMPLED: Final = frozenset({"request.refused", "authorization.refused", "token.issued", "login.failed"})
"""Events that anybody can bring about as often as they like: under a flood only a part of them is written."""
_IN_FULL: Final = 100
"""Lines of one sampled event in a second that are all written; of further ones, every hundredth."""
_ONE_OF: Final = 100

_SECRET_FIELDS: Final = re.compile(
    r"password|secret|token|assertion|cookie|authorization$|verifier|credential|csrf|private|encryption_key|^code$",
    re.IGNORECASE,
)
# Our own prefixes, compact JWS and JWE, and what follows an authentication scheme.
_SECRET_TEXTS: Final = re.compile(
    r"vk_[a-z]{2,3}_[A-Za-z0-9_-]+"
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"
    r"|(?<=\bBearer )\S+|(?<=\bBasic )\S+|(?<=\bDPoP )\S+"
    r"|(?<=\bpassword=)[^&\s]+|(?<=\bclient_secret=)[^&\s]+|(?<=\bcode=)[^&\s]+",
    re.IGNORECASE,
)
_REDACTED: Final = "[redacted]"
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def redact(name: str, value: Field) -> Field:
    """Return `value` as it may be logged under `name`: no secret, at most 1,024 characters, nothing invisible."""
    if not isinstance(value, str):
        return value
    if _SECRET_FIELDS.search(name):
        return _REDACTED
    # The cut comes first: a megabyte is not searched. A secret that it splits is still recognised by its start.
    cut = value[:LONGEST_VALUE]
    text = escape(_SECRET_TEXTS.sub(_REDACTED, cut))
    return text if len(value) == len(cut) else f"{text}… ({len(value)} characters)"


def escape(text: str) -> str:
    """Return `text` with control, bidirectional and other invisible characters spelled by their code points."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"\\u{ord(letter):04x}" if unicodedata.category(letter) in _HIDDEN_CATEGORIES else letter for letter in text
    )


class StderrLog:
    """The EventLog of the server: `write` costs microseconds and never waits for the sink."""

    def __init__(self, *, pretty: bool | None = None, sink: TextIO | None = None) -> None:
        """Write text lines where `pretty`, by default on a terminal, and JSON lines otherwise; sink is stderr."""
        self._sink = sink or sys.stderr
        self._pretty = self._sink.isatty() if pretty is None else pretty
        self._lines: deque[tuple[float, str, dict[str, Field]]] = deque()
        self._dropped = 0
        self._second = 0
        self._seen: dict[str, int] = {}
        self._left_out: dict[str, int] = {}
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def write(self, event: str, /, **fields: Field) -> None:
        """Queue one event; when the sink is too slow the event is dropped and counted.

        Of a flood of refusals or of tokens only a part is queued, and the rest is counted by `log.sampled`.
        """
        if event in SAMPLED and self._is_left_out(event):
            return
        if len(self._lines) >= _QUEUE:
            self._dropped += 1
            return
        self._lines.append((time.time(), event, fields))
        if self._thread is None:
            # Started by the first line: forked or spawned workers have a thread of their own.
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
        self._wake.set()

    def _is_left_out(self, event: str) -> bool:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._seen.clear()
            self._tell_of_samples()
        seen = self._seen[event] = self._seen.get(event, 0) + 1
        if seen <= _IN_FULL or seen % _ONE_OF == 0:
            return False
        self._left_out[event] = self._left_out.get(event, 0) + 1
        return True

    def _tell_of_samples(self) -> None:
        for event, count in tuple(self._left_out.items()):
            del self._left_out[event]
            self.write("log.sampled", of=event, count=count)

    def close(self, timeout: float = 1.0) -> None:
        """Write what waits, for at most `timeout` seconds, and stop."""
        self._tell_of_samples()
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        render = _renderer(pretty=self._pretty)
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._lines:
                when, event, fields = self._lines.popleft()
                self._emit(render(_line(when, event, fields)))
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._emit(render(_line(time.time(), "log.dropped", {"count": dropped})))
            if self._closing:
                return

    def _emit(self, text: str) -> None:
        try:
            self._sink.write(text + "\n")
            self._sink.flush()
        except (OSError, ValueError):
            # A full disk or a closed pipe stops the log, never the server.
            self._dropped += 1


def _line(when: float, event: str, fields: dict[str, Field]) -> dict[str, Field]:
    said = {name: redact(name, value) for name, value in fields.items() if value is not None}
    moment = datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": moment, "event": escape(event[:LONGEST_VALUE]), **said}


def _renderer(*, pretty: bool) -> Callable[[dict[str, Field]], str]:
    if not pretty:
        return lambda line: msgspec.json.encode(line).decode()
    # Imported by the first line that is written: it costs a start of the server a tenth of a second.
    from structlog.dev import ConsoleRenderer  # noqa: PLC0415

    chosen = ConsoleRenderer(pad_event_to=20)

    def render(line: dict[str, Field]) -> str:
        mutable: MutableMapping[str, object] = dict(line)
        return str(chosen(None, "", mutable))

    return render


class _Bridge(logging.Handler):
    """Brings what libraries log through the standard library into our stream."""

    def __init__(self, log: StderrLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__qualname__ if record.exc_info and record.exc_info[0] else None
        message = record.getMessage().strip()
        self._log.write(
            "library.message", logger=record.name, level=record.levelname, message=message, exception=kind
        )


def adopt_library_logs(log: StderrLog) -> None:
    """Send warnings and errors of the standard library's loggers to `log`, tracebacks and arguments excepted."""
    logging.basicConfig(handlers=[_Bridge(log)], level=logging.WARNING, force=True)
