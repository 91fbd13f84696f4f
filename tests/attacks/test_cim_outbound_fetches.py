"""The guarded fetcher against a real TLS server that does its worst, and names that lead inwards."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.hostile_server import HOST, HostileServer, Names, hostile_server, http
from support.house import HouseLog
from support.requirement import requirement
from valetkey.adapters.outbound.fetcher import GuardedFetcher
from valetkey.adapters.outbound.lanes import Lanes
from valetkey.authorization_server.outbound import FetchRules, Lane, OutboundBody, Unfetchable
from valetkey.authorization_server.outbound_guard import Blocks, Guard, Openings

RULES = FetchRules(("application/json", "+json"), 5_000)
URL = f"https://{HOST}/client.json"
LOOPBACK = Openings.parse(["127.0.0.0/8"])


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[HostileServer]:
    async with hostile_server(tmp_path, HOST, "other.example") as found:
        yield found


@pytest.fixture
def names(server: HostileServer) -> Names:
    return Names({HOST: [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}, {443: server.port})


@pytest.fixture
def log() -> HouseLog:
    return HouseLog()


@pytest.fixture
async def fetcher(server: HostileServer, names: Names, log: HouseLog) -> AsyncIterator[GuardedFetcher]:
    found = GuardedFetcher(Guard(LOOPBACK, ca_file=server.ca_file), log, resolver=names)
    yield found
    await found.close()


async def refused(fetcher: GuardedFetcher, url: str = URL, rules: FetchRules = RULES) -> Unfetchable:
    with pytest.raises(Unfetchable) as caught:
        await fetcher.get(url, rules)
    return caught.value


async def test_a_document_comes_with_its_status_its_headers_and_its_octets(
    fetcher: GuardedFetcher, server: HostileServer
) -> None:
    server.answers["/client.json?v=1"] = http(200, b"{}", "cache-control: max-age=600", 'etag: "1"')
    found = await fetcher.get(f"{URL}?v=1", RULES)
    assert (found.status, found.body, found.lifetime, found.headers["etag"]) == (200, b"{}", 600, '"1"')
    (head,) = server.heads
    assert head.startswith("GET /client.json?v=1 HTTP/1.1\r\n")
    assert f"\r\nhost: {HOST}\r\n" in head.lower()
    assert "\r\naccept-encoding: identity\r\n" in head.lower()
    assert "cookie" not in head.lower()
    assert server.names == [HOST]


# covers: CIM-02
@requirement("CIMD-6.5/special-use", "CIMD-6.5/further")
@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["100.64.0.1"], ["224.0.0.1"], ["::1"], ["fe80::1"],
        ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::1"], ["2001::1"], ["fd00:ec2::254"],
        ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"], ["2606:2800:220:1::1", "10.0.0.1"],
        [], ["not an address"], ["93.184.216.34"] * 40,
    ],
)  # fmt: skip
async def test_a_name_with_one_address_that_is_not_public_is_not_connected_to(
    server: HostileServer, log: HouseLog, answer: list[str]
) -> None:
    names = Names({HOST: [answer]}, {443: server.port})
    closed = GuardedFetcher(Guard(ca_file=server.ca_file), log, resolver=names)
    await refused(closed)
    assert names.asked == [HOST]
    assert server.connections == 0
    await closed.close()


# covers: CIM-02
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"])
async def test_an_address_in_the_url_itself_is_judged_like_any_other(
    server: HostileServer, log: HouseLog, host: str
) -> None:
    names = Names()
    closed = GuardedFetcher(Guard(ca_file=server.ca_file), log, resolver=names)
    failure = await refused(closed, f"https://{host}:{server.port}/client.json")
    assert "not public" in failure.detail
    assert (names.asked, server.connections) == ([], 0)
    await closed.close()


# covers: CIM-03
async def test_a_name_that_changes_after_it_was_judged_is_not_asked_for_again(
    fetcher: GuardedFetcher, server: HostileServer, names: Names
) -> None:
    server.answers["/client.json"] = http(200, b"{}")
    names.answers[HOST] = [["127.0.0.1"], ["169.254.169.254"]]
    assert (await fetcher.get(URL, RULES)).status == 200
    assert names.asked == [HOST]
    assert server.names == [HOST]
    failure = await refused(fetcher)
    assert "169.254.169.254" in failure.detail
    assert server.connections == 1


# covers: CIM-03
async def test_the_certificate_is_judged_for_the_name_and_not_for_the_address(
    fetcher: GuardedFetcher, server: HostileServer, names: Names
) -> None:
    names.answers["third.example"] = [["127.0.0.1"]]
    failure = await refused(fetcher, "https://third.example/client.json")
    assert "no connection" in failure.detail
    assert server.heads == []


async def test_two_names_of_one_address_share_no_connection(fetcher: GuardedFetcher, server: HostileServer) -> None:
    server.answers["/client.json"] = http(200, b"{}", "connection: keep-alive")
    await fetcher.get(URL, RULES)
    await fetcher.get("https://other.example/client.json", RULES)
    assert server.connections == 2
    assert server.names == [HOST, "other.example"]


async def test_an_authority_that_nobody_trusts_is_not_believed(
    server: HostileServer, names: Names, log: HouseLog
) -> None:
    server.answers["/client.json"] = http(200, b"{}")
    strict = GuardedFetcher(Guard(LOOPBACK), log, resolver=names)
    await refused(strict)
    assert server.heads == []
    await strict.close()


# covers: CIM-04, JWK-08
@requirement("CIMD-4/no-redirect")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(fetcher: GuardedFetcher, server: HostileServer, status: int) -> None:
    server.answers["/client.json"] = http(status, b"{}", "location: https://other.example/secret")
    server.answers["/secret"] = http(200, b"{}")
    assert (await refused(fetcher)).status == status
    assert server.paths == ["/client.json"]


# covers: CIM-04
async def test_nothing_but_the_url_decides_where_a_request_goes(
    fetcher: GuardedFetcher, server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    page = b'<meta http-equiv="refresh" content="0; url=https://other.example/secret">'
    server.answers["/page"] = http(200, page, media_type="text/html")
    server.answers["/client.json"] = http(
        200, b"{}", 'alt-svc: h2="other.example:443"', "refresh: 0; url=https://other.example/secret",
        "set-cookie: a=b",
    )  # fmt: skip
    await refused(fetcher, f"https://{HOST}/page")
    await fetcher.get(URL, RULES)
    await fetcher.get(URL, RULES)
    assert server.paths == ["/page", "/client.json", "/client.json"]
    assert not any("cookie" in head.lower() for head in server.heads)


# covers: CIM-05, JWK-06
@pytest.mark.parametrize(
    "answer",
    [
        http(201, b"{}"),
        http(204),
        http(206, b"{}"),
        http(404, b"{}"),
        http(500, b"{}"),
        http(200, b"{}", media_type="text/html"),
        http(200, b"{}", media_type="application/jsonp"),
        http(200, b"{}", media_type=""),
        http(200, b"{}", "content-type: text/html"),
        http(200, b" " * 5_001),
        http(200, gzip.compress(b"{}"), "content-encoding: gzip"),
        http(200, gzip.compress(bytes(10_000_000)), "content-encoding: gzip"),
        http(200, b"{}", *(f"x-{number}: y" for number in range(1_000))),
        http(200, b"{}", "x-long: " + "y" * 40_000),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}!",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"",
    ],
)
async def test_an_answer_of_odd_form_is_refused(
    fetcher: GuardedFetcher, server: HostileServer, answer: bytes
) -> None:
    server.answers["/client.json"] = answer
    await refused(fetcher)


# covers: CIM-05
async def test_reading_stops_at_the_limit(fetcher: GuardedFetcher, server: HostileServer) -> None:
    gone = asyncio.Event()

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        try:
            while True:
                writer.write(b" " * 65_536)
                await writer.drain()
        except OSError:
            gone.set()
            raise

    server.answers["/client.json"] = endless
    failure = await refused(fetcher)
    assert "longer than 5000 octets" in failure.detail
    await asyncio.wait_for(gone.wait(), 10)


# covers: CIM-05, JWK-07
async def test_one_deadline_holds_for_an_answer_that_drips(fetcher: GuardedFetcher, server: HostileServer) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.answers["/client.json"] = drip
    failure = await refused(fetcher, rules=replace(RULES, deadline_seconds=0.4))
    assert failure.detail == "no answer within 0.4 s"
    assert failure.is_outage


# covers: CIM-05
async def test_one_deadline_holds_for_a_name_that_never_resolves(server: HostileServer, log: HouseLog) -> None:
    class Silent(Names):
        async def resolve(self, host: str, port: int) -> list[tuple[str, int]]:
            await asyncio.Event().wait()
            raise AssertionError(host, port)

    fetcher = GuardedFetcher(Guard(LOOPBACK, ca_file=server.ca_file), log, resolver=Silent())
    await refused(fetcher, rules=replace(RULES, deadline_seconds=0.2))
    await fetcher.close()


# covers: CIM-07
async def test_a_thousand_who_ask_for_one_url_cause_one_exchange(
    fetcher: GuardedFetcher, server: HostileServer
) -> None:
    server.answers["/client.json"] = http(200, b"{}")
    server.gate = asyncio.Event()
    waiting = [asyncio.create_task(fetcher.get(URL, RULES)) for _ in range(1_000)]
    await _until(lambda: server.connections == 1)
    waiting[0].cancel()
    server.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(not isinstance(one, BaseException) and one.body == b"{}" for one in found[1:])
    assert server.connections == 1


# covers: CIM-07
async def test_strangers_urls_take_no_more_than_their_lane(
    server: HostileServer, names: Names, log: HouseLog
) -> None:
    fetcher = GuardedFetcher(
        Guard(LOOPBACK, ca_file=server.ca_file), log, resolver=names, lanes=Lanes(at_once=4, waiting=8)
    )
    server.gate = asyncio.Event()
    strangers = replace(RULES, lane=Lane.STRANGERS)
    urls = [f"https://{HOST}/{number}" for number in range(1_000)]
    server.answers.update({url.removeprefix(f"https://{HOST}"): http(200, b"{}") for url in urls})
    server.answers["/keys"] = http(200, b"{}")
    waiting = [asyncio.create_task(fetcher.get(url, strangers)) for url in urls]
    await _until(lambda: server.at_once == 4)
    registered = asyncio.create_task(fetcher.get(f"https://{HOST}/keys", RULES))
    await _until(lambda: server.at_once == 5)
    server.gate.set()
    assert (await registered).status == 200
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in found) == 12
    assert {one.detail for one in found if isinstance(one, Unfetchable)} == {"too many exchanges are under way"}
    assert server.most_at_once == 5
    await fetcher.close()


# covers: CIM-10
async def test_the_error_says_nothing_and_the_log_says_why(
    fetcher: GuardedFetcher, server: HostileServer, log: HouseLog
) -> None:
    server.answers["/client.json?token=abc"] = http(401, b'{"secret":"of an internal host"}')
    failure = await refused(fetcher, f"{URL}?token=abc")
    assert str(failure) == "The address could not be fetched."
    assert log.of("outbound.failed") == [{"url": URL, "why": "answered 401"}]


async def test_what_the_operator_blocks_is_not_asked_for(
    server: HostileServer, names: Names, log: HouseLog
) -> None:
    blocks = Blocks.parse(["other.example", URL])
    fetcher = GuardedFetcher(Guard(LOOPBACK, blocks, server.ca_file), log, resolver=names)
    for url in (URL, "https://other.example/x"):
        assert fetcher.is_blocked(url)
        assert (await refused(fetcher, url)).detail == "the operator forbids it"
    assert not fetcher.is_blocked(f"https://{HOST}/other.json")
    assert (names.asked, server.connections) == ([], 0)
    await fetcher.close()


async def test_a_dead_address_leaves_the_next_one_to_be_tried(
    fetcher: GuardedFetcher, server: HostileServer, names: Names
) -> None:
    server.answers["/client.json"] = http(200, b"{}")
    # Nothing listens there: the server has bound 127.0.0.1 alone.
    names.answers[HOST] = [["127.0.0.2", "127.0.0.1"]]
    assert (await fetcher.get(URL, RULES)).status == 200


async def test_what_is_posted_arrives_once_and_its_answer_comes_back(
    fetcher: GuardedFetcher, server: HostileServer
) -> None:
    server.answers["/events"] = http(400, b'{"err":"invalid_key"}')
    body = OutboundBody("application/secevent+jwt", b"e30.e30.c2ln")
    found = await fetcher.post(f"https://{HOST}/events", body, RULES)
    assert (found.status, found.body) == (400, b'{"err":"invalid_key"}')
    assert server.bodies == [b"e30.e30.c2ln"]
    assert server.heads[0].startswith("POST /events HTTP/1.1\r\n")
    assert "content-type: application/secevent+jwt" in server.heads[0].lower()


async def test_a_known_document_is_asked_for_by_its_etag(fetcher: GuardedFetcher, server: HostileServer) -> None:
    server.answers["/client.json"] = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    found = await fetcher.get(URL, replace(RULES, etag='"1"'))
    assert (found.status, found.body) == (304, b"")
    assert 'if-none-match: "1"' in server.heads[0].lower()
    assert (await refused(fetcher)).status == 304


async def test_closing_breaks_off_what_is_under_way(server: HostileServer, names: Names, log: HouseLog) -> None:
    fetcher = GuardedFetcher(Guard(LOOPBACK, ca_file=server.ca_file), log, resolver=names)
    server.gate = asyncio.Event()
    waiting = asyncio.create_task(fetcher.get(URL, RULES))
    await _until(lambda: server.connections == 1)
    await fetcher.close()
    with pytest.raises(Unfetchable) as caught:
        await waiting
    assert caught.value.detail == "the server is stopping"


async def _until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the server counts, and tells nobody
            await asyncio.sleep(0.005)
