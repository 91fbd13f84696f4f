"""Single claims: asked for, shown, consented to, remembered, and told where they were asked for alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from support.house import CODE_AND_REFRESH, House, build_house, claims_of, clients, document, end_users
from support.requirement import requirement
from support.visitor import Visitor, consent_page, error_page, login_page, returned
from valetkey.authorization_server.decision import PutClient, PutEndUser
from valetkey.authorization_server.model import ConsentMode
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.authorization_server.pages import ErrorKind
from valetkey.authorization_server.policy import IMPLICIT
from valetkey.oauth.types import Scope

CLAIMS = {
    "given_name": "Alice",
    "given_name#de": "Adelheid",
    "birthdate": "1990-01-01",
    "department": "Books",
    "address": {"country": "CH"},
}
TOLD_BY_TOKEN = {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"}


@pytest.fixture
async def house() -> House:
    house = await build_house(profile="OPENID")
    await house.commit(PutEndUser(replace(end_users()["alice"], claims=CLAIMS)))
    return house


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


def asking(userinfo: dict[str, Any] | None = None, id_token: dict[str, Any] | None = None) -> str:
    found = {"userinfo": userinfo, "id_token": id_token}
    return json.dumps({name: asked for name, asked in found.items() if asked is not None})


async def userinfo(house: House, tokens: dict[str, Any]) -> dict[str, Any]:
    response = await house.bearer(tokens["access_token"])
    assert response.status == 200
    return document(response)


async def tokens_for(house: House, visitor: Visitor, **asked: str) -> dict[str, Any]:
    return document(await house.redeem((await visitor.granted(**asked))["code"]))


@requirement("OIDCC-5.5/userinfo-and-id-token")
@requirement("OIDCC-5.3.2/subject")
async def test_each_claim_is_told_where_it_was_asked_for(house: House, visitor: Visitor) -> None:
    claims = asking({"birthdate": {"essential": True}}, {"given_name": None})
    tokens = await tokens_for(house, visitor, scope="openid", claims=claims)

    told = claims_of(tokens["id_token"])
    assert told.keys() - TOLD_BY_TOKEN == {"given_name"}
    assert told["given_name"] == "Alice"
    assert await userinfo(house, tokens) == {"sub": "sub-alice", "birthdate": "1990-01-01"}


@requirement("OIDCC-5.5/added-to-scope")
async def test_single_claims_are_added_to_those_of_the_scope(house: House, visitor: Visitor) -> None:
    tokens = await tokens_for(house, visitor, scope="openid email", claims=asking({"birthdate": None}))
    assert await userinfo(house, tokens) == {
        "sub": "sub-alice",
        "email": "alice@example.com",
        "email_verified": True,
        "birthdate": "1990-01-01",
    }


@requirement("OIDCC-5.5.1/no-error")
async def test_essential_claims_that_there_are_not_are_no_error(house: House, visitor: Visitor) -> None:
    claims = asking({"website": {"essential": True}, "unheard_of": {"essential": True}}, {"picture": None})
    tokens = await tokens_for(house, visitor, scope="openid", claims=claims)
    assert claims_of(tokens["id_token"]).keys() <= TOLD_BY_TOKEN
    assert await userinfo(house, tokens) == {"sub": "sub-alice"}


async def test_refreshed_tokens_and_their_userinfo_obey_the_request_of_then(house: House, visitor: Visitor) -> None:
    claims = asking({"birthdate": None}, {"given_name": None})
    first = await tokens_for(house, visitor, scope="openid", claims=claims, claims_locales="de")
    house.clock.advance(60)
    renewed = document(await house.refresh(first["refresh_token"]))

    assert claims_of(renewed["id_token"])["given_name"] == "Adelheid"
    assert await userinfo(house, renewed) == {"sub": "sub-alice", "birthdate": "1990-01-01"}


@requirement("OIDCC-5.2/one-language")
async def test_claims_come_in_the_language_that_was_asked_for(house: House, visitor: Visitor) -> None:
    tokens = await tokens_for(house, visitor, scope="openid profile", claims_locales="fr de-AT")
    assert (await userinfo(house, tokens))["given_name"] == "Adelheid"


@requirement("OIDCC-5.5.2/tagged")
async def test_a_claim_is_asked_for_in_one_language(house: House, visitor: Visitor) -> None:
    asked = asking({"given_name#de": None, "given_name": None})
    tokens = await tokens_for(house, visitor, scope="openid", claims=asked)
    told = await userinfo(house, tokens)
    assert (told["given_name"], told["given_name#de"]) == ("Alice", "Adelheid")


@requirement("OIDCC-3.1.2.4")
async def test_the_consent_page_names_what_the_scope_does_not_open(visitor: Visitor) -> None:
    claims = asking({"email": None, "birthdate": None, "acr": None}, {"department": None, "given_name#de": None})
    page = await visitor.sign_in(await visitor.authorize(scope="openid email", claims=claims))
    assert consent_page(page).claims == ("birthdate", "department", "given_name")


async def test_who_declines_gives_nothing_away(visitor: Visitor) -> None:
    page = await visitor.sign_in(await visitor.authorize(claims=asking({"birthdate": None})))
    assert returned(await visitor.consent(page, "denied"))["error"] == "access_denied"


async def test_a_remembered_consent_covers_the_claims_that_it_was_about_and_no_others(visitor: Visitor) -> None:
    birthdate, more = asking({"birthdate": None}), asking({"birthdate": None}, {"department": None})
    await visitor.granted(scope="openid", claims=birthdate)
    assert "code" in returned(await visitor.authorize(scope="openid", prompt="none", claims=birthdate))
    assert "code" in returned(await visitor.authorize(scope="openid", prompt="none"))

    silent = returned(await visitor.authorize(scope="openid", prompt="none", claims=more))
    assert silent["error"] == "consent_required"
    page = await visitor.authorize(scope="openid", claims=more)
    assert consent_page(page).claims == ("birthdate", "department")
    await visitor.consent(page)
    assert "code" in returned(await visitor.authorize(scope="openid", prompt="none", claims=more))
    assert (await visitor.account()).clients[0].claims == ("birthdate", "department")


async def test_one_more_scope_covers_its_claims(visitor: Visitor) -> None:
    await visitor.granted(scope="openid email")
    asked = {"claims": asking(None, {"email": None}), "prompt": "none"}
    assert "code" in returned(await visitor.authorize(scope="openid email", **asked))
    assert returned(await visitor.authorize(scope="openid", **asked))["error"] == "consent_required"


async def test_a_first_party_client_is_told_without_a_question(house: House, visitor: Visitor) -> None:
    await house.commit(PutClient(replace(clients()["web"], consent=ConsentMode.FIRST_PARTY)))
    found = await visitor.sign_in(await visitor.authorize(scope="openid", claims=asking({"birthdate": None})))
    tokens = document(await house.redeem(returned(found)["code"]))
    assert (await userinfo(house, tokens))["birthdate"] == "1990-01-01"


# covers: AUT-16
async def test_an_answer_to_a_page_that_named_less_is_not_taken(house: House, visitor: Visitor) -> None:
    claims = asking({"team": None, "birthdate": None})
    shown = consent_page(await visitor.sign_in(await visitor.authorize(scope="openid", claims=claims)))
    assert shown.claims == ("birthdate",)
    await house.commit(PutEndUser(replace(end_users()["alice"], claims={**CLAIMS, "team": "Night shift"})))
    assert error_page(await visitor.submit(shown.form, {"answer": "allowed"})).kind is ErrorKind.FORGED_FORM


# covers: AUT-16
async def test_what_an_operator_notes_after_the_answer_is_not_told_by_it(house: House, visitor: Visitor) -> None:
    # The client may claim in its request what the page has shown: it is not believed.
    asked = {
        "scope": "openid",
        "claims": asking({"team": None, "birthdate": None}),
        "shown claims": "team birthdate",
    }
    shown = consent_page(await visitor.sign_in(await visitor.authorize(**asked)))
    answered = await visitor.post(shown.form.action, dict(shown.form.hidden) | {"answer": "allowed"})
    await house.commit(PutEndUser(replace(end_users()["alice"], claims={**CLAIMS, "team": "Night shift"})))

    tokens = document(await house.redeem(returned(await visitor.follow(answered))["code"]))
    assert await userinfo(house, tokens) == {"sub": "sub-alice", "birthdate": "1990-01-01"}

    assert consent_page(await visitor.authorize(**asked)).claims == ("birthdate", "team")
    tokens = document(await house.redeem((await visitor.granted(**asked))["code"]))
    assert (await userinfo(house, tokens))["team"] == "Night shift"


async def test_what_a_client_may_no_longer_ask_for_is_no_longer_told(house: House, visitor: Visitor) -> None:
    tokens = await tokens_for(
        house, visitor, scope="openid", claims=asking({"birthdate": None}, {"birthdate": None})
    )
    assert "birthdate" in await userinfo(house, tokens)
    narrower = replace(clients()["web"], scope=Scope.parse("openid albums.read"))
    await house.commit(PutClient(narrower))
    assert await userinfo(house, tokens) == {"sub": "sub-alice"}
    assert "birthdate" not in claims_of(document(await house.refresh(tokens["refresh_token"]))["id_token"])


async def test_without_openid_the_parameter_means_nothing(visitor: Visitor) -> None:
    page = await visitor.sign_in(await visitor.authorize(scope="albums.read", claims="nonsense"))
    assert consent_page(page).claims == ()


async def implicit_house(house: House) -> None:
    grants = CODE_AND_REFRESH | {IMPLICIT}
    await house.commit(PutClient(replace(clients()["web"], grant_types=grants)))


@requirement("OIDCC-5.4/id-token")
async def test_without_an_access_token_the_scopes_claims_stand_in_the_id_token(
    house: House, visitor: Visitor
) -> None:
    await implicit_house(house)
    asked = asking(None, {"birthdate": None})
    answer = await visitor.granted(response_type="id_token", scope="openid email", claims=asked, resource=None)
    told = claims_of(answer["id_token"])
    assert told.keys() - TOLD_BY_TOKEN == {"email", "email_verified", "birthdate"}


@pytest.mark.parametrize("response_type", ["id_token token", "code id_token", "code id_token token", "code"])
async def test_with_an_access_token_the_scopes_claims_come_from_userinfo(
    house: House, visitor: Visitor, response_type: str
) -> None:
    await implicit_house(house)
    asked = asking(None, {"birthdate": None})
    answer = await visitor.granted(response_type=response_type, scope="openid email", claims=asked)
    in_front = claims_of(answer["id_token"]).keys() - TOLD_BY_TOKEN - {"c_hash"} if "id_token" in answer else set()
    # A code buys the ID Token that tells them, and no browser's history keeps that one.
    assert in_front == (set() if "code" in answer else {"birthdate"})
    if "code" in answer:
        tokens = document(await house.redeem(answer["code"]))
        assert claims_of(tokens["id_token"]).keys() - TOLD_BY_TOKEN == {"birthdate"}


# covers: AUT-16
@requirement("OIDCC-5.5/userinfo")
async def test_userinfo_is_not_asked_for_where_no_access_token_leads_there(house: House, visitor: Visitor) -> None:
    await implicit_house(house)
    found = await visitor.authorize(response_type="id_token", claims=asking({"birthdate": None}), resource=None)
    assert returned(found)["error"] == "invalid_request"


# covers: AUT-16
@requirement("OIDCC-3.1.2.2/subject")
@requirement("OIDCC-5.5.1/subject-mismatch")
async def test_a_request_about_somebody_is_answered_by_nobody_else(visitor: Visitor) -> None:
    about_bob = asking(None, {"sub": {"value": "sub-bob"}})
    await visitor.granted()
    assert returned(await visitor.authorize(prompt="none", claims=about_bob))["error"] == "login_required"

    page = await visitor.authorize(claims=about_bob)
    assert returned(await visitor.sign_in(page, "alice"))["error"] == "login_required"


# covers: AUT-16
@requirement("OIDCC-3.1.2.2/subject")
async def test_a_request_about_somebody_who_is_signed_in_takes_their_session(
    house: House, visitor: Visitor
) -> None:
    about = {
        name: {"claims": asking(None, {"sub": {"values": ["sub-nobody", f"sub-{name}"]}})}
        for name in ("alice", "bob")
    }
    await visitor.granted(**about["alice"])
    page = await visitor.sign_in(await visitor.authorize(**about["bob"]), "bob")
    await visitor.consent(page)
    for name in ("alice", "bob"):
        answer = returned(await visitor.authorize(prompt="none", **about[name]))
        assert claims_of(document(await house.redeem(answer["code"]))["id_token"])["sub"] == f"sub-{name}"


# covers: AUT-16
async def test_a_hint_and_a_claim_about_two_people_are_about_nobody(house: House, visitor: Visitor) -> None:
    hint = (await tokens_for(house, visitor))["id_token"]
    about = {"id_token_hint": hint, "prompt": "none"}
    same = returned(await visitor.authorize(claims=asking(None, {"sub": {"value": "sub-alice"}}), **about))
    other = returned(await visitor.authorize(claims=asking(None, {"sub": {"value": "sub-bob"}}), **about))
    assert ("code" in same, other["error"]) == (True, "login_required")


# covers: AUT-16
async def test_a_pairwise_client_learns_nothing_from_the_name_that_others_know(
    house: House, visitor: Visitor
) -> None:
    pairwise = OpenIdMetadata(subject_type=SubjectType.PAIRWISE)
    await house.commit(PutClient(replace(clients()["web"], openid=pairwise)))
    known = claims_of((await tokens_for(house, visitor))["id_token"])["sub"]
    assert known != "sub-alice"

    def about(subject: str) -> dict[str, str]:
        return {"prompt": "none", "claims": asking(None, {"sub": {"value": subject}})}

    assert "code" in returned(await visitor.authorize(**about(known)))
    assert returned(await visitor.authorize(**about("sub-alice")))["error"] == "login_required"


@requirement("OIDCC-2/auth-time")
@pytest.mark.parametrize(
    "asked", [{}, {"max_age": "600"}, {"claims": asking(None, {"auth_time": {"essential": True}})}], ids=str
)
@pytest.mark.parametrize("openid", [OpenIdMetadata(), OpenIdMetadata(require_auth_time=True)], ids=["", "required"])
async def test_auth_time_is_in_every_id_token(
    house: House, visitor: Visitor, asked: dict[str, str], openid: OpenIdMetadata
) -> None:
    await house.commit(PutClient(replace(clients()["web"], openid=openid)))
    then = house.clock.now
    tokens = await tokens_for(house, visitor, **asked)
    house.clock.advance(100)
    for answer in (tokens, document(await house.refresh(tokens["refresh_token"]))):
        assert claims_of(answer["id_token"])["auth_time"] == then


# covers: AUT-10
async def test_a_clients_default_max_age_applies_where_the_request_has_none(house: House, visitor: Visitor) -> None:
    await house.commit(PutClient(replace(clients()["web"], openid=OpenIdMetadata(default_max_age=60))))
    await visitor.granted()
    house.clock.advance(61)
    login_page(await visitor.authorize())
    assert returned(await visitor.authorize(prompt="none"))["error"] == "login_required"
    assert "code" in returned(await visitor.authorize(prompt="none", max_age="600"))
