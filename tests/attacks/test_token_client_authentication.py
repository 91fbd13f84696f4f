"""Forged, doubled, guessed and replayed client authentication at the token endpoint."""

from dataclasses import replace

import pytest

from support.house import (
    ASSERTION_TYPE,
    MACHINE_GRANT,
    SECRET,
    House,
    basic,
    build_house,
    clients,
    document,
)
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import ClientSecret
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, NumericDate, SecretDigest, SecretText

OWN = {"grant_type": "client_credentials"}
WRONG = "vk_cs_" + "w" * 43


@pytest.fixture
async def house() -> House:
    return await build_house()


def told(response: HttpResponse) -> tuple[int, bytes, str | None]:
    return response.status, response.body, response.header("www-authenticate")


# covers: CLI-01
@pytest.mark.requirement("RFC6749-5.2/challenge")
async def test_every_failure_in_the_header_is_told_the_same(house: House) -> None:
    await house.commit(PutClient(replace(clients()["web"], disabled=True)))
    answers = {
        told(await house.post("/token", OWN, basic(client_id, secret)))
        for client_id, secret in (
            ("machine", WRONG),
            ("machine", ""),
            ("machine", SECRET[:-1]),
            ("nobody", SECRET),
            ("web", SECRET),
            ("spa", ""),
            ("post", SECRET),
            ("assertion", SECRET),
            ("", ""),
        )
    }
    ((status, body, challenge),) = answers
    assert status == 401
    assert b"invalid_client" in body
    assert challenge is not None
    assert challenge.startswith("Basic ")
    assert (await house.post("/token", OWN, basic("machine", SECRET))).status == 200


# covers: CLI-01
@pytest.mark.requirement("RFC6749-5.2/invalid-client")
@pytest.mark.requirement("RFC6749-3.2.1/authenticate")
async def test_every_failure_in_the_form_is_told_the_same(house: House) -> None:
    forms: tuple[dict[str, str], ...] = (
        {},
        {"client_id": "nobody"},
        {"client_id": "machine"},
        {"client_id": "machine", "client_secret": SECRET},
        {"client_id": "post", "client_secret": WRONG},
        {"client_id": "nobody", "client_secret": SECRET},
        {"client_assertion_type": ASSERTION_TYPE, "client_assertion": house.assertion({"aud": "x"})},
        {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "x.y.z"},
        {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": house.assertion({"iss": "nobody", "sub": "nobody"}),
        },
    )
    answers = {told(await house.post("/token", {**OWN, **form})) for form in forms}
    ((status, body, challenge),) = answers
    assert (status, challenge) == (401, None)
    assert b"invalid_client" in body


# covers: CLI-02
@pytest.mark.requirement("RFC6749-2.3/one-method")
async def test_two_methods_are_refused_even_when_both_are_right(house: House) -> None:
    response = await house.post(
        "/token", {**OWN, "client_secret": SECRET, "client_id": "post"}, basic("post", SECRET)
    )
    assert response.status == 400
    assert document(response)["error"] == "invalid_request"


# covers: CLI-11
@pytest.mark.requirement("RFC7523-3/jti")
async def test_an_assertion_is_used_once_even_by_a_request_that_was_refused(house: House) -> None:
    form, _ = house.credentials("assertion")
    refused = await house.post("/token", {**form, "grant_type": "client_credentials", "scope": "nobody.knows"})
    assert document(refused)["error"] == "invalid_scope"
    replayed = await house.post("/token", {**form, **OWN})
    assert replayed.status == 401
    assert (await house.token("assertion", OWN)).status == 200


# covers: CLI-11
@pytest.mark.requirement("RFC7523-3/jti")
async def test_an_assertion_is_remembered_until_it_expires(house: House) -> None:
    form, _ = house.credentials("assertion")
    assert (await house.post("/token", {**form, **OWN})).status == 200
    for _ in range(3):
        house.clock.advance(20)
        assert (await house.post("/token", {**form, **OWN})).status == 401


# covers: CLI-11
@pytest.mark.requirement("RFC7523-2.2/single-jwt")
async def test_an_assertion_twice_in_one_form_is_malformed(house: House) -> None:
    one, two = house.assertion(), house.assertion()
    response = await house.post(
        "/token", {**OWN, "client_assertion_type": ASSERTION_TYPE, "client_assertion": [one, two]}
    )
    assert (response.status, document(response)["error"]) == (400, "invalid_request")


