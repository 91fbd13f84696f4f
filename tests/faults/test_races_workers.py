"""Two worker processes over one SQLite file are one server: to a browser, to an operator, and in their keys."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx2
import pytest

from support.lines import Alternating, Line, Question, at_once
from support.person import Person, parameters_of
from support.production_server import (
    CALLBACK,
    OFFLINE,
    PASSWORD,
    SCOPE,
    ProductionServer,
    authorization_url,
    code_for,
    redemption,
    refreshment,
    running_production,
    running_twins,
    tokens_for,
    user_info,
)
from support.serve import READY_WITHIN, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 10
JWKS = Question("GET", "/jwks.json")
NEW_PASSWORD = "another horse, another staple"
MACHINE = Question.form("/token", {"grant_type": "client_credentials"}, ("machine", SECRET))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    with running_production(tmp_path_factory.mktemp("server"), workers=2) as running:
        yield running


@pytest.fixture
def lines(server: ProductionServer) -> Iterator[list[Line]]:
    """One connection to each worker."""
    with server.lines(1) as opened:
        assert len({line.pid for line in opened}) == 2
        yield opened


def statuses(lines: list[Line], question: Question) -> Counter[int]:
    return Counter(line.ask(question).status for line in lines)


def added_client(server: ProductionServer, client_id: str, *options: str) -> str:
    """Register a web client by the command line; return its secret."""
    added = server.operator.done(
        "client", "add", client_id, "--grant-type", "authorization_code", "--grant-type", "refresh_token",
        "--redirect-uri", CALLBACK, "--scope", SCOPE, *options,
    )  # fmt: skip
    return str(added["client_secret"])


def added_user(server: ProductionServer, username: str) -> Person:
    server.operator.done("user", "add", username, typed=f"{PASSWORD}\n")
    return server.person(username)


def alternating(person: Person, lines: list[Line]) -> Alternating:
    """Let each request of a browser go to the other worker than the one before."""
    transport = Alternating(lines)
    person.browser.close()
    person.browser = httpx2.Client(transport=transport, follow_redirects=False, cookies=person.browser.cookies)
    return transport


def silent_error(person: Person, client_id: str = "web") -> str | None:
    """Return the error that `prompt=none` brings the client; None when it brings a code."""
    sight = person.open(authorization_url(person.issuer, client_id, prompt="none"))
    assert sight.url.startswith(CALLBACK), sight.text
    return parameters_of(sight.url).get("error")


@pytest.mark.parametrize("first", [0, 1])
def test_a_browser_whose_every_request_goes_to_the_other_worker_notices_nothing(
    server: ProductionServer, lines: list[Line], first: int
) -> None:
    person = server.person()
    taken = alternating(person, lines[first:] + lines[:first])

    login = person.open(authorization_url(server.issuer, **OFFLINE))
    wrong = person.sign_in(login, "wrong")
    consent = person.sign_in(wrong)
    granted = parameters_of(person.submit(consent, "consent-allow").url)
    again = person.authorize(authorization_url(server.issuer))
    pids = [line.pid for line in lines[first:] + lines[:first]]
    assert taken.asked == [pids[turn % 2] for turn in range(len(taken.asked))]

    assert again["code"] != granted["code"]
    bought = lines[first].ask(redemption(granted["code"])).document
    renewed = lines[1 - first].ask(refreshment(bought["refresh_token"]))
    assert lines[first].ask(refreshment(bought["refresh_token"])).body == renewed.body
    assert statuses(lines, user_info(renewed.document["access_token"])) == {200: 2}
    assert statuses(lines, redemption(granted["code"])) == {400: 2}
    assert statuses(lines, user_info(renewed.document["access_token"])) == {401: 2}


def test_who_signed_out_on_one_worker_is_signed_out_on_both(server: ProductionServer, lines: list[Line]) -> None:
    person = server.person()
    alternating(person, lines)
    bound = tokens_for(server, person)
    offline = tokens_for(server, person, **OFFLINE)
    assert [silent_error(person) for _ in lines] == [None, None]

    signed_out = person.submit(person.open(f"{server.issuer}/logout"), "logout-confirm")

    assert signed_out.status == 200
    assert [silent_error(person) for _ in lines] == ["login_required", "login_required"]
    assert statuses(lines, refreshment(bound["refresh_token"])) == {400: 2}
    assert statuses(lines, user_info(bound["access_token"])) == {401: 2}
    assert statuses(lines, refreshment(offline["refresh_token"])) == {200: 2}


# covers: REF-08
def test_a_client_that_an_operator_disabled_is_refused_by_both_workers_from_the_very_next_request_on(
    server: ProductionServer,
) -> None:
    secret = added_client(server, "toggled")
    person = server.person()
    tokens = tokens_for(server, person, "toggled", secret)
    asked = refreshment("vk_rt_unknown", "toggled", secret)
    found: list[tuple[str, Counter[str | None], int]] = []
    with server.lines(4) as lines:
        for turn in range(2 * ROUNDS):
            state = ("--disable", "--enable")[turn % 2]
            server.operator.done("client", "change", "toggled", state)
            errors = Counter(line.ask(asked).error for line in lines)
            page = person.open(authorization_url(server.issuer, "toggled"))
            found.append((state, errors, page.status))
        revoked = statuses(lines[:2], refreshment(tokens["refresh_token"], "toggled", secret))
        dead = statuses(lines[:2], user_info(tokens["access_token"]))
        others = statuses(lines, MACHINE)

    expected = [("--disable", {"invalid_client": 8}, 400), ("--enable", {"invalid_grant": 8}, 303)]
    assert found == expected * ROUNDS
    # What was granted before it was disabled stays dead, also where it may ask again.
    assert (revoked, dead) == ({400: 2}, {401: 2})
    assert others == {200: 8}


# covers: REF-08
@pytest.mark.parametrize("change", ["--password", "--disable"])
def test_a_changed_password_or_a_disabled_end_user_ends_everything_on_both_workers_at_once(
    server: ProductionServer, lines: list[Line], change: str
) -> None:
    username = f"leaving-{change.strip('-')}"
    person = added_user(server, username)
    alternating(person, lines)
    tokens = [tokens_for(server, person, **OFFLINE), tokens_for(server, person)]
    unused = code_for(server, person)
    assert statuses(lines, user_info(tokens[0]["access_token"])) == {200: 2}

    server.operator.done("user", "change", username, change, typed=f"{NEW_PASSWORD}\n")

    assert statuses(lines, redemption(unused)) == {400: 2}
    for each in tokens:
        assert statuses(lines, refreshment(each["refresh_token"])) == {400: 2}
        assert statuses(lines, user_info(each["access_token"])) == {401: 2}
    assert [silent_error(person) for _ in lines] == ["login_required", "login_required"]
    again = person.sign_in(person.open(authorization_url(server.issuer)))
    assert again.status == 200
    assert "login-submit" in again.ids
    if change == "--password":
        assert "code" in server.person(username, NEW_PASSWORD).authorize(authorization_url(server.issuer))


# covers: REF-08
def test_no_refresh_outlives_a_password_that_changes_while_both_workers_refresh(server: ProductionServer) -> None:
    username = "busy"
    person = added_user(server, username)
    chains = [tokens_for(server, person, **OFFLINE) for _ in range(4)]
    started, changed = threading.Barrier(len(chains) + 1, timeout=READY_WITHIN), threading.Event()

    def refresh_until_refused(line: Line, tokens: dict[str, str]) -> tuple[dict[str, str], list[bool], str | None]:
        late: list[bool] = []
        while True:
            # Read before the request is sent: what is asked after the change was told must be refused.
            was_changed = changed.is_set()
            reply = line.ask(refreshment(tokens["refresh_token"]))
            if not late:
                started.wait()
            if reply.status == 503:
                # Nothing was written: on a machine that is busy enough, a client has to ask again.
                continue
            if reply.status != 200:
                return tokens, late, reply.error
            late.append(was_changed)
            tokens = reply.document

    with server.lines(2) as lines, ThreadPoolExecutor(len(chains)) as pool:
        ends = [pool.submit(refresh_until_refused, line, chain) for line, chain in zip(lines, chains, strict=True)]
        started.wait()
        server.operator.done("user", "change", username, "--password", typed=f"{NEW_PASSWORD}\n")
        changed.set()
        # The lines are free once all have ended.
        for newest, late, error in [end.result() for end in ends]:
            assert error == "invalid_grant"
            assert late
            assert not any(late)
            assert statuses(lines, refreshment(newest["refresh_token"])) == {400: 4}
            assert statuses(lines, user_info(newest["access_token"])) == {401: 4}


def test_both_workers_publish_the_same_keys_and_the_first_start_made_one_of_each_kind(
    server: ProductionServer, lines: list[Line]
) -> None:
    first, second = (line.ask(JWKS) for line in lines)

    assert first.body == second.body
    kinds = Counter((key["alg"], key["kty"]) for key in first.document["keys"])
    assert kinds
    assert set(kinds.values()) == {1}
    made = [json.loads(line) for line in server.running.log.read_text().splitlines() if "key.added" in line]
    told = Counter(event["algorithm"] for event in made if event["tenant"] == "default")
    assert told == {name: 1 for name, _ in kinds}


def test_a_tenant_that_both_workers_meet_at_the_same_moment_gets_one_set_of_keys(server: ProductionServer) -> None:
    server.operator.done("tenant", "add", "acme")
    asked = Question("GET", "/t/acme/jwks.json")
    with server.lines(5) as lines:
        bodies = {reply.body for reply in at_once([(line, asked) for line in lines])}
        bodies |= {line.ask(asked).body for line in lines}
        default = lines[0].ask(JWKS).document["keys"]
    (body,) = bodies
    keys = json.loads(body)["keys"]
    assert len(keys) == len(default)
    assert {key["kid"] for key in keys}.isdisjoint(key["kid"] for key in default)


# covers: FLT-14
def test_two_programs_that_start_at_once_on_a_new_file_are_one_server(tmp_path: Path) -> None:
    with running_twins(tmp_path) as twins, twins[0].lines(1) as (one,), twins[1].lines(1) as (other,):
        assert one.ask(JWKS).body == other.ask(JWKS).body
        assert statuses([one, other], MACHINE) == {200: 2}
        code = code_for(twins[0], twins[0].person())
        bought = other.ask(redemption(code)).document
        assert statuses([one, other], user_info(bought["access_token"])) == {200: 2}
