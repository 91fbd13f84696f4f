"""A worker has judged a request and stands still before its commit, while something else is committed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest

from support.held_commits import held, held_click
from support.person import Person, parameters_of
from support.production_server import (
    CALLBACK,
    OFFLINE,
    PASSWORD,
    ProductionServer,
    authorization_url,
    code_for,
    redemption,
    refreshment,
    tokens_for,
    user_info,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.lines import Question, Reply

two_workers = pytest.mark.parametrize("mortal", [2], indirect=True)
NEW_PASSWORD = "another horse, another staple"


def refused(replies: Sequence[Reply]) -> bool:
    return {(reply.status, reply.error) for reply in replies} == {(400, "invalid_grant")}


# covers: COD-02
@two_workers
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
def test_a_redemption_that_commits_second_gets_nothing_and_takes_what_the_first_one_got(
    mortal: ProductionServer,
) -> None:
    code = code_for(mortal, mortal.person())
    with mortal.lines(1) as (slow, quick):
        with held(mortal, slow, "RedeemCode", redemption(code)) as second:
            first = quick.ask(redemption(code))
            assert first.status == 200
        assert refused(second)
        assert refused([line.ask(refreshment(first.document["refresh_token"])) for line in (slow, quick)])
        assert quick.ask(user_info(first.document["access_token"])).status == 401


# covers: REF-02
@two_workers
@pytest.mark.requirement("OAUTH21-4.3.1/replay")
def test_a_refresh_that_commits_second_gets_the_reply_of_the_first_one(mortal: ProductionServer) -> None:
    token = tokens_for(mortal, mortal.person())["refresh_token"]
    with mortal.lines(1) as (slow, quick):
        with held(mortal, slow, "RotateRefreshToken", refreshment(token)) as second:
            first = quick.ask(refreshment(token))
        assert [reply.body for reply in second] == [first.body]
        assert slow.ask(refreshment(first.document["refresh_token"])).status == 200


# covers: REF-01, REF-02
@two_workers
@pytest.mark.requirement("RFC9700-4.14.2/reuse")
def test_a_refresh_that_commits_after_the_successor_was_used_ends_the_family(mortal: ProductionServer) -> None:
    token = tokens_for(mortal, mortal.person())["refresh_token"]
    with mortal.lines(1) as (slow, quick):
        with held(mortal, slow, "RotateRefreshToken", refreshment(token)) as late:
            successor = quick.ask(refreshment(token)).document["refresh_token"]
            newest = quick.ask(refreshment(successor)).document
        assert refused(late)
        assert refused([quick.ask(refreshment(newest["refresh_token"]))])
        assert quick.ask(user_info(newest["access_token"])).status == 401


# covers: REF-08
@two_workers
def test_a_refresh_that_commits_after_its_code_was_replayed_gets_nothing(mortal: ProductionServer) -> None:
    code = code_for(mortal, mortal.person())
    with mortal.lines(1) as (slow, quick):
        token = quick.ask(redemption(code)).document["refresh_token"]
        with held(mortal, slow, "RotateRefreshToken", refreshment(token)) as late:
            assert refused([quick.ask(redemption(code))])
        assert refused(late)


# covers: REF-08
@two_workers
def test_a_refresh_that_commits_after_the_sign_out_gets_nothing_where_it_was_bound_to_the_session(
    mortal: ProductionServer,
) -> None:
    person = mortal.person()
    token = tokens_for(mortal, person)["refresh_token"]
    with mortal.lines(1) as (slow, _):
        with held(mortal, slow, "RotateRefreshToken", refreshment(token)) as late:
            person.submit(person.open(f"{mortal.issuer}/logout"), "logout-confirm")
        assert refused(late)


ACTS_ON_USER = [("user", "change", "--password"), ("user", "change", "--disable"), ("user", "remove")]
ACTS_ON_CLIENT = [("client", "change", "--disable"), ("client", "remove")]
names = count(1)


@dataclass(frozen=True, slots=True)
class Registered:
    """An end-user and a client of the same name, for one test alone."""

    server: ProductionServer
    name: str
    secret: str
    person: Person

    def suffer(self, act: Sequence[str]) -> None:
        """Let an operator do something to the end-user or to the client."""
        what, how, *options = act
        self.server.operator.done(what, how, self.name, *options, typed=f"{NEW_PASSWORD}\n")


@pytest.fixture
def registered(mortal: ProductionServer) -> Registered:
    name = f"name-{next(names)}"
    added = mortal.operator.done(
        "client", "add", name, "--grant-type", "authorization_code", "--grant-type", "refresh_token",
        "--redirect-uri", CALLBACK, "--scope", OFFLINE["scope"],
    )  # fmt: skip
    mortal.operator.done("user", "add", name, typed=f"{PASSWORD}\n")
    return Registered(mortal, name, added["client_secret"], mortal.person(name))


def with_tokens_of(registered: Registered, change: str) -> Question:
    """Return the token request that leads to `change`."""
    server, person, name, secret = registered.server, registered.person, registered.name, registered.secret
    if change == "RedeemCode":
        return redemption(code_for(server, person, name, **OFFLINE), name, secret)
    return refreshment(tokens_for(server, person, name, secret, **OFFLINE)["refresh_token"], name, secret)


# covers: REF-08
@two_workers
@pytest.mark.parametrize("act", ACTS_ON_USER, ids=" ".join)
@pytest.mark.parametrize("change", ["RedeemCode", "RotateRefreshToken"])
def test_what_commits_after_an_operators_act_on_the_end_user_gets_nothing(
    mortal: ProductionServer, registered: Registered, change: str, act: tuple[str, ...]
) -> None:
    question = with_tokens_of(registered, change)
    with mortal.lines(1) as (slow, _), held(mortal, slow, change, question) as late:
        registered.suffer(act)
    assert refused(late)
    registered.suffer(("client", "remove"))


# covers: REF-08
@two_workers
@pytest.mark.parametrize("act", ACTS_ON_CLIENT, ids=" ".join)
@pytest.mark.parametrize("change", ["RedeemCode", "RotateRefreshToken"])
def test_what_commits_after_an_operators_act_on_the_client_gets_nothing(
    mortal: ProductionServer, registered: Registered, change: str, act: tuple[str, ...]
) -> None:
    question = with_tokens_of(registered, change)
    with mortal.lines(1) as (slow, _), held(mortal, slow, change, question) as late:
        registered.suffer(act)
    assert [(reply.status, reply.error) for reply in late] == [(401, "invalid_client")]


# covers: REF-08
@two_workers
@pytest.mark.parametrize("act", ACTS_ON_USER, ids=" ".join)
def test_a_sign_in_that_commits_after_the_end_user_changed_starts_no_session(
    mortal: ProductionServer, registered: Registered, act: tuple[str, ...]
) -> None:
    person = registered.person
    login = person.open(authorization_url(mortal.issuer))
    with held_click(mortal, "StartSession", person, login) as seen:
        registered.suffer(act)
    assert ["login-submit" in sight.ids for sight in seen] == [True]
    silent = person.open(authorization_url(mortal.issuer, prompt="none"))
    assert parameters_of(silent.url)["error"] == "login_required"


# covers: REF-08
@two_workers
@pytest.mark.parametrize("act", [*ACTS_ON_USER, ("sign out",)], ids=" ".join)
def test_a_grant_that_commits_after_its_session_ended_gives_no_code(
    mortal: ProductionServer, registered: Registered, act: tuple[str, ...]
) -> None:
    person, tab = registered.person, registered.server.person(registered.name)
    consent = person.sign_in(person.open(authorization_url(mortal.issuer)))
    tab.browser.cookies = person.browser.cookies
    with held_click(mortal, "GrantAuthorization", person, consent) as seen:
        if act == ("sign out",):
            tab.submit(tab.open(f"{mortal.issuer}/logout"), "logout-confirm")
        else:
            registered.suffer(act)
    assert [sight.url.startswith(CALLBACK) for sight in seen] == [False]
    assert ["login-submit" in sight.ids for sight in seen] == [True]
