"""Hands out places in status lists from memory, and keeps the published lists for a moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.revocation.permutation import Permutation
from valetkey.authorization_server.revocation.publication import (
    LIFETIME,
    TTL,
    status_list,
    status_list_claims,
)
from valetkey.authorization_server.revocation.statuses import (
    AssignStatusBlock,
    ReserveStatusRange,
    StatusBlock,
    StatusListId,
)
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import STATUS_LIST_TOKEN
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import NumericDate

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Generations
    from valetkey.authorization_server.ports import Signer, StatusPlace, Stores
    from valetkey.oauth.types import ClientId, Issuer

RANGE: Final = 2_048
"""Positions that a process reserves by one commit."""
SMALLEST_BLOCK: Final = 32
LARGEST_BLOCK: Final = 1_024
USABLE_SECONDS: Final = 3_600
"""How long a reserved position waits for a token before it is given up."""
KEPT_SECONDS: Final = 1.0
"""How long a published list is given again without a look at the state."""
_GRACE: Final = NumericDate(TTL + LIFETIME)
_ROUNDS: Final = 16
_CLIENTS: Final = 10_000
_LISTS: Final = 1_000
_ALGORITHM: Final = "ES256"


class _Range:
    """Positions that are this process's own, in one list."""

    __slots__ = ("end", "expires_at", "list_id", "next", "permutation")

    def __init__(
        self, list_id: StatusListId, permutation: Permutation, start: int, size: int, expires_at: NumericDate
    ) -> None:
        self.list_id = list_id
        self.permutation = permutation
        self.next = start
        self.end = start + size
        self.expires_at = expires_at

    def take(self, size: int, until: NumericDate) -> int | None:
        """The first of `size` positions that may be used until then, None where there are no more."""
        start = self.next
        if start + size > self.end or until > self.expires_at:
            return None
        self.next = start + size
        return start


class _ClientPlaces:
    """The block that a client takes its places from at the moment."""

    __slots__ = ("generations", "lock", "range", "size")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.range: _Range | None = None
        self.generations: Generations | None = None
        self.size = SMALLEST_BLOCK

    def take(self, generations: Generations, until: NumericDate) -> StatusPlace | None:
        """A place for a token with this stamp, None where another block is needed."""
        if self.range is None or self.generations != generations:
            return None
        position = self.range.take(1, until)
        return None if position is None else (self.range.list_id, self.range.permutation.index(position))


