"""The keys at work: which one signs, which are published, and what opens that was encrypted to us."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import pytest

from valetkey.adapters.keys.generation import KeyKeeper, generate_key
from valetkey.adapters.keys.own_key import own_key
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.keys.signer import LocalSigner
from valetkey.adapters.storage.memory.storage import MemoryStorage, MemoryStores
from valetkey.authorization_server.decision import (
    AddSigningKey,
    PromoteSigningKey,
    RemoveSigningKey,
    RetireSigningKey,
)
from valetkey.authorization_server.key_algorithms import ENCRYPTION_ALGORITHMS, SIGNING_ALGORITHMS
from valetkey.authorization_server.key_rotation import PUBLISHED_AFTER, KeySchedule
from valetkey.authorization_server.model import KeyState
from valetkey.jose import InvalidToken, Jwk, jws, jwt
from valetkey.jose.jwe import encrypt
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import DEFAULT_TENANT, NumericDate, Seconds

if TYPE_CHECKING:
    from valetkey.authorization_server.key_changes import KeyStep
    from valetkey.authorization_server.model import SigningKey

SEALER = Sealer(bytes(range(32)))
NOW = NumericDate(1_800_000_000)
DAY = 86_400


@dataclass
class Bench:
    """A tenant's keys in memory, and its signer."""

    stores: MemoryStores
    signer: LocalSigner

    async def commit(self, *changes: KeyStep) -> None:
        assert await self.stores.commit(changes)

    async def signs_with(self, algorithm: str = "ES256") -> object:
        return jwt.peek(await self.signer.sign({}, typ="JWT", algorithm=algorithm)).header["kid"]

    async def published(self) -> set[str | None]:
        return {key.kid for key in (await self.signer.public_keys()).keys}


@pytest.fixture
def bench() -> Bench:
    stores = MemoryStorage().stores(DEFAULT_TENANT)
    return Bench(stores, LocalSigner(stores.signing_keys, DEFAULT_TENANT, SEALER, ThreadPoolExecutor(1)))


def new(state: KeyState, algorithm: str = "ES256") -> SigningKey:
    return generate_key(algorithm, DEFAULT_TENANT, SEALER, NOW, state)


@pytest.mark.requirement("OIDCC-10.2.1/coordinated")
@pytest.mark.requirement("OIDCC-10.1/kid")
@pytest.mark.requirement("OIDCC-10.1.1/retain")
async def test_only_the_active_key_signs_and_all_are_published_until_they_are_removed(bench: Bench) -> None:
    first, second = new(KeyState.ACTIVE), new(KeyState.ANNOUNCED)
    await bench.commit(AddSigningKey(first), AddSigningKey(second))
    assert await bench.signs_with() == first.kid
    assert await bench.published() == {first.kid, second.kid}
    await bench.commit(PromoteSigningKey(second.kid, NOW))
    assert await bench.signs_with() == second.kid
    assert await bench.published() == {first.kid, second.kid}
    await bench.commit(RemoveSigningKey(first.kid, KeyState.RETIRED))
    assert await bench.published() == {second.kid}


async def test_a_key_that_is_announced_or_retired_never_signs(bench: Bench) -> None:
    key = new(KeyState.ANNOUNCED)
    await bench.commit(AddSigningKey(key))
    with pytest.raises(Unavailable, match="a signing key for ES256"):
        await bench.signs_with()
    await bench.commit(PromoteSigningKey(key.kid, NOW))
    assert await bench.signs_with() == key.kid
    await bench.commit(RetireSigningKey(key.kid, NOW))
    assert await bench.signer.algorithms() == frozenset()
    with pytest.raises(Unavailable, match="a signing key for ES256"):
        await bench.signs_with()


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
async def test_a_key_of_each_algorithm_signs_what_its_published_part_verifies(bench: Bench, algorithm: str) -> None:
    await bench.commit(AddSigningKey(new(KeyState.ACTIVE, algorithm)))
    token = await bench.signer.sign({"sub": "alice"}, typ="JWT", algorithm=algorithm)
    verified = jws.verify_compact(token, await bench.signer.public_keys(), algorithms=[algorithm])
    assert msgspec.json.decode(verified.payload) == {"sub": "alice"}


@pytest.mark.requirement("OIDCD-3/use")
async def test_every_published_key_says_what_it_is_for(bench: Bench) -> None:
    await bench.commit(AddSigningKey(new(KeyState.ACTIVE)), AddSigningKey(new(KeyState.ACTIVE, "ECDH-ES")))
    published = (await bench.signer.public_keys()).as_dict()["keys"]
    assert {(key["alg"], key["use"]) for key in published} == {("ES256", "sig"), ("ECDH-ES", "enc")}  # type: ignore[attr-defined]  # a list of objects


