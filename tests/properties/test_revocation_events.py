"""Whatever is told of a revocation is read as it was written, and no order of telling revives a token."""

from contextlib import suppress
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from valetkey.oauth.access_token import AccessToken, PrincipalKind
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.event_poll import EventAnswer, EventPoll, SetError
from valetkey.oauth.security_event import (
    Cause,
    MalformedSecurityEvent,
    Revocation,
    RevokedKind,
    parse_revocation,
    security_event_claims,
)
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, SessionId, Subject
from valetkey.resource_server.feed import FeedUnavailable, read_answer
from valetkey.resource_server.revocation_view import RevokedTokens

NAMES = st.sampled_from(("a", "b", "c"))
NUMBERS = st.integers(0, 4)
COUNTED = st.builds(
    Revocation, st.sampled_from((RevokedKind.SUBJECT, RevokedKind.CLIENT)), NAMES, NUMBERS, st.just(Cause.REVOKED)
)
WHOLE = st.builds(Revocation, st.sampled_from((RevokedKind.TENANT, RevokedKind.SERVER)), st.just(""), NUMBERS)
NAMED = st.builds(Revocation, st.sampled_from((RevokedKind.AUTHORIZATION, RevokedKind.SESSION)), NAMES)
REVOCATIONS = st.one_of(COUNTED, WHOLE, NAMED)
TOKENS = st.builds(
    lambda subject, client, sid, authorization_id, counters: AccessToken(
        issuer="https://as.example",
        subject=Subject(subject),
        client_id=ClientId(client),
        principal=PrincipalKind.END_USER,
        audience=("https://api.example",),
        scope=Scope(),
        issued_at=NumericDate(0),
        expires_at=NumericDate(300),
        token_id="token",
        sid=SessionId(sid),
        authorization_id=AuthorizationId(authorization_id),
        claims={"gen": counters},
    ),
    NAMES,
    NAMES,
    NAMES,
    NAMES,
    st.lists(NUMBERS, min_size=4, max_size=4),
)
TEXTS = st.text(min_size=1, max_size=40)


def kills(revocation: Revocation, token: AccessToken) -> bool:
    """The rule, said once more in the plainest words."""
    counters = token.claims["gen"]
    assert isinstance(counters, list)
    server, tenant, client, subject = counters
    match revocation.kind:
        case RevokedKind.SERVER:
            return bool(server < revocation.lowest_generation)
        case RevokedKind.TENANT:
            return bool(tenant < revocation.lowest_generation)
        case RevokedKind.CLIENT:
            return token.client_id == revocation.handle and bool(client < revocation.lowest_generation)
        case RevokedKind.SUBJECT:
            return token.subject == revocation.handle and bool(subject < revocation.lowest_generation)
        case RevokedKind.SESSION:
            return token.sid == revocation.handle
        case _:
            return token.authorization_id == revocation.handle


@given(st.lists(REVOCATIONS, max_size=12), TOKENS, st.randoms(use_true_random=False))
def test_a_token_is_dead_exactly_when_one_of_the_revocations_kills_it_in_whatever_order_they_came(
    told: list[Revocation], token: AccessToken, chance: Random
) -> None:
    shuffled = [*told, *told]
    chance.shuffle(shuffled)
    view = RevokedTokens()
    for one in shuffled:
        view.learn(one, 0)
    assert view.covers(token) is any(kills(one, token) for one in told)


@given(
    st.one_of(
        st.builds(Revocation, st.just(RevokedKind.SUBJECT), TEXTS, NUMBERS, st.sampled_from(Cause)),
        st.builds(Revocation, st.sampled_from((RevokedKind.AUTHORIZATION, RevokedKind.SESSION)), TEXTS),
        st.builds(lambda handle, end: Revocation(RevokedKind.TOKEN, handle, token_expires_at=end), TEXTS, NUMBERS),
        st.builds(Revocation, st.just(RevokedKind.CLIENT), TEXTS, NUMBERS),
        WHOLE,
    )
)
def test_what_is_written_of_a_revocation_is_read(revocation: Revocation) -> None:
    claims = security_event_claims(revocation, issuer="https://as.example", audience="a", token_id="1", now=1)
    over_the_wire = msgspec.json.decode(msgspec.json.encode(claims), type=dict[str, object])
    assert parse_revocation(over_the_wire) == revocation


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional={"events": ANYTHING, "sub_id": ANYTHING}), REVOCATIONS)
def test_whatever_an_event_says_nothing_but_its_own_error_escapes(
    changes: dict[str, object], revocation: Revocation
) -> None:
    claims = security_event_claims(revocation, issuer="https://as.example", audience="a", token_id="1", now=1)
    with suppress(MalformedSecurityEvent):
        parse_revocation(claims | changes)


POLLS = st.builds(
    EventPoll,
    st.none() | st.integers(0, 1_000),
    st.booleans(),
    st.lists(TEXTS, max_size=5).map(tuple),
    st.dictionaries(TEXTS, st.builds(SetError, TEXTS, st.text(max_size=20)), max_size=3),
)


@given(POLLS)
def test_a_poll_is_read_as_it_was_written(poll: EventPoll) -> None:
    assert EventPoll.parse(msgspec.json.encode(poll.document())) == poll


@given(st.builds(EventAnswer, st.dictionaries(TEXTS, TEXTS, max_size=5), st.booleans()))
def test_an_answer_is_read_as_it_was_written(answer: EventAnswer) -> None:
    assert EventAnswer.parse(msgspec.json.encode(answer.document())) == answer


@given(st.binary(max_size=60) | ANYTHING.map(msgspec.json.encode))
def test_whatever_comes_over_the_wire_nothing_but_their_own_errors_escape(body: bytes) -> None:
    with suppress(OAuthError):
        EventPoll.parse(body)
    with suppress(FeedUnavailable):
        read_answer(200, {"content-type": "application/json"}, body)
