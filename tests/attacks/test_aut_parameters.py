"""Hostile and mistaken parameters of authorization requests: what the client learns, and that nothing is given."""

import re
from dataclasses import replace

import pytest

from support.house import (
    API,
    CODE_AND_REFRESH,
    ISSUER,
    OTHER_API,
    House,
    build_house,
    claims_of,
    clients,
    document,
    encode_form,
)
from support.requirement import requirement
from support.visitor import STATE, Visitor, consent_page, error_page, location_of, login_page, request_of, returned
from valetkey.authorization_server.decision import PutClient, PutResource
from valetkey.authorization_server.model import ConsentMode, Resource
from valetkey.authorization_server.pages import ErrorKind
from valetkey.authorization_server.policy import IMPLICIT
from valetkey.jose import Jwk, jwt
from valetkey.oauth.types import GrantType

Fault = dict[str, str | list[str] | None]


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


# covers: AUT-03, AUT-06, AUT-07, AUT-10, AUT-12, AUT-14, AUT-16, AUT-19
@requirement("RFC9207-2/issuer")
@requirement("RFC6749-4.1.2.1/state")
@requirement("RFC6749-4.1.2.1/error")
@requirement("RFC6749-4.1.2.1/characters")
@requirement("RFC6749-3.1.1/response-type")
@requirement("RFC7636-4.4.1/method")
@requirement("RFC7636-4.4.1/required")
@requirement("OIDCC-3.1.2.1/prompt-values")
@requirement("OIDCC-3.1.2.1/max-age")
@requirement("OIDCC-7.2.1/not-supported")
@requirement("RFC8707-2/syntax")
@requirement("RFC8707-2/fragment")
@requirement("RFC6749-3.3/default")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "CODE"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "nonsense"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"request": "e30.e30."}, "invalid_request_object"),
        ({"request_uri": "https://web.example/request"}, "invalid_request_uri"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"dpop_jkt": "+" * 43}, "invalid_request"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "consent none"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"prompt": "NONE"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "1" + "0" * 20}, "invalid_request"),
        ({"max_age": "999999999"}, "invalid_request"),
        ({"max_age": "\u0661"}, "invalid_request"),
        ({"max_age": " 1"}, "invalid_request"),
        ({"scope": "openid nonsense"}, "invalid_scope"),
        ({"scope": "openid orders.write"}, "invalid_scope"),
        ({"scope": 'openid "'}, "invalid_scope"),
        ({"scope": "openid  email"}, "invalid_scope"),
        ({"scope": "openid\temail"}, "invalid_scope"),
        ({"scope": "a " * 200 + "a"}, "invalid_scope"),
        ({"resource": "albums"}, "invalid_target"),
        ({"resource": API + "#x"}, "invalid_target"),
        ({"resource": API.upper()}, "invalid_target"),
        ({"resource": API + "/"}, "invalid_target"),
        ({"resource": "https://elsewhere.example/"}, "invalid_target"),
        ({"resource": [API] + [f"https://elsewhere.example/{number}" for number in range(50)]}, "invalid_target"),
        ({"scope": ["openid", "email"]}, "invalid_request"),
        ({"nonce": ["a", "b"]}, "invalid_request"),
        ({"prompt": ["none", "none"]}, "invalid_request"),
        ({"id_token_hint": "e30.e30."}, "invalid_request"),
        ({"id_token_hint": "nonsense"}, "invalid_request"),
        ({"claims": "nonsense"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": '{"userinfo": {"name": true}}'}, "invalid_request"),
        ({"claims": '{"id_token": {"acr": null, "acr": {}}}'}, "invalid_request"),
        ({"claims": '{"x":' * 500 + "1" + "}" * 500}, "invalid_request"),
        ({"claims": ["{}", "{}"]}, "invalid_request"),
    ],
    ids=str,
)
async def test_a_faulty_request_is_told_to_the_client(
    house: House, visitor: Visitor, fault: Fault, error: str
) -> None:
    parameters = request_of("web", **fault)
    for found in (
        await visitor.get("/authorize?" + encode_form(parameters).decode()),
        await visitor.post("/authorize", parameters),
    ):
        answer = returned(found)
        # Whoever asks for a token looks for the answer in the fragment.
        mark = "#" if str(fault.get("response_type")).endswith("token") else "?"
        assert (location_of(found) or "").startswith(f"https://web.example/callback{mark}error=")
        assert (answer["error"], answer["state"], answer["iss"]) == (error, STATE, ISSUER.url)
        assert set(answer) == {"error", "error_description", "state", "iss"}
        assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", answer["error_description"])
    assert not visitor.cookies
    assert house.log.of("authorization.refused")[0]["requirement"]


