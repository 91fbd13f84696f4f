"""Several accounts in one browser: the end-user says with which they go on, unless a hint or a choice says it."""

import pytest

from support.house import House, build_house, claims_of, document
from support.requirement import requirement
from support.visitor import (
    Visitor,
    consent_page,
    error_page,
    login_page,
    returned,
    select_account_page,
)
from valetkey.authorization_server.pages import ErrorKind


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
async def visitor(house: House) -> Visitor:
    """A browser in which alice is signed in, and after her bob."""
    browser = Visitor(house)
    await browser.granted("spa")
    house.clock.advance(5)
    await browser.consent(await browser.sign_in(await browser.authorize("spa", prompt="login"), "bob"))
    return browser


async def subject_of(house: House, answer: dict[str, str]) -> object:
    return claims_of(document(await house.redeem(answer["code"]))["id_token"])["sub"]


async def test_several_accounts_are_shown_newest_first_with_names(visitor: Visitor) -> None:
    page = select_account_page(await visitor.authorize())
    assert [(one.username, one.name) for one in page.accounts] == [("bob", None), ("alice", "Alice Example")]
    assert (page.client_name, page.redirect_host) == ("Photo Prints", "web.example")


@pytest.mark.parametrize("username", ["alice", "bob"])
async def test_the_chosen_account_answers_the_request(house: House, visitor: Visitor, username: str) -> None:
    consent = await visitor.choose(await visitor.authorize(), username)
    assert consent_page(consent).account_name == username
    assert await subject_of(house, returned(await visitor.consent(consent))) == f"sub-{username}"


async def test_a_choice_is_for_one_request(visitor: Visitor) -> None:
    await visitor.choose(await visitor.authorize(), "alice")
    select_account_page(await visitor.authorize())


# covers: CON-06
async def test_two_tabs_keep_the_account_that_was_chosen_in_each(house: House, visitor: Visitor) -> None:
    first, second = await visitor.authorize("web"), await visitor.authorize("web")
    of_alice, of_bob = await visitor.choose(first, "alice"), await visitor.choose(second, "bob")
    assert await subject_of(house, returned(await visitor.consent(of_alice))) == "sub-alice"
    assert await subject_of(house, returned(await visitor.consent(of_bob))) == "sub-bob"


async def test_another_account_leads_to_the_sign_in_page_and_back_to_the_choice(visitor: Visitor) -> None:
    page = select_account_page(await visitor.authorize())
    login = login_page(await visitor.submit(page.form, {"account": "another"}))
    # The back button shows the chooser again, and it still works.
    again = await visitor.visit(page.form.action)
    assert consent_page(await visitor.choose(again, "alice")).account_name == "alice"
    assert login.client_name == "Photo Prints"


async def test_another_account_signs_in_and_answers(visitor: Visitor) -> None:
    page = select_account_page(await visitor.authorize())
    login = await visitor.submit(page.form, {"account": "another"})
    consent = await visitor.sign_in(login, "alice")
    assert consent_page(consent).account_name == "alice"


@requirement("OIDCC-3.1.2.1/select-account")
async def test_a_client_may_ask_for_the_choice_even_where_one_account_is_signed_in(house: House) -> None:
    browser = Visitor(house)
    login_page(await browser.authorize(prompt="select_account"))
    await browser.granted()
    page = await browser.authorize(prompt="select_account")
    assert [one.username for one in select_account_page(page).accounts] == ["alice"]
    assert "code" in returned(await browser.choose(page, "alice"))


async def test_a_choice_does_not_stand_for_a_sign_in_that_was_asked_for(visitor: Visitor) -> None:
    page = await visitor.authorize(prompt="select_account login")
    login = await visitor.choose(page, "alice")
    assert consent_page(await visitor.sign_in(login, "alice")).account_name == "alice"


# covers: AUT-08
@requirement("OIDCC-3.1.2.3/silent")
async def test_a_silent_request_is_told_that_a_choice_is_needed(visitor: Visitor) -> None:
    assert returned(await visitor.authorize(prompt="none"))["error"] == "account_selection_required"


async def test_a_hint_names_the_account_and_signs_nobody_in(house: House, visitor: Visitor) -> None:
    consent = await visitor.consent(await visitor.choose(await visitor.authorize(), "alice"))
    hint = document(await house.redeem(returned(consent)["code"]))["id_token"]
    for hints in ({"id_token_hint": hint}, {"login_hint": "ALICE"}, {"login_hint": "alice@example.com"}):
        assert "code" in returned(await visitor.authorize(**hints))
        assert "code" in returned(await visitor.authorize(prompt="none", **hints))
    assert consent_page(await visitor.authorize(login_hint="bob")).account_name == "bob"
    select_account_page(await visitor.authorize(login_hint="carol"))


