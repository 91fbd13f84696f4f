"""What a guard keeps of the feed, and how far it believes it: pure, at any time that the test says."""

from hashlib import sha256

import msgspec
import pytest
from msgspec.structs import replace

from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import LONGEST_ACCESS_TOKEN
from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.access_token import AccessToken, PrincipalKind
from valetkey.oauth.event_poll import EventAnswer
from valetkey.oauth.security_event import REMEMBERED_SECONDS, Revocation, RevokedKind
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, SessionId, Subject
from valetkey.resource_server import FeedCredentials, Rule, revocation_view
from valetkey.resource_server.feed import (
    CURRENT_SECONDS,
    WAIT_SECONDS,
    FeedEndpoint,
    FeedState,
    FeedUnavailable,
    read_answer,
)
from valetkey.resource_server.revocation_view import RevokedTokens

NOW = 1_800_000_000
TOKEN = AccessToken(
    issuer="https://as.example",
    subject=Subject("alice"),
    client_id=ClientId("web"),
    principal=PrincipalKind.END_USER,
    audience=("https://api.example",),
    scope=Scope(),
    issued_at=NumericDate(NOW),
    expires_at=NumericDate(NOW + 300),
    token_id="token-1",
    sid=SessionId("session-1"),
    authorization_id=AuthorizationId("authorization-1"),
    claims={"gen": [1, 1, 1, 1]},
)
HASHED = b64url_encode(sha256(b"token-1").digest())
OTHER = b64url_encode(sha256(b"token-2").digest())
EMPTY = EventAnswer()


def knowing(*revocations: Revocation) -> RevokedTokens:
    view = RevokedTokens()
    for one in revocations:
        view.learn(one, NOW)
    return view


@pytest.mark.parametrize(
    "revocation",
    [
        Revocation(RevokedKind.AUTHORIZATION, "authorization-1"),
        Revocation(RevokedKind.SESSION, "session-1"),
        Revocation(RevokedKind.TOKEN, HASHED, token_expires_at=NOW + 300),
        Revocation(RevokedKind.SUBJECT, "alice", 2),
        Revocation(RevokedKind.CLIENT, "web", 2),
        Revocation(RevokedKind.TENANT, "", 2),
        Revocation(RevokedKind.SERVER, "", 2),
    ],
    ids=lambda one: one.kind.value,
)
def test_a_token_is_dead_by_whatever_of_it_died(revocation: Revocation) -> None:
    assert not RevokedTokens().covers(TOKEN)
    assert knowing(revocation).covers(TOKEN)


@pytest.mark.parametrize(
    "revocation",
    [
        Revocation(RevokedKind.AUTHORIZATION, "authorization-2"),
        Revocation(RevokedKind.SESSION, "session-2"),
        Revocation(RevokedKind.TOKEN, OTHER, token_expires_at=NOW + 300),
        Revocation(RevokedKind.SUBJECT, "bob", 2),
        Revocation(RevokedKind.SUBJECT, "alice", 1),
        Revocation(RevokedKind.CLIENT, "spa", 2),
        Revocation(RevokedKind.CLIENT, "web", 1),
        Revocation(RevokedKind.TENANT, "", 1),
        Revocation(RevokedKind.SERVER, "", 1),
        # A handle of one kind is none of another.
        Revocation(RevokedKind.SESSION, "authorization-1"),
        Revocation(RevokedKind.CLIENT, "alice", 2),
    ],
    ids=lambda one: f"{one.kind.value}-{one.handle[:16]}-{one.lowest_generation}",
)
def test_a_token_lives_on_when_others_die(revocation: Revocation) -> None:
    assert not knowing(revocation).covers(TOKEN)


def test_events_may_come_in_any_order_and_twice() -> None:
    events = (Revocation(RevokedKind.SUBJECT, "alice", 3), Revocation(RevokedKind.SUBJECT, "alice", 2))
    view = knowing(*events, *events)
    assert view.covers(replace(TOKEN, claims={"gen": [1, 1, 1, 2]}))
    assert not view.covers(replace(TOKEN, claims={"gen": [1, 1, 1, 3]}))


@pytest.mark.parametrize("claims", [{}, {"gen": "1"}, {"gen": [9, 9, 9]}])
def test_a_token_without_counters_counts_as_of_the_first_generation(claims: dict[str, object]) -> None:
    bare = replace(TOKEN, claims=claims)
    assert not RevokedTokens().covers(bare)
    assert knowing(Revocation(RevokedKind.SUBJECT, "alice", 1)).covers(bare)


def test_an_exchanged_token_dies_with_each_client_that_it_came_through() -> None:
    stamps = [{"client_id": "web", "gen": 4}, {"client_id": "gateway", "gen": 2}]
    token = replace(TOKEN, client_id=ClientId("last"), claims={"gen": [1, 1, 1, 1], "exchanged_from": stamps})
    assert not knowing(Revocation(RevokedKind.CLIENT, "web", 4)).covers(token)
    assert knowing(Revocation(RevokedKind.CLIENT, "web", 5)).covers(token)
    assert knowing(Revocation(RevokedKind.CLIENT, "gateway", 3)).covers(token)
    unread = replace(token, claims={"gen": [1, 1, 1, 1], "exchanged_from": "web"})
    assert knowing(Revocation(RevokedKind.CLIENT, "web", 1)).covers(unread)


