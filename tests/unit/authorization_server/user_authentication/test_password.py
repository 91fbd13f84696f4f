import pytest

from support.house import NOW, House, build_house
from valetkey.authorization_server.acr_levels import SINGLE_FACTOR
from valetkey.authorization_server.budgets import Budget, counted, wait_for
from valetkey.authorization_server.decision import CountAttempt, ForgiveAttempts
from valetkey.authorization_server.model import BrowserId
from valetkey.authorization_server.user_authentication import METHODS
from valetkey.authorization_server.user_authentication.password import (
    METHOD,
    forgiven,
    load_claimant,
)

STRANGER = BrowserId("a stranger's")


@pytest.fixture
async def house() -> House:
    return await build_house()


async def keys(house: House, username: str, address: str = "192.0.2.1") -> list[str]:
    return [budget.key for budget in (await load_claimant(username, address, STRANGER, house.stores)).budgets]


async def test_a_stranger_draws_on_the_account_and_on_the_source(house: House) -> None:
    account, source = await keys(house, "alice")
    assert account.startswith("login:account:")
    assert "alice" not in account
    assert source == "login:source:192.0.2.1"
    assert await keys(house, "nobody") != await keys(house, "somebody")


async def test_every_spelling_of_a_name_is_one_account(house: House) -> None:
    one = await keys(house, "alice")
    for spelling in ("ALICE", " Alice", "\uff21lice"):
        assert await keys(house, spelling) == one


async def test_a_browser_that_is_known_has_a_budget_of_its_own(house: House) -> None:
    session = await house.session("alice")
    own = await load_claimant("alice", "192.0.2.1", session.browser_id, house.stores)
    assert [budget.key.startswith(f"login:browser:{session.browser_id}:") for budget in own.budgets] == [True]
    other = await load_claimant("bob", "192.0.2.1", session.browser_id, house.stores)
    assert other.budgets[0].key.startswith("login:account:")


async def test_the_addresses_of_an_ipv6_site_are_one_source(house: House) -> None:
    sources = [(await keys(house, "alice", address))[1] for address in ("2001:db8::1", "2001:db8::ffff:1", "")]
    assert sources == ["login:source:2001:db8::/64"] * 2 + ["login:source:"]


def test_a_success_forgives_all_but_the_source() -> None:
    budgets = (
        Budget("login:account:a", 120, 10),
        Budget("login:source:s", 4, 200),
        Budget("login:browser:b", 30, 10),
    )
    assert counted(budgets, NOW)[0] == CountAttempt("login:account:a", 120, 10, NOW)
    assert len(counted(budgets, NOW)) == 3
    assert forgiven(budgets) == (ForgiveAttempts("login:account:a"), ForgiveAttempts("login:browser:b"))


async def test_the_wait_is_that_of_the_emptiest_budget(house: House) -> None:
    budgets = (Budget("a", 10, 1), Budget("b", 100, 1))
    assert await wait_for(budgets, house.stores, NOW) == 0
    await house.commit(*counted(budgets, NOW))
    assert await wait_for(budgets, house.stores, NOW) == 100


def test_a_password_is_one_factor() -> None:
    assert METHODS["password"] is METHOD
    authentication = METHOD.authenticated(NOW)
    assert (authentication.acr, authentication.amr, authentication.auth_time) == (SINGLE_FACTOR, ("pwd",), NOW)