class ReservedStatuses:
    """`StatusPlaces` of one tenant in one process: no token costs a commit of its own."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._range: _Range | None = None
        self._reserving = asyncio.Lock()
        self._clients: dict[ClientId, _ClientPlaces] = {}

    async def take(self, expires_at: NumericDate, fresh: Fresh) -> StatusPlace:
        """Return a place of its own for a token that lives until `expires_at`; its owner is still to be stored."""
        own, position = await self._positions(1, expires_at, fresh)
        return own.list_id, own.permutation.index(position)

    async def take_for_client(
        self, client_id: ClientId, generations: Generations, expires_at: NumericDate, fresh: Fresh
    ) -> StatusPlace:
        """Return a place that is stored as the client's already."""
        places = self._clients.get(client_id)
        if places is None:
            if len(self._clients) >= _CLIENTS:
                self._clients.clear()
            places = self._clients[client_id] = _ClientPlaces()
        place = places.take(generations, expires_at)
        if place is not None:
            return place
        async with places.lock:
            place = places.take(generations, expires_at)
            while place is None:
                await self._assign_block(places, client_id, generations, expires_at, fresh)
                place = places.take(generations, expires_at)
            return place

    async def _assign_block(
        self,
        places: _ClientPlaces,
        client_id: ClientId,
        generations: Generations,
        expires_at: NumericDate,
        fresh: Fresh,
    ) -> None:
        # Who used a block up within its time gets a larger one; who let it lie begins anew.
        used_up = places.range is not None and places.range.next >= places.range.end
        size = min(places.size * 2, LARGEST_BLOCK) if used_up else SMALLEST_BLOCK
        until = NumericDate(expires_at + USABLE_SECONDS)
        own, start = await self._positions(size, until, fresh)
        block = StatusBlock(own.list_id, start, size, client_id, generations, until)
        if not await self._stores.commit([AssignStatusBlock(block)]):
            raise Unavailable("a block of statuses")
        places.range = _Range(own.list_id, own.permutation, start, size, until)
        places.generations = generations
        places.size = size

    async def _positions(self, size: int, until: NumericDate, fresh: Fresh) -> tuple[_Range, int]:
        position = None if self._range is None else self._range.take(size, until)
        if self._range is not None and position is not None:
            return self._range, position
        async with self._reserving:
            for _ in range(_ROUNDS):
                position = None if self._range is None else self._range.take(size, until)
                if self._range is not None and position is not None:
                    return self._range, position
                await self._reserve(until, fresh)
        raise Unavailable("a place in a status list")

    async def _reserve(self, until: NumericDate, fresh: Fresh) -> None:
        """One try: another process may be quicker, and then the list's end has moved."""
        found = await self._stores.status_lists.open(RANGE, fresh.now)
        list_id = StatusListId(fresh.identifier("status list")) if found is None else found.list_id
        key = fresh.draw("order of a status list") if found is None else found.key
        start = 0 if found is None else found.reserved
        expires_at = NumericDate(until + USABLE_SECONDS)
        change = ReserveStatusRange(list_id, key, start, RANGE, NumericDate(expires_at + _GRACE))
        if await self._stores.commit([change]):
            # The order of a list takes a millisecond to draw.
            known = self._range is not None and self._range.list_id == list_id
            permutation = self._range.permutation if known and self._range else Permutation(key)
            self._range = _Range(list_id, permutation, start, RANGE, expires_at)


@dataclass(frozen=True, slots=True)
class _Published:
    token: str
    content: dict[str, object]
    signed_at: NumericDate
    looked_at: float


class PublishedStatusLists:
    """`StatusPublication` of one tenant in one process: built by one task at a time, kept for a second."""

    def __init__(self, issuer: Issuer, stores: Stores, signer: Signer, *, kept: float = KEPT_SECONDS) -> None:
        self._issuer = issuer
        self._stores = stores
        self._signer = signer
        self._kept = kept
        self._published: dict[StatusListId, _Published] = {}
        self._building: dict[StatusListId, asyncio.Task[_Published | None]] = {}

    async def find(self, list_id: StatusListId, now: NumericDate) -> str | None:
        """Return the status list token, None where there is no such list; raises Unavailable."""
        published = self._published.get(list_id)
        if published is None or asyncio.get_running_loop().time() >= published.looked_at + self._kept:
            task = self._building.get(list_id)
            if task is None:
                task = self._building[list_id] = asyncio.create_task(self._build(list_id, now))
                task.add_done_callback(lambda _: self._building.pop(list_id, None))
            # Whoever goes away must not take it from those who wait with them.
            published = await asyncio.shield(task)
        return None if published is None else published.token

    async def _build(self, list_id: StatusListId, now: NumericDate) -> _Published | None:
        looked_at = asyncio.get_running_loop().time()
        stored = await self._stores.status_lists.find(list_id, now)
        before = self._published.pop(list_id, None)
        if stored is None:
            return None
        content = await asyncio.to_thread(lambda: status_list(stored).claim())
        if before is not None and before.content == content and now < before.signed_at + LIFETIME // 2:
            published = _Published(before.token, content, before.signed_at, looked_at)
        else:
            claims = status_list_claims(self._issuer, list_id, content, now)
            token = await self._signer.sign(claims, typ=STATUS_LIST_TOKEN.typ, algorithm=_ALGORITHM)
            published = _Published(token, content, now, looked_at)
        if len(self._published) >= _LISTS:
            self._published.clear()
        self._published[list_id] = published
        return published
