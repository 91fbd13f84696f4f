"""One of several programs that share a session: `python -P sharing.py ISSUER FILE ROUNDS` renews in every round.

Waits for a line on stdin before each round, then asks for another token than the one it had, and prints the token's
`jti` and how many token requests this program has sent so far.
"""

from __future__ import annotations

import sys

import httpx2

from valetkey.client import FileTokenStore, KeptTokens, OAuthClient
from valetkey.jose import jwt


class Counting(httpx2.HTTPTransport):
    """The network, with a count of the requests to the token endpoint."""

    count = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.count += request.url.path.endswith("/token")
        return super().handle_request(request)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(issuer: str, path: str, rounds: int) -> None:
    transport = Counting()
    with OAuthClient(issuer, "native", transport=transport) as client:
        tokens = KeptTokens(client, FileTokenStore(path))
        held = tokens.access_token()
        for _ in range(rounds):
            say("ready")
            sys.stdin.readline()
            held = tokens.renewed(held)
            say(f"{jwt.peek(held).claims['jti']} {transport.count}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
