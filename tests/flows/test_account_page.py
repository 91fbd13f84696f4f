"""The account page: who comes signs in first, sees what is theirs, and takes back what they gave."""

from dataclasses import replace

import pytest

from support.house import PASSWORD, House, build_house, document, end_users
from support.visitor import Visitor, account_page, error_page, location_of, login_page, returned
from valetkey.authorization_server.decision import PutClient, RemoveResource
from valetkey.authorization_server.pages import AccountNotice, AccountProblem, ErrorKind, Page, SignedOutPage
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId

NEW = "a much longer passphrase"


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


async def tokens(visitor: Visitor, **changes: str) -> dict[str, str]:
    code = (await visitor.granted(**changes))["code"]
    response = await visitor.house.redeem(code)
    assert response.status == 200
    return document(response)


# --- coming in ---------------------------------------------------------------------------------------------


# covers: LOG-06
async def test_a_stranger_signs_in_without_any_client_and_comes_back_to_the_account_page(visitor: Visitor) -> None:
    login = login_page(await visitor.visit("/account"))
    assert login.client_name is None
    assert login.form.redirect_source is None
    page = await visitor.account()
    assert (page.username, page.name) == ("alice", "Alice Example")
    assert [session.end_form for session in page.sessions] == [None]
    assert page.clients == ()


async def test_who_is_signed_in_already_sees_the_account_page_at_once(visitor: Visitor) -> None:
    await visitor.granted()
    assert account_page(await visitor.get("/account")).username == "alice"


async def test_a_sign_in_for_the_account_page_serves_the_next_client_too(visitor: Visitor) -> None:
    await visitor.account()
    found = await visitor.authorize(prompt="none")
    assert returned(found)["error"] == "consent_required"


async def test_a_wrong_password_at_the_door_of_the_account_page_is_asked_again(visitor: Visitor) -> None:
    login = await visitor.visit("/account")
    again = await visitor.sign_in(login, password="mistyped")
    assert login_page(again).client_name is None
    assert account_page(await visitor.sign_in(again)).username == "alice"


async def test_the_sign_in_page_and_the_account_page_keep_the_language_that_was_asked_for(visitor: Visitor) -> None:
    found = await visitor.get("/account?ui_locales=de")
    assert "ui_locales=de" in (location_of(found) or "")
    assert "ui_locales=de" in login_page(await visitor.follow(found)).form.action


async def test_the_back_button_to_the_sign_in_page_leads_to_the_account_page(visitor: Visitor) -> None:
    login = location_of(await visitor.get("/account"))
    assert login is not None
    await visitor.sign_in(await visitor.get(login))
    assert account_page(await visitor.visit(login)).username == "alice"


async def test_the_second_of_two_clicks_on_sign_in_leads_to_the_account_page(visitor: Visitor) -> None:
    login = login_page(await visitor.visit("/account"))
    fields = dict(login.form.hidden) | {"username": "alice", "password": PASSWORD}
    await visitor.post(login.form.action, fields)
    second = await visitor.post(login.form.action, fields)
    assert account_page(await visitor.follow(second)).username == "alice"


async def test_a_sign_in_that_waited_too_long_begins_again_at_the_account_page(
    house: House, visitor: Visitor
) -> None:
    login = location_of(await visitor.get("/account"))
    house.clock.advance(house.server.policy.interaction_lifetime)
    expired = error_page(await visitor.get(login or ""))
    assert (expired.kind, expired.way_on) == (ErrorKind.INTERACTION_EXPIRED, "/account")


# --- the password ------------------------------------------------------------------------------------------


# covers: REF-07
async def test_a_changed_password_ends_every_other_session_and_every_authorization(
    house: House, visitor: Visitor
) -> None:
    elsewhere = Visitor(house)
    offline = await tokens(elsewhere, scope="openid offline_access albums.read", prompt="consent")
    waiting = (await elsewhere.granted())["code"]
    before = await visitor.account()
    assert len(before.sessions) == 2
    cookies = dict(visitor.cookies)
    changed = account_page(await visitor.change_password(NEW))
    assert changed.notice is AccountNotice.PASSWORD_CHANGED
    assert len(changed.sessions) == 1
    assert changed.clients
    assert not any(client.has_access for client in changed.clients)
    assert visitor.cookies != cookies
    login_page(await elsewhere.visit("/account"))
    assert (await house.refresh(offline["refresh_token"])).status == 400
    assert (await house.bearer(offline["access_token"])).status == 401
    assert (await house.redeem(waiting)).status == 400
    stranger = Visitor(house)
    assert login_page(await stranger.sign_in(await stranger.visit("/account"))).problem is not None
    assert (await Visitor(house).account(password=NEW)).username == "alice"


