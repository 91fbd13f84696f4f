"""Other vendors' signals at the gateway: whom it hears, and who is dead by it."""

import stat
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.issuer import NOW
from valetkey.gateway.application import DecisionApplication
from valetkey.gateway.hearing import HeardSignals, SignalRow, hear, parse_signals
from valetkey.gateway.service import DecisionService
from valetkey.gateway.settings import BadGateway, TrustedPeers
from valetkey.oauth.access_token import AccessToken, access_token_from_claims
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.signal_polling import safe_endpoint
from valetkey.settings.errors import SettingsError
from valetkey.settings.guard_file import FolderSecrets, read_guard_file

pytestmark = pytest.mark.anyio

PUSHED: dict[str, object] = {
    "name": "okta",
    "transmitter": "https://idp.example",
    "audience": "gateway",
    "authorization_file": "push.header",
}
POLLED: dict[str, object] = {
    "name": "entra",
    "transmitter": "https://login.example",
    "audience": "gateway",
    "poll_url": "https://login.example/ssf/events/1",
    "client_id": "gateway",
    "client_secret_file": "secret",
}
HEADER = "Bearer " + "3q2-7wAAAAAAAAAAAAAAAA" * 2


def _token() -> AccessToken:
    claims = {"iss": "https://idp.example", "sub": "alice", "client_id": "web", "aud": "https://api.example"}
    return access_token_from_claims({**claims, "iat": NOW, "exp": NOW + 60, "jti": "1"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("push.header", HEADER), ("secret", "s" * 40)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(stat.S_IRUSR | stat.S_IWUSR)
    return tmp_path


def test_tables_of_both_kinds_are_read() -> None:
    assert [row.name for row in parse_signals([PUSHED, POLLED])] == ["okta", "entra"]
    assert safe_endpoint(str(POLLED["poll_url"]))


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({**PUSHED, "nam": "x"}, "signals 1.nam: unknown; did you mean 'name'?"),
        ({**PUSHED, "name": "Okta!"}, "a name is written"),
        ({**PUSHED, "transmitter": "idp"}, "signals 'okta': transmitter: "),
        ({**PUSHED, "poll_url": "https://idp.example/events"}, "one of the two"),
        ({name: value for name, value in PUSHED.items() if name != "authorization_file"}, "one of the two"),
        ({**POLLED, "client_id": ""}, "are given together"),
        ({**POLLED, "poll_url": "http://login.example/events"}, "signals 'entra': poll_url: "),
        ({name: value for name, value in PUSHED.items() if name != "audience"}, "missing required field audience"),
        ("okta", "signals 1: "),
    ],
)
def test_every_fault_is_named_with_its_place(table: object, fault: str) -> None:
    with pytest.raises(BadGateway) as caught:
        parse_signals([table])
    assert fault in str(caught.value)


def test_two_tables_have_two_names() -> None:
    with pytest.raises(BadGateway, match="'okta' is named twice"):
        parse_signals([PUSHED, PUSHED])


async def test_files_that_cannot_be_used_are_said(folder: Path) -> None:
    rows = parse_signals([PUSHED, POLLED])
    (folder / "push.header").write_text("short")
    (folder / "secret").chmod(0o644)
    async with AsyncExitStack() as stack:
        with pytest.raises(BadGateway) as caught:
            hear(rows, FolderSecrets(folder), stack)
    assert "32 ASCII characters" in str(caught.value)
    assert "chmod 600" in str(caught.value)
    assert "short" not in str(caught.value)


async def test_without_tables_nothing_is_heard(folder: Path) -> None:
    async with AsyncExitStack() as stack:
        assert hear((), FolderSecrets(folder), stack) is None


def test_what_one_source_ended_is_dead_whatever_the_others_say() -> None:
    class Says:
        def __init__(self, verdict: Verdict) -> None:
            self._verdict = verdict

        def judge(self, token: AccessToken) -> Verdict:
            return self._verdict if token.subject == "alice" else Verdict.UNKNOWN

    unknown, revoked = Says(Verdict.UNKNOWN), Says(Verdict.REVOKED)
    assert HeardSignals([unknown, revoked]).judge(_token()) is Verdict.REVOKED
    assert HeardSignals([unknown, unknown]).judge(_token()) is Verdict.UNKNOWN


async def _posted(rows: tuple[SignalRow, ...], folder: Path, path: str, header: str) -> int:
    async with AsyncExitStack() as stack:
        hearing = hear(rows, FolderSecrets(folder), stack)
        assert hearing is not None
        service = DecisionService(None, None, names_plainly=False, report=lambda _: None)  # type: ignore[arg-type]  # never asked
        application = DecisionApplication(service, {}, TrustedPeers(["127.0.0.1"]), hearing.endpoints)
        said: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"authorization", header.encode()), (b"content-type", b"application/secevent+jwt")],
            # From anywhere: transmitters are no proxies of ours.
            "client": ("192.0.2.1", 4711),
        }

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"a.b.c", "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await application(scope, receive, send)
        return int(said[0]["status"])


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("/signals/okta", HEADER, 400),  # heard, and no token
        ("/signals/okta", HEADER + "x", 401),
        ("/signals/entra", HEADER, 404),  # that one is polled
        ("/signals/", HEADER, 404),
        ("/okta", HEADER, 404),
    ],
)
async def test_pushes_are_taken_by_their_name_and_header(folder: Path, path: str, header: str, status: int) -> None:
    assert await _posted(parse_signals([PUSHED, POLLED]), folder, path, header) == status


def test_pushes_want_one_process(folder: Path) -> None:
    from valetkey.gateway_server import plan_gateway  # noqa: PLC0415 - the one test of the composition here

    path = folder / "gateway.toml"
    path.write_text(
        """
resource = "https://api.example"
[[issuer]]
url = "https://idp.example"
[[route]]
path = "/"
methods = ["GET"]
[gateway]
contracts = ["caddy"]
trusted_peers = ["127.0.0.1"]
[serving]
workers = 2
[[signals]]
name = "okta"
transmitter = "https://idp.example"
audience = "gateway"
authorization_file = "push.header"
"""
    )
    with pytest.raises(SettingsError, match="one process alone"):
        plan_gateway(read_guard_file(path))
    path.write_text(path.read_text().replace("workers = 2", "workers = 1"))
    assert [row.name for row in plan_gateway(read_guard_file(path)).signals] == ["okta"]
