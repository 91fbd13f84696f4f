"""What a client makes of an API's wish for a better authentication (RFC 9470)."""

import pytest

from valetkey.client import CodeFlow, Server, StepUp, step_up_of
from valetkey.oauth.challenge import Challenge
from valetkey.oauth.types import Scope

ASKED = (
    'Bearer error="insufficient_user_authentication", error_description="Too weak.", '
    'acr_values="urn:example:strong urn:example:stronger", max_age="300", scope="payments"'
)
SERVER = Server("https://as.example", "https://as.example/authorize", "https://as.example/token", sends_issuer=True)
FLOW = CodeFlow(
    SERVER, "app", "https://app.example/cb", Scope({"openid"}), parameters=(("max_age", "9"), ("x", "y"))
)


@pytest.mark.requirement("RFC9470-4/parse")
def test_a_challenge_says_which_parameters_to_ask_with() -> None:
    wanted = step_up_of(ASKED)
    assert wanted == StepUp(("urn:example:strong", "urn:example:stronger"), 300, Scope({"payments"}))
    assert wanted.parameters == (("acr_values", "urn:example:strong urn:example:stronger"), ("max_age", "300"))


@pytest.mark.requirement("RFC9470-4/parse")
def test_a_flow_asks_with_them_and_for_nothing_else_than_before() -> None:
    wanted = step_up_of([ASKED])
    assert wanted is not None
    flow = wanted.applied_to(FLOW)
    assert flow.scope == FLOW.scope
    assert flow.parameters == (("x", "y"), *wanted.parameters)
    url = flow.start(b"e" * 32).url
    assert "acr_values=urn%3Aexample%3Astrong+urn%3Aexample%3Astronger" in url
    assert url.count("max_age=300") == 1


def test_it_is_found_among_other_challenges_and_headers() -> None:
    assert step_up_of(["Basic realm=x", 'DPoP algs="ES256", ' + ASKED]) is not None


@pytest.mark.parametrize("text", ["-5", "1.5", "soon", "", "9999999999"])
def test_an_age_that_is_no_number_of_seconds_is_left_out(text: str) -> None:
    wanted = step_up_of(
        str(Challenge("Bearer", (("error", "insufficient_user_authentication"), ("max_age", text))))
    )
    assert wanted == StepUp()


@pytest.mark.parametrize("header", ["", "Bearer", 'Bearer error="invalid_token", acr_values="x"', "\x00", "="])
def test_any_other_refusal_is_none(header: str) -> None:
    assert step_up_of(header) is None
