"""What of a level is missing, by levels that only these tests have."""

from dataclasses import replace

import pytest

from valetkey.authorization_server.acr_levels import AcrLevel, strongest
from valetkey.authorization_server.authorization.assurance import AcrRequest, Missing, as_asked, missing_for
from valetkey.authorization_server.model import Authentication
from valetkey.oauth.types import NumericDate, Seconds

NOW = NumericDate(1_800_000_000)
LEVELS = (
    AcrLevel("known", (frozenset({"pwd"}), frozenset({"hwk"}))),
    AcrLevel("two", (frozenset({"pwd", "otp"}),)),
    AcrLevel("two now", (frozenset({"pwd", "otp"}),), Seconds(60)),
    AcrLevel("held", (frozenset({"hwk"}),)),
)
BY_PASSWORD = Authentication(NOW, "known", ("pwd",))
BY_BOTH = Authentication(NOW, "two now", ("pwd", "otp", "mfa"))


def missing(
    *values: str,
    proven: Authentication = BY_PASSWORD,
    has_factor: bool = True,
    ago: int = 0,
    is_necessary: bool = False,
) -> Missing:
    asked = AcrRequest(values, is_necessary=is_necessary)
    return missing_for(asked, proven, LEVELS, has_factor=has_factor, now=NumericDate(NOW + ago))


def test_who_asks_for_nothing_lacks_nothing() -> None:
    assert missing() is Missing.NOTHING
    assert missing(is_necessary=True) is Missing.UNREACHABLE


def test_only_what_is_missing_is_asked_for() -> None:
    assert missing("two") is Missing.CODE
    assert missing("two", proven=BY_BOTH) is Missing.NOTHING
    assert missing("known") is Missing.NOTHING


def test_what_is_too_old_for_a_level_is_proven_anew_from_the_beginning() -> None:
    assert missing("two now", proven=BY_BOTH, ago=60) is Missing.NOTHING
    assert missing("two now", proven=BY_BOTH, ago=61) is Missing.PASSWORD
    assert missing("two", proven=BY_BOTH, ago=61) is Missing.NOTHING
    assert missing("two now", ago=61) is Missing.PASSWORD


@pytest.mark.parametrize(("is_necessary", "found"), [(True, Missing.UNREACHABLE), (False, Missing.NOTHING)])
def test_a_level_that_cannot_be_reached_fails_only_where_it_is_necessary(
    found: Missing, *, is_necessary: bool
) -> None:
    for values in (("two",), ("held",), ("unknown",), ("held", "unknown")):
        assert missing(*values, has_factor=False, is_necessary=is_necessary) is found


def test_the_first_level_that_can_be_reached_decides() -> None:
    assert missing("held", "two", "known") is Missing.CODE
    assert missing("held", "two", "known", has_factor=False) is Missing.NOTHING
    assert missing("known", "two") is Missing.NOTHING


def said(proven: Authentication, *values: str, ago: int = 0) -> str:
    return as_asked(proven, AcrRequest(values), LEVELS, NumericDate(NOW + ago)).acr


def test_tokens_say_the_strongest_level_or_the_one_that_was_asked_for() -> None:
    assert said(BY_BOTH) == "two now"
    assert said(BY_BOTH, "two") == "two"
    assert said(BY_BOTH, "held", "known", "two") == "known"
    assert said(BY_BOTH, "held") == "two now"
    assert said(BY_BOTH, ago=61) == "two"
    assert said(replace(BY_PASSWORD, acr="urn:elsewhere")) == "urn:elsewhere"


def test_no_method_reaches_no_level() -> None:
    assert strongest(LEVELS, ()) == ""
    assert strongest(LEVELS, ("hwk",)) == "held"
