"""What a local server starts with: added once, joined by this start's addresses, never taken from an operator."""

from dataclasses import replace

import msgspec

from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.passwords import Argon2Passwords
from valetkey.adapters.storage.memory.storage import MemoryStorage, MemoryStores
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import ConsentMode, normalised_username
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import client_faults, end_user_faults, resource_faults
from valetkey.cli.dev_report import Report
from valetkey.cli.dev_seeds import Seeds, sow, sow_tenant
from valetkey.cli.dev_state import SECRET_CLIENTS, DevSecrets
from valetkey.oauth.types import DEFAULT_TENANT, ClientId, Issuer, NumericDate, SecretText

SECRETS = DevSecrets(
    b"k" * 32, {"alice": "aaaa-bbbb", "admin": "cccc-dddd"}, {name: name[0] * 43 for name in SECRET_CLIENTS}
)
NOW = NumericDate(1_800_000_000)


def seeds(port: int = 8400) -> Seeds:
    issuer, api, shop, wall, room = (f"http://localhost:{port + step}" for step in range(5))
    return Seeds(Issuer.parse(issuer), api, shop, wall, room, SECRETS, NOW)


async def sown(*starts: Seeds) -> MemoryStores:
    storage = MemoryStorage()
    stores = storage.stores(DEFAULT_TENANT)
    await sow_tenant(stores, await storage.tenants.find(DEFAULT_TENANT), draw_fresh())
    for start in starts:
        await sow(start, stores, Argon2Passwords(1), draw_fresh())
    return stores


async def test_everything_that_is_seeded_is_what_an_operator_could_have_added() -> None:
    stores = await sown(seeds())
    policy = PROFILES["OAUTH_2_1"]
    assert [fault for client in await stores.clients.list() for fault in client_faults(client, policy)] == []
    assert [fault for user in await stores.end_users.list() for fault in end_user_faults(user)] == []
    assert [fault for resource in await stores.resources.list() for fault in resource_faults(resource)] == []


async def test_the_printed_passwords_and_secrets_are_the_stored_ones() -> None:
    stores = await sown(seeds())
    for name, password in SECRETS.passwords.items():
        user = await stores.end_users.find_by_username(normalised_username(name))
        assert user is not None
        assert await Argon2Passwords(1).matches(SecretText(password), user.password_hash)
    machine = await stores.clients.find(ClientId("machine"))
    assert machine is not None
    assert machine.secrets[0].digest.matches(SecretText(SECRETS.client_secrets["machine"]))


async def test_a_second_start_changes_nothing() -> None:
    stores = await sown(seeds())
    version = await stores.signing_keys.version()
    await sow(seeds(), stores, Argon2Passwords(1), draw_fresh())
    assert await stores.signing_keys.version() == version


async def test_a_start_on_another_port_is_joined() -> None:
    stores = await sown(seeds(8400), seeds(9000))
    web = await stores.clients.find(ClientId("web"))
    assert web is not None
    assert "http://localhost:8400/demo/callback" in web.redirect_uris
    assert "http://localhost:9000/demo/callback" in web.redirect_uris
    assert web.redirect_uris[0] == "http://localhost:3000/callback"
    assert set(web.resources) == {"http://localhost:8401", "http://localhost:9001"}


async def test_what_an_operator_changed_stays() -> None:
    stores = await sown(seeds())
    web = await stores.clients.find(ClientId("web"))
    assert web is not None
    await stores.commit((PutClient(replace(web, consent=ConsentMode.ASK, name="Renamed")),))
    await sow(seeds(), stores, Argon2Passwords(1), draw_fresh())
    again = await stores.clients.find(ClientId("web"))
    assert again is not None
    assert (again.consent, again.name) == (ConsentMode.ASK, "Renamed")


def test_the_report_is_one_line_of_json_with_the_agreed_members() -> None:
    line = Report(seeds(), None).as_json
    assert b"\n" not in line
    report = msgspec.json.decode(line)
    assert set(report) == {"issuer", "links", "users", "clients", "api", "curl"}
    assert report["clients"]["native"] == {
        "client_id": "native",
        "redirect_uris": ["http://127.0.0.1/callback", "http://[::1]/callback"],
    }
    assert report["users"][1] == {"username": "admin", "password": "cccc-dddd", "role": "admin"}
