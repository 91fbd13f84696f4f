"""What is granted through a browser dies with a generation that moves while the request is judged."""

from dataclasses import replace
from typing import Any

import pytest

from support.device import Device, answer_page, enter, with_devices
from support.house import House, build_house
from support.visitor import Visitor, login_page
from valetkey.authorization_server.decision import BumpGeneration, Change
from valetkey.oauth.types import Subject


class Interruption:
    """A store, before whose next answer to `name` something else is committed."""

    def __init__(self, house: House, store: Any, name: str, change: Change) -> None:
        self._store = store
        self._house = house
        self._name = name
        self._change: Change | None = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name) if name != self._name else self._interrupted

    async def _interrupted(self, *asked: Any) -> Any:
        change, self._change = self._change, None
        if change is not None:
            await self._house.commit(change)
        return await getattr(self._store, self._name)(*asked)


def interrupted(house: House, store: str, name: str, change: Change) -> House:
    stores: Any = house.stores
    broken = Interruption(house, getattr(stores, store), name, change)
    return replace(house, server=replace(house.server, stores=replace(stores, **{store: broken})))


# covers: REF-08
@pytest.mark.parametrize(("kind", "name"), [("subject", "sub-alice"), ("tenant", ""), ("server", "")])
async def test_a_sign_in_that_ends_while_its_request_is_judged_gives_no_code(kind: str, name: str) -> None:
    house = await build_house()
    visitor = Visitor(house)
    assert "code" in await visitor.granted()
    visitor.house = interrupted(house, "authorizations", "current", BumpGeneration(kind, name))
    login_page(await visitor.authorize())


# covers: REF-08, DEV-06
@pytest.mark.parametrize(("kind", "name"), [("subject", "sub-alice"), ("tenant", ""), ("server", "")])
@pytest.mark.parametrize("store", ["resources", "clients", "device_codes"])
async def test_a_sign_in_that_ends_while_its_answer_is_judged_allows_nothing(
    store: str, kind: str, name: str
) -> None:
    house = await with_devices(await build_house())
    visitor, tv = Visitor(house), Device(house)
    await visitor.granted()
    started = await tv.start()
    page = answer_page(await enter(visitor, started["user_code"]))
    asked = {"resources": "list", "clients": "find", "device_codes": "find"}[store]
    visitor.house = interrupted(house, store, asked, BumpGeneration(kind, name))
    await visitor.submit(page.form, {"answer": "allowed"})
    assert await tv.error(started) in {"authorization_pending", "expired_token"}
    assert not [
        stored
        for stored in await house.stores.authorizations.of(Subject("sub-alice"))
        if stored.authorization.client_id == "tv"
    ]
