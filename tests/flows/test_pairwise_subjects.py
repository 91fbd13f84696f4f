"""A pairwise client knows an end-user by a name of its own, everywhere; and what dies, dies for its tokens too."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from support.exchanging import exchanged, gateway
from support.feeding import feeding_house, revocations
from support.house import API, ISSUER, NOW, House, build_house, claims_of, clients, document, end_users
from support.introspecting import ALBUMS_API, give_back, told
from support.knowing import make_pairwise, pairwise
from support.visitor import Visitor, returned
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    ChangePassword,
    EndSession,
    PutClient,
    PutEndUser,
    PutResource,
    RemoveEndUser,
    WithdrawConsent,
)
from valetkey.authorization_server.logout_token import mint_logout_token
from valetkey.authorization_server.model import AccessTokenFormat, PasswordHash
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.authorization_server.pages import Page, SignedOutPage
from valetkey.authorization_server.revocation.logouts import DueLogout
from valetkey.authorization_server.subject_identifier import session_for, subject_for
from valetkey.oauth.access_token import access_token_from_claims
from valetkey.oauth.security_event import RevokedKind
from valetkey.oauth.types import ClientId, SessionId, Subject
from valetkey.resource_server.revocation_view import RevokedTokens

ALICE, BOB = end_users()["alice"], end_users()["bob"]
HASH = ALICE.password_hash
assert HASH is not None


@pytest.fixture
async def house() -> House:
    house = await feeding_house()
    await make_pairwise(house, "web")
    return house


async def name_of(house: House, subject: Subject = ALICE.subject) -> Subject:
    return await subject_for(pairwise(), subject, house.server)


@pytest.mark.requirement("OIDCC-8/pairwise")
@pytest.mark.requirement("OIDCC-5.3.2/subject")
async def test_one_name_stands_in_everything_that_the_client_can_read(house: House) -> None:
    answer = await house.tokens()
    name = await name_of(house)

    assert name != ALICE.subject
    assert claims_of(answer["id_token"])["sub"] == name
    assert claims_of(answer["access_token"])["sub"] == name
    assert document(await house.bearer(answer["access_token"]))["sub"] == name
    refreshed = document(await house.refresh(answer["refresh_token"]))
    assert claims_of(refreshed["id_token"])["sub"] == claims_of(refreshed["access_token"])["sub"] == name
    for token in (answer["access_token"], refreshed["access_token"], refreshed["refresh_token"]):
        said = await told(house, token, clients()["web"])
        assert (said["active"], said["sub"], "username" in said) == (True, name, False)
    assert ALICE.subject not in str([claims_of(answer["id_token"]), claims_of(answer["access_token"])])


async def test_an_api_is_told_the_name_that_the_token_bears_in_either_format(house: House) -> None:
    name, signed = await name_of(house), await house.tokens()
    assert (await told(house, signed["access_token"]))["sub"] == name
    resource = await house.stores.resources.find(API)
    assert resource is not None
    await house.commit(PutResource(replace(resource, access_token_format=AccessTokenFormat.OPAQUE)))
    opaque = await house.tokens()
    assert opaque["access_token"].startswith("vk_at_")
    assert (await told(house, opaque["access_token"]))["sub"] == name


async def test_an_api_that_is_a_pairwise_client_itself_learns_its_own_name_alone(house: House) -> None:
    openid = OpenIdMetadata(
        subject_type=SubjectType.PAIRWISE, sector_identifier_uri="https://api.example/uris.json"
    )
    api = replace(ALBUMS_API, openid=openid)
    await house.commit(PutClient(api))
    for client_id in ("web", "spa"):
        answer = await house.tokens(client_id)
        said = await told(house, answer["access_token"])
        assert said["sub"] == await subject_for(api, ALICE.subject, house.server)
        assert "username" not in said


@pytest.mark.requirement("OIDCC-8/pairwise")
async def test_two_clients_that_compare_notes_find_nothing_in_common() -> None:
    house = await build_house(profile="OPENID")
    await make_pairwise(house, "web", "spa")
    visitor = Visitor(house)
    seen: list[set[str]] = []
    for client_id in ("web", "spa"):
        answer = await visitor.granted(client_id)
        tokens = document(await house.redeem(answer["code"], client_id))
        claims = [claims_of(tokens[name]) for name in ("id_token", "access_token")]
        handles = {
            str(one[name]) for one in claims for name in ("sub", "sid", "jti", "authorization_id") if name in one
        }
        seen.append(handles)
        assert "sid" in claims[0]

    assert seen[0].isdisjoint(seen[1])
    (session,) = await visitor.sessions()
    assert session.session.sid not in seen[0] | seen[1]


async def test_the_session_has_one_name_in_every_id_token_of_a_client() -> None:
    house = await build_house(profile="OPENID")
    await make_pairwise(house, "web")
    visitor = Visitor(house)
    codes = [(await visitor.granted())["code"] for _ in range(2)]
    sids = {claims_of(document(await house.redeem(code))["id_token"])["sid"] for code in codes}
    (session,) = await visitor.sessions()
    assert sids == {await session_for(pairwise(), session.session.sid, house.server)}


async def test_a_sign_out_is_told_by_the_sid_that_the_client_knows() -> None:
    """In the frame and in the logout token alike: the ID Token's, or the client could not find whom it means."""
    house = await build_house(profile="OPENID")
    told_by: dict[str, Any] = {
        "frontchannel_logout_uri": "https://web.example/out",
        "frontchannel_logout_session_required": True,
        "backchannel_logout_uri": "https://web.example/logout",
    }
    client = pairwise(**told_by)
    await house.commit(PutClient(client))
    visitor = Visitor(house)
    hint = document(await house.redeem((await visitor.granted())["code"]))["id_token"]
    (stored,) = await visitor.sessions()
    session, sid = stored.session, claims_of(hint)["sid"]

    page = await visitor.visit("/logout?" + urlencode({"id_token_hint": hint}))

    assert isinstance(page, Page)
    assert isinstance(page.view, SignedOutPage)
    (frame,) = page.view.frames
    assert dict(parse_qsl(urlsplit(frame).query)) == {"iss": ISSUER.url, "sid": sid}
    due = DueLogout(house.server.tenant.tenant_id, session.sid, client.client_id, session.subject, 0)
    logout = claims_of(await mint_logout_token(due, client, house.server, NOW))
    assert (logout["sub"], logout["sid"]) == (claims_of(hint)["sub"], sid)
    assert sid != session.sid


