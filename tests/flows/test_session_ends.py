"""However a session ends, all that hangs off it ends with it, and every party that has to hear of it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from flows.test_status_lists import is_revoked
from support.house import House, build_house, claims_of, clients, document
from support.visitor import Visitor, returned
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.adapters.timed_out_sessions import end_timed_out
from valetkey.administration.revocation import revoke_all, revoke_session, revoke_subject
from valetkey.authorization_server.audit import ActorKind, AuditQuestion
from valetkey.authorization_server.decision import PutClient, PutEndUser, RemoveEndUser
from valetkey.authorization_server.model import StoredSession
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.oauth.types import NumericDate

WEB = replace(clients()["web"], openid=OpenIdMetadata(backchannel_logout_uri="https://web.example/out"))


@dataclass
class Scene:
    house: House
    storage: MemoryStorage
    visitor: Visitor

    async def stored(self) -> StoredSession:
        (stored,) = await self.visitor.sessions()
        return stored

    async def time_out(self, seconds: int) -> None:
        self.house.clock.advance(seconds)
        assert await end_timed_out(self.storage, self.house.server.tenant, self.house.clock)


@pytest.fixture
async def scene() -> Scene:
    storage = MemoryStorage()
    house = await build_house(profile="OPENID", storage=storage)
    await house.commit(PutClient(WEB))
    return Scene(house, storage, Visitor(house))


Way = Callable[[Scene], Awaitable[object]]


async def _by_page(scene: Scene) -> None:
    await scene.visitor.sign_out()


async def _by_hint(scene: Scene) -> None:
    tokens = document(await scene.house.redeem((await scene.visitor.granted())["code"]))
    await scene.visitor.get(f"/logout?id_token_hint={tokens['id_token']}")


async def _from_elsewhere(scene: Scene) -> None:
    elsewhere = Visitor(scene.house)
    sid = (await scene.stored()).session.sid
    page = await elsewhere.account()
    (form,) = (one.end_form for one in page.sessions if one.end_form and ("target", sid) in one.end_form.hidden)
    await elsewhere.submit(form, {})


async def _everywhere(scene: Scene) -> None:
    await scene.visitor.submit((await scene.visitor.account()).everywhere_form, {})


async def _by_password(scene: Scene) -> None:
    await scene.visitor.change_password("another battery staple")


async def _by_operator(scene: Scene) -> None:
    act = revoke_session(await scene.stored(), scene.house.clock.now)
    await scene.house.commit(*act.changes)


async def _by_subject(scene: Scene) -> None:
    await scene.house.commit(*revoke_subject((await scene.stored()).end_user).changes)


async def _by_all(scene: Scene) -> None:
    await scene.house.commit(*revoke_all(None).changes)


async def _disabled(scene: Scene) -> None:
    await scene.house.commit(PutEndUser(replace((await scene.stored()).end_user, disabled=True)))


async def _removed(scene: Scene) -> None:
    await scene.house.commit(RemoveEndUser((await scene.stored()).end_user.subject, scene.house.clock.now))


async def _idle(scene: Scene) -> None:
    await scene.time_out(scene.house.server.policy.session_idle_lifetime)


WAYS: tuple[Way, ...] = (
    _by_page,
    _by_hint,
    _from_elsewhere,
    _everywhere,
    _by_password,
    _by_operator,
    _by_subject,
    _by_all,
    _disabled,
    _removed,
    _idle,
)


# covers: LOG-15, LGO-05
@pytest.mark.requirement("OIDCBCL-2.7/refresh-tokens")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_hangs_off_a_session_ends_with_it(scene: Scene, way: Way) -> None:
    house = scene.house
    tokens = document(await house.redeem((await scene.visitor.granted())["code"]))
    unused = (await scene.visitor.granted())["code"]
    stolen = Visitor(house, cookies=dict(scene.visitor.cookies))
    sid = (await scene.stored()).session.sid
    told = await house.stores.security_events.last()
    assert (await house.bearer(tokens["access_token"])).status == 200

    await way(scene)

    assert returned(await stolen.authorize(prompt="none"))["error"] == "login_required"
    assert (await house.redeem(unused)).status == 400
    assert (await house.refresh(tokens["refresh_token"])).status == 400
    assert (await house.bearer(tokens["access_token"])).status == 401
    if way is not _idle:
        # Its token has expired long before.
        assert await is_revoked(house, tokens["access_token"])
    assert await house.stores.security_events.last() > told
    due = await scene.storage.due_logouts(house.clock.now, 10, 10)
    assert sid in {one.sid for one in due if one.client_id == "web"}


# covers: LOG-15
async def test_what_outlives_its_session_is_not_ended_with_it(scene: Scene) -> None:
    house = scene.house
    scope = "openid offline_access albums.read"
    tokens = document(await house.redeem((await scene.visitor.granted(scope=scope, prompt="consent"))["code"]))
    await scene.visitor.sign_out()
    assert (await house.refresh(tokens["refresh_token"])).status == 200
    (due,) = await scene.storage.due_logouts(house.clock.now, 10, 10)
    assert due.client_id == "web"


# covers: LOG-15
async def test_a_refresh_of_what_is_bound_keeps_the_session_alive(scene: Scene) -> None:
    house, idle = scene.house, scene.house.server.policy.session_idle_lifetime
    token = document(await house.redeem((await scene.visitor.granted())["code"]))["refresh_token"]
    for _ in range(2):
        house.clock.advance(idle - 1)
        response = await house.refresh(token)
        assert response.status == 200
        token = document(response)["refresh_token"]
        assert not await end_timed_out(scene.storage, house.server.tenant, house.clock)
    assert "code" in returned(await scene.visitor.authorize(prompt="none"))
    house.clock.advance(idle)
    assert (await house.refresh(token)).status == 400


# covers: LOG-15
async def test_a_session_that_is_busy_all_day_is_ended_all_the_same(scene: Scene) -> None:
    await scene.visitor.granted()
    policy, house = scene.house.server.policy, scene.house
    for _ in range(3):
        house.clock.advance(policy.session_lifetime // 4)
        assert "code" in returned(await scene.visitor.authorize())
        assert not await end_timed_out(scene.storage, house.server.tenant, house.clock)
    await scene.time_out(policy.session_lifetime // 4)
    assert not await scene.visitor.sessions()
    assert await scene.storage.due_logouts(house.clock.now, 10, 10)


async def test_the_sweep_says_who_ended_them_and_ends_each_once(scene: Scene) -> None:
    visitors = [Visitor(scene.house) for _ in range(3)]
    for visitor in visitors:
        await visitor.granted()
    house = scene.house
    house.clock.advance(house.server.policy.session_idle_lifetime)
    assert await end_timed_out(scene.storage, house.server.tenant, house.clock) == 3
    assert await end_timed_out(scene.storage, house.server.tenant, house.clock) == 0
    question = AuditQuestion(NumericDate(0), NumericDate(house.clock.now + 1), 10, event="session.ended")
    records = await house.stores.audit.find(question)
    assert [record.kind for record in records] == [ActorKind.SERVER] * 3


async def test_the_sid_of_a_session_stays_the_same_in_every_id_token(scene: Scene) -> None:
    sids = set()
    for client_id in ("web", "spa", "web"):
        code = (await scene.visitor.granted(client_id))["code"]
        tokens = document(await scene.house.redeem(code, client_id))
        sids.add(claims_of(tokens["id_token"])["sid"])
        refreshed = document(await scene.house.refresh(tokens["refresh_token"], client_id))
        sids.add(claims_of(refreshed["id_token"])["sid"])
    assert sids == {(await scene.stored()).session.sid}