@requirement("RFC6749-3.1/repeated")
async def test_a_repeated_state_is_not_given_back(visitor: Visitor) -> None:
    answer = returned(await visitor.authorize(state=["a", "b"]))
    assert (answer["error"], "state" in answer) == ("invalid_request", False)


# covers: AUT-06
@requirement("RFC6749-4.1.2/state")
@pytest.mark.parametrize("state", ["", None, "&error=x", "\u2028 \x00%00<script>", "s" * 4_000])
async def test_the_state_comes_back_as_it_was_sent(visitor: Visitor, state: str | None) -> None:
    answer = await visitor.granted(state=state)
    assert answer.get("state") == (state or None)
    assert (answer["iss"], "error" in answer) == (ISSUER.url, False)


# covers: AUT-22
@requirement("RFC6749-3.1/empty")
async def test_an_empty_parameter_is_none(visitor: Visitor) -> None:
    login_page(await visitor.authorize(prompt="", max_age="", request="", response_mode="", nonce=""))
    assert returned(await visitor.authorize(response_type=""))["error"] == "invalid_request"


@requirement("RFC6749-3.1/unknown")
async def test_an_unknown_parameter_is_ignored(visitor: Visitor) -> None:
    login_page(await visitor.authorize(display="popup", acr_values="9", claims="{}", unheard_of="1"))


# covers: AUT-12
@requirement("RFC6749-3.3")
@pytest.mark.parametrize("profile", ["OPENID", "MCP"])
async def test_a_lenient_profile_drops_what_the_client_may_not_have(profile: str) -> None:
    house = await build_house(profile=profile)
    answer = await Visitor(house).granted(scope="openid nonsense albums.read")
    assert document(await house.redeem(answer["code"]))["scope"] == "albums.read openid"
    assert returned(await Visitor(house).authorize(scope="nonsense"))["error"] == "invalid_scope"


# covers: AUT-12
async def test_a_scope_outside_the_clients_list_is_refused(house: House, visitor: Visitor) -> None:
    await house.commit(PutResource(Resource(API, "Albums", {"albums.read": "See", "albums.admin": "Rule"})))
    assert returned(await visitor.authorize(scope="albums.admin"))["error"] == "invalid_scope"
    login_page(await visitor.authorize(scope="albums.read"))


async def test_openid_connect_parameters_without_openid_ask_for_plain_oauth(house: House, visitor: Visitor) -> None:
    answer = await visitor.granted(scope="albums.read", nonce="nonce-1", max_age="1000")
    assert "id_token" not in document(await house.redeem(answer["code"]))


# covers: AUT-13
@requirement("OIDCC-11/ignored")
async def test_offline_access_is_ignored_where_nobody_is_asked(house: House, visitor: Visitor) -> None:
    page = await visitor.sign_in(await visitor.authorize(scope="openid offline_access"))
    assert [right.name for right in consent_page(page).scopes] == ["openid"]
    tokens = document(await house.redeem(returned(await visitor.consent(page))["code"]))
    assert tokens["scope"] == "openid"
    await visitor.sign_out()
    assert (await house.refresh(tokens["refresh_token"])).status == 400


# covers: AUT-13
async def test_offline_access_is_ignored_for_a_client_without_refresh(house: House, visitor: Visitor) -> None:
    only_code = replace(clients()["web"], grant_types=frozenset({GrantType("authorization_code")}))
    await house.commit(PutClient(only_code))
    answer = await visitor.granted(scope="openid offline_access", prompt="consent")
    tokens = document(await house.redeem(answer["code"]))
    assert (tokens["scope"], "refresh_token" in tokens) == ("openid", False)


