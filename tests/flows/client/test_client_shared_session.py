"""Programs that share one session refresh it once, whoever asks, and nobody is logged out by it."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import httpx2
import pytest

from support.dev_server import DevServer
from support.playing import native
from support.sharing import Counting
from valetkey.client import (
    AsyncBearerAuth,
    AsyncKeptTokens,
    AsyncOAuthClient,
    BearerAuth,
    FileTokenStore,
    KeptTokens,
    MachineTokens,
    MemoryTokenStore,
    OAuthClient,
    ServerRefused,
    SignInNeeded,
)
from valetkey.client.authentication import ClientSecretBasic
from valetkey.jose import jwt

PROGRAMS = 4
ROUNDS = 25
TOGETHER = 20


def kept(dev: DevServer, client: OAuthClient, path: Path) -> KeptTokens:
    tokens = KeptTokens(client, FileTokenStore(path))
    tokens.keep(native(dev).tokens)
    return tokens


def test_of_several_processes_one_refreshes_in_every_round(dev: DevServer, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    with OAuthClient(dev.issuer, "native") as client:
        kept(dev, client, path)
    command = [
        sys.executable,
        "-P",
        str(Path(__file__).parents[2] / "support" / "sharing.py"),
        dev.issuer,
        str(path),
    ]
    programs = [
        subprocess.Popen([*command, str(ROUNDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROGRAMS)
    ]
    try:
        seen: set[str] = set()
        for done in range(1, ROUNDS + 1):
            assert [line(program.stdout) for program in programs] == ["ready"] * PROGRAMS
            for program in programs:
                assert program.stdin is not None
                program.stdin.write("go\n")
                program.stdin.flush()
            answers = [line(program.stdout).split() for program in programs]
            identifiers = {identifier for identifier, _ in answers}
            # One new token for all of them, and one request for it: the server's replay was never needed.
            assert len(identifiers) == 1
            assert sum(int(count) for _, count in answers) == done
            assert not identifiers & seen
            seen |= identifiers
    finally:
        for program in programs:
            program.kill()
            program.communicate()


def line(pipe: IO[str] | None) -> str:
    assert pipe is not None
    return pipe.readline().strip()


def test_of_many_threads_one_refreshes(dev: DevServer, tmp_path: Path) -> None:
    transport = Counting()
    with OAuthClient(dev.issuer, "native", transport=transport) as client:
        tokens = kept(dev, client, tmp_path / "tokens.json")
        held = tokens.access_token()
        with ThreadPoolExecutor(TOGETHER) as pool:
            renewed = set(pool.map(lambda _: tokens.renewed(held), range(TOGETHER)))
    assert len(renewed) == 1
    assert transport.count == 1


def test_of_many_threads_one_fetches_a_machines_token(dev: DevServer) -> None:
    transport = Counting()
    secret = ClientSecretBasic(dev.client("machine")["client_secret"])
    with OAuthClient(dev.issuer, "machine", secret, transport=transport) as client:
        tokens = MachineTokens(client, resource=dev.api)
        with ThreadPoolExecutor(TOGETHER) as pool:
            held = set(pool.map(lambda _: tokens.access_token(), range(TOGETHER)))
            renewed = set(pool.map(lambda _: tokens.renewed(next(iter(held))), range(TOGETHER)))
    assert len(held) == len(renewed) == 1
    assert held != renewed
    assert transport.count == 2


async def test_of_many_tasks_one_refreshes_and_a_cancelled_one_loses_nothing(dev: DevServer) -> None:
    store = MemoryTokenStore()
    signed_in = await asyncio.to_thread(native, dev)
    async with AsyncOAuthClient(dev.issuer, "native") as client:
        tokens = AsyncKeptTokens(client, store)
        await tokens.keep(signed_in.tokens)
        held = await tokens.access_token()
        impatient = asyncio.create_task(tokens.renewed(held))
        others = [asyncio.create_task(tokens.renewed(held)) for _ in range(TOGETHER)]
        await asyncio.sleep(0)
        impatient.cancel()
        renewed = set(await asyncio.gather(*others))
        assert len(renewed) == 1
        assert held not in renewed
        assert impatient.cancelled()
        # The refresh token that came with it was kept, although the first who asked has gone.
        assert await tokens.renewed(renewed.pop()) != held


def revoke(dev: DevServer, token: str) -> None:
    dev.command("revoke", "authorization", str(jwt.peek(token).claims["authorization_id"]))


def test_a_dead_session_asks_for_a_new_sign_in(dev: DevServer, tmp_path: Path) -> None:
    with OAuthClient(dev.issuer, "native") as client:
        tokens = kept(dev, client, tmp_path / "tokens.json")
        held = tokens.access_token()
        revoke(dev, held)
        with pytest.raises(SignInNeeded):
            tokens.renewed(held)
        with pytest.raises(SignInNeeded):
            tokens.access_token()
        tokens.keep(native(dev).tokens)
        assert tokens.access_token() != held


def test_signing_out_ends_it_at_the_server_too(dev: DevServer, tmp_path: Path) -> None:
    with OAuthClient(dev.issuer, "native") as client:
        tokens = kept(dev, client, tmp_path / "tokens.json")
        refresh_token = tokens.tokens().refresh_token
        assert refresh_token is not None
        tokens.sign_out()
        with pytest.raises(SignInNeeded):
            tokens.access_token()
        with pytest.raises(ServerRefused) as caught:
            client.refresh(refresh_token)
        assert caught.value.code == "invalid_grant"


def test_an_api_that_refuses_a_token_is_asked_again_with_a_new_one(dev: DevServer, tmp_path: Path) -> None:
    with OAuthClient(dev.issuer, "native") as client:
        tokens = kept(dev, client, tmp_path / "tokens.json")
        stale = Stale(tokens)
        with httpx2.Client(auth=BearerAuth(stale, dev.api), trust_env=False) as http:
            assert http.get(f"{dev.api}/albums").status_code == 200
        assert stale.asked == ["no token", tokens.access_token()]


async def test_the_same_in_an_event_loop(dev: DevServer) -> None:
    signed_in = await asyncio.to_thread(native, dev)
    async with AsyncOAuthClient(dev.issuer, "native") as client:
        tokens = AsyncKeptTokens(client, MemoryTokenStore())
        await tokens.keep(signed_in.tokens)
        async with httpx2.AsyncClient(auth=AsyncBearerAuth(AsyncStale(tokens), dev.api), trust_env=False) as http:
            assert (await http.get(f"{dev.api}/albums")).status_code == 200


class Stale:
    """A source whose first token is no good."""

    def __init__(self, tokens: KeptTokens) -> None:
        self.tokens = tokens
        self.asked: list[str] = []

    def access_token(self) -> str:
        return "stale"

    def renewed(self, refused: str) -> str:
        self.asked.append("no token" if refused == "stale" else refused)
        self.asked.append(self.tokens.access_token())
        return self.tokens.access_token()


class AsyncStale:
    """The same for an event loop."""

    def __init__(self, tokens: AsyncKeptTokens) -> None:
        self.tokens = tokens

    async def access_token(self) -> str:
        return "stale"

    async def renewed(self, refused: str) -> str:
        assert refused == "stale"
        return await self.tokens.access_token()