# covers: CON-09
async def test_the_session_that_changed_the_password_lives_on_under_another_sid_and_handle(
    house: House, visitor: Visitor
) -> None:
    await visitor.account()
    (before,) = await visitor.sessions()
    stolen = Visitor(house, cookies=dict(visitor.cookies))
    house.clock.advance(30)
    await visitor.change_password(NEW)
    (after,) = await visitor.sessions()
    assert after.session.sid != before.session.sid
    assert after.session.authentication.auth_time == house.clock.now
    assert not after.session.generations.is_older_than(after.current)
    login_page(await stolen.visit("/account"))
    # The next client is served without another sign-in.
    assert returned(await visitor.authorize(prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"current": "mistyped"}, AccountProblem.WRONG_PASSWORD),
        ({"current": ""}, AccountProblem.WRONG_PASSWORD),
        ({"new": "short", "again": "short"}, AccountProblem.UNSOUND),
        ({"new": "x" * 1025, "again": "x" * 1025}, AccountProblem.UNSOUND),
        ({"again": NEW + "!"}, AccountProblem.DIFFERENT),
        ({"again": ""}, AccountProblem.DIFFERENT),
        ({"new": PASSWORD, "again": PASSWORD}, AccountProblem.UNCHANGED),
    ],
)
async def test_a_password_that_may_not_follow_changes_nothing(
    house: House, visitor: Visitor, fields: dict[str, str], problem: AccountProblem
) -> None:
    page = await visitor.account()
    asked = {"current": PASSWORD, "new": NEW, "again": NEW} | fields
    found = account_page(await visitor.submit(page.password_form, asked))
    assert found.problem is problem
    alice = end_users()["alice"]
    assert await house.stores.end_users.find(alice.subject) == alice
    assert (await house.stores.end_users.generations(alice.subject)).subject == 0
    assert account_page(await visitor.get("/account")).problem is None


async def test_the_current_password_is_throttled_like_a_sign_in(house: House, visitor: Visitor) -> None:
    page = await visitor.account()
    wrong = {"current": "mistyped", "new": NEW, "again": NEW}
    for _ in range(10):
        found = account_page(await visitor.submit(page.password_form, wrong))
        assert found.problem is AccountProblem.WRONG_PASSWORD
    right = {"current": PASSWORD, "new": NEW, "again": NEW}
    found = account_page(await visitor.submit(page.password_form, right))
    assert found.problem is AccountProblem.TOO_MANY_ATTEMPTS
    assert found.retry_after > 0
    house.clock.advance(found.retry_after)
    assert account_page(await visitor.submit(page.password_form, right)).notice is AccountNotice.PASSWORD_CHANGED


async def test_a_changed_password_changes_nothing_else_of_its_end_user(house: House, visitor: Visitor) -> None:
    await visitor.change_password(NEW)
    found = await house.stores.end_users.find(end_users()["alice"].subject)
    assert found is not None
    assert found.password_hash != end_users()["alice"].password_hash
    assert replace(found, password_hash=end_users()["alice"].password_hash) == end_users()["alice"]


# --- sessions ----------------------------------------------------------------------------------------------


# covers: LOG-15
async def test_one_session_is_ended_from_another(house: House, visitor: Visitor) -> None:
    elsewhere = Visitor(house)
    bound = await tokens(elsewhere)
    third = Visitor(house)
    await third.account()
    house.clock.advance(61)
    await third.account()
    page = await visitor.account()
    assert [session.end_form is None for session in page.sessions] == [True, False, False]
    assert [session.last_seen_at for session in page.sessions[1:]] == [house.clock.now, house.clock.now - 61]
    oldest = page.sessions[-1].end_form
    assert oldest is not None
    after = account_page(await visitor.submit(oldest, {}))
    assert after.notice is AccountNotice.SESSION_ENDED
    assert len(after.sessions) == 2
    login_page(await elsewhere.visit("/account"))
    assert (await house.refresh(bound["refresh_token"])).status == 400
    assert account_page(await third.get("/account")).username == "alice"


async def test_a_session_that_has_ended_meanwhile_is_ended_once_more_without_harm(
    house: House, visitor: Visitor
) -> None:
    await Visitor(house).account()
    page = await visitor.account()
    form = page.sessions[1].end_form
    assert form is not None
    for _ in range(2):
        assert len(account_page(await visitor.submit(form, {})).sessions) == 1


