"""Getting a consent that nobody gave."""

from dataclasses import replace

import pytest

from support.house import API, PASSWORD, House, build_house, claims_of, clients, document
from support.requirement import requirement
from support.visitor import Visitor, consent_page, error_page, login_page, returned, select_account_page
from valetkey.authorization_server.decision import PutClient, PutResource
from valetkey.authorization_server.model import AuthenticationMethod, Client, ConsentMode, ManagedBy, Resource
from valetkey.authorization_server.pages import ConsentMemory, ErrorKind
from valetkey.oauth.types import Scope

NARROW = Scope(clients()["web"].scope - {"albums.write"})
LOOPBACK = "http://127.0.0.1:51004/callback"


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


# covers: CON-02
@requirement("OIDCC-3.1.2.3/csrf")
@requirement("RFC6749-10.12/csrf")
async def test_an_answer_without_the_token_of_its_page_grants_nothing(house: House, visitor: Visitor) -> None:
    page = consent_page(await visitor.sign_in(await visitor.authorize()))
    hidden = dict(page.form.hidden)
    stranger = Visitor(house)
    theirs = consent_page(await stranger.sign_in(await stranger.authorize(), "bob"))
    again = consent_page(await visitor.authorize())
    tokens = ["", "x", hidden["csrf"][:-1], dict(theirs.form.hidden)["csrf"], dict(again.form.hidden)["csrf"]]
    for token in tokens:
        refused = error_page(await visitor.post("/consent", {**hidden, "csrf": token, "answer": "allowed"}))
        assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    without = {"interaction": hidden["interaction"], "answer": "allowed"}
    assert error_page(await visitor.post("/consent", without)).kind is ErrorKind.FORGED_FORM
    consent_page(await visitor.visit(page.form.action))
    assert "code" in returned(await visitor.submit(page.form, {"answer": "allowed"}))


# covers: CON-02
async def test_an_answer_from_another_browser_grants_nothing(house: House, visitor: Visitor) -> None:
    page = consent_page(await visitor.sign_in(await visitor.authorize()))
    for other in (Visitor(house), Visitor(house, cookies={"__Host-vk_session_default": "vk_bh_unknown"})):
        refused = error_page(await other.submit(page.form, {"answer": "allowed"}))
        assert (refused.kind, refused.status) == (ErrorKind.OTHER_BROWSER, 403)


# covers: CON-02
async def test_an_answer_is_used_once(house: House, visitor: Visitor) -> None:
    page = consent_page(await visitor.sign_in(await visitor.authorize()))
    first = returned(await visitor.submit(page.form, {"answer": "allowed"}))
    again = error_page(await visitor.submit(page.form, {"answer": "allowed"}))
    assert again.kind is ErrorKind.INTERACTION_FINISHED
    assert (await house.redeem(first["code"])).status == 200


# covers: CON-02
async def test_an_answer_counts_only_for_who_saw_the_page(visitor: Visitor) -> None:
    await visitor.sign_in(await visitor.authorize("spa"))
    page = consent_page(await visitor.authorize("web"))
    await visitor.sign_in(await visitor.authorize("spa", prompt="login"), "bob")
    refused = error_page(await visitor.submit(page.form, {"answer": "allowed"}))
    assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    now = select_account_page(await visitor.visit(page.form.action))
    assert [one.username for one in now.accounts] == ["bob", "alice"]


