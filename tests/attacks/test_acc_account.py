"""Forging, planting, overtaking and racing what an end-user does on their account page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from contracts.conftest import STORAGES
from support.house import PASSWORD, House, build_house, clients, document, end_users, resources
from support.visitor import Visitor, account_page, error_page, location_of, login_page
from valetkey.authorization_server.decision import BumpGeneration, Change, PutClient, PutEndUser, PutResource
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.pages import AccountNotice, AccountPage, ErrorKind, FormTarget
from valetkey.authorization_server.ports import PasswordHasher
from valetkey.oauth.types import SecretText

NEW = "a much longer passphrase"
CHANGE = {"current": PASSWORD, "new": NEW, "again": NEW}
ALICE = end_users()["alice"]


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


async def connected(visitor: Visitor) -> AccountPage:
    """The page of somebody with another session and a connected application."""
    await visitor.granted()
    await Visitor(visitor.house).account()
    return await visitor.account()


FORMS: Mapping[str, Callable[[AccountPage], FormTarget | None]] = {
    "password": lambda page: page.password_form,
    "everywhere": lambda page: page.everywhere_form,
    "session": lambda page: page.sessions[1].end_form,
    "withdraw": lambda page: page.clients[0].withdraw_form,
}


def form_of(page: AccountPage, name: str) -> FormTarget:
    form = FORMS[name](page)
    assert form is not None
    return form


def with_hidden(form: FormTarget, **changes: str | None) -> dict[str, str]:
    merged = dict(form.hidden) | CHANGE | changes
    return {name: value for name, value in merged.items() if value is not None}


async def unchanged(house: House) -> bool:
    held = await house.stores.end_users.find(ALICE.subject)
    sessions = await house.stores.browsers.sessions_of(ALICE.subject)
    consents = await house.stores.consents.of(ALICE.subject)
    counters = await house.stores.end_users.generations(ALICE.subject)
    return held == ALICE and len(sessions) == 2 and len(consents) == 1 and counters.subject == 0


# covers: CON-02
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("token", [None, "", "forged", "of another act", "of another target", "of a stranger"])
async def test_a_form_without_its_own_token_changes_nothing(
    house: House, visitor: Visitor, name: str, token: str | None
) -> None:
    page = await connected(visitor)
    form = form_of(page, name)
    other = form_of(page, "everywhere" if name != "everywhere" else "password")
    changes: dict[str, str | None] = {"csrf": token}
    if token == "of another act":
        changes = {"csrf": dict(other.hidden)["csrf"]}
    if token == "of another target":
        changes = {"target": "spa"}
    if token == "of a stranger":
        bobs = await Visitor(house).account(username="bob")
        changes = {"csrf": dict(bobs.everywhere_form.hidden)["csrf"], "act": "sign_out_everywhere", "target": ""}
    refused = error_page(await visitor.post(form.action, with_hidden(form, **changes)))
    assert (refused.kind, refused.status, refused.way_on) == (ErrorKind.FORGED_FORM, 403, "/account")
    assert await unchanged(house)


# covers: CON-02
@pytest.mark.parametrize("name", FORMS)
async def test_a_form_that_comes_without_the_cookie_changes_nothing(
    house: House, visitor: Visitor, name: str
) -> None:
    form = form_of(await connected(visitor), name)
    answer = await Visitor(house).post(form.action, with_hidden(form))
    assert location_of(answer) == "/account"
    assert await unchanged(house)


async def test_a_form_that_names_no_act_is_refused(house: House, visitor: Visitor) -> None:
    form = form_of(await connected(visitor), "everywhere")
    for act in (None, "", "become_admin"):
        assert error_page(await visitor.post(form.action, with_hidden(form, act=act))).kind is ErrorKind.BAD_REQUEST
    assert await unchanged(house)


async def test_the_form_of_one_account_does_nothing_once_another_one_signed_in(
    house: House, visitor: Visitor
) -> None:
    page = await connected(visitor)
    house.clock.advance(1)
    await visitor.sign_in(await visitor.authorize(prompt="login"), username="bob")
    refused = await visitor.post(page.password_form.action, with_hidden(page.password_form))
    assert error_page(refused).kind is ErrorKind.FORGED_FORM
    assert await unchanged(house)
    assert await house.stores.end_users.find(end_users()["bob"].subject) == end_users()["bob"]


async def test_a_session_of_somebody_else_is_not_ended_though_its_id_is_known(
    house: House, visitor: Visitor
) -> None:
    bob = Visitor(house)
    await bob.account(username="bob")
    (bobs,) = await bob.sessions()
    form = form_of(await connected(visitor), "session")
    refused = await visitor.post(form.action, with_hidden(form, target=bobs.session.sid))
    assert error_page(refused).kind is ErrorKind.FORGED_FORM
    assert account_page(await bob.get("/account")).username == "bob"


@pytest.mark.parametrize("done", ["", "password_changed", "x" * 43])
async def test_no_link_makes_the_page_confirm_what_did_not_happen(visitor: Visitor, done: str) -> None:
    await visitor.account()
    assert account_page(await visitor.get(f"/account?done={done}")).notice is None


async def test_the_confirmation_of_one_session_is_none_in_another(house: House, visitor: Visitor) -> None:
    form = form_of(await connected(visitor), "withdraw")
    link = location_of(await visitor.post(form.action, with_hidden(form))) or ""
    other = Visitor(house)
    await other.account()
    shown = link.partition("#")[0]
    assert account_page(await visitor.get(shown)).notice is AccountNotice.ACCESS_WITHDRAWN
    assert account_page(await other.get(shown)).notice is None


# covers: RDR-04
@pytest.mark.parametrize("name", ["return_to", "redirect_uri", "next", "interaction", "page"])
async def test_nothing_that_is_sent_leads_anywhere_but_to_the_account_page(visitor: Visitor, name: str) -> None:
    login = await visitor.get(f"/account?{name}=https://evil.example/")
    assert (location_of(login) or "").startswith("/login?interaction=")
    assert account_page(await visitor.sign_in(await visitor.follow(login))).username == "alice"


# covers: CON-09
async def test_a_sign_in_that_was_begun_in_another_browser_is_not_finished_here(
    house: House, visitor: Visitor
) -> None:
    attacker = Visitor(house)
    planted = location_of(await attacker.get("/account")) or ""
    assert error_page(await visitor.get(planted)).kind is ErrorKind.OTHER_BROWSER
    login_page(await visitor.visit("/account"))
    assert error_page(await visitor.get(planted)).kind is ErrorKind.OTHER_BROWSER


async def test_a_visit_to_the_account_page_grants_no_client_anything(visitor: Visitor) -> None:
    link = location_of(await visitor.get("/account")) or ""
    handle = link.partition("interaction=")[2]
    await visitor.account()
    assert location_of(await visitor.get(f"/authorize?interaction={handle}")) == "/account"
    assert error_page(await visitor.get(f"/consent?interaction={handle}")).kind is ErrorKind.UNKNOWN_CLIENT
    assert error_page(await visitor.get("/authorize?client_id=")).kind is ErrorKind.UNKNOWN_CLIENT


async def test_a_session_that_timed_out_has_no_account_page(house: House, visitor: Visitor) -> None:
    page = await connected(visitor)
    house.clock.advance(house.server.policy.session_idle_lifetime)
    assert location_of(await visitor.post("/account", with_hidden(page.everywhere_form))) == "/account"
    login_page(await visitor.visit("/account"))
    assert (await house.stores.end_users.generations(ALICE.subject)).subject == 0


# --- overtaken while the passwords are hashed --------------------------------------------------------------


@dataclass
class Overtaken:
    """A PasswordHasher that is overtaken: something else happens while it hashes the new password."""

    passwords: PasswordHasher
    meanwhile: Callable[[], Awaitable[object]]

    async def matches(self, presented: SecretText, stored: PasswordHash | None) -> bool:
        return await self.passwords.matches(presented, stored)

    async def hash(self, password: SecretText) -> PasswordHash:
        hashed = await self.passwords.hash(password)
        await self.meanwhile()
        return hashed


def overtaken(house: House, meanwhile: Callable[[], Awaitable[object]]) -> House:
    return replace(house, server=replace(house.server, passwords=Overtaken(house.server.passwords, meanwhile)))


# covers: REF-08
@pytest.mark.parametrize("what", ["disabled", "another password", "signed out everywhere"])
async def test_who_overtakes_a_password_change_wins(house: House, visitor: Visitor, what: str) -> None:
    rivals: dict[str, Change] = {
        "disabled": PutEndUser(replace(ALICE, disabled=True)),
        "another password": PutEndUser(replace(ALICE, password_hash=PasswordHash("$argon2id$other"))),
        "signed out everywhere": BumpGeneration("subject", ALICE.subject),
    }
    changed = rivals[what]
    page = await visitor.account()
    slow = Visitor(overtaken(house, lambda: house.commit(changed)), cookies=visitor.cookies)
    answer = await slow.post("/account", with_hidden(page.password_form))
    login_page(await visitor.follow(answer))
    held = await house.stores.end_users.find(ALICE.subject)
    assert held == (changed.end_user if isinstance(changed, PutEndUser) else ALICE)


# --- refresh against password change, over every storage ---------------------------------------------------


@dataclass
class Signed:
    """A signer during whose work something else happens once: a refresh has judged and not yet committed."""

    signer: Any
    meanwhile: Callable[[], Awaitable[object]] | None

    async def sign(self, claims: Mapping[str, object], *, typ: str, algorithm: str) -> str:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        signed: str = await self.signer.sign(claims, typ=typ, algorithm=algorithm)
        return signed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.signer, name)


@pytest.fixture(params=STORAGES)
async def stored_house(request: pytest.FixtureRequest, tmp_path: Path, house: House) -> AsyncIterator[House]:
    """The house over each storage, with the signing keys of the one in memory."""
    storage = await STORAGES[request.param](tmp_path)
    stores = storage.stores(house.server.tenant.tenant_id)
    seeds: list[Change] = [
        *map(PutResource, resources()),
        *map(PutClient, clients().values()),
        *map(PutEndUser, end_users().values()),
    ]
    assert await stores.commit(seeds)
    anywhere: Any = stores
    yield replace(house, server=replace(house.server, stores=stores), stores=anywhere)
    await storage.close()


async def assert_dead(house: House, *refresh_tokens: str) -> None:
    for refresh_token in refresh_tokens:
        response = await house.refresh(refresh_token)
        assert (response.status, document(response)["error"]) == (400, "invalid_grant")


# covers: REF-08
async def test_a_refresh_that_judged_before_the_password_changed_commits_nothing_after_it(
    stored_house: House,
) -> None:
    house, visitor = stored_house, Visitor(stored_house)
    page, before = await visitor.account(), await house.tokens()

    async def change() -> None:
        answer = await visitor.submit(page.password_form, CHANGE)
        assert account_page(answer).notice is AccountNotice.PASSWORD_CHANGED

    busy = replace(house, server=replace(house.server, signer=Signed(house.server.signer, change)))
    response = await busy.refresh(before["refresh_token"])
    assert (response.status, document(response)["error"]) == (400, "invalid_grant")
    await assert_dead(house, before["refresh_token"])
    assert (await house.bearer(before["access_token"])).status == 401


# covers: REF-08
@pytest.mark.parametrize("times", [1, 2])
async def test_a_refresh_that_commits_while_the_password_is_hashed_buys_tokens_that_die_with_it(
    stored_house: House, times: int
) -> None:
    house, visitor = stored_house, Visitor(stored_house)
    page, newest = await visitor.account(), await house.tokens()
    links = [newest]

    async def refresh() -> None:
        for _ in range(times):
            response = await house.refresh(links[-1]["refresh_token"])
            assert response.status == 200
            links.append(document(response))

    slow = Visitor(overtaken(house, refresh), cookies=visitor.cookies)
    answer = await slow.submit(page.password_form, CHANGE)
    assert account_page(answer).notice is AccountNotice.PASSWORD_CHANGED
    assert len(links) == 1 + times
    await assert_dead(house, *(link["refresh_token"] for link in links))
    for link in links:
        assert (await house.bearer(link["access_token"])).status == 401


# covers: REF-08
async def test_a_code_that_is_being_redeemed_while_the_password_changes_buys_nothing(stored_house: House) -> None:
    house, visitor = stored_house, Visitor(stored_house)
    page, code = await visitor.account(), await house.code()

    async def change() -> None:
        await visitor.submit(page.password_form, CHANGE)

    busy = replace(house, server=replace(house.server, signer=Signed(house.server.signer, change)))
    response = await busy.redeem(code)
    assert (response.status, document(response)["error"]) == (400, "invalid_grant")


# covers: REF-08
async def test_a_refresh_that_judged_before_consent_was_withdrawn_commits_nothing_after_it(
    stored_house: House,
) -> None:
    house, visitor = stored_house, Visitor(stored_house)
    before = await house.tokens()
    (client,) = (await visitor.account()).clients

    async def withdraw() -> None:
        await visitor.submit(client.withdraw_form, {})

    busy = replace(house, server=replace(house.server, signer=Signed(house.server.signer, withdraw)))
    response = await busy.refresh(before["refresh_token"])
    assert (response.status, document(response)["error"]) == (400, "invalid_grant")