def test_what_is_remembered_outlives_every_access_token() -> None:
    longest = max(LONGEST_ACCESS_TOKEN, *(policy.access_token_lifetime for policy in PROFILES.values()))
    assert longest + 60 < REMEMBERED_SECONDS


def test_what_can_matter_to_no_token_any_more_is_forgotten() -> None:
    view = knowing(
        Revocation(RevokedKind.AUTHORIZATION, "authorization-1"), Revocation(RevokedKind.SUBJECT, "alice", 2)
    )
    view.forget(NOW + REMEMBERED_SECONDS - 1)
    assert view.covers(TOKEN)
    view.forget(NOW + REMEMBERED_SECONDS)
    assert not view.covers(TOKEN)


def test_too_many_revocations_push_the_oldest_out_and_the_view_says_that_it_is_incomplete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revocation_view, "MAXIMUM_KEPT", 3)
    view = knowing(*(Revocation(RevokedKind.SESSION, f"session-{number}") for number in range(1, 4)))
    assert view.covers(TOKEN)
    assert view.is_complete(NOW)
    view.learn(Revocation(RevokedKind.SESSION, "session-4"), NOW + 1)
    assert not view.covers(TOKEN)
    assert not view.is_complete(NOW + REMEMBERED_SECONDS)
    assert view.is_complete(NOW + 1 + REMEMBERED_SECONDS)


def test_the_feed_is_current_from_the_first_whole_answer_on() -> None:
    state = FeedState()
    assert not state.is_current(NOW)
    assert msgspec.json.decode(state.question()) == {"maxEvents": 100, "returnImmediately": True}
    behind = state.answered(EventAnswer({"1": "a", "2": "b"}, has_more=True), NOW, NOW)
    assert not behind.is_current(NOW)
    assert msgspec.json.decode(behind.question())["ack"] == ["1", "2"]
    current = behind.answered(EMPTY, NOW, NOW)
    assert current.is_current(NOW)
    assert msgspec.json.decode(current.question()) == {"maxEvents": 100, "ack": ["1", "2"]}


def test_an_answer_is_believed_while_the_next_one_is_awaited_and_not_longer() -> None:
    state = FeedState().answered(EMPTY, NOW, NOW)
    assert state.is_current(NOW + WAIT_SECONDS)
    assert not state.is_current(NOW + CURRENT_SECONDS)
    # A clock that was set back proves nothing.
    assert not state.is_current(NOW - 1)


def test_the_first_failure_ends_belief_and_the_pauses_between_questions_grow() -> None:
    state = FeedState().answered(EMPTY, NOW, NOW)
    pauses = []
    for _ in range(6):
        state = state.failed("down", NOW)
        pauses.append(state.pause(NOW))
    assert pauses == [1, 2, 4, 8, 8, 8]
    assert not state.is_current(NOW)
    assert state.was_current_within(5, NOW + 4)
    assert not state.was_current_within(5, NOW + 5)
    assert state.answered(EMPTY, NOW, NOW).is_current(NOW)


def test_who_is_told_nothing_at_once_asks_again_only_after_a_second() -> None:
    asked_to_wait = FeedState().answered(EMPTY, NOW, NOW)
    assert asked_to_wait.pause(NOW) == 0
    hasty = asked_to_wait.answered(EMPTY, NOW, NOW)
    assert hasty.pause(NOW) == 1
    assert hasty.is_current(NOW)
    assert asked_to_wait.answered(EMPTY, NOW, NOW + WAIT_SECONDS).pause(NOW + WAIT_SECONDS) == 0
    assert asked_to_wait.answered(EventAnswer({"1": "a"}), NOW, NOW).pause(NOW) == 0


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (401, "application/json", b'{"sets": {}}'),
        (200, "text/html", b'{"sets": {}}'),
        (200, "application/json", b"{}"),
        (200, "application/json", b'{"sets": {"1": 2}}'),
        (200, "application/json", b"["),
    ],
)
def test_an_answer_that_is_none_is_an_outage(status: int, content_type: str, body: bytes) -> None:
    with pytest.raises(FeedUnavailable):
        read_answer(status, {"content-type": content_type}, body)


def test_a_good_answer_is_read() -> None:
    body = b'{"sets": {"1": "a.b.c"}, "moreAvailable": true}'
    assert read_answer(200, {"content-type": "application/json"}, body) == EventAnswer(
        {"1": "a.b.c"}, has_more=True
    )


@pytest.mark.parametrize("url", ["http://as.example/ssf", "as.example", "ftp://as.example/"])
def test_credentials_go_only_where_nobody_can_read_them(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        FeedEndpoint(url, FeedCredentials("api", "secret"))
    FeedEndpoint("http://localhost:8000/ssf", FeedCredentials("api", "secret"))


def test_the_secret_is_in_no_representation() -> None:
    assert "s3cret" not in repr(FeedEndpoint("https://as.example/", FeedCredentials("api", "s3cret")))
    with pytest.raises(ValueError, match="client_secret"):
        FeedCredentials("api", "")


@pytest.mark.parametrize("seconds", [-1, 3_601])
def test_a_rule_accepts_no_more_than_an_hour_of_staleness(seconds: int) -> None:
    with pytest.raises(ValueError, match="staleness"):
        Rule.requiring("albums.read", insecure_stale_seconds=seconds)
