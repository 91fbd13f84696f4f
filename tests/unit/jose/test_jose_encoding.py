"""Strict base64url, JSON and NumericDate."""

import base64
import os

import pytest

from valetkey.jose import ConfigurationError, DuplicateMember, MalformedToken
from valetkey.jose.encoding import b64url_decode, b64url_encode, json_octets, numeric_date, parse_json_object


@pytest.mark.parametrize("length", range(70))
def test_octets_survive_base64url(length: int) -> None:
    octets = os.urandom(length)
    text = b64url_encode(octets)
    assert text == base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    assert b64url_decode(text) == octets


@pytest.mark.requirement("RFC7515-2/base64url")
@pytest.mark.parametrize(
    "text",
    [
        "=",
        "QQ==",
        "QQ=",
        "QUI=",
        "+A",
        "/w",
        "a b",
        "QQ\n",
        "QQ?",
        "Q",
        "QUJDR",
        "QUJDR\x00",
        "Q.Q",
        "QUJD\uff11",
        "\u0662",
        "QR",
        "QUJ",
        '"QQ',
        "Q\\Q",
    ],
)
def test_text_that_is_not_canonical_base64url_is_refused(text: str) -> None:
    # covers: JWS-15
    with pytest.raises(MalformedToken):
        b64url_decode(text)


def test_every_pair_of_characters_is_read_only_in_its_canonical_form() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    readable = 0
    for first in alphabet:
        for second in alphabet:
            try:
                assert b64url_encode(b64url_decode(first + second)) == first + second
                readable += 1
            except MalformedToken:
                continue
    assert readable == 256


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a" :1,"a":1}',
        b'{"a"\t:1,"a"\n:1}',
        b'{"a"\r:1,"a"\r\n :1}',
        b'{"b":{"a":1,"a":2}}',
        b'{"b":[[{"a":1,"a":2}]]}',
        b'{"a":"x\\":","a":1}',
        b'{"":1,"":2}',
    ],
)
@pytest.mark.requirement("RFC7519-4/unique-claims")
@pytest.mark.requirement("RFC7515-4/unique-parameters")
def test_a_member_named_twice_is_refused(text: bytes) -> None:
    # covers: JWS-18
    with pytest.raises(DuplicateMember):
        parse_json_object(text)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        (b'{"a":"\\":\\":"}', {"a": '":":'}),
        (b'{ "a" : { "a" : [ { "a" : 1 } ] } }', {"a": {"a": [{"a": 1}]}}),
        (b'{"a":"{[{[ :","b":"x :y"}', {"a": "{[{[ :", "b": "x :y"}),
        (b"{}", {}),
        (b'\t{"scope":"read:users write:users"}\r\n', {"scope": "read:users write:users"}),
    ],
)
def test_distinct_members_are_read_whatever_their_values_look_like(text: bytes, members: dict[str, object]) -> None:
    assert parse_json_object(text) == members


@pytest.mark.requirement("RFC8725-3.7/utf-8")
@pytest.mark.requirement("RFC7515-10.12/json")
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'"x"',
        b"null",
        b"1",
        b"{} {}",
        b"{}x",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 100_000 + b"}",
        b'{"a":[' + b"9" * 5_000 + b"]}",
        b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"a":' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":"\x01"}',
        b'{"a":1',
    ],
)
def test_text_that_is_no_plain_json_object_is_refused(text: bytes) -> None:
    # covers: JWS-19
    with pytest.raises(MalformedToken):
        parse_json_object(text)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        b"octets",
        {1, 2},
        object(),
        {1: 2},
        {"a": {None: 1}},
        [float("nan")],
    ],
)
def test_a_value_that_json_cannot_carry_is_not_written(value: object) -> None:
    # covers: JWS-38
    with pytest.raises(ConfigurationError):
        json_octets({"a": value})


def test_names_that_are_not_strings_and_endless_values_are_not_written() -> None:
    # covers: JWS-38
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ConfigurationError):
        json_octets({"a": endless})
    with pytest.raises(ConfigurationError):
        json_octets({1: "a"})  # type: ignore[dict-item]
    with pytest.raises(ConfigurationError):
        json_octets({"a": "\ud800"})


def test_plain_values_are_written_compactly() -> None:
    assert json_octets({"a": [1, 2.5, None, True, {"b": ("c",)}]}) == b'{"a":[1,2.5,null,true,{"b":["c"]}]}'


@pytest.mark.parametrize("value", ["1", True, None, -1, 10**13, float("nan"), float("inf"), [1]])
def test_a_value_that_is_no_time_is_no_numeric_date(value: object) -> None:
    assert numeric_date(value) is None


@pytest.mark.parametrize("value", [0, 1, 1.5, 1_800_000_000])
def test_seconds_whole_or_not_are_a_numeric_date(value: float) -> None:
    assert numeric_date(value) == value
