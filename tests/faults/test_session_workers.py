"""Several processes of the session layer over one file, before a real server: one refresh for all of them."""

import asyncio
import hmac
import json
import os
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import apsw
import httpx2
import pytest

from support.dev_server import DevServer, running_dev

AHEAD = 301
"""Seconds by which the workers' clocks run ahead: an access token lives for 300."""
OWN = {"x-csrf": "1", "sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("workers") / "state") as running:
        yield running


@contextmanager
def worker(dev: DevServer, ahead: int) -> Iterator[str]:
    """Start a process of the layer, and yield its origin."""
    secrets = json.loads((dev.state / "secrets.json").read_bytes())
    links = {name: url.rstrip("/") for name, url in dev.report["links"].items()}
    kek = b64decode(secrets["key_encryption_key"])
    parties = {
        "issuer": dev.issuer, "api": dev.api, "print_shop": links["print_shop"], "album_wall": links["album_wall"],
        "reading_room": links["reading_room"], "secret": "",
        "reading_room_secret": secrets["client_secrets"]["reading-room"],
        "reading_room_key": b64encode(hmac.digest(kek, b"reading-room", "sha256")).decode(),
    }  # fmt: skip
    script = Path(__file__).with_name("session_worker.py")
    command = [sys.executable, str(script), str(dev.state), json.dumps(parties), str(ahead)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "src"})
    try:
        assert process.stdout is not None
        yield f"http://localhost:{json.loads(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def signed_in(dev: DevServer) -> str:
    """Sign in at the demo application as a browser does, and return the session's cookie."""
    person = dev.person()
    room = dev.report["links"]["reading_room"].rstrip("/")
    left = person.browser.get(f"{room}/session/login")
    answer = person.authorize(left.headers["location"])
    back = person.browser.get(f"{room}/session/callback?{urlencode(answer)}")
    assert back.headers["location"] == "/"
    return f"vk_gateway_session={person.browser.cookies['vk_gateway_session']}"


def refresh_tokens(dev: DevServer) -> int:
    with closing(apsw.Connection(str(dev.state / "valetkey.db"), flags=apsw.SQLITE_OPEN_READONLY)) as database:
        ((count,),) = database.execute("SELECT count(*) FROM refresh_tokens")
        return int(count)


async def asked_at_once(origins: list[str], cookie: str, calls: int) -> list[int]:
    async with httpx2.AsyncClient(trust_env=False, timeout=40) as http:
        headers = {**OWN, "cookie": cookie}
        turns = [http.get(f"{origins[turn % len(origins)]}/api/albums", headers=headers) for turn in range(calls)]
        return [reply.status_code for reply in await asyncio.gather(*turns)]


# covers: BFF-05
def test_twenty_calls_over_two_processes_at_the_end_of_a_token_refresh_it_once(dev: DevServer) -> None:
    cookie = signed_in(dev)
    before = refresh_tokens(dev)
    with ExitStack() as stack:
        origins = [stack.enter_context(worker(dev, AHEAD)) for _ in range(2)]
        assert asyncio.run(asked_at_once(origins, cookie, 20)) == [200] * 20
        asked = [int(httpx2.get(f"{origin}/asked", trust_env=False).text) for origin in origins]
    assert sum(asked) == 1, "requests to the token endpoint"
    assert refresh_tokens(dev) == before + 1, "rotations at the server"
    room = dev.report["links"]["reading_room"].rstrip("/")
    assert asyncio.run(asked_at_once([room], cookie, 1)) == [200], "nobody was signed out by it"
