"""What the plans of outside conformance suites ask of an OpenID Provider, over every response type and mode.

The provider is the real program with `deploy/examples/openid-provider-registration.toml`; tokens are verified by a
library that is not ours.
"""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from support.example_provider import ExampleProvider, example_provider
from support.person import Person, Sight
from support.plan_party import CALLBACK, SIGNED_OUT, PlanParty, Response

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""That of RFC 7636, Appendix B."""
RESPONSE_TYPES = ("code", "id_token", "id_token token", "code id_token", "code token", "code id_token token")
WAYS = [(one, mode) for one in RESPONSE_TYPES for mode in (None, "form_post")]
CLAIMS_OF_SCOPE = {
    "profile": {
        "name",
        "given_name",
        "middle_name",
        "family_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    },
    "email": {"email", "email_verified"},
    "address": {"address"},
    "phone": {"phone_number", "phone_number_verified"},
}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleProvider]:
    with example_provider("openid-provider-registration.toml", tmp_path_factory.mktemp("plans")) as running:
        yield running


@pytest.fixture(scope="module", params=WAYS, ids=[f"{one}, {mode or 'default'}" for one, mode in WAYS])
def party_by_mode(provider: ExampleProvider, request: pytest.FixtureRequest) -> PlanParty:
    response_type, mode = request.param
    return PlanParty(provider, response_type, mode).registered()


@pytest.fixture(scope="module", params=RESPONSE_TYPES)
def party(provider: ExampleProvider, request: pytest.FixtureRequest) -> PlanParty:
    return PlanParty(provider, request.param).registered()


@pytest.fixture(scope="module")
def code_party(provider: ExampleProvider) -> PlanParty:
    return PlanParty(provider, "code").registered()


def userinfo(party: PlanParty, token: str, **headers: str) -> dict[str, Any]:
    response = party.provider.get("/userinfo", authorization=f"Bearer {token}", **headers)
    assert response.status_code == 200, response.text
    return dict(response.json())


def has_ticked_past(moment: int) -> None:
    """Return once the clock shows a later second, in which a new sign-in is told from an older one."""
    while int(time.time()) <= moment:
        time.sleep(0.05)


def told_about_ada(party: PlanParty, response: Response, claims: dict[str, Any]) -> dict[str, Any]:
    if party.response_type == "id_token":
        return claims
    told = userinfo(party, party.access_token(response))
    assert told["sub"] == claims["sub"]
    return told


def test_every_response_stands_where_it_belongs_and_is_what_was_asked_for(party_by_mode: PlanParty) -> None:
    party = party_by_mode
    response, claims = party.signed_in(party.provider.person())
    default = "query" if party.response_type == "code" else "fragment"
    assert response.place == ("form" if party.mode == "form_post" else default)
    if party.gives_code and "id_token" in response.members:
        again = party.claims_of(party.tokens(response)["id_token"], response.nonce)
        assert {name: again[name] for name in ("iss", "sub", "aud", "auth_time")} == {
            name: claims[name] for name in ("iss", "sub", "aud", "auth_time")
        }


def test_all_standard_scopes_open_their_claims(party: PlanParty) -> None:
    response, claims = party.signed_in(party.provider.person(), scope="openid profile email address phone")
    told = told_about_ada(party, response, claims)
    assert set().union(*CLAIMS_OF_SCOPE.values()) <= told.keys()
    assert isinstance(told["updated_at"], int)
    assert (told["email_verified"], told["phone_number_verified"]) == (True, False)
    if party.response_type != "id_token":
        assert not {"name", "email"} & claims.keys()


@pytest.mark.parametrize("scope", CLAIMS_OF_SCOPE)
def test_a_scope_opens_its_own_claims_alone(code_party: PlanParty, scope: str) -> None:
    told = userinfo(
        code_party,
        code_party.access_token(code_party.asked(code_party.provider.person(), scope=f"openid {scope}")),
    )
    assert told.keys() == CLAIMS_OF_SCOPE[scope] | {"sub"}


def test_an_essential_claim_comes_where_it_was_asked_for(party: PlanParty) -> None:
    place = "id_token" if party.response_type == "id_token" else "userinfo"
    asked = f'{{"{place}":{{"name":{{"essential":true}}}}}}'
    response, claims = party.signed_in(party.provider.person(), claims=asked)
    assert told_about_ada(party, response, claims)["name"] == "Ada Example Lovelace"
    assert ("name" in claims) is (place == "id_token")


def test_a_request_without_nonce_is_for_those_alone_that_need_none(party: PlanParty) -> None:
    response = party.asked(party.provider.person(), nonce=None)
    if "id_token" in party.response_type.split():
        assert response.members["error"] == "invalid_request"
        assert not {"code", "id_token", "access_token"} & response.members.keys()
    else:
        assert "error" not in response.members
        party.claims_of(party.tokens(response)["id_token"], None)


def test_prompt_none_brings_an_error_to_the_client_while_nobody_is_signed_in(party_by_mode: PlanParty) -> None:
    party = party_by_mode
    response = party.asked(party.provider.person(), prompt="none")
    assert response.members["error"] == "login_required"


def test_prompt_none_and_a_hint_bring_the_same_end_user_without_a_page(party: PlanParty) -> None:
    person = party.provider.person()
    first, claims = party.signed_in(person)
    id_token = first.members.get("id_token") or party.tokens(party.asked(person))["id_token"]
    for changes in ({"prompt": "none"}, {"prompt": "none", "id_token_hint": id_token}):
        parameters = party.parameters(**changes)
        sight = person.open(party.url(parameters))
        # No page: the browser is sent on, or has the form that brings the answer.
        assert not {"login-submit", "consent-allow"} & sight.ids
        response = party.response_of(sight, parameters)
        again = response.members.get("id_token") or party.tokens(response)["id_token"]
        found = party.claims_of(again, response.nonce)
        assert (found["sub"], found["auth_time"]) == (claims["sub"], claims["auth_time"])


def test_prompt_login_and_a_short_max_age_ask_for_the_password_again_and_a_long_one_does_not(
    code_party: PlanParty,
) -> None:
    person = code_party.provider.person()
    _, first = code_party.signed_in(person, max_age="15000")
    has_ticked_past(first["auth_time"] + 1)
    for changes, asks in (({"max_age": "10000"}, False), ({"prompt": "login"}, True), ({"max_age": "0"}, True)):
        sight = person.open(code_party.url(code_party.parameters(**changes)))
        assert ("login-submit" in sight.ids) is asks, changes
        assert person.open(code_party.url(code_party.parameters(max_age="1"))).ids >= {"login-submit"}
    _, second = code_party.signed_in(person, prompt="login")
    assert second["auth_time"] > first["auth_time"]
    _, third = code_party.signed_in(person, max_age="10000")
    assert third["auth_time"] == second["auth_time"]


@pytest.mark.parametrize(
    "changes",
    [
        {"display": "page"},
        {"display": "popup"},
        {"ui_locales": "de se"},
        {"claims_locales": "de en"},
        {"login_hint": "ada@example.com"},
        {"acr_values": "1 2"},
        {"acr_values": "urn:valetkey:acr:single-factor"},
        {"extra": "foobar"},
        {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"},
    ],
    ids=str,
)
def test_what_a_request_may_say_beside_never_breaks_it(code_party: PlanParty, changes: dict[str, str]) -> None:
    response = code_party.asked(code_party.provider.person(), **changes)
    verifier = (
        {"code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"} if "code_challenge" in changes else {}
    )
    claims = code_party.claims_of(code_party.tokens(response, **verifier)["id_token"], response.nonce)
    if changes.get("acr_values", "").startswith("urn:"):
        assert claims["acr"] == changes["acr_values"]


def test_a_request_without_response_type_is_refused_to_the_client(code_party: PlanParty) -> None:
    response = code_party.asked(code_party.provider.person(), response_type=None)
    assert response.members["error"] in {"invalid_request", "unsupported_response_type"}


@pytest.mark.parametrize(
    "redirect_uri", [f"{CALLBACK}/other", f"{CALLBACK}?foo=bar", "https://attacker.example/", f"{CALLBACK}#here"]
)
def test_a_redirect_uri_that_is_not_registered_gets_a_page_and_nothing_else(
    code_party: PlanParty, redirect_uri: str
) -> None:
    person = code_party.provider.person()
    sight = person.open(code_party.url(code_party.parameters(redirect_uri=redirect_uri)))
    assert (sight.status, sight.error) == (400, "invalid_request")


def test_a_redirect_uri_keeps_the_query_that_it_is_registered_with(provider: ExampleProvider) -> None:
    with_query = f"{CALLBACK}?foo=bar"
    party = PlanParty(provider, "code").registered(redirect_uris=[with_query])
    response = party.asked(provider.person(), redirect_uri=with_query)
    assert response.members["foo"] == "bar"
    assert party.redeemed(response, redirect_uri=with_query).status_code == 200
    other = provider.person().open(party.url(party.parameters(redirect_uri=f"{CALLBACK}?foo=other")))
    assert other.status == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": [f"{CALLBACK}#fragment"]}, "invalid_redirect_uri"),
        (
            {
                "subject_type": "pairwise",
                "redirect_uris": [CALLBACK, "https://another.example.com/callback"],
            },
            "invalid_client_metadata",
        ),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
        ({"initiate_login_uri": "http://suite.example.com/login"}, "invalid_client_metadata"),
    ],
    ids=str,
)
def test_metadata_that_nobody_may_have_is_refused(
    provider: ExampleProvider, changes: dict[str, Any], error: str
) -> None:
    asked = {"redirect_uris": [CALLBACK], "response_types": ["code"], "grant_types": ["authorization_code"]}
    response = httpx2.post(f"{provider.issuer}/register", json=asked | changes, timeout=30)
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("application/json")
    assert response.json()["error"] == error


def test_a_code_counts_once_and_its_token_dies_when_it_comes_again(code_party: PlanParty) -> None:
    response = code_party.asked(code_party.provider.person())
    token = code_party.tokens(response)["access_token"]
    assert userinfo(code_party, token)
    again = code_party.redeemed(response)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    dead = code_party.provider.get("/userinfo", authorization=f"Bearer {token}")
    assert dead.status_code == 401
    assert 'error="invalid_token"' in dead.headers["www-authenticate"]


def test_userinfo_answers_by_get_and_by_post_in_both_ways(code_party: PlanParty) -> None:
    token = code_party.access_token(code_party.asked(code_party.provider.person()))
    by_get = userinfo(code_party, token)
    endpoint = f"{code_party.provider.issuer}/userinfo"
    header = httpx2.post(endpoint, headers={"authorization": f"Bearer {token}"}, timeout=30)
    body = httpx2.post(endpoint, data={"access_token": token}, timeout=30)
    assert header.json() == body.json() == by_get


def test_a_refresh_token_keeps_who_signed_in_and_is_for_its_client_alone(provider: ExampleProvider) -> None:
    grants = ["authorization_code", "refresh_token"]
    party, other = (PlanParty(provider, "code").registered(grant_types=grants) for _ in range(2))
    response = party.asked(provider.person(), scope="openid offline_access", prompt="consent")
    tokens = party.tokens(response)
    first = party.claims_of(tokens["id_token"], response.nonce)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    stolen = provider.post("/token", form, other.basic)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    renewed = provider.post("/token", form, party.basic).json()
    assert renewed["access_token"] != tokens["access_token"]
    second = party.claims_of(renewed["id_token"], None)
    assert {name: second[name] for name in ("iss", "sub", "aud", "auth_time")} == {
        name: first[name] for name in ("iss", "sub", "aud", "auth_time")
    }
    assert userinfo(party, renewed["access_token"])["sub"] == first["sub"]


def test_a_request_object_that_the_registered_key_signed_counts(party: PlanParty) -> None:
    inside = party.parameters()
    outside = {
        "client_id": inside["client_id"],
        "response_type": inside["response_type"],
        "scope": "openid",
        "request": party.request_object(inside),
    }
    person = party.provider.person()
    sight = person.sign_in(person.open(party.url(outside)))
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    response = party.response_of(sight, inside)
    assert "error" not in response.members


def test_a_request_object_that_nobody_signed_is_refused_by_its_code(code_party: PlanParty) -> None:
    parameters = code_party.parameters()
    unsigned = "eyJhbGciOiJub25lIn0.e30."
    sight = code_party.provider.person().open(code_party.url(parameters | {"request": unsigned}))
    assert code_party.response_of(sight, parameters).members["error"] == "invalid_request_object"


def test_userinfo_comes_signed_where_it_is_registered_so(provider: ExampleProvider) -> None:
    party = PlanParty(provider, "code").registered(userinfo_signed_response_alg="RS256")
    tokens = party.tokens(party.asked(provider.person()))
    answer = provider.get("/userinfo", authorization=f"Bearer {tokens['access_token']}")
    assert answer.headers["content-type"] == "application/jwt"
    told = party.verified(answer.text, "RS256")
    assert (told["iss"], told["aud"]) == (provider.issuer, party.client["client_id"])


def logout_url(party: PlanParty, **asked: str | None) -> str:
    sent = {name: value for name, value in asked.items() if value is not None}
    return f"{party.provider.issuer}/logout?{urlencode(sent)}"


def is_signed_in(party: PlanParty, person: Person) -> bool:
    parameters = party.parameters(prompt="none")
    answer = party.response_of(person.open(party.url(parameters)), parameters).members
    assert answer.get("error") in {None, "login_required"}
    return "error" not in answer


@pytest.mark.parametrize("state", ["s" * 128, None], ids=["with state", "without state"])
def test_a_logout_with_a_hint_leads_back_with_its_state_and_nothing_else(
    code_party: PlanParty, state: str | None
) -> None:
    person = code_party.provider.person()
    id_token = code_party.tokens(code_party.asked(person))["id_token"]
    url = logout_url(code_party, id_token_hint=id_token, post_logout_redirect_uri=SIGNED_OUT, state=state)
    sight = left(person, url)
    assert sight.url == (SIGNED_OUT if state is None else f"{SIGNED_OUT}?state={state}")
    assert not is_signed_in(code_party, person)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"state": "only"},
        {"post_logout_redirect_uri": SIGNED_OUT, "state": "no hint"},
        {"id_token_hint": "not a token", "post_logout_redirect_uri": SIGNED_OUT},
        {"id_token_hint": "modified", "post_logout_redirect_uri": SIGNED_OUT},
        {"id_token_hint": "good", "post_logout_redirect_uri": f"{SIGNED_OUT}?foo=bar"},
        {"id_token_hint": "good", "post_logout_redirect_uri": "https://attacker.example/"},
        {"id_token_hint": "good"},
    ],
    ids=str,
)
def test_a_logout_that_is_in_doubt_leads_nowhere(code_party: PlanParty, asked: dict[str, str]) -> None:
    person = code_party.provider.person()
    id_token = code_party.tokens(code_party.asked(person))["id_token"]
    header, payload, signature = id_token.split(".")
    hints = {"good": id_token, "modified": f"{header}.{payload}.{signature[::-1]}"}
    hint = asked.get("id_token_hint")
    sight = left(
        person, logout_url(code_party, **asked | ({"id_token_hint": hints.get(hint, hint)} if hint else {}))
    )
    assert sight.status in {200, 400}
    assert sight.url.startswith(code_party.provider.issuer)
    if sight.status == 200:
        assert not is_signed_in(code_party, person)


def left(person: Person, url: str) -> Sight:
    """Sign out, by the button where the provider asks."""
    sight = person.open(url)
    return person.submit(sight, "logout-confirm") if "logout-confirm" in sight.ids else sight
