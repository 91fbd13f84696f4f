"""Tokens that are remembered: found again only as long as they would be verified again."""

import asyncio
import copy
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.jose import NOW, claims_with, key_for, key_set, raw_token, token_by, verifier_for
from valetkey.jose import (
    AsyncRemoteJwkSet,
    ConfigurationError,
    InvalidToken,
    Jwk,
    JwkSet,
    KeySourceUnavailable,
    MalformedToken,
    SignatureInvalid,
    SyncRemoteJwkSet,
    TokenExpired,
    UnknownKey,
    VerifiedJwt,
    Verifier,
    jwt,
)
from valetkey.jose.remote import FetchAnswer, FetchRequest
from valetkey.jose.token_kinds import SECURITY_EVENT_TOKEN
from valetkey.jose.verified_tokens import VerifiedTokens

KEY = key_for("ES256")
KEYS = key_set(KEY)
TOKEN = token_by(KEY)


def _tokens(size: int = 64, **changes: object) -> VerifiedTokens:
    return VerifiedTokens(verifier_for(**changes), size=size)


def test_a_token_that_comes_again_is_found_and_says_the_same() -> None:
    tokens = _tokens()
    first = tokens.verify(TOKEN, KEYS, now=NOW)
    again = tokens.verify("".join(TOKEN), KEYS, now=NOW + 1)
    assert again is first
    direct = verifier_for().verify(TOKEN, KEYS, now=NOW)
    assert (again.claims, again.header, again.key) == (direct.claims, direct.header, direct.key)
    assert tokens.kid_of(TOKEN) == KEY.kid
    assert len(tokens) == 1
    assert TOKEN not in repr(tokens)


def test_the_clock_of_the_verifier_is_read_where_no_time_is_given() -> None:
    now = [NOW]
    tokens = VerifiedTokens(verifier_for(clock=lambda: now[0]))
    first = tokens.verify(TOKEN, KEYS)
    assert tokens.verify(TOKEN, KEYS) is first
    now[0] = NOW + 300
    with pytest.raises(TokenExpired):
        tokens.verify(TOKEN, KEYS)


@pytest.mark.requirement("RFC7519-4.1.4/exp")
@pytest.mark.parametrize(("exp", "last"), [(NOW + 300, NOW + 299), (NOW + 300.5, NOW + 300)])
def test_an_expired_token_is_never_found(exp: float, last: int) -> None:
    tokens, token = _tokens(), token_by(KEY, exp=exp)
    assert tokens.verify(token, KEYS, now=NOW) is tokens.verify(token, KEYS, now=last)
    for late in (last + 1, last + 10_000):
        with pytest.raises(TokenExpired):
            tokens.verify(token, KEYS, now=late)
    assert len(tokens) == 0


def test_a_token_older_than_the_greatest_age_is_never_found() -> None:
    tokens = _tokens(max_age=60)
    assert tokens.verify(TOKEN, KEYS, now=NOW) is tokens.verify(TOKEN, KEYS, now=NOW + 60)
    with pytest.raises(InvalidToken):
        tokens.verify(TOKEN, KEYS, now=NOW + 61)


def test_a_clock_that_was_put_back_makes_the_token_verified_anew() -> None:
    tokens, token = _tokens(), token_by(KEY, nbf=NOW)
    tokens.verify(token, KEYS, now=NOW)
    with pytest.raises(InvalidToken):
        tokens.verify(token, KEYS, now=NOW - 60)


def test_a_key_that_was_removed_ends_what_it_had_signed() -> None:
    tokens = _tokens()
    first = tokens.verify(TOKEN, KEYS, now=NOW)
    with pytest.raises(UnknownKey):
        tokens.verify(TOKEN, key_set(key_for("ES256", 1)), now=NOW)
    assert tokens.verify(TOKEN, KEYS, now=NOW) is not first