async def test_a_hint_signs_out_the_very_session_that_it_names() -> None:
    house = await build_house(profile="OPENID")
    await make_pairwise(house, "web")
    visitor = Visitor(house)
    hint = document(await house.redeem((await visitor.granted())["code"]))["id_token"]
    await visitor.sign_in(await visitor.authorize(prompt="login"), "bob")

    await visitor.visit("/logout?" + urlencode({"id_token_hint": hint}))

    assert [one.end_user.username for one in await visitor.sessions()] == ["bob"]


@pytest.mark.requirement("OIDCC-8/pairwise")
async def test_a_hint_names_the_end_user_as_the_client_knows_them() -> None:
    house = await build_house(profile="OPENID")
    await make_pairwise(house, "web")
    visitor = Visitor(house)
    hint = document(await house.redeem((await visitor.granted())["code"]))["id_token"]

    again = returned(await visitor.authorize(prompt="none", id_token_hint=hint))
    assert "code" in again

    elsewhere = Visitor(house)
    await elsewhere.sign_in(await elsewhere.authorize(), "bob")
    refused = returned(await elsewhere.authorize(prompt="none", id_token_hint=hint))
    assert refused["error"] == "login_required"


# --- what happens to an end-user reaches the tokens that bear another name -----------------------------------


def dead(known: RevokedTokens, token: str) -> bool:
    """Whether a guard that heard of all this refuses the token."""
    return known.covers(access_token_from_claims(claims_of(token)))


async def heard(house: House) -> RevokedTokens:
    known = RevokedTokens()
    for revocation in await revocations(house):
        known.learn(revocation, house.clock.now)
    return known


KILLS: dict[str, Change] = {
    "password": ChangePassword(ALICE.subject, HASH, PasswordHash("$argon2id$new"), NOW),
    "disabled": PutEndUser(replace(ALICE, disabled=True)),
    "removed": RemoveEndUser(ALICE.subject, NOW),
    "everywhere": BumpGeneration("subject", ALICE.subject),
    "consent": WithdrawConsent(ALICE.subject, ClientId("web"), NOW),
}


