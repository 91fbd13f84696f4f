import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.oauth.challenge import Challenge, parse_challenges

_VALUES = st.text(alphabet=[chr(c) for c in range(0x20, 0x7F) if chr(c) not in '"\\'], max_size=40)


def test_a_challenge_without_parameters_is_its_scheme() -> None:
    assert str(Challenge("Bearer")) == "Bearer"


def test_a_challenge_quotes_every_value() -> None:
    challenge = Challenge("Bearer", (("error", "invalid_token"), ("scope", "a b")))
    assert str(challenge) == 'Bearer error="invalid_token", scope="a b"'


@pytest.mark.requirement("RFC6750-3/characters")
@pytest.mark.parametrize("hostile", ['a"b', "a\\b", "a\r\nset-cookie: x", "ä", "\x00"])
def test_characters_outside_the_grammar_never_reach_the_header(hostile: str) -> None:
    written = str(Challenge("Bearer", (("error_description", hostile),)))
    value = written.removeprefix('Bearer error_description="').removesuffix('"')
    assert not set(value) & set('"\\\r\n\x00ä')


@given(st.lists(st.tuples(st.sampled_from(["realm", "scope", "error"]), _VALUES), max_size=4))
def test_what_is_written_is_read_back(parameters: list[tuple[str, str]]) -> None:
    challenge = Challenge("Bearer", tuple(parameters))
    assert parse_challenges(str(challenge)) == (challenge,)


def test_several_challenges_in_one_header_are_told_apart() -> None:
    found = parse_challenges('Basic realm="x", Bearer error="invalid_token", scope=read')
    assert [challenge.scheme for challenge in found] == ["Basic", "Bearer"]
    assert found[1].get("error") == "invalid_token"
    assert found[1].get("scope") == "read"
    assert found[1].get("realm") is None


@given(st.text(max_size=200))
def test_no_header_makes_the_parser_fail(text: str) -> None:
    assert isinstance(parse_challenges(text), tuple)