def test_a_set_with_the_same_keys_is_another_set() -> None:
    tokens = _tokens()
    first = tokens.verify(TOKEN, KEYS, now=NOW)
    other = JwkSet(KEYS.keys)
    second = tokens.verify(TOKEN, other, now=NOW)
    assert second is not first
    assert tokens.verify(TOKEN, other, now=NOW) is second


@pytest.mark.parametrize("place", [0, 5, 30, 120, -45, -1])
def test_a_text_that_differs_anywhere_is_another_token(place: int) -> None:
    tokens = _tokens()
    tokens.verify(TOKEN, KEYS, now=NOW)
    forged = list(TOKEN)
    forged[place] = "A" if forged[place] != "A" else "Q"
    for _ in range(2):
        with pytest.raises(InvalidToken):
            tokens.verify("".join(forged), KEYS, now=NOW)
    for forged_text in (f"{TOKEN} ", f" {TOKEN}", f"{TOKEN}\n", TOKEN[:-1], f"{TOKEN}="):
        with pytest.raises(InvalidToken):
            tokens.verify(forged_text, KEYS, now=NOW)


def test_nobody_can_put_a_token_in_that_was_not_verified() -> None:
    tokens = _tokens()
    stranger = Jwk.generate("ES256", kid=KEY.kid)
    refused = [
        token_by(stranger),
        raw_token({"alg": "none", "typ": "example+jwt"}, claims_with(), KEY),
        token_by(KEY, aud="https://other.example"),
        token_by(KEY, exp=NOW),
        jwt.sign(claims_with(), KEY, typ="at+jwt"),
        "a.b.c",
        "",
    ]
    for token in (*refused, *refused):
        with pytest.raises(InvalidToken):
            tokens.verify(token, KEYS, now=NOW)
    assert len(tokens) == 0
    # Nor does a peek at its kid, or a signature that was good for another verifier.
    with pytest.raises(InvalidToken):
        tokens.kid_of("a.b.c")
    tokens.kid_of(refused[0])
    _tokens(audience="https://other.example").verify(refused[2], KEYS, now=NOW)
    with pytest.raises(InvalidToken):
        tokens.verify(refused[2], KEYS, now=NOW)


@pytest.mark.parametrize("token", [None, 7, b"a.b.c", ["a.b.c"], {"a": 1}, TOKEN.encode()])
def test_what_is_no_text_is_malformed_and_nothing_else(token: Any) -> None:
    tokens = _tokens()
    tokens.verify(TOKEN, KEYS, now=NOW)
    for ask in (lambda: tokens.verify(token, KEYS, now=NOW), lambda: tokens.kid_of(token)):
        with pytest.raises(MalformedToken):
            ask()


def test_a_token_that_never_expires_is_never_remembered() -> None:
    verifier = Verifier.of_kind(
        SECURITY_EVENT_TOKEN, issuer="https://as.example", audience="https://api.example", algorithms=["ES256"]
    )
    event = claims_with(exp=None, jti="1", events={"urn:example": {}})
    token, tokens = jwt.sign(event, KEY, typ="secevent+jwt"), VerifiedTokens(verifier)
    assert tokens.verify(token, KEYS, now=NOW) is not tokens.verify(token, KEYS, now=NOW)
    assert len(tokens) == 0


def test_no_more_tokens_are_held_than_were_allowed_and_those_asked_for_stay() -> None:
    tokens = _tokens(size=8)
    first = tokens.verify(TOKEN, KEYS, now=NOW)
    for number in range(40):
        tokens.verify(token_by(KEY, jti=str(number)), KEYS, now=NOW)
        assert tokens.verify(TOKEN, KEYS, now=NOW) is first
        assert len(tokens) <= 8
    for number in range(100, 110):
        tokens.verify(token_by(KEY, jti=str(number)), KEYS, now=NOW)
    assert tokens.verify(TOKEN, KEYS, now=NOW) is not first