# covers: LOG-06
async def test_who_signs_in_as_somebody_else_does_not_answer_for_the_one_hinted_at(
    house: House, visitor: Visitor
) -> None:
    consent = await visitor.consent(await visitor.choose(await visitor.authorize(), "alice"))
    hint = document(await house.redeem(returned(consent)["code"]))["id_token"]
    page = await visitor.authorize(prompt="login", id_token_hint=hint)
    assert returned(await visitor.sign_in(page, "bob"))["error"] == "login_required"


# --- not you? ----------------------------------------------------------------------------------------------


# covers: CON-09
async def test_the_consent_page_names_the_account_and_offers_another(house: House) -> None:
    browser = Visitor(house)
    page = consent_page(await browser.sign_in(await browser.authorize()))
    assert page.account_name == "alice"
    chooser = await browser.submit(page.form, {"answer": "another"})
    login = await browser.submit(select_account_page(chooser).form, {"account": "another"})
    consent = await browser.sign_in(login, "bob")
    assert consent_page(consent).account_name == "bob"
    assert await subject_of(house, returned(await browser.consent(consent))) == "sub-bob"


# --- who tampers -------------------------------------------------------------------------------------------


# covers: CON-02
async def test_a_choice_needs_the_token_of_its_page(visitor: Visitor) -> None:
    page = select_account_page(await visitor.authorize())
    other = select_account_page(await visitor.authorize())
    for token in (None, "", "x", dict(other.form.hidden)["csrf"]):
        fields = {**dict(page.form.hidden), "account": page.accounts[1].choice, "csrf": token or ""}
        refused = error_page(await visitor.post(page.form.action, fields))
        assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    select_account_page(await visitor.visit(page.form.action))


# covers: CON-09
async def test_a_session_of_another_browser_cannot_be_chosen(house: House, visitor: Visitor) -> None:
    stranger = Visitor(house, "198.51.100.9")
    await stranger.sign_in(await stranger.authorize(), "bob")
    (theirs,) = await stranger.sessions()
    page = select_account_page(await visitor.authorize())
    for choice in (theirs.session.sid, "", "x"):
        select_account_page(await visitor.submit(page.form, {"account": choice or "nobody"}))
    assert error_page(await visitor.post(page.form.action, dict(page.form.hidden))).kind is ErrorKind.BAD_REQUEST


# covers: LOG-06
async def test_who_signed_in_for_this_request_cannot_be_swapped_for_an_older_session(visitor: Visitor) -> None:
    """The form of the chooser, kept open, must not turn a sign-in of bob into an answer of alice."""
    page = select_account_page(await visitor.authorize(prompt="select_account login"))
    login = await visitor.submit(page.form, {"account": page.accounts[1].choice})
    consent = await visitor.sign_in(login, "bob")
    assert consent_page(consent).account_name == "bob"
    found = await visitor.submit(page.form, {"account": page.accounts[1].choice})
    assert consent_page(found).account_name == "bob"


async def test_the_second_click_leads_on_with_the_first(visitor: Visitor) -> None:
    page = select_account_page(await visitor.authorize())
    fields = dict(page.form.hidden) | {"account": page.accounts[1].choice}
    await visitor.post(page.form.action, fields)
    second = await visitor.follow(await visitor.post(page.form.action, fields))
    assert consent_page(second).account_name == "alice"


async def test_an_account_that_was_signed_out_meanwhile_is_not_chosen(house: House, visitor: Visitor) -> None:
    page = select_account_page(await visitor.authorize())
    away = Visitor(house, cookies=dict(visitor.cookies))
    account = await away.account()
    await away.submit(account.everywhere_form, {})
    # Bob signed out everywhere: alice alone is left, and nothing is to be chosen any more.
    found = consent_page(await visitor.submit(page.form, {"account": page.accounts[0].choice}))
    assert found.account_name == "alice"


# --- who proves again who they are -------------------------------------------------------------------------


async def test_the_sign_in_page_names_who_is_to_prove_it_again(house: House, visitor: Visitor) -> None:
    page = await visitor.authorize(prompt="select_account login")
    assert login_page(await visitor.choose(page, "alice")).username == "alice"
    alone = Visitor(house, "198.51.100.9")
    assert login_page(await alone.authorize()).username == ""
    await alone.sign_in(await alone.authorize())
    assert login_page(await alone.authorize(prompt="login")).username == "alice"
    assert login_page(await alone.authorize(prompt="login", login_hint="bob")).username == "bob"
    other = await alone.submit(
        select_account_page(await alone.authorize(prompt="select_account")).form, {"account": "another"}
    )
    assert login_page(other).username == ""