# covers: REV-01
@pytest.mark.parametrize("kill", KILLS)
async def test_a_guard_that_follows_the_feed_refuses_a_pairwise_token(house: House, kill: str) -> None:
    answer = await house.tokens()
    refreshed = document(await house.refresh(answer["refresh_token"]))
    others = await house.tokens(subject=BOB.subject)
    assert not dead(await heard(house), answer["access_token"])

    await house.commit(KILLS[kill])

    known = await heard(house)
    assert dead(known, answer["access_token"])
    assert dead(known, refreshed["access_token"])
    assert not dead(known, others["access_token"])
    assert (await house.bearer(answer["access_token"])).status == 401


async def test_the_end_of_a_session_reaches_a_token_that_does_not_name_it(house: House) -> None:
    session = await house.session()
    bound: dict[str, Any] = {"sid": session.sid, "bound_to_session": True}
    answer = await house.tokens(**bound)
    assert "sid" not in claims_of(answer["access_token"])

    await house.commit(EndSession(SessionId("session-1"), NOW))

    assert dead(await heard(house), answer["access_token"])
    assert (await house.bearer(answer["access_token"])).status == 401


async def test_what_was_granted_after_the_kill_lives_on(house: House) -> None:
    before = await house.tokens()
    await house.commit(BumpGeneration("subject", ALICE.subject))
    after = await house.tokens()
    await house.commit(BumpGeneration("client", "spa"))
    known = await heard(house)
    assert dead(known, before["access_token"])
    assert not dead(known, after["access_token"])


async def test_an_authorization_is_told_of_once(house: House) -> None:
    await house.tokens()
    for _ in range(2):
        await house.commit(BumpGeneration("subject", ALICE.subject))
    named = [one.handle for one in await revocations(house) if one.kind is RevokedKind.AUTHORIZATION]
    assert len(named) == len(set(named)) == 1


async def test_public_tokens_add_nothing_to_the_feed(house: House) -> None:
    await house.tokens("spa")
    await house.commit(BumpGeneration("subject", ALICE.subject))
    assert [one.kind for one in await revocations(house)] == [RevokedKind.SUBJECT]


# --- a token that another client got for it ------------------------------------------------------------------


async def test_an_exchanged_token_bears_the_name_of_the_client_that_got_it(house: House) -> None:
    openid = OpenIdMetadata(
        subject_type=SubjectType.PAIRWISE, sector_identifier_uri="https://gate.example/uris.json"
    )
    gate = replace(gateway(subject_client_id="spa"), openid=openid)
    await house.commit(PutClient(gate))
    public = await house.tokens("spa")
    assert claims_of(public["access_token"])["sub"] == ALICE.subject

    token = (await exchanged(house, public["access_token"], resource=API))["access_token"]

    assert claims_of(token)["sub"] == await subject_for(gate, ALICE.subject, house.server)
    assert (await told(house, token))["active"] is True
    await house.commit(BumpGeneration("subject", ALICE.subject))
    assert dead(await heard(house), token)
    assert (await told(house, token)) == {"active": False}


async def test_a_pairwise_token_is_exchanged_for_one_with_the_public_name(house: House) -> None:
    """The gateway is trusted with that name; the client whose token it was is not."""
    await house.commit(PutClient(gateway()))
    token = (await exchanged(house, (await house.tokens())["access_token"], resource=API))["access_token"]
    assert claims_of(token)["sub"] == ALICE.subject
    assert (await told(house, token))["active"] is True


async def test_a_client_gives_a_token_back_that_bears_its_own_name(house: House) -> None:
    answer = await house.tokens()
    assert (await give_back(house, answer["access_token"])).status == 200
    assert dead(await heard(house), answer["access_token"])
    assert (await told(house, answer["access_token"])) == {"active": False}


async def test_a_token_whose_client_has_become_a_pairwise_one_is_over(house: House) -> None:
    """It names the end-user as its client must not know them any more."""
    answer = await house.tokens("spa")
    await make_pairwise(house, "spa")
    assert (await house.bearer(answer["access_token"])).status == 401
    refreshed = document(await house.refresh(answer["refresh_token"], "spa"))
    assert claims_of(refreshed["access_token"])["sub"] == await subject_for(
        pairwise("spa"), ALICE.subject, house.server
    )
