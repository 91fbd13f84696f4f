"""Renewal on every interleaving: of all programs that share a session one refreshes, whoever dies on the way."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from support.scripted import START, Script, answer
from valetkey.client import (
    MemoryTokenStore,
    Party,
    Registration,
    Server,
    ServerRefused,
    ServerUnreachable,
    SignInNeeded,
    StoreFailed,
    TokenResponse,
)
from valetkey.client.flow import Draw, Effect, Flow, Moment, Now, Send, Wait
from valetkey.client.kept_tokens import Kept, TokenSet
from valetkey.client.renewal import CLAIM_SECONDS, RETRY_SECONDS, forget, keep, kept, own_tokens, renew
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Scope

SERVER = Server(
    "https://as.example",
    None,
    "https://as.example/token",
    sends_issuer=False,
    revocation_endpoint="https://as.example/revoke",
)
PARTY = Party(SERVER, Registration("native"))
SIGNED_IN = TokenResponse("access-0", Scope({"albums.read"}), 300, "refresh-0", "id-token")
RENEWED: dict[str, object] = {
    "access_token": "access-1", "token_type": "Bearer", "expires_in": 300, "refresh_token": "refresh-1",
}  # fmt: skip


def signed_in() -> MemoryTokenStore:
    store = MemoryTokenStore()
    Script().run(keep(PARTY, store, SIGNED_IN))
    return store


def at(now: float, *answers: HttpResponse | tuple[int, bytes] | Exception) -> Script:
    script = Script(*answers)
    script.now, script.drawn = now, 1000
    return script


def test_a_fresh_token_is_used_as_it_is() -> None:
    script = at(START + 200)
    assert script.run(renew(PARTY, signed_in())).access_token == "access-0"
    assert script.requests == []


def test_a_token_near_its_end_is_renewed_and_what_the_answer_lacks_stays() -> None:
    store = signed_in()
    script = at(START + 299, answer({**RENEWED, "refresh_token": ""} | {"scope": "albums.read"}))
    tokens = script.run(renew(PARTY, store))
    assert (tokens.access_token, tokens.refresh_token, tokens.id_token) == ("access-1", "refresh-0", "id-token")
    assert tokens.expires_at == START + 299 + 300
    assert script.form() == {
        "grant_type": ["refresh_token"], "refresh_token": ["refresh-0"], "client_id": ["native"],
    }  # fmt: skip
    assert at(START + 300).run(kept(PARTY, store)) == tokens


def test_a_token_that_an_api_refused_is_renewed_although_it_looks_fresh() -> None:
    store = signed_in()
    script = at(START + 1, answer(RENEWED))
    assert script.run(renew(PARTY, store, "access-0")).access_token == "access-1"
    # Whoever comes later with the same old token gets the new one.
    assert at(START + 2).run(renew(PARTY, store, "access-0")).access_token == "access-1"


def test_a_refused_grant_is_the_end_of_the_sign_in_for_all() -> None:
    store = signed_in()
    with pytest.raises(SignInNeeded) as caught:
        at(START + 299, answer({"error": "invalid_grant"}, 400)).run(renew(PARTY, store))
    assert isinstance(caught.value.__cause__, ServerRefused)
    with pytest.raises(SignInNeeded):
        at(START + 299).run(renew(PARTY, store))
    with pytest.raises(SignInNeeded):
        at(START + 299).run(kept(PARTY, store))


def test_before_anybody_signed_in_there_is_nothing_to_renew() -> None:
    with pytest.raises(SignInNeeded):
        Script().run(renew(PARTY, MemoryTokenStore()))


def test_while_the_server_is_away_a_living_token_serves_and_is_not_asked_for_each_time() -> None:
    store = signed_in()
    assert at(START + 290, (503, b"")).run(renew(PARTY, store)).access_token == "access-0"
    assert at(START + 290 + RETRY_SECONDS - 1).run(renew(PARTY, store)).access_token == "access-0"
    assert at(START + 290 + RETRY_SECONDS, answer(RENEWED)).run(renew(PARTY, store)).access_token == "access-1"


@pytest.mark.parametrize(
    ("found", "error"),
    [
        ((503, b""), ServerUnreachable),
        (ServerUnreachable("gone"), ServerUnreachable),
        (answer({"error": "invalid_client"}, 401), ServerRefused),
    ],
)
def test_a_refresh_that_failed_leaves_the_session_to_the_next(
    found: HttpResponse | tuple[int, bytes] | Exception, error: type[Exception]
) -> None:
    store = signed_in()
    with pytest.raises(error):
        at(START + 300, found).run(renew(PARTY, store))
    script = at(START + 300, answer(RENEWED))
    assert script.run(renew(PARTY, store)).access_token == "access-1"
    assert script.waits == []


def test_without_a_refresh_token_the_access_token_serves_to_its_end() -> None:
    store = MemoryTokenStore()
    Script().run(keep(PARTY, store, TokenResponse("only", Scope(), 300)))
    assert at(START + 299).run(renew(PARTY, store)).access_token == "only"
    with pytest.raises(SignInNeeded):
        at(START + 300).run(renew(PARTY, store))


def test_a_token_of_unknown_lifetime_serves_until_it_is_refused() -> None:
    store = MemoryTokenStore()
    Script().run(keep(PARTY, store, TokenResponse("endless", Scope(), None, "refresh-0")))
    assert at(START + 10**6).run(renew(PARTY, store)).access_token == "endless"
    assert at(START, answer(RENEWED)).run(renew(PARTY, store, "endless")).access_token == "access-1"


EVIL = Server("https://evil.example", None, "https://evil.example/token", sends_issuer=False)


@pytest.mark.parametrize("party", [Party(SERVER, Registration("other")), Party(EVIL, Registration("native"))])
def test_a_refresh_token_goes_to_no_other_server_and_for_no_other_client(party: Party) -> None:
    with pytest.raises(StoreFailed):
        at(START + 299).run(renew(party, signed_in()))


@pytest.mark.parametrize("document", [b"", b"{}", b"\xff", b'{"format": "valetkey-tokens-9"}'])
def test_a_document_that_is_not_ours_is_a_failure_of_the_store(document: bytes) -> None:
    store = MemoryTokenStore()
    assert store.swap(None, document)
    with pytest.raises(StoreFailed):
        at(START).run(renew(PARTY, store))


def test_signing_out_gives_the_token_back_first_and_keeps_nothing() -> None:
    store = signed_in()
    with pytest.raises(ServerUnreachable):
        at(START, (503, b"")).run(forget(PARTY, store))
    assert at(START).run(kept(PARTY, store)).refresh_token == "refresh-0"
    script = at(START, (200, b""))
    script.run(forget(PARTY, store))
    assert (script.urls, script.form()["token"]) == ([SERVER.revocation_endpoint], ["refresh-0"])
    with pytest.raises(SignInNeeded):
        at(START).run(kept(PARTY, store))


def test_no_repr_shows_a_token() -> None:
    tokens = TokenSet.received(SIGNED_IN, Moment(START, bytes(32)))
    shown = repr(tokens) + repr(Kept("i", "c", "r", tokens)) + repr(SIGNED_IN) + repr(PARTY)
    assert not any(word in shown for word in ("access-0", "refresh-0", "id-token"))


def test_renewal_times_are_spread_and_always_before_the_end() -> None:
    drawn = [TokenSet.received(SIGNED_IN, Moment(0, bytes(28) + n.to_bytes(4, "big"))).renew_at for n in range(500)]
    assert set(drawn) == set(range(240, 271))
    short = TokenSet.received(TokenResponse("a", Scope(), 10), Moment(0, b"\xff" * 32))
    assert short.renew_at is not None
    assert 0 < short.renew_at < 10


def test_a_machines_token_is_asked_for_with_its_rights() -> None:
    script = Script(answer(RENEWED))
    tokens = script.run(own_tokens(PARTY, Scope({"b", "a"}), "https://api.example"))
    assert tokens.access_token == "access-1"
    assert script.form()["scope"] == ["a b"]
    assert script.form()["resource"] == ["https://api.example"]


# --- interleavings -----------------------------------------------------------------------------------------------


@dataclass
class Rotating:
    """A server that issues each refresh token once and takes a second use of one for theft; no replay at all."""

    current: str = "refresh-0"
    count: int = 0
    theft: bool = False

    def redeem(self, body: bytes) -> HttpResponse:
        presented = parse_qs(body.decode())["refresh_token"][0]
        if self.theft or presented != self.current:
            self.theft = True
            return answer({"error": "invalid_grant"}, 400)
        self.count += 1
        self.current = f"refresh-{self.count}"
        return answer(RENEWED | {"access_token": f"access-{self.count}", "refresh_token": self.current})


@dataclass
class Program:
    """One program that renews: stops before each effect that others can notice."""

    flow: Flow[TokenSet]
    effect: Effect | None = None
    sleeps_until: float = 0
    result: TokenSet | None = None
    is_dead: bool = False


@dataclass
class World:
    """Programs, one store, one server, one clock, and who goes next."""

    store: MemoryTokenStore
    server: Rotating
    choices: Iterator[int]
    now: float = START + 300
    script: Script = field(default_factory=Script)

    def run(self, programs: list[Program]) -> None:
        for program in programs:
            self._go_on(program, None)
        while live := [program for program in programs if program.effect is not None and not program.is_dead]:
            ready = [program for program in live if program.sleeps_until <= self.now]
            if not ready:
                self.now = min(program.sleeps_until for program in live)
                continue
            program = ready[next(self.choices, 0) % len(ready)]
            self._go_on(program, self._done(program))

    def _done(self, program: Program) -> Any:
        match program.effect:
            case Send(request):
                return self.server.redeem(request.body)
            case None | Wait():
                return None
            case effect:
                return self.script.done(effect)

    def _go_on(self, program: Program, reply: Any) -> None:
        try:
            effect = program.flow.send(reply)
            while isinstance(effect, Now | Draw):
                self.script.now = self.now
                effect = program.flow.send(self.script.done(effect))
            program.effect = effect
            if isinstance(effect, Wait):
                program.sleeps_until = self.now + effect.seconds
        except StopIteration as end:
            program.effect, program.result = None, end.value


def renewing(store: MemoryTokenStore, count: int) -> list[Program]:
    return [Program(renew(PARTY, store)) for _ in range(count)]


def test_two_programs_refresh_once_in_every_order() -> None:
    for turns in itertools.product((0, 1), repeat=9):
        store, server = signed_in(), Rotating()
        programs = renewing(store, 2)
        World(store, server, iter(turns)).run(programs)
        assert [program.result.access_token for program in programs if program.result] == ["access-1"] * 2
        assert (server.count, server.theft) == (1, False)


def test_three_programs_refresh_once_in_many_orders() -> None:
    for turns in itertools.product((0, 1, 2), repeat=7):
        store, server = signed_in(), Rotating()
        programs = renewing(store, 3)
        World(store, server, iter(turns)).run(programs)
        assert all(program.result is not None for program in programs)
        assert (server.count, server.theft) == (1, False)


@pytest.mark.parametrize("steps", range(2))
def test_a_program_that_dies_before_it_asked_delays_the_others_by_its_claim_at_most(steps: int) -> None:
    store, server = signed_in(), Rotating()
    dead, alive = renewing(store, 2)
    world = World(store, server, iter(()))
    world._go_on(dead, None)
    for _ in range(steps):
        world._go_on(dead, world._done(dead))
    world.run([alive])
    assert alive.result is not None
    assert server.count == 1
    assert world.now <= START + 300 + CLAIM_SECONDS + 1


def test_a_program_that_slept_through_its_claim_asks_nothing() -> None:
    store, server = signed_in(), Rotating()
    sleeper, other = renewing(store, 2)
    world = World(store, server, iter(()))
    world._go_on(sleeper, None)
    world._go_on(sleeper, world._done(sleeper))
    # Its claim is the next thing that happens; then the machine is suspended.
    claimed = world._done(sleeper)
    world.now += CLAIM_SECONDS
    world.run([other])
    world._go_on(sleeper, claimed)
    while sleeper.effect is not None:
        world._go_on(sleeper, world._done(sleeper))
    assert sleeper.result == other.result
    assert (server.count, server.theft) == (1, False)


def test_a_claim_from_the_far_future_blocks_nobody() -> None:
    store = signed_in()
    document = store.load()
    assert document is not None
    wrong = json.loads(document) | {"renewing_until": START + 10**6}
    assert store.swap(document, json.dumps(wrong).encode())
    script = at(START + 300, answer(RENEWED))
    assert script.run(renew(PARTY, store)).access_token == "access-1"