@pytest.mark.parametrize("size", [0, 1, -1, 1_000_001, 10.0, True, "9", None])
def test_a_size_that_makes_no_sense_is_refused(size: Any) -> None:
    with pytest.raises(ConfigurationError):
        VerifiedTokens(verifier_for(), size=size)


def test_what_is_remembered_cannot_be_changed_for_others() -> None:
    token = token_by(KEY, aud=["https://api.example"], cnf={"jkt": "a", "deep": [{"b": [1]}]})
    tokens = _tokens()
    found: Any = tokens.verify(token, KEYS, now=NOW)
    before = json.dumps(found.claims)
    claims, audiences, inner = found.claims, found.claims["aud"], found.claims["cnf"]
    changes: list[Callable[[], object]] = [
        lambda: claims.update(sub="mallory"),
        lambda: claims.__setitem__("sub", "mallory"),
        lambda: claims.pop("sub"),
        claims.popitem,
        claims.clear,
        lambda: claims.setdefault("admin", True),
        lambda: claims.__ior__({"sub": "mallory"}),
        lambda: claims.__delitem__("sub"),
        lambda: inner.__setitem__("jkt", "b"),
        lambda: inner["deep"][0].__setitem__("b", 2),
        lambda: inner["deep"][0]["b"].append(2),
        lambda: audiences.append("https://other.example"),
        lambda: audiences.__setitem__(0, "https://other.example"),
        lambda: audiences.__iadd__(["x"]),
        lambda: audiences.__imul__(2),
        lambda: audiences.extend(["x"]),
        lambda: audiences.insert(0, "x"),
        audiences.pop,
        lambda: audiences.remove("https://api.example"),
        audiences.clear,
        audiences.sort,
        audiences.reverse,
        lambda: audiences.__delitem__(0),
        lambda: found.header.__setitem__("kid", "x"),
        lambda: setattr(found, "claims", {}),
    ]
    for change in changes:
        with pytest.raises((TypeError, AttributeError)):
            change()
    again = tokens.verify(token, KEYS, now=NOW)
    assert (
        json.dumps(again.claims)
        == before
        == msgspec.json.encode(again.claims).decode().replace('":', '": ').replace(",", ", ")
    )
    # A copy is its owner's.
    mine = copy.deepcopy(found.claims)
    mine["aud"].append("x")
    mine["cnf"]["deep"].clear()
    assert json.dumps(again.claims) == before


def test_a_forgotten_token_is_verified_anew() -> None:
    tokens = _tokens()
    one, other = (token_by(KEY, sub=name, sid=name) for name in ("alice", "bob"))
    for forget in (
        lambda: tokens.forget(one),
        lambda: tokens.forget_where(lambda verified: verified.claims["sid"] == "alice"),
    ):
        first, kept = (tokens.verify(token, KEYS, now=NOW) for token in (one, other))
        forget()
        assert tokens.verify(one, KEYS, now=NOW) is not first
        assert tokens.verify(other, KEYS, now=NOW) is kept
    assert tokens.forget_where(lambda _: True) == 2
    assert len(tokens) == 0
    first = tokens.verify(one, KEYS, now=NOW)
    tokens.forget_all()
    assert (len(tokens), tokens.verify(one, KEYS, now=NOW) is first) == (0, False)
    tokens.forget("never seen")


class _Interrupting(JwkSet):
    """Keys that let something happen while a token is being verified with them."""

    interrupt: Callable[[], object]

    def candidates(self, *arguments: Any) -> tuple[Jwk, ...]:
        type(self).interrupt()
        return super().candidates(*arguments)


@pytest.mark.parametrize("way", ["forget", "forget_where", "forget_all"])
def test_a_token_that_is_forgotten_while_it_is_verified_is_not_remembered(way: str) -> None:
    tokens, keys = _tokens(), _Interrupting(KEYS.keys)
    ways: dict[str, Callable[[], object]] = {
        "forget": lambda: tokens.forget(TOKEN),
        "forget_where": lambda: tokens.forget_where(lambda _: True),
        "forget_all": tokens.forget_all,
    }
    _Interrupting.interrupt = ways[way]
    tokens.verify(TOKEN, keys, now=NOW)
    assert len(tokens) == 0


