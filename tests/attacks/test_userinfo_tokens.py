"""Tokens at UserInfo that are not good there."""

from dataclasses import replace

import pytest

from support.house import (
    API,
    ISSUER,
    House,
    build_house,
    claims_of,
    clients,
    document,
    end_users,
)
from valetkey.authorization_server.decision import PutClient, PutEndUser, RevokeAuthorization
from valetkey.jose import Jwk, jwt
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Scope


@pytest.fixture
async def house() -> House:
    return await build_house()


def challenge(response: HttpResponse) -> str:
    return response.header("www-authenticate") or ""


def assert_invalid(response: HttpResponse) -> None:
    assert response.status == 401
    assert 'error="invalid_token"' in challenge(response)
    assert "sub-alice" not in response.body.decode()


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/no-token")
@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic d2ViOng="}, {"authorization": "DPoP x"}])
async def test_without_a_token_the_challenge_tells_no_error(house: House, headers: dict[str, str]) -> None:
    response = await house.get("/userinfo", headers)
    assert response.status == 401
    assert challenge(response) == "Bearer"


# covers: USR-01
@pytest.mark.requirement("RFC6750-2.1/syntax")
@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", 'Bearer "x"', "Bearer\tx"])
async def test_a_header_that_cannot_be_read_is_malformed(house: House, header: str) -> None:
    assert (await house.get("/userinfo", {"authorization": header})).status == 400


# covers: USR-01
@pytest.mark.requirement("RFC6750-2/one-method")
async def test_a_token_stands_in_one_place_and_never_in_the_query(house: House) -> None:
    token = (await house.tokens())["access_token"]
    header = {"authorization": f"Bearer {token}"}
    both = await house.post("/userinfo", {"access_token": token}, header)
    in_query = await house.send("GET", "/userinfo", query={"access_token": token})
    also_in_query = await house.send("GET", "/userinfo", query={"access_token": token}, headers=header)
    for response in (both, in_query, also_in_query):
        assert isinstance(response, HttpResponse)
        assert (response.status, document(response)["error"]) == (400, "invalid_request")


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/insufficient-scope")
async def test_without_openid_the_scope_is_insufficient(house: House) -> None:
    answer = document(await house.redeem(await house.code(scope=Scope.parse("openid albums.read"))))
    claims = {**claims_of(answer["access_token"]), "scope": "albums.read"}
    token = await house.server.signer.sign(claims, typ="at+jwt", algorithm="ES256")
    response = await house.bearer(token)
    assert response.status == 403
    assert 'error="insufficient_scope"' in challenge(response)
    assert 'scope="openid"' in challenge(response)


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/invalid-token")
async def test_a_token_for_another_audience_is_invalid(house: House) -> None:
    assert_invalid(await house.bearer((await house.tokens(scope=Scope.parse("albums.read")))["access_token"]))


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/invalid-token")
async def test_other_kinds_of_tokens_are_invalid(house: House) -> None:
    answer = await house.tokens()
    assert_invalid(await house.bearer(answer["id_token"]))
    assert_invalid(await house.bearer(answer["refresh_token"]))
    machine = document(await house.token("machine", {"grant_type": "client_credentials"}))
    assert_invalid(await house.bearer(machine["access_token"]))


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/invalid-token")
async def test_an_expired_token_is_invalid_from_its_last_second_on(house: House) -> None:
    token = (await house.tokens())["access_token"]
    house.clock.advance(299)
    assert (await house.bearer(token)).status == 200
    house.clock.advance(1)
    assert_invalid(await house.bearer(token))


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/invalid-token")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER.url + "/"},
        {"aud": API},
        {"sub": "sub-bob"},
        {"sub": "web"},
        {"authorization_id": "another"},
        {"authorization_id": None},
        {"client_id": "nobody"},
    ],
    ids=str,
)
async def test_even_signed_by_us_every_claim_must_hold(house: House, changes: dict[str, str | None]) -> None:
    claims = claims_of((await house.tokens())["access_token"])
    changed = {name: value for name, value in (claims | changes).items() if value is not None}
    token = await house.server.signer.sign(changed, typ="at+jwt", algorithm="ES256")
    assert_invalid(await house.bearer(token))
    good = await house.server.signer.sign(claims, typ="at+jwt", algorithm="ES256")
    assert (await house.bearer(good)).status == 200


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/invalid-token")
async def test_a_token_by_a_strangers_key_is_invalid(house: House) -> None:
    claims = claims_of((await house.tokens())["access_token"])
    assert_invalid(await house.bearer(jwt.sign(claims, Jwk.generate("ES256"), typ="at+jwt")))


# covers: USR-01
@pytest.mark.requirement("RFC6750-3.1/revoked")
async def test_what_its_end_user_or_client_lost_is_no_longer_told(house: House) -> None:
    answer = await house.tokens()
    await house.commit(PutEndUser(replace(end_users()["alice"], disabled=True)))
    assert_invalid(await house.bearer(answer["access_token"]))
    await house.commit(PutEndUser(end_users()["alice"]))
    assert_invalid(await house.bearer(answer["access_token"]))
    newer = await house.tokens()
    await house.commit(PutClient(replace(clients()["web"], disabled=True)))
    assert_invalid(await house.bearer(newer["access_token"]))


async def test_another_tenants_token_is_invalid(house: House) -> None:
    from valetkey.oauth.types import Issuer, TenantId  # noqa: PLC0415 - one use

    blue = await build_house(issuer=Issuer.parse("https://as.example/t/blue"), tenant_id=TenantId("blue"))
    token = (await blue.tokens())["access_token"]
    assert (await blue.bearer(token)).status == 200
    assert_invalid(await house.bearer(token))


# covers: USR-01, HTP-07
@pytest.mark.requirement("OIDCC-5.3/cors")
@pytest.mark.parametrize(
    ("origin", "opened"),
    [
        ("https://spa.example", "https://spa.example"),
        ("https://web.example", "https://web.example"),
        *(
            (other, None)
            for other in ("https://evil.example", "null", "https://SPA.example", "https://spa.example:8443")
        ),
    ],
)
async def test_a_script_of_the_tenants_clients_can_read_why_it_was_refused(
    house: House, origin: str, opened: str | None
) -> None:
    answer = await house.tokens("spa")
    await house.commit(RevokeAuthorization(claims_of(answer["access_token"])["authorization_id"], house.clock.now))
    for presented in ("", "Bearer", "Bearer x", f"Bearer {answer['access_token']}", f"Bearer {answer['id_token']}"):
        response = await house.get("/userinfo", {"authorization": presented, "origin": origin})
        assert response.status in {400, 401}
        assert response.header("vary") == "Origin"
        assert response.header("access-control-allow-origin") == opened
        assert ("WWW-Authenticate" in (response.header("access-control-expose-headers") or "")) is (
            opened is not None
        )


# covers: USR-01, HTP-07
async def test_whose_token_lacks_the_scope_is_told_to_its_own_origin_alone(house: House) -> None:
    answer = document(await house.redeem(await house.code("spa", scope=Scope.parse("openid albums.read")), "spa"))
    claims = {**claims_of(answer["access_token"]), "scope": "albums.read"}
    token = await house.server.signer.sign(claims, typ="at+jwt", algorithm="ES256")
    for origin, opened in (("https://spa.example", "https://spa.example"), ("https://web.example", None)):
        response = await house.get("/userinfo", {"authorization": f"Bearer {token}", "origin": origin})
        assert (response.status, response.header("access-control-allow-origin")) == (403, opened)
        assert response.header("vary") == "Origin"