async def test_signing_out_everywhere_ends_this_session_too_and_every_application(
    house: House, visitor: Visitor
) -> None:
    elsewhere = Visitor(house)
    offline = await tokens(elsewhere, scope="openid offline_access albums.read", prompt="consent")
    found = await visitor.submit((await visitor.account()).everywhere_form, {})
    assert isinstance(found, Page)
    assert isinstance(found.view, SignedOutPage)
    assert visitor.cookies == {}
    for one in (visitor, elsewhere):
        login_page(await one.visit("/account"))
    assert (await house.refresh(offline["refresh_token"])).status == 400
    assert (await house.bearer(offline["access_token"])).status == 401
    assert (await Visitor(house).account(username="bob")).username == "bob"


async def test_signing_out_everywhere_leaves_somebody_elses_session_in_this_browser(
    house: House, visitor: Visitor
) -> None:
    await visitor.account(username="bob")
    house.clock.advance(1)
    await visitor.sign_in(await visitor.authorize(prompt="login"))
    page = await visitor.account()
    assert page.username == "alice"
    await visitor.submit(page.everywhere_form, {})
    assert account_page(await visitor.visit("/account")).username == "bob"


async def test_a_look_at_the_page_counts_as_activity(house: House, visitor: Visitor) -> None:
    await visitor.account()
    house.clock.advance(60)
    await visitor.account()
    (stored,) = await visitor.sessions()
    assert stored.session.last_seen_at == house.clock.now


# --- connected applications --------------------------------------------------------------------------------


# covers: REF-07
async def test_a_withdrawn_application_loses_its_access_and_asks_again(house: House, visitor: Visitor) -> None:
    granted = await tokens(visitor, scope="openid offline_access albums.read", prompt="consent")
    (client,) = (await visitor.account()).clients
    assert (client.name, client.redirect_host) == ("Photo Prints", "web.example")
    assert client.has_access
    assert client.outlives_session
    assert {(scope.name, scope.description, scope.resource_name) for scope in client.scopes} == {
        ("openid", None, None),
        ("offline_access", None, None),
        ("albums.read", "See your albums", "Albums"),
    }
    after = account_page(await visitor.submit(client.withdraw_form, {}))
    assert after.notice is AccountNotice.ACCESS_WITHDRAWN
    assert after.clients == ()
    assert (await house.refresh(granted["refresh_token"])).status == 400
    assert (await house.bearer(granted["access_token"])).status == 401
    assert returned(await visitor.authorize(prompt="none"))["error"] == "consent_required"


async def test_withdrawing_one_application_leaves_the_others(house: House, visitor: Visitor) -> None:
    kept = await tokens(visitor, scope="openid offline_access albums.read")
    await visitor.granted("spa")
    page = await visitor.account()
    assert [client.name for client in page.clients] == ["Album Viewer", "Photo Prints"]
    await visitor.submit(page.clients[0].withdraw_form, {})
    assert [client.name for client in (await visitor.account()).clients] == ["Photo Prints"]
    assert (await house.refresh(kept["refresh_token"])).status == 200


async def test_an_application_bound_to_an_ended_session_is_only_remembered(house: House, visitor: Visitor) -> None:
    elsewhere = Visitor(house)
    await elsewhere.granted(scope="openid albums.read")
    (client,) = (await visitor.account()).clients
    assert client.has_access
    assert not client.outlives_session
    await elsewhere.sign_out()
    (client,) = (await visitor.account()).clients
    assert not client.has_access


async def test_what_was_allowed_stands_on_the_page_though_its_resource_is_gone(
    house: House, visitor: Visitor
) -> None:
    await visitor.granted()
    found = await house.stores.consents.find(end_users()["alice"].subject, ClientId("web"))
    assert found is not None
    await house.commit(RemoveResource(found.resources[0]))
    (client,) = (await visitor.account()).clients
    assert ("albums.read", None) in {(scope.name, scope.description) for scope in client.scopes}


async def test_a_disabled_application_can_still_be_withdrawn(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    web = await house.stores.clients.find(ClientId("web"))
    assert web is not None
    await house.commit(PutClient(replace(web, disabled=True)))
    (client,) = (await visitor.account()).clients
    assert not client.has_access
    assert account_page(await visitor.submit(client.withdraw_form, {})).clients == ()


async def test_what_one_end_user_sees_is_nobody_elses(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    page = await Visitor(house).account(username="bob")
    assert (len(page.sessions), page.clients) == (1, ())


async def test_a_confirmation_is_a_redirect_so_that_a_reload_repeats_nothing(visitor: Visitor) -> None:
    await visitor.granted()
    (client,) = (await visitor.account()).clients
    answer = await visitor.post(client.withdraw_form.action, dict(client.withdraw_form.hidden))
    assert isinstance(answer, HttpResponse)
    assert answer.status == 303
    assert (location_of(answer) or "").startswith("/account?done=")
