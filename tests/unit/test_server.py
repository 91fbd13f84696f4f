"""The composition root: a server for each tenant, readiness, and two rows for one path refused."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from support.house import HouseLog
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.authorization_server.decision import PutTenant
from valetkey.authorization_server.key_algorithms import DEFAULT_ALGORITHMS
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.routes import ROUTES
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import DEFAULT_TENANT, Issuer, TenantId
from valetkey.server import Foundation, RunningServer, open_server

DEFAULT = Tenant(DEFAULT_TENANT, "Default", "OAUTH_2_1")
ACME = Tenant(TenantId("acme"), "Acme", "OPENID")


def foundation(folder: Path, key: bytes = bytes(range(32))) -> Foundation:
    upgrade(str(folder / "valetkey.db"))
    return Foundation(Issuer.parse("https://as.example"), folder / "valetkey.db", key, HouseLog())


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with open_server(foundation(tmp_path)) as opened:
        await opened.storage.stores(DEFAULT_TENANT).commit((PutTenant(DEFAULT),))
        yield opened


def why(response: HttpResponse) -> tuple[int, str]:
    document = msgspec.json.decode(response.body)
    return response.status, document.get("why", document["status"])


async def test_a_tenant_is_served_under_its_own_issuer_and_profile_with_keys_of_its_own(
    running: RunningServer,
) -> None:
    await running.storage.stores(ACME.tenant_id).commit((PutTenant(ACME),))
    default, acme = await running.servers.find("default"), await running.servers.find("acme")
    assert default is not None
    assert acme is not None
    assert (acme.issuer.url, acme.policy.name) == ("https://as.example/t/acme", "OPENID")
    assert await acme.signer.algorithms() == frozenset(DEFAULT_ALGORITHMS)
    kids = [{key.kid for key in (await server.signer.public_keys()).keys} for server in (default, acme)]
    assert kids[0].isdisjoint(kids[1])


async def test_twenty_first_requests_of_a_tenant_make_one_set_of_keys(running: RunningServer) -> None:
    found = await asyncio.gather(*(running.servers.find("default") for _ in range(20)))
    assert len({id(server) for server in found}) == 1
    assert found[0] is not None
    assert len((await found[0].signer.public_keys()).keys) == len(DEFAULT_ALGORITHMS)


async def test_a_changed_tenant_is_obeyed_by_the_next_request(running: RunningServer) -> None:
    stores = running.storage.stores(DEFAULT_TENANT)
    before = await running.servers.find("default")
    await stores.commit((PutTenant(replace(DEFAULT, display_name="Renamed", profile="OPENID")),))
    after = await running.servers.find("default")
    assert before is not None
    assert after is not None
    assert (after.tenant.display_name, after.policy.name) == ("Renamed", "OPENID")
    assert after.signer is before.signer
    await stores.commit((PutTenant(replace(DEFAULT, disabled=True)),))
    assert await running.servers.find("default") is None


async def test_nobody_is_served_for_a_tenant_that_nobody_added(running: RunningServer) -> None:
    assert await running.servers.find("nobody") is None


async def test_readiness_names_what_is_missing(tmp_path: Path) -> None:
    async with open_server(foundation(tmp_path)) as opened:
        assert why(await opened.health.ready()) == (503, "tenant")
        await opened.storage.stores(DEFAULT_TENANT).commit((PutTenant(DEFAULT),))
        assert why(await opened.health.ready()) == (200, "ready")
        assert why(await opened.health.live()) == (200, "ok")
        opened.health.drain()
        assert why(await opened.health.ready()) == (503, "draining")
        assert why(await opened.health.live()) == (200, "ok")


async def test_keys_that_do_not_open_are_not_ready(tmp_path: Path) -> None:
    async with open_server(foundation(tmp_path)) as opened:
        await opened.storage.stores(DEFAULT_TENANT).commit((PutTenant(DEFAULT),))
        await opened.servers.find("default")
    async with open_server(foundation(tmp_path, bytes(range(1, 33)))) as other:
        assert why(await other.health.ready()) == (503, "keys")


def test_two_rows_for_one_path_are_refused_at_start(tmp_path: Path) -> None:
    async def start() -> None:
        async with open_server(foundation(tmp_path)) as opened:
            opened.application((ROUTES[0],))

    with pytest.raises(ValueError, match="two rows claim the path"):
        asyncio.run(start())


async def test_the_algorithms_of_the_settings_are_those_of_the_keys_and_of_discovery(tmp_path: Path) -> None:
    schedule = KeySchedule(("ES256", "RS256", "ES384", "ECDH-ES"))
    async with open_server(replace(foundation(tmp_path), keys=schedule)) as opened:
        await opened.storage.stores(DEFAULT_TENANT).commit((PutTenant(DEFAULT),))
        server = await opened.servers.find("default")
        assert server is not None
        assert await server.signer.algorithms() == {"ES256", "RS256", "ES384"}
        assert await server.signer.decryption_algorithms() == {"ECDH-ES"}
        assert server.key_schedule == schedule


async def test_what_the_key_before_has_sealed_opens_as_long_as_it_is_named(tmp_path: Path) -> None:
    # covers: FLT-16
    other = bytes(range(100, 132))
    async with open_server(foundation(tmp_path)) as opened:
        await opened.storage.stores(DEFAULT_TENANT).commit((PutTenant(DEFAULT),))
        assert why(await opened.health.ready()) == (200, "ready")
    renewed = foundation(tmp_path, other)
    async with open_server(replace(renewed, previous_key_encryption_key=bytes(range(32)))) as opened:
        assert why(await opened.health.ready()) == (200, "ready")
    async with open_server(renewed) as opened:
        assert why(await opened.health.ready()) == (503, "keys")


async def test_every_enabled_tenant_has_its_keys_kept(running: RunningServer) -> None:
    stores = running.storage.stores(ACME.tenant_id)
    await stores.commit((PutTenant(ACME), PutTenant(replace(ACME, tenant_id=TenantId("off"), disabled=True))))
    await running.servers.keep_keys()
    assert len(await stores.signing_keys.list()) == len(DEFAULT_ALGORITHMS)
    assert await running.storage.stores(TenantId("off")).signing_keys.list() == ()
