"""One worker of the session layer before a demo application, whose clock runs ahead: its tokens are at their end.

Usage: session_worker.py STATE PARTIES AHEAD. PARTIES is JSON; the port is said on standard output once it listens.
`/asked` answers how often this worker has asked the token endpoint.
"""

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import uvicorn

from valetkey.adapters.storage.sqlite.gateway_sessions import SqliteSessionRecords
from valetkey.cli.demo_apps.parties import Parties
from valetkey.cli.demo_apps.reading_room import ReadingRoom
from valetkey.client import AsyncOAuthClient, ClientSecretBasic
from valetkey.gateway.session import SessionApplication
from valetkey.jose.clock import system_clock


class Counting(httpx2.AsyncHTTPTransport):
    """The network, and how often the token endpoint was asked over it."""

    asked = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += request.url.path == "/token"
        return await super().handle_async_request(request)


def application(state: Path, parties: Parties, ahead: int) -> SessionApplication:
    records = SqliteSessionRecords(str(state / "sessions.db"))
    settings = ReadingRoom(parties, records).settings
    network = Counting()

    def clock() -> int:
        return system_clock() + ahead

    async def asked(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(network.asked).encode()})

    secret = ClientSecretBasic(settings.client_secret.reveal())
    oauth = AsyncOAuthClient(settings.issuer, settings.client_id, secret, transport=network, clock=clock)
    return SessionApplication(settings, records, oauth=oauth, clock=clock, otherwise=asked)


async def serve(state: Path, parties: Parties, ahead: int) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(state, parties, ahead), lifespan="off", log_config=None, access_log=False)
    sys.stdout.write(json.dumps(listening.getsockname()[1]) + "\n")
    sys.stdout.flush()
    await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Parties), int(sys.argv[3])))
