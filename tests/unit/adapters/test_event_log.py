"""The log stream: nothing secret, nothing long, nothing invisible, and it never waits."""

import io
import json
import logging
import threading

import pytest

from valetkey.adapters.log import LONGEST_VALUE, StderrLog, adopt_library_logs, redact

TOKEN = "vk_at_" + "A" * 43
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


def written(*events: tuple[str, dict[str, str | int | None]]) -> list[dict[str, object]]:
    sink = io.StringIO()
    log = StderrLog(pretty=False, sink=sink)
    for event, fields in events:
        log.write(event, **fields)
    log.close()
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_an_event_is_one_line_of_json() -> None:
    (line,) = written(("request.refused", {"error": "invalid_grant", "count": 3, "absent": None}))
    assert line.pop("timestamp")
    assert line == {"event": "request.refused", "error": "invalid_grant", "count": 3}


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "refresh_token", "Authorization", "cookie", "code", "code_verifier",
             "client_assertion", "csrf", "key_encryption_key"]
)  # fmt: skip
def test_a_field_that_names_a_secret_is_never_written(name: str) -> None:
    assert redact(name, "s3cret") == "[redacted]"


@pytest.mark.parametrize(
    "text", [TOKEN, JWT, f"GET /?access={TOKEN} failed", f"Bearer {'x' * 30}", "Basic d2ViOnNlY3JldA==",
             "password=hunter2&x=1", f"eyJ{'a' * 2000}.x.y"]
)  # fmt: skip
def test_a_secret_inside_any_value_is_found(text: str) -> None:
    said = str(redact("message", text))
    assert "[redacted]" in said
    for secret in (TOKEN, JWT, "x" * 30, "d2ViOnNlY3JldA", "hunter2", "a" * 50):
        assert secret not in said


def test_what_only_looks_like_a_secret_stays_readable() -> None:
    assert redact("path", "/token") == "/token"
    assert redact("error", "invalid_token") == "invalid_token"
    assert redact("count", 7) == 7


# covers: LGG-02
@pytest.mark.parametrize(
    "hostile",
    ["a\r\nINFO forged", "\x1b[2J", '"},{"event":"forged', "\u202egnp.exe", "\u2028", "\x00", "\u200b", "\x85"],
)
def test_a_hostile_value_stays_one_line_of_visible_characters(hostile: str) -> None:
    sink = io.StringIO()
    log = StderrLog(pretty=False, sink=sink)
    log.write("probe", value=hostile)
    log.close()
    (text,) = sink.getvalue().splitlines()
    assert all(letter.isprintable() for letter in text)
    assert json.loads(text)["event"] == "probe"


# covers: LGG-02
def test_a_megabyte_is_cut_to_a_kilobyte_and_counted() -> None:
    (line,) = written(("probe", {"value": "x" * 1_000_000}))
    value = str(line["value"])
    assert value == "x" * LONGEST_VALUE + "… (1000000 characters)"


class StuckSink(io.StringIO):
    """A sink that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()

    def write(self, text: str) -> int:
        self.open.wait(10)
        return super().write(text)


# covers: LGG-05
def test_a_stuck_sink_drops_lines_and_counts_them_while_writers_go_on() -> None:
    sink = StuckSink()
    log = StderrLog(pretty=False, sink=sink)
    for number in range(12_000):
        log.write("probe", number=number)
    sink.open.set()
    log.close(timeout=10)
    lines = [json.loads(line) for line in sink.getvalue().splitlines()]
    dropped = sum(line["count"] for line in lines if line["event"] == "log.dropped")
    assert dropped > 0
    assert sum(line["event"] == "probe" for line in lines) + dropped == 12_000


class BrokenSink(io.StringIO):
    """A sink whose disk is full."""

    def write(self, text: str) -> int:
        del text
        raise OSError(28, "No space left on device")


# covers: LGG-05
def test_a_full_disk_stops_no_writer() -> None:
    log = StderrLog(pretty=False, sink=BrokenSink())
    log.write("probe")
    log.close()


def test_warnings_of_libraries_arrive_without_their_traceback() -> None:
    sink = io.StringIO()
    log = StderrLog(pretty=False, sink=sink)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        adopt_library_logs(log)
        logging.getLogger("library").error("it failed with %s", TOKEN, exc_info=ValueError(f"with {TOKEN}"))
        logging.getLogger("library").info("chatter")
    finally:
        root.handlers[:], root.level = before
    log.close()
    (line,) = [json.loads(text) for text in sink.getvalue().splitlines()]
    assert line["exception"] == "ValueError"
    assert line["message"] == "it failed with [redacted]"
    assert "Traceback" not in sink.getvalue()


def test_people_get_text_lines() -> None:
    sink = io.StringIO()
    log = StderrLog(pretty=True, sink=sink)
    log.write("server.starting", port=8400)
    # What draws the lines is imported by the thread that writes them.
    log.close(60)
    assert "server.starting" in sink.getvalue()
    assert not sink.getvalue().startswith("{")


def test_of_a_flood_of_refusals_a_part_is_written_and_the_rest_is_counted() -> None:
    sink = io.StringIO()
    log = StderrLog(pretty=False, sink=sink)
    for number in range(5_000):
        log.write("request.refused", number=number)
        log.write("token.revoked", number=number)
    log.close(timeout=10)
    lines = [json.loads(line) for line in sink.getvalue().splitlines()]

    written = sum(line["event"] == "request.refused" for line in lines)
    left_out = sum(line["count"] for line in lines if line["event"] == "log.sampled")
    assert 100 <= written < 2_500
    assert written + left_out == 5_000
    assert {line["of"] for line in lines if line["event"] == "log.sampled"} == {"request.refused"}
    assert sum(line["event"] == "token.revoked" for line in lines) == 5_000
