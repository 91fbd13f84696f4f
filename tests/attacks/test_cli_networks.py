"""Who has a whole IPv6 site guesses client secrets as one: the same rule as for every other budget."""

import pytest

from support.house import House, basic, build_house
from valetkey.authorization_server import paths
from valetkey.authorization_server.endpoints import token
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.http import HttpRequest


async def guess(house: House, address: str, number: int) -> int:
    """Return the status of a wrong secret that comes from `address`."""
    headers = tuple(
        (name.encode(), value.encode()) for name, value in basic("machine", f"vk_cs_{number:043}").items()
    )
    request = HttpRequest("POST", paths.TOKEN, b"", headers, b"grant_type=client_credentials", address, "request-1")
    with pytest.raises(OAuthError) as refused:
        await token.respond(request, house.server)
    return refused.value.status


# covers: CLI-13
@pytest.mark.requirement("RFC6749-2.3.1/brute-force")
async def test_an_address_of_ones_own_for_each_guess_does_not_help_an_ipv6_site() -> None:
    house = await build_house()

    statuses = [await guess(house, f"2001:db8:1:2::{number:x}", number) for number in range(1, 31)]

    assert statuses == [401] * 20 + [429] * 10
    assert await guess(house, "2001:db8:1:3::1", 31) == 401
