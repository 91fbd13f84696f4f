"""When keys are fetched again, and what is kept of an answer."""

import json
from collections.abc import Mapping

import pytest

from support.jose import NOW, key_for
from valetkey.jose import ConfigurationError, JwkSet, KeySourceUnavailable, RemoteJwkSet
from valetkey.jose.remote import FetchAnswer, Need, lifetime_of

URL = "https://as.example/jwks.json"
JSON = {"content-type": "application/json"}


def _answer(*numbers: int, headers: Mapping[str, str] = {}) -> FetchAnswer:
    keys = JwkSet(tuple(key_for("ES256", number).public() for number in numbers))
    return FetchAnswer(200, {**JSON, **headers}, json.dumps(keys.as_dict()).encode())


def _known(*numbers: int, headers: Mapping[str, str] = {}) -> RemoteJwkSet:
    return RemoteJwkSet(URL).answered(_answer(*(numbers or (0,)), headers=headers), NOW)


@pytest.mark.parametrize(
    "url",
    ["", "jwks", "http://as.example/jwks", "file:///etc/passwd", "ftp://a/b", "https://", "https://[", "//a/b"],
)
def test_keys_are_fetched_over_https_only(url: str) -> None:
    # covers: JWK-08
    with pytest.raises(ConfigurationError):
        RemoteJwkSet(url)


@pytest.mark.parametrize(
    "url", ["https://a/b", "http://localhost:8000/j", "http://127.0.0.1/j", "http://[::1]:1/j"]
)
def test_loopback_may_be_plain(url: str) -> None:
    assert RemoteJwkSet(url).request().url == url


def test_keys_that_were_never_fetched_are_fetched_first() -> None:
    unknown = RemoteJwkSet(URL)
    assert unknown.need(None, NOW) is Need.FETCH
    with pytest.raises(KeySourceUnavailable):
        unknown.usable(NOW)


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("", 300),
        ("max-age=600", 600),
        ("public, max-age=600", 600),
        ("max-age=1", 60),
        ("max-age=0", 60),
        ("max-age=99999999999999999999999999", 86_400),
        ("max-age=-5", 300),
        ("max-age=x", 300),
        ('max-age="900"', 900),
        ("MAX-AGE=900", 900),
        ("no-store", 60),
        ("no-cache, max-age=900", 60),
        ("max-age=\u0661", 300),
    ],
)
def test_the_lifetime_is_what_the_source_says_within_bounds(cache_control: str, seconds: int) -> None:
    assert lifetime_of({"cache-control": cache_control}) == seconds


def test_the_time_spent_in_a_cache_counts() -> None:
    assert lifetime_of({"cache-control": "max-age=600", "age": "100"}) == 500
    assert lifetime_of({"cache-control": "max-age=600", "age": "600000"}) == 60


def test_fresh_keys_need_nothing_then_a_refresh_ahead_then_a_fetch() -> None:
    known = _known(headers={"cache-control": "max-age=400"})
    assert known.need("ES256-0", NOW + 299) is Need.NOTHING
    assert known.need("ES256-0", NOW + 300) is Need.REFRESH
    assert known.need("ES256-0", NOW + 400) is Need.FETCH
    assert known.need(None, NOW) is Need.NOTHING


def test_an_unknown_kid_is_asked_for_once_in_a_while() -> None:
    known = _known()
    assert known.need("new", NOW + 9) is Need.NOTHING
    assert known.need("new", NOW + 10) is Need.FETCH
    asked = known.answered(_answer(0), NOW + 10, wanted="new")
    assert asked.need("new", NOW + 39) is Need.NOTHING
    assert asked.need("other", NOW + 19) is Need.NOTHING
    assert asked.need("other", NOW + 20) is Need.FETCH
    assert asked.need("new", NOW + 40) is Need.FETCH


def test_a_rotation_is_followed_when_the_new_kid_turns_up() -> None:
    rotated = _known(0).answered(_answer(0, 1), NOW + 10, wanted="ES256-1")
    assert rotated.need("ES256-1", NOW + 11) is Need.NOTHING
    assert rotated.unknown_kids == {}


def test_a_flood_of_unknown_kids_is_forgotten() -> None:
    known = _known()
    for number in range(3_000):
        known = known.answered(_answer(0), NOW, wanted=f"k{number}")
    assert len(known.unknown_kids) == 1_000
    assert known.answered(_answer(0), NOW + 60).unknown_kids == {}


def test_the_pause_after_failures_doubles_up_to_a_minute() -> None:
    state = RemoteJwkSet(URL)
    pauses = []
    for _ in range(8):
        state = state.failed("down", NOW)
        pauses.append(state.retry_at - NOW)
        assert state.need(None, state.retry_at - 1) is Need.NOTHING
        assert state.need(None, state.retry_at) is Need.FETCH
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert state.answered(_answer(0), NOW).failures == 0


def test_keys_outlive_their_source_for_a_day() -> None:
    # covers: JWK-11
    down = _known(headers={"cache-control": "max-age=60"}).failed("down", NOW + 60)
    assert down.usable(NOW + 60 + 86_399).keys
    with pytest.raises(KeySourceUnavailable, match="down"):
        down.usable(NOW + 60 + 86_400)
    assert down.need("ES256-0", NOW + 61) is Need.NOTHING
    assert down.need("ES256-0", NOW + 62) is Need.FETCH


@pytest.mark.parametrize(
    "answer",
    [
        FetchAnswer(500, JSON, b"{}"),
        FetchAnswer(404, JSON, b"{}"),
        FetchAnswer(301, {"location": "http://127.0.0.1/"}),
        FetchAnswer(204, JSON),
        FetchAnswer(200, JSON, b'{"keys":[]}'),
        FetchAnswer(200, JSON, b'{"keys":[{"kty":"XX"}]}'),
        FetchAnswer(200, JSON, b"<html>"),
        FetchAnswer(200, JSON, b""),
        FetchAnswer(200, {"content-type": "text/html"}, b'{"keys":[]}'),
        FetchAnswer(200, {}, b'{"keys":[]}'),
        FetchAnswer(200, JSON | {"content-encoding": "gzip"}, b'{"keys":[]}'),
        FetchAnswer(200, JSON, b'{"keys":[]}' + b" " * 262_144),
        FetchAnswer(200, JSON, b'{"keys":[' + b",".join([b"{}"] * 10_000) + b"]}"),
        FetchAnswer(200, JSON, b'{"keys":' + b"[" * 1_000 + b"]" * 1_000 + b"}"),
    ],
)
def test_a_bad_answer_is_a_failure_that_keeps_the_last_good_keys(answer: FetchAnswer) -> None:
    # covers: JWK-06, JWK-08, JWK-11
    known = _known()
    after = known.answered(answer, NOW + 1)
    assert after.keys is known.keys
    assert after.failures == 1
    assert after.usable(NOW + 1).keys
    with pytest.raises(KeySourceUnavailable):
        RemoteJwkSet(URL).answered(answer, NOW).usable(NOW)


def test_an_unchanged_set_is_not_sent_again() -> None:
    known = _known(headers={"etag": '"1"', "cache-control": "max-age=60"})
    assert known.request().headers["if-none-match"] == '"1"'
    renewed = known.answered(FetchAnswer(304, {"cache-control": "max-age=90"}), NOW + 60)
    assert renewed.keys is known.keys
    assert renewed.fresh_until == NOW + 150
    assert renewed.request().headers["if-none-match"] == '"1"'
    assert "if-none-match" not in known.answered(_answer(1), NOW).request().headers
    assert RemoteJwkSet(URL).answered(FetchAnswer(304, {}), NOW).failures == 1
