"""User codes: easy to read, hard to guess, and understood however they are typed (RFC 8628, 5.1 and 6.1)."""

import hashlib
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.authorization_server.device.entering import as_typed
from valetkey.authorization_server.device.user_code import (
    ALPHABET,
    LENGTH,
    digest_of,
    normal_form,
    spelled,
    user_code,
)

CODES = st.text(ALPHABET, min_size=LENGTH, max_size=LENGTH)


@pytest.mark.requirement("RFC8628-5.1/entropy")
def test_a_code_has_more_than_34_bits_of_consonants() -> None:
    # covers: DEV-01
    assert len(set(ALPHABET)) == 20
    assert not set("AEIOUY") & set(ALPHABET)
    assert LENGTH * math.log2(len(ALPHABET)) > 34


def test_every_letter_comes_as_often_at_every_place() -> None:
    codes = [user_code(hashlib.sha256(str(number).encode()).digest()) for number in range(4_000)]
    assert len(set(codes)) == len(codes)
    for place in range(LENGTH):
        counted = Counter(code[place] for code in codes)
        assert set(counted) == set(ALPHABET)
        # 200 are expected of each; six standard deviations are 83.
        assert all(117 < count < 283 for count in counted.values())


@given(CODES)
def test_a_code_is_read_as_it_is_spelled(code: str) -> None:
    assert normal_form(spelled(code)) == code
    assert normal_form(code) == code


@pytest.mark.requirement("RFC8628-6.1/comparison")
@pytest.mark.parametrize(
    "typed",
    [
        "WDJB-MJHT",
        "wdjb-mjht",
        "WDJBMJHT",
        " wdjb mjht\t",
        "w d j b m j h t",
        "WDJB\N{EN DASH}MJHT",
        "WDJB\N{MINUS SIGN}MJHT",
        "WDJB.MJHT!",
        "WDJB\N{ZERO WIDTH SPACE}MJHT",
        "WDJB\N{NO-BREAK SPACE}MJHT",
        "\N{FULLWIDTH LATIN CAPITAL LETTER W}DJB-MJHT",
        "\N{MATHEMATICAL BOLD SMALL W}djb-mjht",
        "WDJ8-MJHT",
        "WDJ\N{FULLWIDTH DIGIT EIGHT}-MJHT",
        "WDJ\N{ARABIC-INDIC DIGIT EIGHT}-MJHT",
        "WDJ\N{CYRILLIC CAPITAL LETTER VE}-\N{CYRILLIC CAPITAL LETTER EM}J\N{CYRILLIC SMALL LETTER EN}T",
        "WDJ\N{GREEK CAPITAL LETTER BETA}-\N{GREEK CAPITAL LETTER MU}JHT",
    ],
)
def test_however_it_is_typed_the_same_code_is_meant(typed: str) -> None:
    # covers: DEV-07
    assert normal_form(typed) == "WDJBMJHT"


@pytest.mark.parametrize(("typed", "meant"), [("1111-1111", "LLLLLLLL"), ("2568-lI|1", "ZSGBLLLL")])
def test_a_digit_or_a_stroke_is_the_letter_that_it_looks_like(typed: str, meant: str) -> None:
    # covers: DEV-07
    assert normal_form(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "WDJB-MJH",
        "WDJB-MJHTT",
        "WDJB-MJHA",
        "AEIO-UAEI",
        "0000-0000",
        "WDJB-MJH9",
        "W" * 65,
        "🦊" * 8,
        "\0",
    ],
)
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    # covers: DEV-07
    assert normal_form(typed) is None


@given(st.text(max_size=80))
def test_whatever_is_typed_gives_a_code_or_none(typed: str) -> None:
    code = normal_form(typed)
    assert code is None or (len(code) == LENGTH and set(code) <= set(ALPHABET))
    assert len(as_typed(typed)) <= 64


@given(CODES, CODES)
def test_two_codes_are_one_only_when_every_letter_is(one: str, other: str) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)
