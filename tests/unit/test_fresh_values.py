import pytest

from valetkey.authorization_server.fresh import Fresh
from valetkey.oauth.types import NumericDate

NOW = NumericDate(1_800_000_000)
FRESH = Fresh(NOW, bytes(64))


@pytest.mark.requirement("OIDCC-2/subject")
@pytest.mark.parametrize("label", ["subject", "subject alice", "x" * 10_000])
def test_an_identifier_is_short_ascii_whatever_it_is_for(label: str) -> None:
    identifier = FRESH.identifier(label)
    assert identifier.isascii()
    assert len(identifier) == 22


def test_the_same_label_draws_the_same_value_and_another_label_another() -> None:
    assert FRESH.draw("code") == Fresh(NOW, bytes(64)).draw("code")
    assert len({FRESH.draw("code"), FRESH.draw("refresh"), Fresh(NOW, b"\x01" * 64).draw("code")}) == 3


def test_a_token_carries_its_prefix_and_256_bits() -> None:
    token = FRESH.token("vk_rt_")
    assert token.reveal().startswith("vk_rt_")
    assert len(token.reveal()) == len("vk_rt_") + 43


def test_the_seed_is_never_shown() -> None:
    assert "\\x" not in repr(FRESH)