# covers: CLI-13
@pytest.mark.requirement("RFC6749-2.3.1/brute-force")
async def test_guessing_one_clients_secret_is_throttled_without_locking_it_out(house: House) -> None:
    statuses = [
        (await house.post("/token", OWN, basic("machine", f"vk_cs_{guess:043}"))).status for guess in range(30)
    ]
    assert statuses[:20] == [401] * 20
    assert statuses[20:] == [429] * 10
    refused = await house.post("/token", OWN, basic("machine", WRONG))
    assert int(refused.header("retry-after") or 0) > 0
    assert (await house.post("/token", OWN, basic("machine", SECRET))).status == 200
    house.clock.advance(6)
    assert (await house.post("/token", OWN, basic("machine", WRONG))).status == 401


# covers: CLI-13
@pytest.mark.requirement("RFC6749-2.3.1/brute-force")
async def test_one_guess_at_each_of_many_clients_is_throttled_by_address(house: House) -> None:
    statuses = [(await house.post("/token", OWN, basic(f"client-{number}", WRONG))).status for number in range(120)]
    assert statuses[:100] == [401] * 100
    assert set(statuses[100:]) == {429}


# covers: CLI-13
async def test_unknown_clients_are_throttled_like_known_ones(house: House) -> None:
    known = [(await house.post("/token", OWN, basic("machine", WRONG))).status for _ in range(25)]
    house.clock.advance(3600)
    unknown = [(await house.post("/token", OWN, basic("nobody", WRONG))).status for _ in range(25)]
    assert known == unknown


# covers: CLI-14
async def test_a_rotated_secret_is_good_to_its_own_end(house: House) -> None:
    new = "vk_cs_" + "n" * 43
    machine = clients()["machine"]
    old = replace(machine.secrets[0], expires_at=NumericDate(house.clock.now + 60))
    added = ClientSecret("2", SecretDigest(SecretText(new).digest()), house.clock.now)
    await house.commit(PutClient(replace(machine, secrets=(old, added))))
    assert (await house.post("/token", OWN, basic("machine", SECRET))).status == 200
    assert (await house.post("/token", OWN, basic("machine", new))).status == 200
    house.clock.advance(60)
    assert (await house.post("/token", OWN, basic("machine", SECRET))).status == 401
    assert (await house.post("/token", OWN, basic("machine", new))).status == 200


# covers: GRA-01
@pytest.mark.requirement("RFC6749-4.4/public")
async def test_a_public_client_never_acts_for_itself(house: House) -> None:
    spa = clients()["spa"]
    assert document(await house.token("spa", OWN))["error"] == "unauthorized_client"
    await house.commit(PutClient(replace(spa, grant_types=spa.grant_types | MACHINE_GRANT)))
    response = await house.token("spa", OWN)
    assert (response.status, document(response)["error"]) == (400, "unauthorized_client")


# covers: GRA-01
@pytest.mark.requirement("RFC6749-4.4.3/end-user")
@pytest.mark.parametrize("profile", ["OAUTH_2_1", "OPENID", "MCP"])
@pytest.mark.parametrize("scope", ["openid", "offline_access", "openid albums.read"])
async def test_a_client_gets_nothing_of_an_end_user_for_itself(profile: str, scope: str) -> None:
    house = await build_house(profile=profile)
    response = await house.token("machine", {**OWN, "scope": scope})
    assert (response.status, document(response)["error"]) == (400, "invalid_scope")
    answer = document(await house.token("machine", OWN))
    assert not {"refresh_token", "id_token"} & set(answer)


# covers: GRA-01
@pytest.mark.requirement("OIDCC-5.3.1/end-user")
async def test_a_client_that_is_called_like_an_end_user_is_not_that_end_user(house: House) -> None:
    impostor = replace(clients()["machine"], client_id=ClientId("sub-alice"))
    await house.commit(PutClient(impostor))
    response = await house.post("/token", {**OWN, "resource": ""}, basic("sub-alice", SECRET))
    assert response.status == 200
    assert (await house.bearer(document(response)["access_token"])).status == 401


# covers: GRA-02
@pytest.mark.requirement("RFC6749-5.2/unsupported-grant")
@pytest.mark.parametrize(
    "grant_type",
    ["password", "implicit", "urn:openid:params:grant-type:ciba", "Client_Credentials", "x" * 9_000],
)
async def test_a_grant_that_the_profile_lacks_does_not_exist(house: House, grant_type: str) -> None:
    response = await house.token(
        "machine", {"grant_type": grant_type, "username": "alice", "password": "correct horse"}
    )
    assert (response.status, document(response)["error"]) == (400, "unsupported_grant_type")


# covers: GRA-02
@pytest.mark.requirement("RFC6749-5.2/unauthorized-client")
async def test_a_grant_that_the_client_did_not_register_is_not_its_own(house: House) -> None:
    response = await house.token("web", OWN)
    assert (response.status, document(response)["error"]) == (400, "unauthorized_client")