def test_threads_that_share_it_never_get_another_token_than_they_asked_for() -> None:
    tokens = _tokens(size=16)
    held = {token_by(KEY, sub=f"user-{number}"): f"user-{number}" for number in range(24)}

    def ask(turn: int) -> bool:
        token = list(held)[turn % len(held)]
        if turn % 17 == 0:
            tokens.forget(token)
        if turn % 59 == 0:
            tokens.forget_where(lambda verified: verified.claims["sub"] == held[token])
        if turn % 101 == 0:
            tokens.forget_all()
        return tokens.verify(token, KEYS, now=NOW).claims["sub"] == held[token]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(2_000)))
    assert len(tokens) <= 16 + 8


ASKED = [TOKEN, token_by(KEY, exp=NOW + 20), token_by(KEY, nbf=NOW + 15), token_by(key_for("ES256", 1)), "a.b.c"]
SETS = [KEYS, JwkSet(KEYS.keys), JwkSet((KEY.public(), key_for("ES256", 1).public()))]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(ASKED), st.sampled_from(SETS), st.integers(0, 320), st.booleans()), max_size=12
    )
)
def test_remembering_never_changes_what_is_said(turns: list[tuple[str, JwkSet, int, bool]]) -> None:
    tokens, verifier = _tokens(size=2, max_age=120), verifier_for(max_age=120)
    for token, keys, seconds, is_forgotten in turns:
        if is_forgotten:
            tokens.forget(token)
        outcomes = [_outcome(one, token, keys, NOW + seconds) for one in (tokens, verifier)]
        assert outcomes[0] == outcomes[1]


def _outcome(one: VerifiedTokens | Verifier, token: str, keys: JwkSet, now: int) -> object:
    try:
        verified = one.verify(token, keys, now=now)
    except InvalidToken as error:
        return type(error)
    return dict(verified.claims), dict(verified.header), verified.key.kid


class _Publisher:
    def __init__(self) -> None:
        self.keys, self.is_down, self.now = KEYS, False, NOW

    async def fetch(self, _request: FetchRequest) -> FetchAnswer:
        await asyncio.sleep(0)
        if self.is_down:
            return FetchAnswer(500, {})
        body = json.dumps(self.keys.as_dict()).encode()
        return FetchAnswer(200, {"content-type": "application/json", "cache-control": "max-age=60"}, body)

    def clock(self) -> int:
        return self.now


@pytest.mark.parametrize("face", ["sync", "async"])
def test_published_keys_take_it_in_place_of_a_verifier(face: str) -> None:
    # covers: JWK-11
    publisher, tokens = _Publisher(), _tokens()
    token = token_by(KEY, exp=NOW + 900_000)
    synchronous = SyncRemoteJwkSet("https://as.example/jwks", fetch=publisher.fetch, clock=publisher.clock)
    asynchronous = AsyncRemoteJwkSet("https://as.example/jwks", fetch=publisher.fetch, clock=publisher.clock)

    async def exchange() -> None:
        async def ask() -> VerifiedJwt:
            if face == "sync":
                return await asyncio.to_thread(synchronous.verify, tokens, token, publisher.now)
            return await asynchronous.verify(tokens, token, publisher.now)

        first = await ask()
        assert await ask() is first
        # What is remembered is no way around a source that has been down for too long.
        publisher.is_down, publisher.now = True, NOW + 90_000
        with pytest.raises(KeySourceUnavailable):
            await ask()
        # Nor around a key that its issuer has taken back.
        publisher.is_down, publisher.now, publisher.keys = False, NOW + 200_000, key_set(key_for("ES256", 1))
        with pytest.raises((UnknownKey, SignatureInvalid)):
            await ask()

    asyncio.run(exchange())
