"""Every response type of OpenID Connect in every response mode, from the request to what the client holds."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from support.house import API, ISSUER, OTHER_API, Answer, House, basic, build_house, claims_of, clients, document
from support.house import SECRET as CLIENT_SECRET
from support.requirement import requirement
from support.visitor import STATE, Visitor, location_of, request_of, returned
from valetkey.authorization_server.authorization.response_types import RESPONSE_TYPES
from valetkey.authorization_server.decision import BumpGeneration, PutClient, PutResource
from valetkey.authorization_server.model import AccessTokenFormat, ApplicationType
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.authorization_server.pages import FormPostPage, Page
from valetkey.authorization_server.policy import IMPLICIT, OPENID
from valetkey.jose import JwkSet, Verifier

TYPES = ["id_token", "id_token token", "code id_token", "code token", "code id_token token"]
WITH_ID_TOKEN = [name for name in TYPES if "id_token" in name.split()]
HYBRID = [name for name in TYPES if "code" in name.split()]
SENT = {
    "code": {"code"},
    "id_token": {"id_token"},
    "token": {"access_token", "token_type", "expires_in", "scope"},
}
CALLBACK = "https://web.example/callback"


@pytest.fixture
async def house() -> House:
    house = await build_house(profile="OPENID")
    web = clients()["web"]
    await house.commit(PutClient(replace(web, grant_types=web.grant_types | {IMPLICIT})))
    return house


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


def carried(response_type: str) -> set[str]:
    return {"state", "iss"}.union(*(SENT[word] for word in response_type.split()))


def told(answer: Answer) -> set[str]:
    """Return the names of the response parameters, but for that of session management."""
    return set(answer) - {"session_state"}


def left_half(text: str) -> str:
    """Return the hash that goes with ES256."""
    return urlsafe_b64encode(sha256(text.encode()).digest()[:16]).rstrip(b"=").decode()


async def verified(house: House, id_token: str) -> Answer:
    """Return the claims of an ID Token whose signature and times a relying party accepted."""
    keys = JwkSet.parse((await house.get("/jwks.json")).body)
    verifier = Verifier.id_token(issuer=ISSUER.url, client_id="web", algorithms=("ES256",))
    return dict(verifier.verify(id_token, keys, now=house.clock.now).claims)


@requirement("OAUTHMRT-3/id-token")
@requirement("OAUTHMRT-5/code-token")
@requirement("OAUTHMRT-5/code-id-token")
@requirement("OAUTHMRT-5/id-token-token")
@requirement("OAUTHMRT-5/code-id-token-token")
@requirement("OIDCC-3.2.2.5/token-type")
@requirement("OIDCC-3.2.2.5/state")
@requirement("OIDCC-3.2.2.5/id-token")
@requirement("OAUTHMRT-3/state")
@pytest.mark.parametrize("response_type", TYPES)
async def test_each_response_type_carries_what_its_name_says_in_the_fragment(
    visitor: Visitor, response_type: str
) -> None:
    page = await visitor.sign_in(await visitor.authorize(response_type=response_type))
    found = await visitor.consent(page)
    location = urlsplit(location_of(found) or "")
    assert f"{location.scheme}://{location.netloc}{location.path}" == CALLBACK
    assert location.query == ""
    answer = returned(found)
    assert told(answer) == carried(response_type)
    assert (answer["state"], answer["iss"]) == (STATE, ISSUER.url)
    if "access_token" in answer:
        assert (answer["token_type"], answer["expires_in"], answer["scope"]) == (
            "Bearer",
            "300",
            "albums.read openid",
        )


@requirement("OAUTHFP-2/post")
@requirement("OAUTHFP-2/action")
@pytest.mark.parametrize("response_type", ["code", *TYPES])
async def test_each_response_type_can_be_posted(house: House, visitor: Visitor, response_type: str) -> None:
    page = await visitor.sign_in(await visitor.authorize(response_type=response_type, response_mode="form_post"))
    found = await visitor.consent(page)
    assert isinstance(found, Page)
    assert isinstance(found.view, FormPostPage)
    assert (found.view.form.action, found.view.form.redirect_source) == (CALLBACK, "https://web.example")
    assert (found.view.client_name, found.view.redirect_host) == ("Photo Prints", "web.example")
    assert told(returned(found)) == carried(response_type)
    for secret in (value for name, value in found.view.form.hidden if name in {"code", "access_token", "id_token"}):
        assert secret not in repr(found)
        assert secret not in str(house.log.events)


@pytest.mark.parametrize("response_type", TYPES)
async def test_the_words_of_a_response_type_have_no_order(visitor: Visitor, response_type: str) -> None:
    backwards = " ".join(reversed(response_type.split()))
    assert told(await visitor.granted(response_type=backwards)) == carried(response_type)


async def test_a_code_comes_in_the_query_unless_the_fragment_is_asked_for(visitor: Visitor) -> None:
    await visitor.granted()
    for mode, mark in ((None, "?"), ("query", "?"), ("fragment", "#")):
        found = await visitor.authorize(response_mode=mode)
        assert (location_of(found) or "").startswith(f"{CALLBACK}{mark}code=")


@requirement("OIDCC-3.2.2.10/nonce")
@requirement("OIDCC-3.2.2.10/at-hash")
@requirement("OIDCC-3.3.2.11/nonce")
@requirement("OIDCC-3.3.2.11/at-hash")
@requirement("OIDCC-3.3.2.11/c-hash")
@pytest.mark.parametrize("response_type", WITH_ID_TOKEN)
async def test_an_id_token_of_the_front_channel_is_bound_to_what_stands_beside_it(
    house: House, visitor: Visitor, response_type: str
) -> None:
    answer = await visitor.granted(response_type=response_type)
    claims = await verified(house, answer["id_token"])
    [session] = await visitor.sessions()
    assert (claims["sub"], claims["nonce"], claims["sid"]) == ("sub-alice", "nonce-1", session.session.sid)
    assert (claims["auth_time"], claims["amr"]) == (house.clock.now, ["pwd"])
    assert (claims["iat"], claims["exp"]) == (house.clock.now, house.clock.now + 300)
    assert "acr" in claims
    assert claims.get("at_hash") == (left_half(answer["access_token"]) if "access_token" in answer else None)
    assert claims.get("c_hash") == (left_half(answer["code"]) if "code" in answer else None)


# covers: COD-14
@requirement("OIDCC-3.3.3.6/issuer-and-subject")
@pytest.mark.parametrize("response_type", HYBRID)
async def test_the_code_of_a_hybrid_response_redeems_to_the_same_sign_in(
    house: House, visitor: Visitor, response_type: str
) -> None:
    answer = await visitor.granted(response_type=response_type)
    house.clock.advance(20)
    tokens = document(await house.redeem(answer["code"]))
    later = await verified(house, tokens["id_token"])
    assert later["at_hash"] == left_half(tokens["access_token"])
    assert "c_hash" not in later
    assert "refresh_token" in tokens
    if "access_token" in answer:
        assert tokens["access_token"] != answer["access_token"]
        before, after = claims_of(answer["access_token"]), claims_of(tokens["access_token"])
        assert before["authorization_id"] == after["authorization_id"]
        assert {name: before[name] for name in ("sub", "aud", "client_id", "scope", "sid")} == {
            name: after[name] for name in ("sub", "aud", "client_id", "scope", "sid")
        }
    if "id_token" in answer:
        first = claims_of(answer["id_token"])
        same = ("iss", "sub", "aud", "nonce", "auth_time", "acr", "amr", "sid")
        assert {name: first[name] for name in same} == {name: later[name] for name in same}


async def test_a_replayed_code_takes_the_token_beside_it_along(house: House, visitor: Visitor) -> None:
    answer = await visitor.granted(response_type="code token")
    assert (await house.bearer(answer["access_token"])).status == 200
    await house.redeem(answer["code"])
    assert document(await house.redeem(answer["code"]))["error"] == "invalid_grant"
    assert (await house.bearer(answer["access_token"])).status == 401


async def test_a_token_of_the_front_channel_dies_with_its_generation(house: House, visitor: Visitor) -> None:
    answer = await visitor.granted(response_type="id_token token")
    introspected = {"token": answer["access_token"]}
    assert document(await house.post("/introspect", introspected, basic("web", CLIENT_SECRET)))["active"]
    await house.commit(BumpGeneration("subject", "sub-alice"))
    assert not document(await house.post("/introspect", introspected, basic("web", CLIENT_SECRET)))["active"]


async def test_an_opaque_token_comes_in_the_front_channel_too(house: House, visitor: Visitor) -> None:
    [albums] = [one for one in await house.stores.resources.list() if one.identifier == API]
    await house.commit(PutResource(replace(albums, access_token_format=AccessTokenFormat.OPAQUE)))
    answer = await visitor.granted(response_type="id_token token")
    assert answer["access_token"].startswith("vk_at_")
    assert claims_of(answer["id_token"])["at_hash"] == left_half(answer["access_token"])
    assert (await house.bearer(answer["access_token"])).status == 200


@requirement("RFC6749-4.2.2/no-refresh-token")
async def test_offline_access_gives_no_refresh_token_in_the_front_channel(house: House, visitor: Visitor) -> None:
    asked = {"scope": "openid offline_access albums.read", "prompt": "consent"}
    alone = await visitor.granted(response_type="id_token token", **asked)
    hybrid = await visitor.granted(response_type="code id_token token", **asked)
    assert "refresh_token" not in {*alone, *hybrid}
    assert "offline_access" not in alone["scope"]
    assert "offline_access" in document(await house.redeem(hybrid["code"]))["scope"]


async def test_who_was_told_of_a_session_is_known_as_long_as_it_can_last(house: House, visitor: Visitor) -> None:
    await visitor.granted(response_type="id_token")
    [granted] = await house.stores.authorizations.of(
        claims_subject := (await visitor.sessions())[0].session.subject
    )
    assert granted.authorization.subject == claims_subject
    assert granted.authorization.bound_to_session
    assert granted.authorization.expires_at == house.clock.now + OPENID.session_lifetime


@requirement("OIDCC-3.2.2.1/nonce")
@requirement("OIDCC-3.3.2.1/nonce")
@pytest.mark.parametrize("response_type", WITH_ID_TOKEN)
async def test_without_a_nonce_no_id_token_comes_from_the_authorization_endpoint(
    visitor: Visitor, response_type: str
) -> None:
    found = await visitor.authorize(response_type=response_type, nonce=None)
    assert "#error=invalid_request" in (location_of(found) or "")
    assert (returned(found)["state"], returned(found)["iss"]) == (STATE, ISSUER.url)


async def test_a_hybrid_response_without_an_id_token_needs_no_nonce(visitor: Visitor) -> None:
    assert told(await visitor.granted(response_type="code token", nonce=None)) == carried("code token")


@requirement("OIDCC-3.1.2.1/openid-scope")
@pytest.mark.parametrize("response_type", WITH_ID_TOKEN)
async def test_an_id_token_is_nothing_without_openid(visitor: Visitor, response_type: str) -> None:
    found = await visitor.authorize(response_type=response_type, scope="albums.read")
    assert returned(found)["error"] == "invalid_request"


@requirement("OIDCC-3.2.2.1/no-http")
async def test_an_http_address_of_a_web_application_gets_no_implicit_answer(house: House, visitor: Visitor) -> None:
    loopback = "http://localhost:3000/callback"
    web = clients()["web"]
    local = replace(web, grant_types=web.grant_types | {IMPLICIT}, redirect_uris=(loopback,))
    await house.commit(PutClient(local))
    found = await visitor.authorize(redirect_uri=loopback, response_type="id_token")
    assert returned(found)["error"] == "invalid_request"
    await house.commit(PutClient(replace(local, application_type=ApplicationType.NATIVE)))
    assert told(await visitor.granted(redirect_uri=loopback, response_type="id_token")) == carried("id_token")


# covers: AUT-03
@requirement("OAUTHMRT-3/fragment")
@requirement("OAUTHMRT-5/fragment")
@pytest.mark.parametrize("response_type", TYPES)
async def test_no_token_ever_stands_in_a_query(visitor: Visitor, response_type: str) -> None:
    found = await visitor.authorize(response_type=response_type, response_mode="query")
    assert (location_of(found) or "").startswith(f"{CALLBACK}#error=invalid_request")
    assert (returned(found)["state"], returned(found)["iss"]) == (STATE, ISSUER.url)


# covers: AUT-03
@pytest.mark.parametrize(("response_type", "mark"), [("code", "?"), *((name, "#") for name in TYPES)])
@pytest.mark.parametrize("mode", ["nonsense", "FORM_POST", "form_post ", "web_message", "query.jwt"])
async def test_an_unknown_mode_is_refused_by_the_default_one(
    visitor: Visitor, response_type: str, mark: str, mode: str
) -> None:
    found = await visitor.authorize(response_type=response_type, response_mode=mode)
    assert (location_of(found) or "").startswith(f"{CALLBACK}{mark}error=invalid_request")


# covers: AUT-03
async def test_what_a_browser_cannot_post_unchanged_is_not_posted(house: House, visitor: Visitor) -> None:
    for state in ("a\nb", "a\rb", "a\r\nb", "a\0b"):
        found = await visitor.authorize(response_mode="form_post", state=state)
        assert (returned(found)["error"], returned(found)["state"]) == ("invalid_request", state)
        assert (location_of(found) or "").startswith(f"{CALLBACK}?")
    scheme = "com.example.prints:/callback"
    app = replace(clients()["native"], redirect_uris=(scheme,), profile="OPENID")
    await house.commit(PutClient(app))
    found = await visitor.authorize("native", redirect_uri=scheme, response_mode="form_post")
    assert (location_of(found) or "").startswith(f"{scheme}?error=invalid_request")


# covers: AUT-06
@requirement("OAUTHMRT-3/state")
@requirement("OIDCC-3.2.2.6/fragment")
@requirement("OIDCC-3.3.2.6/fragment")
@pytest.mark.parametrize("response_type", ["code", *TYPES])
@pytest.mark.parametrize("mode", [None, "fragment", "form_post"])
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"scope": ["openid", "openid"]}, "invalid_request"),
    ],
    ids=str,
)
async def test_an_error_comes_as_the_success_would_have(
    visitor: Visitor, response_type: str, mode: str | None, changes: dict[str, str], error: str
) -> None:
    found = await visitor.authorize(response_type=response_type, response_mode=mode, **changes)
    answer = returned(found)
    assert told(answer) == {"error", "error_description", "state", "iss"}
    assert (answer["error"], answer["state"], answer["iss"]) == (error, STATE, ISSUER.url)
    if mode == "form_post":
        assert isinstance(found, Page)
        assert isinstance(found.view, FormPostPage)
        assert found.view.form.action == CALLBACK
    else:
        mark = "?" if response_type == "code" and mode is None else "#"
        assert (location_of(found) or "").startswith(f"{CALLBACK}{mark}error=")


# covers: AUT-06
async def test_a_refusal_of_the_person_is_posted_too(visitor: Visitor) -> None:
    page = await visitor.sign_in(await visitor.authorize(response_type="id_token", response_mode="form_post"))
    answer = returned(await visitor.consent(page, "denied"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", STATE, ISSUER.url)


async def test_a_client_gets_no_more_than_the_response_types_that_it_registered(
    house: House, visitor: Visitor
) -> None:
    web = clients()["web"]
    every = replace(web, grant_types=web.grant_types | {IMPLICIT})
    await house.commit(PutClient(replace(every, openid=OpenIdMetadata(response_types=("id_token code",)))))
    assert told(await visitor.granted(response_type="code id_token")) == carried("code id_token")
    for refused in ("code", "id_token", "code id_token token"):
        answer = returned(await visitor.authorize(response_type=refused))
        assert answer["error"] == "unauthorized_client"
    await house.commit(PutClient(replace(every, grant_types=frozenset({IMPLICIT}))))
    assert returned(await visitor.authorize(response_type="code id_token"))["error"] == "unauthorized_client"
    await house.commit(PutClient(web))
    assert returned(await visitor.authorize(response_type="code id_token"))["error"] == "unauthorized_client"


async def test_the_code_of_a_hybrid_response_needs_its_proof_key(house: House, visitor: Visitor) -> None:
    spa = clients()["spa"]
    await house.commit(PutClient(replace(spa, grant_types=spa.grant_types | {IMPLICIT})))
    parameters = request_of("spa", response_type="code id_token", code_challenge=None, code_challenge_method=None)
    found = await visitor.post("/authorize", parameters)
    assert "#error=invalid_request" in (location_of(found) or "")


async def test_resources_that_one_token_cannot_suit_are_refused_before_anything_is_granted(
    house: House, visitor: Visitor
) -> None:
    albums, orders = sorted(await house.stores.resources.list(), key=lambda one: one.name)
    await house.commit(
        PutResource(replace(albums, signing_alg="RS256")), PutResource(replace(orders, signing_alg="ES256"))
    )
    scope, both = "openid albums.read orders.read", [API, OTHER_API]
    answer = returned(await visitor.authorize(response_type="id_token token", scope=scope, resource=both))
    assert answer["error"] == "invalid_target"
    assert "code" in await visitor.granted(response_type="code id_token", scope=scope, resource=both)


@pytest.mark.parametrize("profile", ["OAUTH_2_1", "MCP", "LEGACY"])
async def test_no_other_profile_has_them(profile: str) -> None:
    house = await build_house(profile=profile)
    visitor = Visitor(house)
    for response_type in TYPES:
        assert (
            returned(await visitor.authorize(response_type=response_type))["error"] == "unsupported_response_type"
        )
    for mode in ("form_post", *(["fragment"] if profile != "LEGACY" else [])):
        assert returned(await visitor.authorize(response_mode=mode))["error"] == "invalid_request"


async def test_metadata_follows_from_the_tables(house: House) -> None:
    said = document(await house.get("/.well-known/openid-configuration"))
    assert sorted(said["response_types_supported"]) == sorted(["code", *TYPES])
    assert said["response_modes_supported"] == ["query", "fragment", "form_post"]
    assert {"authorization_code", "implicit"} <= set(said["grant_types_supported"])
    assert {"nonce", "at_hash", "c_hash"} <= set(said["claims_supported"])
    assert OPENID.response_types <= set(RESPONSE_TYPES)


async def test_implicit_is_no_grant_of_the_token_endpoint(house: House) -> None:
    answer = document(await house.token("web", {"grant_type": "implicit", "scope": "openid"}))
    assert answer["error"] == "unsupported_grant_type"