# covers: AUT-13
@requirement("OIDCC-11/code")
@pytest.mark.parametrize("response_type", ["id_token", "id_token token"])
async def test_offline_access_is_ignored_where_no_code_comes_of_it(response_type: str) -> None:
    house = await build_house(profile="OPENID")
    visitor = Visitor(house)
    await house.commit(PutClient(replace(clients()["web"], grant_types=CODE_AND_REFRESH | {IMPLICIT})))
    asked = {"response_type": response_type, "scope": "openid offline_access", "prompt": "consent"}
    page = consent_page(await visitor.sign_in(await visitor.authorize(**asked)))
    assert [right.name for right in page.scopes] == ["openid"]
    assert not page.outlives_session


# covers: AUT-13
@requirement("OIDCC-11/web")
async def test_nobodys_consent_to_offline_access_is_taken_for_granted(house: House, visitor: Visitor) -> None:
    await house.commit(PutClient(replace(clients()["web"], consent=ConsentMode.FIRST_PARTY)))
    asked = {"scope": "openid offline_access", "prompt": "consent"}
    for page in (await visitor.sign_in(await visitor.authorize(**asked)), await visitor.authorize(**asked)):
        assert [right.name for right in consent_page(page).scopes] == ["offline_access", "openid"]


# covers: AUT-14
@requirement("RFC8707-2/several")
async def test_several_resources_are_legal(visitor: Visitor) -> None:
    answer = await visitor.granted(resource=[API, OTHER_API, API], scope="albums.read orders.read")
    assert "code" in answer


async def test_a_client_that_may_not_use_codes_learns_it(house: House, visitor: Visitor) -> None:
    await house.commit(
        PutClient(replace(clients()["web"], grant_types=frozenset({GrantType("client_credentials")})))
    )
    assert returned(await visitor.authorize())["error"] == "unauthorized_client"


@requirement("OAUTH21-4.1.2.1/public-pkce")
async def test_only_a_confidential_client_of_a_lenient_profile_may_go_without_a_challenge() -> None:
    visitor = Visitor(await build_house(profile="OPENID"))
    login_page(await visitor.authorize("web", code_challenge=None, code_challenge_method=None))
    refused = returned(await visitor.authorize("spa", code_challenge=None, code_challenge_method=None))
    assert refused["error"] == "invalid_request"


# covers: AUT-08
@requirement("OIDCC-3.1.2.1/prompt-none")
@requirement("OIDCC-3.1.2.3/silent")
async def test_prompt_none_shows_no_page_whatever_is_missing(house: House, visitor: Visitor) -> None:
    async def silently(**changes: str) -> str:
        answer = returned(
            await visitor.get("/authorize?" + encode_form(request_of(prompt="none", **changes)).decode())
        )
        assert (answer["state"], answer["iss"]) == (STATE, ISSUER.url)
        return answer.get("error", "code")

    assert await silently() == "login_required"
    assert not visitor.cookies
    page = await visitor.sign_in(await visitor.authorize())
    assert await silently() == "consent_required"
    await visitor.consent(page)
    assert await silently() == "code"
    house.clock.advance(10)
    assert await silently(max_age="5") == "login_required"
    assert await silently(max_age="0") == "login_required"
    assert await silently(scope="openid albums.write") == "consent_required"
    await visitor.sign_in(await visitor.authorize(prompt="login"), "bob")
    assert await silently() == "account_selection_required"


async def hint_for(house: House, client_id: str = "web", username: str = "alice") -> str:
    """Return an ID Token that a client got earlier, in another browser."""
    visitor = Visitor(house)
    found = await visitor.authorize(client_id)
    page = await visitor.sign_in(found, username)
    code = returned(await visitor.consent(page) if location_of(page) is None else page)["code"]
    return str(document(await house.redeem(code, client_id))["id_token"])