# covers: CON-02
async def test_another_sign_in_voids_the_answer(house: House, visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    page = consent_page(await visitor.submit(login.form, {"username": "alice", "password": PASSWORD}))
    await visitor.post(page.form.action, {**dict(page.form.hidden), "answer": "allowed"})
    # Back at the sign-in form, which the browser still shows, somebody else signs in before the way goes on.
    other = await visitor.submit(login.form, {"username": "bob", "password": PASSWORD})
    assert consent_page(other).account_name == "bob"
    code = returned(await visitor.consent(other))["code"]
    assert claims_of(document(await house.redeem(code))["id_token"])["sub"] == "sub-bob"


# covers: CON-03
async def test_what_is_added_to_the_form_is_ignored(house: House, visitor: Visitor) -> None:
    page = consent_page(await visitor.sign_in(await visitor.authorize(scope="openid albums.read")))
    edited = {
        "answer": "allowed",
        "scope": "openid albums.read albums.write offline_access",
        "client_id": "spa",
        "redirect_uri": "https://evil.example/",
        "resource": "https://evil.example/",
        "authorization_details": "[]",
    }
    code = returned(await visitor.submit(page.form, edited))["code"]
    assert document(await house.redeem(code))["scope"] == "albums.read openid"


# covers: CON-03
async def test_rights_that_were_not_on_the_page_are_not_granted(visitor: Visitor, house: House) -> None:
    wide = replace(clients()["web"], profile="OPENID")
    await house.commit(PutClient(replace(wide, scope=NARROW)))
    page = consent_page(await visitor.sign_in(await visitor.authorize(scope="openid albums.read albums.write")))
    assert [right.name for right in page.scopes] == ["albums.read", "openid"]
    shown = dict(page.form.hidden) | {"answer": "allowed"}
    await visitor.post(page.form.action, shown)
    await house.commit(PutClient(wide))
    code = returned(await visitor.visit("/authorize?interaction=" + shown["interaction"]))["code"]
    assert document(await house.redeem(code))["scope"] == "albums.read openid"


async def test_a_page_that_shows_less_than_now_is_asked_is_not_taken(visitor: Visitor, house: House) -> None:
    wide = replace(clients()["web"], profile="OPENID")
    await house.commit(PutClient(replace(wide, scope=NARROW)))
    page = consent_page(await visitor.sign_in(await visitor.authorize(scope="openid albums.write")))
    await house.commit(PutClient(wide))
    assert error_page(await visitor.submit(page.form, {"answer": "allowed"})).kind is ErrorKind.FORGED_FORM
    now = consent_page(await visitor.visit(page.form.action))
    assert [right.name for right in now.scopes] == ["albums.write", "openid"]


@pytest.mark.parametrize("answer", ["", "yes", "ALLOWED", "allowed denied"])
async def test_what_is_no_answer_grants_nothing(visitor: Visitor, answer: str) -> None:
    page = consent_page(await visitor.sign_in(await visitor.authorize()))
    assert error_page(await visitor.submit(page.form, {"answer": answer})).kind is ErrorKind.BAD_REQUEST
    consent_page(await visitor.visit(page.form.action))


def public(**changes: object) -> Client:
    return replace(clients()["spa"], **changes)  # type: ignore[arg-type]


# covers: CON-04
@pytest.mark.parametrize("consent", [ConsentMode.REMEMBER, ConsentMode.FIRST_PARTY])
@pytest.mark.parametrize(
    ("client", "is_asked_again"),
    [
        (public(), False),
        (replace(clients()["native"], redirect_uris=(LOOPBACK,)), True),
        (replace(clients()["native"], redirect_uris=(LOOPBACK,), managed_by=ManagedBy.FILE), False),
        (public(redirect_uris=(LOOPBACK,)), True),
        (replace(clients()["native"], redirect_uris=("com.example.desk:/callback",)), True),
        (
            replace(clients()["native"], redirect_uris=("com.example.desk:/callback",), managed_by=ManagedBy.FILE),
            True,
        ),
        (
            public(
                redirect_uris=(LOOPBACK,),
                authentication_method=AuthenticationMethod.CLIENT_SECRET_BASIC,
                secrets=clients()["web"].secrets,
            ),
            False,
        ),
    ],
    ids=[
        "https",
        "loopback",
        "loopback of the file",
        "loopback web",
        "scheme",
        "scheme of the file",
        "confidential",
    ],
)
async def test_only_a_client_that_nobody_can_imitate_is_not_asked_for_again(
    house: House,
    client: Client,
    consent: ConsentMode,
    is_asked_again: bool,  # noqa: FBT001 - a column of the table
) -> None:
    await house.commit(PutClient(replace(client, consent=consent)))
    visitor = Visitor(house)
    uri = client.redirect_uris[0]
    await visitor.granted(client.client_id, redirect_uri=uri)
    again = await visitor.authorize(client.client_id, redirect_uri=uri)
    if is_asked_again:
        assert consent_page(again).memory is ConsentMemory.ASKED_AGAIN
        silent = await visitor.authorize(client.client_id, redirect_uri=uri, prompt="none")
        assert returned(silent)["error"] == "consent_required"
    else:
        assert "code" in returned(again)


# covers: CON-09
async def test_the_page_names_the_account_that_gives_and_the_code_is_its_own(
    house: House, visitor: Visitor
) -> None:
    attacker = Visitor(house)
    await attacker.granted("spa")
    # The attacker's signed-in browser is planted on the victim, who is asked to allow a client.
    visitor.cookies = dict(attacker.cookies)
    page = await visitor.authorize("web")
    assert consent_page(page).account_name == "alice"
    login = await visitor.authorize("web", prompt="login")
    own = await visitor.sign_in(login, "bob")
    assert consent_page(own).account_name == "bob"
    code = returned(await visitor.consent(own))["code"]
    claims = claims_of(document(await house.redeem(code))["id_token"])
    sids = {stored.end_user.username: stored.session.sid for stored in await visitor.sessions()}
    assert (claims["sub"], claims["sid"]) == ("sub-bob", sids["bob"])
    login_page(await attacker.authorize("web"))


async def test_a_session_that_ended_before_the_answer_grants_nothing(house: House, visitor: Visitor) -> None:
    page = consent_page(await visitor.sign_in(await visitor.authorize()))
    house.clock.advance(10)
    other = Visitor(house, cookies=dict(visitor.cookies))
    await other.sign_out()
    login_page(await visitor.submit(page.form, {"answer": "allowed"}))


async def test_words_of_a_scope_come_from_the_operator(house: House, visitor: Visitor) -> None:
    await house.commit(PutResource(Resource(API, "Alben", {"albums.read": "Ihre Alben sehen"})))
    page = consent_page(await visitor.sign_in(await visitor.authorize()))
    assert ("albums.read", "Ihre Alben sehen", "Alben") in [
        (right.name, right.description, right.resource_name) for right in page.scopes
    ]
