"""Time-based one-time codes against the vectors of RFC 6238, and what of a code is accepted."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from support.second_factor import KEY, Device
from valetkey.authorization_server.acr_levels import MULTI_FACTOR, SINGLE_FACTOR
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.user_authentication import METHODS
from valetkey.authorization_server.user_authentication.one_time_code import (
    METHOD,
    in_groups,
    new_key,
    provisioning_uri,
    step_of,
)
from valetkey.authorization_server.user_authentication.password import METHOD as PASSWORD
from valetkey.oauth.types import NumericDate, SecretText

NOW = NumericDate(1_800_000_000)
STEP = NOW // 30
# The seed of appendix B, "12345678901234567890".
RFC_KEY = SecretText("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_codes_of_the_specification_are_accepted(now: int, code: str) -> None:
    assert step_of(code, RFC_KEY, 0, NumericDate(now)) == now // 30


@pytest.mark.parametrize("typed", ["{0}", " {0} ", "{1} {2}", "{1}-{2}", "{1}\u00a0{2}"])
def test_blanks_in_a_code_do_not_count(typed: str) -> None:
    code = Device().code(NOW)
    assert step_of(typed.format(code, code[:3], code[3:]), SecretText(KEY), 0, NOW) == STEP


# covers: LOG-02
@pytest.mark.parametrize("away", [-30, 0, 30])
def test_a_step_to_either_side_is_accepted_as_the_step_that_it_is(away: int) -> None:
    assert step_of(Device().code(NOW + away), SecretText(KEY), 0, NOW) == STEP + away // 30


# covers: LOG-02
@pytest.mark.parametrize("away", [-60, 60, 86_400])
def test_no_further_step_is_accepted(away: int) -> None:
    assert step_of(Device().code(NOW + away), SecretText(KEY), 0, NOW) is None


# covers: LOG-02
def test_a_step_that_is_used_up_is_not_accepted_again() -> None:
    code = Device().code(NOW)
    assert step_of(code, SecretText(KEY), STEP - 1, NOW) == STEP
    assert step_of(code, SecretText(KEY), STEP, NOW) is None
    assert step_of(code, SecretText(KEY), STEP + 1, NOW) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "1" * 10_000, "\x00" * 6, "\ud800"])
def test_what_is_no_code_is_never_accepted(typed: str) -> None:
    assert step_of(typed, SecretText(KEY), 0, NOW) is None


def test_a_new_key_has_160_bits_and_is_shown_in_groups() -> None:
    key = new_key(Fresh(NOW, b"s" * 64))
    assert len(key.reveal()) == 32
    assert key.reveal() != new_key(Fresh(NOW, b"t" * 64)).reveal()
    assert [len(group) for group in in_groups(key).split(" ")] == [4] * 8
    assert key.reveal() not in repr(key)


def test_the_picture_names_the_issuer_and_the_end_user() -> None:
    uri = urlsplit(provisioning_uri(SecretText(KEY), "North & South: Ltd", "ada@x.example"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/North & South  Ltd:ada@x.example"
    assert parse_qs(uri.query) == {"secret": [KEY], "issuer": ["North & South: Ltd"]}


def test_methods_say_together_what_was_proven() -> None:
    first = PASSWORD.authenticated(NOW)
    assert (first.acr, first.amr) == (SINGLE_FACTOR, ("pwd",))
    both = METHOD.added_to(first, NumericDate(NOW + 9))
    assert (both.acr, both.amr, both.auth_time) == (MULTI_FACTOR, ("pwd", "otp", "mfa"), NOW + 9)
    assert METHOD.added_to(both, NumericDate(NOW + 10)).amr == both.amr
    assert set(METHODS) == {"password", "one_time_code"}
