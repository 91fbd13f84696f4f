"""Sealed values and the keys that come out of them."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from valetkey.adapters.keys.generation import KeyKeeper, generate_key
from valetkey.adapters.keys.sealing import SealBroken, Sealer
from valetkey.adapters.keys.signer import LocalSigner
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.authorization_server.decision import AddSigningKey
from valetkey.authorization_server.key_algorithms import DEFAULT_ALGORITHMS
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.jose import jws
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import DEFAULT_TENANT, NumericDate, TenantId

SEALER = Sealer(bytes(range(32)))
OTHER = Sealer(bytes(range(1, 33)))
NOW = NumericDate(1_800_000_000)


def test_what_was_sealed_opens_in_its_place() -> None:
    sealed = SEALER.seal("purpose", "place", b"plain")
    assert b"plain" not in sealed
    assert SEALER.open("purpose", "place", sealed) == b"plain"
    assert SEALER.seal("purpose", "place", b"plain") != sealed


@pytest.mark.parametrize(
    ("sealer", "purpose", "place"),
    [(OTHER, "purpose", "place"), (SEALER, "other", "place"), (SEALER, "purpose", "other")],
)
def test_a_sealed_value_opens_nowhere_else(sealer: Sealer, purpose: str, place: str) -> None:
    with pytest.raises(SealBroken):
        sealer.open(purpose, place, SEALER.seal("purpose", "place", b"plain"))


@pytest.mark.parametrize("position", range(0, 34, 3))
def test_a_changed_value_does_not_open(position: int) -> None:
    sealed = bytearray(SEALER.seal("purpose", "place", b"plain"))
    sealed[position] ^= 1
    with pytest.raises(SealBroken):
        SEALER.open("purpose", "place", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"n" * 12, b"\x02" * 40])
def test_a_value_that_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        SEALER.open("purpose", "place", sealed)


def test_a_short_key_encryption_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Sealer(b"short")


async def test_a_tenant_gets_one_key_for_each_algorithm_and_never_a_second() -> None:
    stores = MemoryStorage().stores(DEFAULT_TENANT)
    keeper = KeyKeeper(stores, DEFAULT_TENANT, SEALER, KeySchedule())
    assert len(await keeper.keep(NOW)) == len(DEFAULT_ALGORITHMS)
    assert await keeper.keep(NOW) == ()
    assert sorted(key.algorithm for key in await stores.signing_keys.list()) == sorted(DEFAULT_ALGORITHMS)


async def test_of_two_nodes_that_start_at_once_one_makes_the_key() -> None:
    stores = MemoryStorage().stores(DEFAULT_TENANT)
    first, second = (generate_key("ES256", DEFAULT_TENANT, SEALER, NOW) for _ in range(2))
    assert await stores.commit((AddSigningKey(first),))
    assert not await stores.commit((AddSigningKey(second),))


def test_a_stored_key_shows_its_private_part_nowhere() -> None:
    key = generate_key("ES256", DEFAULT_TENANT, SEALER, NOW)
    assert "d" not in msgspec.json.decode(key.public_jwk)
    assert "sealed_private_jwk" not in repr(key)
    with pytest.raises(SealBroken):
        SEALER.open("signing-key", "other-tenant/" + key.kid, key.sealed_private_jwk)


async def signer(tenant: TenantId = DEFAULT_TENANT, sealer: Sealer = SEALER) -> LocalSigner:
    stores = MemoryStorage().stores(tenant)
    await KeyKeeper(stores, tenant, SEALER, KeySchedule()).keep(NOW)
    return LocalSigner(stores.signing_keys, tenant, sealer, ThreadPoolExecutor(1))


@pytest.mark.parametrize("algorithm", DEFAULT_ALGORITHMS)
async def test_what_is_signed_verifies_with_the_published_keys(algorithm: str) -> None:
    own = await signer()
    token = await own.sign({"sub": "alice"}, typ="JWT", algorithm=algorithm)
    verified = jws.verify_compact(token, await own.public_keys(), algorithms=[algorithm])
    assert msgspec.json.decode(verified.payload) == {"sub": "alice"}
    assert algorithm in await own.algorithms()


async def test_an_algorithm_without_a_key_is_an_outage_not_a_weaker_signature() -> None:
    with pytest.raises(Unavailable, match="PS512"):
        await (await signer()).sign({}, typ="JWT", algorithm="PS512")


async def test_another_key_encryption_key_is_an_outage_that_says_so() -> None:
    with pytest.raises(Unavailable, match="key-encryption key does not open"):
        await (await signer(sealer=OTHER)).sign({}, typ="JWT", algorithm="ES256")


async def test_a_key_that_was_added_later_is_published_at_once() -> None:
    stores = MemoryStorage().stores(DEFAULT_TENANT)
    own = LocalSigner(stores.signing_keys, DEFAULT_TENANT, SEALER, ThreadPoolExecutor(1))
    assert (await own.public_keys()).keys == ()
    await stores.commit((AddSigningKey(generate_key("ES256", DEFAULT_TENANT, SEALER, NOW)),))
    assert [key.algorithm for key in (await own.public_keys()).keys] == ["ES256"]
    assert await own.sign({}, typ="JWT", algorithm="ES256")
