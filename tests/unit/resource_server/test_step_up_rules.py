"""A route that asks how and when the end-user was authenticated (RFC 9470)."""

import pytest

from support.asking import bearing
from support.issuer import ISSUER, RESOURCE, TestIssuer
from valetkey.jose.clock import system_clock
from valetkey.oauth.challenge import parse_challenges
from valetkey.resource_server import Allow, Decision, Deny, ResourceServer, Rule

AS = TestIssuer()
STRONG, STRONGER = "urn:example:strong", "urn:example:stronger"
SERVER = ResourceServer.of_issuer(issuer=ISSUER, resource=RESOURCE, keys=AS.source())

pytestmark = pytest.mark.anyio


async def judged(rule: Rule, **claims: object) -> Decision:
    return await SERVER.decide(bearing(AS.token(claims)), rule)


def challenge(outcome: Decision) -> dict[str, str]:
    assert isinstance(outcome, Deny)
    assert outcome.status == 401
    (found,) = parse_challenges(dict(outcome.headers)["www-authenticate"])
    return dict(found.parameters)


@pytest.mark.requirement("RFC9470-3/acr-values")
@pytest.mark.parametrize("acr", [STRONG, STRONGER])
async def test_any_of_the_levels_will_do(acr: str) -> None:
    assert isinstance(await judged(Rule.requiring("albums.read", acr=(STRONG, STRONGER)), acr=acr), Allow)


@pytest.mark.requirement("RFC9470-3/error", "RFC9470-3/acr-values")
@pytest.mark.parametrize("acr", [None, "", "urn:example:weak", STRONG + " ", [STRONG], STRONG.upper()])
async def test_any_other_level_is_told_what_is_wanted(acr: object) -> None:
    asked = challenge(await judged(Rule.requiring("albums.read", acr=f"{STRONG} {STRONGER}"), acr=acr))
    assert asked["error"] == "insufficient_user_authentication"
    assert asked["acr_values"] == f"{STRONG} {STRONGER}"
    assert asked["scope"] == "albums.read"
    assert "max_age" not in asked


@pytest.mark.requirement("RFC9470-3/max-age")
async def test_an_authentication_may_be_so_old_and_no_older() -> None:
    now = system_clock()
    assert isinstance(await judged(Rule.requiring(max_age=1_000), auth_time=now - 500), Allow)
    asked = challenge(await judged(Rule.requiring(max_age=400), auth_time=now - 500))
    assert (asked["error"], asked["max_age"]) == ("insufficient_user_authentication", "400")
    assert "acr_values" not in asked


@pytest.mark.parametrize("auth_time", [None, "1800000000", True, 1.5])
async def test_a_token_that_does_not_say_when_is_too_old(auth_time: object) -> None:
    token = AS.token({"auth_time": auth_time})
    outcome = await SERVER.decide(bearing(token), Rule.requiring(max_age=10**9))
    assert isinstance(outcome, Deny)
    assert outcome.status == 401


async def test_both_have_to_hold() -> None:
    rule = Rule.requiring(acr=STRONG, max_age=100)
    now = system_clock()
    assert isinstance(await judged(rule, acr=STRONG, auth_time=now), Allow)
    for claims in ({"acr": STRONG, "auth_time": now - 200}, {"acr": "weak", "auth_time": now}):
        asked = challenge(await judged(rule, **claims))
        assert (asked["acr_values"], asked["max_age"]) == (STRONG, "100")


async def test_a_client_that_acts_for_itself_was_never_authenticated_so() -> None:
    outcome = await judged(Rule.requiring(acr=STRONG), sub="machine", client_id="machine")
    assert challenge(outcome)["error"] == "insufficient_user_authentication"


async def test_a_missing_scope_alone_stays_a_missing_scope() -> None:
    outcome = await judged(Rule.requiring("albums.write", acr=STRONG), acr=STRONG)
    assert isinstance(outcome, Deny)
    assert (outcome.status, outcome.error) == (403, "insufficient_scope")


async def test_a_forged_token_is_not_told_about_levels() -> None:
    outcome = await SERVER.decide(bearing("a.b.c"), Rule.requiring(acr=STRONG, max_age=5))
    assert challenge(outcome)["error"] == "invalid_token"
    assert not {"acr_values", "max_age"} & set(challenge(outcome))


@pytest.mark.parametrize("options", [{"max_age": -1}, {"acr": ("a b",)}, {"acr": ('a"b',)}, {"acr": ("",)}])
def test_a_rule_that_no_challenge_could_say_is_none(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"acr|max_age"):
        Rule.requiring(**options)  # type: ignore[arg-type] # wrong on purpose
