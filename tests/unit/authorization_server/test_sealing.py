"""A kept reply opens with the token that bought it, and with nothing else."""

import pytest

from support.house import NOW
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.sealing import open_sealed, seal
from valetkey.oauth.types import OpaqueToken

TOKEN = OpaqueToken.from_entropy("vk_rt_", b"1" * 32)
OTHER = OpaqueToken.from_entropy("vk_rt_", b"2" * 32)
FRESH = Fresh(NOW, b"s" * 64)
REPLY = b'{"access_token":"x"}'


def test_what_was_sealed_under_a_token_opens_with_it() -> None:
    assert open_sealed(seal(REPLY, TOKEN, FRESH), TOKEN) == REPLY


def test_it_opens_with_no_other_token() -> None:
    assert open_sealed(seal(REPLY, TOKEN, FRESH), OTHER) is None


@pytest.mark.parametrize("position", [0, 31, 32, -1])
def test_a_changed_byte_anywhere_opens_nothing(position: int) -> None:
    sealed = bytearray(seal(REPLY, TOKEN, FRESH))
    sealed[position] ^= 1
    assert open_sealed(bytes(sealed), TOKEN) is None


@pytest.mark.parametrize("length", [0, 16, 32, 47])
def test_a_cut_text_opens_nothing(length: int) -> None:
    assert open_sealed(seal(REPLY, TOKEN, FRESH)[:length], TOKEN) is None


def test_no_key_seals_two_texts() -> None:
    first, second = seal(REPLY, TOKEN, FRESH), seal(REPLY + b" ", TOKEN, FRESH)
    assert first[:32] != second[:32]
    assert seal(REPLY, TOKEN, FRESH) == first
    assert REPLY not in first
