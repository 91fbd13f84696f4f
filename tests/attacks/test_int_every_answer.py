"""What a resource server must not learn at the introspection endpoint, octet for octet, of the whole server."""

from dataclasses import replace

import pytest

from support.asgi_driver import Reply, Served, serve_house
from support.house import SECRET, basic, encode_form, resources
from support.introspecting import ALBUMS_API, INACTIVE, ORDERS_API
from valetkey.authorization_server.decision import BumpGeneration, PutClient, PutResource, RevokeAuthorization
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.oauth.types import AuthorizationId

FORMATS = pytest.mark.parametrize("written", AccessTokenFormat)
OWN = {"date", "x-request-id"}
"""Headers that differ from answer to answer, whatever was asked."""


@pytest.fixture
async def served(written: AccessTokenFormat) -> Served:
    found = await serve_house()
    for resource, speaker in zip(resources(), (ALBUMS_API, ORDERS_API), strict=True):
        named = replace(resource, access_token_format=written, introspection_client_ids=(speaker.client_id,))
        await found.house.commit(PutClient(speaker), PutResource(named))
    return found


async def ask(served: Served, token: str, client_id: str = "albums-api") -> Reply:
    return await served.post("/introspect", encode_form({"token": token}), basic(client_id, SECRET))


def seen(reply: Reply) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return all that a caller sees."""
    return reply.status, reply.body, sorted((name, value) for name, value in reply.headers if name not in OWN)


# covers: INT-02, INT-03
@FORMATS
@pytest.mark.requirement("RFC7662-2.2/inactive", "RFC7662-2.2/nothing-more", "RFC7662-4/audience")
async def test_every_token_that_is_not_good_there_gets_one_answer_to_the_last_header(served: Served) -> None:
    house = served.house
    answer = await house.tokens()
    expired = (await house.tokens())["access_token"]
    house.clock.advance(300)
    revoked = await house.tokens()
    session = await house.session()
    signed_out = (await house.tokens(sid=session.sid, bound_to_session=True))["access_token"]
    withdrawn = (await house.tokens())["access_token"]
    found = await ask(served, withdrawn)
    assert found.json["active"] is True
    await house.post("/revoke", {"token": revoked["access_token"]}, basic("web", SECRET))
    authorization_id = AuthorizationId(found.json["authorization_id"])
    await house.commit(RevokeAuthorization(authorization_id, house.clock.now))
    living = (await house.tokens())["access_token"]
    nothing = await ask(served, "vk_at_" + "x" * 43)
    assert (nothing.status, nothing.body) == (200, INACTIVE)
    tokens = {
        "malformed": "…",
        "two dots": "a.b.c",
        "cut": living[:-1],
        "expired": expired,
        "revoked": revoked["access_token"],
        "of a withdrawn authorization": withdrawn,
        "a code": await house.code(),
        "a refresh token": answer["refresh_token"],
        "an ID Token": answer["id_token"],
        "a client secret": SECRET,
        "60 kB": "x" * 60_000,
    }
    for what, token in tokens.items():
        assert seen(await ask(served, token)) == seen(nothing), what
    assert seen(await ask(served, living, "orders-api")) == seen(nothing)
    assert (await ask(served, signed_out)).json["active"] is True
    await house.commit(BumpGeneration("server", ""))
    for dead in (living, signed_out):
        assert seen(await ask(served, dead)) == seen(nothing)


# covers: INT-03
@FORMATS
@pytest.mark.parametrize("size", [70_000, 1_000_000])
async def test_a_token_of_a_megabyte_is_not_read_to_its_end(served: Served, size: int) -> None:
    for path in ("/introspect", "/revoke"):
        body = encode_form({"token": "x" * size})
        reply = await served.post(path, body, basic("albums-api", SECRET))
        assert (reply.status, reply.json["error"]) == (413, "invalid_request")
        assert b"active" not in reply.body
        assert len(reply.body) < 300
    living = (await served.house.tokens())["access_token"]
    assert (await ask(served, living)).json["active"] is True
