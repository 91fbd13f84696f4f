"""Every kill beside every use, at both edges of its commit: what is handed out is dead, or was never handed out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from support.house import NOW, House, build_house, clients, document, end_users
from support.visitor import Visitor, consent_page, returned
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    ChangePassword,
    EndSession,
    GrantAuthorization,
    PutClient,
    PutEndUser,
    RedeemCode,
    RemoveClient,
    RemoveEndUser,
    RevokeAuthorization,
    RotateRefreshToken,
    WithdrawConsent,
)
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.revocation.deaths import kills
from valetkey.oauth.types import ClientId, SessionId

ALICE, WEB = end_users()["alice"], clients()["web"]
assert ALICE.password_hash is not None
SID = SessionId("session-1")
NEW_HASH = PasswordHash("$argon2id$new")

KILLS: dict[str, Change] = {
    "session": EndSession(SID, NOW),
    "consent": WithdrawConsent(ALICE.subject, WEB.client_id, NOW),
    "signed out everywhere": BumpGeneration("subject", ALICE.subject),
    "password": ChangePassword(ALICE.subject, ALICE.password_hash, NEW_HASH, NOW),
    "password by an operator": PutEndUser(replace(ALICE, password_hash=NEW_HASH)),
    "end-user disabled": PutEndUser(replace(ALICE, disabled=True)),
    "end-user removed": RemoveEndUser(ALICE.subject, NOW),
    "client": BumpGeneration("client", "web"),
    "client disabled": PutClient(replace(WEB, disabled=True)),
    "client removed": RemoveClient(ClientId("web")),
    "tenant": BumpGeneration("tenant", ""),
    "server": BumpGeneration("server", ""),
}
GONE_CLIENT = {"client disabled", "client removed"}
USES: dict[str, type[Change]] = {"code": RedeemCode, "refresh token": RotateRefreshToken}


class EdgeStores:
    """The stores of a house in which something else is committed at an edge of the commit of one kind of change."""

    def __init__(self, house: House, kind: type[Change], edge: str, *kill: Change) -> None:
        self._stores: Any = house.stores
        self._kind = kind
        self._edge = edge
        self._kill = kill

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        kill: tuple[Change, ...] = ()
        if any(isinstance(change, self._kind) for change in changes):
            kill, self._kill = self._kill, ()
        if self._edge == "before":
            assert await self._stores.commit(kill)
        won: bool = await self._stores.commit(changes, origin)
        if self._edge == "after":
            assert await self._stores.commit(kill)
        return won


def at_the_edge(house: House, kind: type[Change], edge: str, *kill: Change) -> House:
    stores: Any = EdgeStores(house, kind, edge, *kill)
    return replace(house, server=replace(house.server, stores=stores))


async def use(house: House, name: str, code: str, refresh_token: str) -> tuple[int, dict[str, Any]]:
    response = await (house.redeem(code) if name == "code" else house.refresh(refresh_token))
    return response.status, document(response)


def test_every_kill_here_kills() -> None:
    assert all(kills([change]) for change in KILLS.values())


# covers: REF-08
@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("kill", KILLS)
async def test_a_kill_between_judgement_and_commit_wins(kill: str, name: str) -> None:
    house = await build_house()
    await house.session(sid=SID)
    code = await house.code(sid=SID, bound_to_session=True)
    tokens = await house.tokens(sid=SID, bound_to_session=True)
    edge = at_the_edge(house, USES[name], "before", KILLS[kill])
    status, answer = await use(edge, name, code, tokens["refresh_token"])
    expected = (401, "invalid_client") if kill in GONE_CLIENT else (400, "invalid_grant")
    assert (status, answer["error"]) == expected
    assert "access_token" not in answer


# covers: REF-08
@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("kill", KILLS)
async def test_what_was_handed_out_a_moment_before_the_kill_is_dead_with_it(kill: str, name: str) -> None:
    house = await build_house()
    await house.session(sid=SID)
    code = await house.code(sid=SID, bound_to_session=True)
    tokens = await house.tokens(sid=SID, bound_to_session=True)
    edge = at_the_edge(house, USES[name], "after", KILLS[kill])
    status, answer = await use(edge, name, code, tokens["refresh_token"])
    assert status == 200
    assert (await house.bearer(answer["access_token"])).status == 401
    assert (await house.refresh(answer["refresh_token"])).status in {400, 401}


# covers: REF-08
@pytest.mark.parametrize("name", USES)
async def test_a_revoked_authorization_between_judgement_and_commit_wins(name: str) -> None:
    house = await build_house()
    code, token = (await house.code(), "") if name == "code" else ("", (await house.tokens())["refresh_token"])
    (stored,) = await house.stores.authorizations.of(ALICE.subject)
    kill = RevokeAuthorization(stored.authorization.authorization_id, NOW)
    status, answer = await use(at_the_edge(house, USES[name], "before", kill), name, code, token)
    assert (status, answer["error"]) == (400, "invalid_grant")


async def allowed_before(house: House) -> Visitor:
    visitor = Visitor(house)
    assert "code" in await visitor.granted(scope="openid albums.read")
    # Nothing is asked a second time.
    assert "code" in returned(await visitor.authorize(scope="openid albums.read"))
    return visitor


WITHDRAWN = WithdrawConsent(ALICE.subject, ClientId("web"), NOW)


async def test_a_silent_sign_in_that_read_the_consent_just_before_it_was_withdrawn_grants_nothing() -> None:
    house = await build_house()
    visitor = await allowed_before(house)
    before = {one.authorization.authorization_id for one in await house.stores.authorizations.of(ALICE.subject)}
    visitor.house = at_the_edge(house, GrantAuthorization, "before", WITHDRAWN)
    answer = returned(await visitor.authorize(scope="openid albums.read", prompt="none"))
    assert (answer["error"], "code" in answer) == ("consent_required", False)
    after = {one.authorization.authorization_id for one in await house.stores.authorizations.of(ALICE.subject)}
    assert after == set()
    assert before


async def test_a_sign_in_that_lost_its_consent_meanwhile_asks_again() -> None:
    house = await build_house()
    visitor = await allowed_before(house)
    visitor.house = at_the_edge(house, GrantAuthorization, "before", WITHDRAWN)
    page = await visitor.authorize(scope="openid albums.read")
    assert consent_page(page).client_name == "Photo Prints"
    assert "code" in returned(await visitor.consent(page))


async def test_what_a_silent_sign_in_granted_just_before_the_consent_was_withdrawn_is_dead() -> None:
    house = await build_house()
    visitor = await allowed_before(house)
    visitor.house = at_the_edge(house, GrantAuthorization, "after", WITHDRAWN)
    code = returned(await visitor.authorize(scope="openid albums.read"))["code"]
    assert (await house.redeem(code)).status == 400
