"""Token Status List: the specification's own examples, both directions, and whatever a hostile list may hold."""

import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.status_list import MAXIMUM_OCTETS, MalformedStatusList, StatusList, StatusReference

URI = "https://as.example/status/one"


def packed(octets: bytes) -> str:
    return b64url_encode(zlib.compress(octets))


@pytest.mark.requirement("TSL-4.2/bits", "TSL-4.2/lst")
def test_the_examples_of_the_specification_are_read() -> None:
    one_bit = StatusList.parse({"bits": 1, "lst": "eNrbuRgAAhcBXQ"})
    assert [one_bit.status(index) for index in range(16)] == [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    two_bits = StatusList.parse({"bits": 2, "lst": "eNo76fITAAPfAgc"})
    assert [two_bits.status(index) for index in range(12)] == [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


@pytest.mark.requirement("TSL-4.2/lst")
@given(revoked=st.frozensets(st.integers(0, 999), max_size=50))
def test_what_is_written_is_read_again(revoked: frozenset[int]) -> None:
    read = StatusList.parse(StatusList.of_revoked(revoked, 1_000).claim())
    assert {index for index in range(1_000) if read.status(index)} == revoked


@given(bits=st.sampled_from([1, 2, 4, 8]), octets=st.binary(min_size=1, max_size=64))
def test_every_width_survives_the_journey(bits: int, octets: bytes) -> None:
    written = StatusList(bits, octets)
    assert StatusList.parse(written.claim()) == written


def test_a_list_without_revocations_is_small() -> None:
    assert len(str(StatusList.of_revoked((), 1 << 17).claim()["lst"])) < 100


@pytest.mark.requirement("TSL-8.3/out-of-bounds")
@pytest.mark.parametrize("index", [16, 10**9, -1])
def test_a_place_beyond_the_end_is_no_valid_token(index: int) -> None:
    with pytest.raises(MalformedStatusList, match="beyond the end"):
        StatusList(1, b"\x00\x00").status(index)


@pytest.mark.requirement("TSL-4.2/bits")
@pytest.mark.parametrize(
    "claim",
    [
        None,
        "eNrbuRgAAhcBXQ",
        {},
        {"bits": 1},
        {"bits": 3, "lst": packed(b"\x00")},
        {"bits": True, "lst": packed(b"\x00")},
        {"bits": "1", "lst": packed(b"\x00")},
        {"bits": 1, "lst": packed(b"\x00") + "="},
        {"bits": 1, "lst": b64url_encode(b"not compressed")},
        {"bits": 1, "lst": b64url_encode(zlib.compress(b"\x00" * 100)[:-3])},
        {"bits": 1, "lst": b64url_encode(zlib.compress(b"\x00") + b"more")},
    ],
)
def test_a_malformed_list_says_nothing(claim: object) -> None:
    with pytest.raises(MalformedStatusList):
        StatusList.parse(claim)


def test_a_list_that_inflates_without_end_is_not_inflated() -> None:
    assert len(StatusList.parse({"bits": 1, "lst": packed(bytes(MAXIMUM_OCTETS))}).octets) == MAXIMUM_OCTETS
    with pytest.raises(MalformedStatusList, match="too large"):
        StatusList.parse({"bits": 1, "lst": packed(bytes(MAXIMUM_OCTETS + 1))})


@given(octets=st.binary(max_size=200), seed=st.integers(0, 1000))
def test_nothing_but_its_own_error_escapes(octets: bytes, seed: int) -> None:
    bent = bytearray(zlib.compress(octets))
    bent[Random(seed).randrange(len(bent))] ^= 1 + seed % 255  # noqa: S311 - picks a bit to turn
    try:
        StatusList.parse({"bits": 1, "lst": b64url_encode(bytes(bent))})
    except MalformedStatusList as error:
        assert str(error)


@pytest.mark.requirement("TSL-6.2/reference")
def test_a_reference_is_read_as_it_was_written() -> None:
    reference = StatusReference(URI, 0)
    assert StatusReference.parse({"status": reference.claim()}) == reference
    assert reference.claim() == {"status_list": {"idx": 0, "uri": URI}}


def test_a_token_without_status_has_no_reference() -> None:
    assert StatusReference.parse({"iss": "https://as.example"}) is None


@pytest.mark.requirement("TSL-6.2/idx", "TSL-6.2/uri")
@pytest.mark.parametrize(
    "status",
    [
        "revoked",
        {},
        {"status_list": []},
        {"status_list": {"idx": -1, "uri": URI}},
        {"status_list": {"idx": True, "uri": URI}},
        {"status_list": {"idx": 1.0, "uri": URI}},
        {"status_list": {"idx": "1", "uri": URI}},
        {"status_list": {"uri": URI}},
        {"status_list": {"idx": 1}},
        {"status_list": {"idx": 1, "uri": "ftp://as.example/1"}},
        {"status_list": {"idx": 1, "uri": "https://as.example/a b"}},
        {"status_list": {"idx": 1, "uri": "https://as.example/" + "a" * 2_048}},
    ],
)
def test_a_malformed_reference_is_refused(status: object) -> None:
    with pytest.raises(MalformedStatusList):
        StatusReference.parse({"status": status})