@pytest.mark.parametrize("algorithm", ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"])
@pytest.mark.requirement("OIDCC-10.2.1/retain")
async def test_what_was_encrypted_to_a_key_opens_after_it_was_replaced_until_it_is_removed(
    bench: Bench, algorithm: str
) -> None:
    first, second = new(KeyState.ACTIVE, algorithm), new(KeyState.ANNOUNCED, algorithm)
    await bench.commit(AddSigningKey(first))
    (published,) = (await bench.signer.public_keys()).keys
    sealed = encrypt(b"a request", published, encryption="A256GCM")
    await bench.commit(AddSigningKey(second))
    assert await bench.published() == {first.kid}
    await bench.commit(PromoteSigningKey(second.kid, NOW))
    assert await bench.published() == {second.kid}
    assert await bench.signer.decrypt(sealed) == b"a request"
    assert await bench.signer.decryption_algorithms() == {algorithm}
    assert await bench.signer.algorithms() == frozenset()
    await bench.commit(RemoveSigningKey(first.kid, KeyState.RETIRED))
    with pytest.raises(InvalidToken):
        await bench.signer.decrypt(sealed)


async def test_a_server_without_a_key_to_encrypt_to_opens_nothing(bench: Bench) -> None:
    await bench.commit(AddSigningKey(new(KeyState.ACTIVE)))
    sealed = encrypt(b"a request", Jwk.generate("ECDH-ES").public(), encryption="A256GCM")
    with pytest.raises(InvalidToken):
        await bench.signer.decrypt(sealed)
    assert await bench.signer.decryption_algorithms() == frozenset()


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "RSA-OAEP-256"])
def test_an_rsa_key_of_ours_is_the_one_that_was_made(algorithm: str) -> None:
    made = Jwk.generate(algorithm)
    again = own_key(msgspec.json.encode(made.as_private_dict()))
    assert (again.kid, again.algorithm, again.thumbprint()) == (made.kid, algorithm, made.thumbprint())
    assert again.as_private_dict() == made.as_private_dict()


def test_there_is_a_key_for_each_algorithm_of_the_table() -> None:
    for algorithm in ENCRYPTION_ALGORITHMS:
        key = new(KeyState.ACTIVE, algorithm)
        assert msgspec.json.decode(key.public_jwk)["use"] == "enc"


async def test_the_keeper_replaces_keys_in_their_time_and_only_once(bench: Bench) -> None:
    schedule = KeySchedule(("ES256", "ECDH-ES"), Seconds(10 * DAY), Seconds(600))
    keeper = KeyKeeper(bench.stores, DEFAULT_TENANT, SEALER, schedule)

    async def kept(seconds: int) -> list[str]:
        return sorted(type(step).__name__ for step in await keeper.keep(NumericDate(NOW + seconds)))

    assert await kept(0) == ["AddSigningKey", "AddSigningKey"]
    first = await bench.signs_with()
    assert await kept(10 * DAY - 601) == []
    assert await kept(10 * DAY - 600) == ["AddSigningKey"]
    assert await bench.signs_with() == first
    assert await kept(10 * DAY) == ["AddSigningKey", "PromoteSigningKey"]
    assert await bench.signs_with() != first
    assert await kept(10 * DAY) == ["PromoteSigningKey"]
    assert await kept(10 * DAY + PUBLISHED_AFTER - 1) == []
    assert first in await bench.published()
    assert await kept(10 * DAY + PUBLISHED_AFTER) == ["RemoveSigningKey", "RemoveSigningKey"]
    assert first not in await bench.published()


async def test_of_two_keepers_at_once_each_step_is_done_by_one(bench: Bench) -> None:
    schedule = KeySchedule(("ES256", "RS256"), Seconds(10 * DAY), Seconds(600))
    keepers = [KeyKeeper(bench.stores, DEFAULT_TENANT, SEALER, schedule) for _ in range(2)]
    held = await bench.stores.signing_keys.list()
    for seconds in (0, 10 * DAY - 600, 10 * DAY, 10 * DAY + PUBLISHED_AFTER):
        done = await asyncio.gather(*(keeper.keep(NumericDate(NOW + seconds)) for keeper in keepers))
        assert sum(map(len, done)) == 2
        held = await bench.stores.signing_keys.list()
    assert sorted((key.algorithm, key.state) for key in held) == [
        ("ES256", KeyState.ACTIVE),
        ("RS256", KeyState.ACTIVE),
    ]
