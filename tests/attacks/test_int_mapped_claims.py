"""What introspection tells beyond the token itself: to whom it was meant for, and to nobody else (RFC 7662, 4)."""

from dataclasses import replace

import pytest

from support.house import API, OTHER_API, SECRET, House, basic, document, resources
from support.introspecting import ALBUMS_API, ORDERS_API, introspecting_house, told
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.decision import PutResource
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.jose import Jwk, JwkSet
from valetkey.oauth.types import Scope

ALBUMS, ORDERS = resources()
SCOPE = Scope.parse("albums.read orders.read")
KEY = Jwk.generate("ECDH-ES+A256KW", kid="albums-1", curve="P-256")


async def mapping_house(**changes: object) -> House:
    house = await introspecting_house()
    ways: dict[str, object] = {"access_token_format": AccessTokenFormat.OPAQUE, **changes}
    for resource, speaker, claim in ((ALBUMS, ALBUMS_API, "contact"), (ORDERS, ORDERS_API, "handle")):
        source = "user.email" if resource is ALBUMS else "user.username"
        row = replace(resource, introspection_client_ids=(speaker.client_id,), claims=(ClaimRule(claim, source),))
        await house.commit(PutResource(replace(row, **ways)))  # type: ignore[arg-type]  # a test names fields
    return house


@pytest.mark.requirement("RFC7662-4/audience")
@pytest.mark.parametrize("way", ["opaque", "encrypted"])
async def test_a_client_does_not_learn_by_asking_what_its_own_token_hides_from_it(way: str) -> None:
    keys = {"access_token_format": AccessTokenFormat.JWT, "encryption_jwks": JwkSet((KEY.public(),))}
    house = await mapping_house(**(keys if way == "encrypted" else {}))
    token = (await house.tokens(scope=SCOPE, resources=(API,)))["access_token"]

    asked_by_client = document(await house.post("/introspect", {"token": token}, basic("web", SECRET)))
    asked_by_api = await told(house, token)

    assert asked_by_api["contact"] == "alice@example.com"
    assert asked_by_client["active"] is True
    assert "contact" not in asked_by_client


@pytest.mark.requirement("RFC7662-4/audience")
async def test_of_two_resource_servers_each_is_told_its_own_claims_alone() -> None:
    house = await mapping_house()
    token = (await house.tokens(scope=SCOPE, resources=(API, OTHER_API)))["access_token"]

    albums, orders = await told(house, token), await told(house, token, ORDERS_API)

    assert ("contact" in albums, "handle" in albums) == (True, False)
    assert ("contact" in orders, "handle" in orders) == (False, True)
