"""Malformed requests to the token endpoint: refused whole, and nothing is changed."""

import pytest

from support.house import SECRET, House, basic, build_house, document
from valetkey.authorization_server.routes import ROUTES, Accepts, Cache

ROW = next(route for route in ROUTES if route.path == "/token")
OWN = {"grant_type": "client_credentials"}


@pytest.fixture
async def house() -> House:
    return await build_house()


# covers: HTP-05
@pytest.mark.requirement("RFC6749-3.2/repeated")
@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=client_credentials&grant_type=client_credentials",
        b"grant_type=client_credentials&scope=albums.read&scope=albums.read",
        b"grant_type=client_credentials&scope=&scope=albums.read",
        b"grant_type=client_credentials&flavour=a&flavour=b",
    ],
)
async def test_a_repeated_parameter_is_refused(house: House, body: bytes) -> None:
    response = await house.post("/token", body, basic("machine", SECRET))
    assert (response.status, document(response)["error"]) == (400, "invalid_request")


# covers: HTP-05
@pytest.mark.requirement("RFC6749-3.2/body")
@pytest.mark.parametrize("query", [{"grant_type": "client_credentials"}, {"scope": "albums.read"}, {"x": "y"}])
async def test_parameters_in_the_query_are_refused(house: House, query: dict[str, str]) -> None:
    response = await house.send("POST", "/token", query=query, form=OWN, headers=basic("machine", SECRET))
    assert response.status == 400  # type: ignore[union-attr]  # a machine's endpoint answers no page


# covers: HTP-04
@pytest.mark.requirement("RFC6749-B")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"grant_type", b"%", b"grant_type=%zz", b"grant_type=\xff", b"a[b][c]=1", b'{"grant_type":"x"}',
        b"grant_type=client_credentials;scope=albums.read", b"&".join(b"f%d=1" % n for n in range(101)),
        b"n" * 60_000 + b"=1",
    ],
)  # fmt: skip
async def test_what_is_no_form_is_an_invalid_request_and_nothing_worse(house: House, body: bytes) -> None:
    response = await house.post("/token", body, basic("machine", SECRET))
    assert response.status == 400
    assert document(response)["error"] in {"invalid_request", "unsupported_grant_type"}
    assert (await house.post("/token", OWN, basic("machine", SECRET))).status == 200


@pytest.mark.requirement("RFC6749-5.2/grant-type")
async def test_a_request_without_grant_type_is_malformed(house: House) -> None:
    response = await house.post("/token", {"scope": "albums.read"}, basic("machine", SECRET))
    assert document(response)["error"] == "invalid_request"


# covers: AUT-12
@pytest.mark.parametrize("scope", ["nobody.knows", 'a"b', "albums.read  orders.read", "\u00e9", "albums.write"])
async def test_a_scope_that_cannot_be_had_is_refused(house: House, scope: str) -> None:
    response = await house.token("machine", {**OWN, "scope": scope})
    assert (response.status, document(response)["error"]) == (400, "invalid_scope")


# covers: AUT-14
@pytest.mark.parametrize(
    "resource",
    [
        "albums", "https://api.example/albums#x", "https://api.example/nothing", "https://API.example/albums",
        "https://api.example/albums/", ["https://api.example/albums", "https://evil.example"],
        [f"https://api.example/{number}" for number in range(50)],
    ],
)  # fmt: skip
async def test_a_resource_that_is_not_ours_is_refused(house: House, resource: str | list[str]) -> None:
    response = await house.token("machine", {**OWN, "resource": resource})
    assert (response.status, document(response)["error"]) == (400, "invalid_target")


# covers: HTP-08
@pytest.mark.requirement("RFC6749-5.1/no-store")
async def test_nothing_that_the_token_endpoint_says_may_be_kept(house: House) -> None:
    assert ROW.cache is Cache.NO_STORE
    assert ROW.accepts is Accepts.FORM
    assert ROW.methods == {"POST"}
    refused = await house.post("/token", OWN, basic("machine", "x"))
    assert refused.header("cache-control") == "no-store"


# covers: LGG-03
async def test_no_secret_that_was_sent_comes_back_or_reaches_the_log(house: House) -> None:
    secret, code, verifier = "vk_cs_mysecret", "vk_ac_mycode", "myverifier" * 5
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    for headers in (basic("web", secret), basic("web", SECRET)):
        response = await house.post("/token", form, headers)
        text = repr(house.log.events) + response.body.decode() + repr(response)
        for value in (secret, code, verifier):
            assert value not in text
