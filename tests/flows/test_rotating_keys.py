"""Keys are replaced while tokens are asked for and verified elsewhere: no good token is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from support.house import API, ISSUER, House, build_house, document
from valetkey.adapters.keys.generation import KeyKeeper, generate_key
from valetkey.adapters.keys.sealing import Sealer
from valetkey.authorization_server.decision import AddSigningKey, PromoteSigningKey, RemoveSigningKey
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.authorization_server.model import KeyState, SigningKey
from valetkey.jose import (
    AsyncRemoteJwkSet,
    UnknownKey,
    Verifier,
    jwt,
)
from valetkey.jose.remote import FetchAnswer, FetchRequest, RemoteJwkSet
from valetkey.oauth.types import DEFAULT_TENANT, Seconds

SEALER = Sealer(b"k" * 32)
"""The one of the house."""
HALF_AN_HOUR = 1_800
ACCESS_TOKEN = Verifier.access_token(issuer=ISSUER.url, audience=API, algorithms=["ES256"])


@dataclass
class Elsewhere:
    """A verifier on another machine: it knows the published keys as its cache holds them."""

    house: House
    fetched_at: list[int] = field(default_factory=list)
    early: int = 0
    """Fetches before the cache was old: somebody showed a token of a key that was unknown."""
    keys: AsyncRemoteJwkSet = field(init=False)

    def __post_init__(self) -> None:
        self.keys = AsyncRemoteJwkSet(
            ISSUER.endpoint("/jwks.json"),
            fetch=self._fetch,
            clock=lambda: self.house.clock.now,
            report=self._report,
        )

    async def _fetch(self, asked: FetchRequest) -> FetchAnswer:
        response = await self.house.get("/jwks.json", asked.headers)
        return FetchAnswer(response.status, dict(response.headers), response.body)

    def _report(self, known: RemoteJwkSet) -> None:
        assert known.failures == 0, known.failure
        if self.fetched_at and known.fetched_at - self.fetched_at[-1] < (known.refresh_at - known.fetched_at):
            self.early += 1
        self.fetched_at.append(known.fetched_at)

    async def verify(self, token: str) -> None:
        await self.keys.verify(ACCESS_TOKEN, token, now=self.house.clock.now)


async def access_token(house: House) -> str:
    form = {"grant_type": "client_credentials", "resource": API}
    return str(document(await house.token("machine", form))["access_token"])


def kid_of(token: str) -> object:
    return jwt.peek(token).header["kid"]


def keeper(house: House, schedule: KeySchedule) -> KeyKeeper:
    return KeyKeeper(house.stores, DEFAULT_TENANT, SEALER, schedule)


@pytest.mark.requirement("OIDCC-10.2.1/coordinated")
@pytest.mark.requirement("OIDCC-10.1.1/retain")
@pytest.mark.requirement("OIDCC-10.2.1/max-age")
@pytest.mark.parametrize("announce", [120, 600])
async def test_twelve_rotations_refuse_no_token_at_whatever_age_a_verifiers_cache_is(announce: int) -> None:
    house = await build_house()
    schedule = KeySchedule(("ES256", "Ed25519"), Seconds(HALF_AN_HOUR), Seconds(announce))
    house.server = replace(house.server, key_schedule=schedule)
    keeping = keeper(house, schedule)
    verifiers = [(Elsewhere(house), every) for every in (1, 2, 3, 5, 7, 29)]
    alive: list[str] = []
    kids: list[object] = []
    minute = 0
    while len(kids) < 13:
        await keeping.keep(house.clock.now)
        token = await access_token(house)
        if kid_of(token) not in kids:
            kids.append(kid_of(token))
        # The oldest lives for another minute, and may be of the key before.
        alive = [*alive, token][-5:]
        for verifier, every in verifiers:
            if minute % every == 0:
                await verifier.verify(alive[0])
                await verifier.verify(token)
        minute += 1
        house.clock.advance(60)
    assert [verifier.early for verifier, _ in verifiers] == [0] * len(verifiers)
    assert 60 * minute >= 12 * HALF_AN_HOUR


async def test_an_unknown_key_is_asked_for_once_and_known_then(house_and_key: tuple[House, SigningKey]) -> None:
    # covers: JWK-07
    house, old = house_and_key
    verifier = Elsewhere(house)
    before = await access_token(house)
    await verifier.verify(before)
    house.clock.advance(11)
    successor = generate_key("ES256", DEFAULT_TENANT, SEALER, house.clock.now, KeyState.ANNOUNCED)
    await house.commit(AddSigningKey(successor), PromoteSigningKey(successor.kid, house.clock.now))
    after = await access_token(house)
    assert (kid_of(before), kid_of(after)) == (old.kid, successor.kid)
    await verifier.verify(after)
    await verifier.verify(before)
    assert len(verifier.fetched_at) == 2


async def test_what_a_revoked_key_signed_is_refused_here_at_once_and_elsewhere_after_the_next_fetch(
    house_and_key: tuple[House, SigningKey],
) -> None:
    house, leaked = house_and_key
    verifier = Elsewhere(house)
    user_token = (await house.tokens())["access_token"]
    assert (await house.bearer(user_token)).status == 200
    stolen = await access_token(house)
    await verifier.verify(stolen)
    house.clock.advance(11)

    successor = generate_key("ES256", DEFAULT_TENANT, SEALER, house.clock.now)
    await house.commit(RemoveSigningKey(leaked.kid, KeyState.ACTIVE), AddSigningKey(successor))

    assert (await house.bearer(user_token)).status == 401
    # Whatever is signed with the next key makes every verifier ask again.
    await verifier.verify(await access_token(house))
    with pytest.raises(UnknownKey):
        await verifier.verify(stolen)


@pytest.mark.requirement("OIDCC-10.2.1/max-age")
async def test_the_key_set_says_how_long_it_may_be_kept_and_names_its_content(
    house_and_key: tuple[House, SigningKey],
) -> None:
    house, _ = house_and_key
    first = await house.get("/jwks.json")
    etag = str(first.header("etag"))
    assert first.header("cache-control") == "public, max-age=300"
    assert etag.startswith('"')
    for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        kept = await house.get("/jwks.json", {"if-none-match": sent})
        assert (kept.status, kept.body, kept.header("etag")) == (304, b"", etag)
    announced = generate_key("ES256", DEFAULT_TENANT, SEALER, house.clock.now, KeyState.ANNOUNCED)
    await house.commit(AddSigningKey(announced))
    second = await house.get("/jwks.json", {"if-none-match": etag})
    assert second.status == 200
    assert second.header("etag") != etag
    assert announced.kid in [key["kid"] for key in document(second)["keys"]]
    house.server = replace(house.server, key_schedule=KeySchedule(announce=Seconds(240)))
    assert (await house.get("/jwks.json")).header("cache-control") == "public, max-age=120"


@pytest.fixture
async def house_and_key() -> tuple[House, SigningKey]:
    house = await build_house()
    found = [key for key in await house.stores.signing_keys.list() if key.algorithm == "ES256"]
    return house, found[0]
