"""`valetkey demo refresh`: rotation, a lost reply, ten at once, and what becomes of a stolen refresh token."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import click

from valetkey.cli.demo_stage import (
    Play,
    SignInOptions,
    Stage,
    decoded,
    demo_options,
    fail,
    shortened,
    sign_in_options,
)
from valetkey.client import FlowError, KeptTokens, MemoryTokenStore, OAuthClient, ServerRefused, SignInNeeded
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from valetkey.client import TokenResponse

TOGETHER: Final = 10
_SCOPE: Final = "openid albums.read"


@click.command()
@demo_options
@sign_in_options
def refresh(state: Path, as_json: bool, opens: bool | None, wait: int) -> None:  # noqa: FBT001 - click's form
    r"""Refresh: rotation, a reply that was lost, ten at once, and a thief who is found out.

    \b
    Example: valetkey demo refresh --print
    """
    play = Play(Stage.read(state), state, as_json)
    transport, requests = _counting(play.stage)
    with play.failing_clearly(), play.stage.connect(play.stage.clients.native, transport) as client:
        first = play.sign_in(client, _SCOPE, SignInOptions(opens, wait)).tokens
        scene = _Scene(play, client, requests)
        second = scene.rotates(first)
        scene.repeats_a_lost_reply(first, second)
        tokens = scene.shares(second)
        refusal = scene.finds_a_thief(first, tokens)
    play.finish(
        {
            "access_token": decoded(second.access_token),
            "identical_replies": 1 + TOGETHER,
            "threads": TOGETHER,
            "requests_of_the_library": 1,
            "thief": refusal,
            "family": "dead",
        }
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    play: Play
    client: OAuthClient
    requests: Callable[[], int]

    def rotates(self, first: TokenResponse) -> TokenResponse:
        old = _refresh_token_of(first)
        self.play.tell("3", f"The client got the refresh token {shortened(old)}. It uses it:")
        second = self.client.refresh(old)
        new = shortened(_refresh_token_of(second))
        self.play.tell("", f"200: another access token, and another refresh token, {new}")
        self.play.show(second.access_token)
        return second

    def repeats_a_lost_reply(self, first: TokenResponse, second: TokenResponse) -> None:
        old = _refresh_token_of(first)
        self.play.tell("4", f"Say the reply was lost. It sends {shortened(old)} again:")
        replies = [self.client.refresh(old)]
        self.play.tell("", "200, the identical reply: for 30 seconds, while its successor is unused.")
        self.play.tell("5", f"{TOGETHER} careless threads send {shortened(old)} at the same time:")
        with ThreadPoolExecutor(TOGETHER) as pool:
            replies += pool.map(self.client.refresh, [old] * TOGETHER)
        if any(reply != second for reply in replies):
            raise FlowError("not_repeated", "A repeated refresh got another reply.")
        self.play.tell("", f"{TOGETHER} times 200, and one reply for all: there is one successor only.")

    def shares(self, second: TokenResponse) -> KeptTokens:
        self.play.tell("6", f"With the library {TOGETHER} threads share their tokens, and all want another one:")
        tokens = KeptTokens(self.client, MemoryTokenStore())
        tokens.keep(second)
        before = self.requests()
        with ThreadPoolExecutor(TOGETHER) as pool:
            renewed = set(pool.map(tokens.renewed, [second.access_token] * TOGETHER))
        sent = self.requests() - before
        if (len(renewed), sent) != (1, 1):
            raise FlowError("not_shared", f"{len(renewed)} tokens came of {sent} requests.")
        self.play.tell("", "One request was sent, and all have the same new token.")
        return tokens

    def finds_a_thief(self, first: TokenResponse, tokens: KeptTokens) -> str:
        stolen, newest = _refresh_token_of(first), tokens.tokens()
        self.play.tell("7", f"A thief found {shortened(stolen)} in an old backup. Its successor was used since:")
        refusal = self._refused(stolen)
        self.play.tell("", f"{refusal.status}: {refusal.code}: {refusal.description}")
        own = shortened(newest.refresh_token or "")
        self.play.tell("8", f"Nobody knows who the thief is, so {own} is dead too:")
        try:
            tokens.renewed(newest.access_token)
        except SignInNeeded as ended:
            self.play.tell("", f"{ended.description} You would have to sign in again; so would the thief.")
            return refusal.code
        raise FlowError("still_alive", "The family outlived the reuse of one of its tokens.")

    def _refused(self, token: str) -> ServerRefused:
        try:
            self.client.refresh(token)
        except ServerRefused as refusal:
            return refusal
        raise FlowError("still_alive", "A superseded token was taken after its successor had been used.")


def _counting(stage: Stage) -> tuple[httpx2.BaseTransport, Callable[[], int]]:
    """Return the network, and what says how often a token was asked for over it."""
    import httpx2  # noqa: PLC0415 - dear to import: only a demo that runs pays

    seen: list[str] = []

    class Counting(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith("/token"):
                seen.append(request.method)
            return super().handle_request(request)

    verify = stage.trusted()
    return Counting(verify=True if verify is None else verify), lambda: len(seen)


def _refresh_token_of(tokens: TokenResponse) -> str:
    if tokens.refresh_token is None:
        fail("the server issued no refresh token")
    return tokens.refresh_token