# covers: AUT-11
@requirement("OIDCC-3.1.2.1/id-token-hint")
async def test_a_hint_chooses_among_the_signed_in_and_signs_nobody_in(house: House, visitor: Visitor) -> None:
    hint = await hint_for(house)
    house.clock.advance(10_000)
    assert returned(await visitor.authorize(prompt="none", id_token_hint=hint))["error"] == "login_required"
    login_page(await visitor.authorize(id_token_hint=hint))
    await visitor.granted()
    await visitor.sign_in(await visitor.authorize(prompt="login"), "bob")
    answer = returned(await visitor.authorize(prompt="none", id_token_hint=hint))
    assert claims_of(document(await house.redeem(answer["code"]))["id_token"])["sub"] == "sub-alice"


# covers: AUT-11
@requirement("OIDCC-3.1.2.1/id-token-hint")
async def test_who_signs_in_as_another_than_hinted_gets_an_error(house: House, visitor: Visitor) -> None:
    hint = await hint_for(house)
    refused = await visitor.sign_in(await visitor.authorize(id_token_hint=hint), "bob")
    assert returned(refused)["error"] == "login_required"
    page = await visitor.authorize(id_token_hint=hint)
    assert "code" in returned(await visitor.sign_in(page, "alice"))
    assert returned(await visitor.authorize(prompt="none", id_token_hint=hint)).get("error") is None


# covers: AUT-11
@requirement("OIDCC-3.1.2.2/hint-issuer")
async def test_a_hint_that_is_not_ours_for_this_client_is_refused(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    good = await hint_for(house)
    claims = claims_of(good)
    key = Jwk.generate("ES256")
    known = (await house.server.signer.public_keys()).keys[0].kid
    forged = Jwk.generate("ES256", kid=known)
    header, payload, signature = good.split(".")
    hints = {
        "another key": jwt.sign(claims, key, typ="JWT"),
        "another key of our kid": jwt.sign(claims, forged, typ="JWT"),
        "alg none": f"eyJhbGciOiJub25lIn0.{payload}.",
        "cut signature": f"{header}.{payload}.{signature[:-4]}",
        "another issuer": await house.server.signer.sign(
            claims | {"iss": "https://other.example"}, typ="JWT", algorithm="ES256"
        ),
        "an access token": str((await house.tokens())["access_token"]),
        "another client": await hint_for(house, "spa"),
        "issued in the future": await house.server.signer.sign(
            claims | {"iat": house.clock.now + 100, "exp": house.clock.now + 900}, typ="JWT", algorithm="ES256"
        ),
    }
    for name, hint in hints.items():
        for prompt in (None, "none"):
            assert (
                returned(await visitor.authorize(id_token_hint=hint, prompt=prompt))["error"] == "invalid_request"
            ), name
    assert "code" in returned(await visitor.authorize(id_token_hint=good))


# covers: HTP-05
@requirement("RFC6749-3.1/repeated")
async def test_parameters_stand_in_the_query_or_in_the_body_but_not_in_both(visitor: Visitor) -> None:
    page = error_page(await visitor.ask("POST", "/authorize?state=x", encode_form(request_of())))
    assert (page.kind, page.code) == (ErrorKind.BAD_REQUEST, "invalid_request")
    login_page(await visitor.follow(await visitor.post("/authorize", request_of())))


# covers: HTP-04
@pytest.mark.parametrize("raw", ["client_id=%zz", "client_id=%ff%fe", "a=1&" * 101 + "client_id=web", "%"])
async def test_parameters_that_cannot_be_read_get_a_page(visitor: Visitor, raw: str) -> None:
    for found in (
        await visitor.get(f"/authorize?{raw}"),
        await visitor.ask("POST", "/authorize", raw.encode()),
        await visitor.get(f"/login?{raw}"),
        await visitor.ask("POST", "/login", raw.encode()),
        await visitor.ask("POST", "/consent", raw.encode()),
        await visitor.ask("POST", "/logout", raw.encode()),
    ):
        assert error_page(found).kind is ErrorKind.BAD_REQUEST
