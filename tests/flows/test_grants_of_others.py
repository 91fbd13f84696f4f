"""A package of others adds a grant: named in the settings, it is served, published and registered like ours."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import httpx2
import pytest

from support.house import API, SECRET, House, basic, build_house, claims_of, clients, document
from support.serve import SECRET as SERVED_SECRET
from support.serve import STOPS_WITHIN, Production, command, environment, write_configuration
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.grant_table import GrantTable, UnfitGrant, refuse_unfit
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.grants.client_credentials import ClientCredentialsGrant
from valetkey.authorization_server.policy import PROFILES
from valetkey.oauth.types import ClientId, GrantType
from valetkey.settings import SettingsError, load

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parents[1] / "support" / "extension"
VOUCHER = "https://vouchers.example/grant"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package of others, as if it were installed."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module("voucher_grant")


async def _house(package: ModuleType, profile: str = "OAUTH_2_1") -> House:
    house = await build_house(profile=profile)
    table = GrantTable.with_further([package.VoucherGrant()])
    house.server = replace(house.server, further_grants=table.further)
    client = replace(clients()["machine"], client_id=ClientId("shop"), grant_types=frozenset({GrantType(VOUCHER)}))
    await house.commit(PutClient(client))
    return house


async def test_a_voucher_is_redeemed_once(package: ModuleType) -> None:
    house = await _house(package)
    form = {"grant_type": VOUCHER, "voucher": package.sell("1", "albums.read")}
    answer = document(await house.post("/token", form, basic("shop", SECRET)))
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["aud"], answer["scope"]) == ("shop", API, "albums.read")
    again = await house.post("/token", form, basic("shop", SECRET))
    assert (again.status, document(again)["error"]) == (400, "invalid_grant")
    form["voucher"] = form["voucher"][:-1] + "x"
    assert document(await house.post("/token", form, basic("shop", SECRET)))["error"] == "invalid_grant"


async def test_what_all_grants_share_holds_for_it(package: ModuleType) -> None:
    house = await _house(package)
    form = {"grant_type": VOUCHER, "voucher": package.sell("1", "albums.read")}
    assert (await house.post("/token", form, basic("shop", "wrong" * 10))).status == 401
    assert document(await house.token("machine", form))["error"] == "unauthorized_client"
    repeated = {**form, "voucher": [form["voucher"]] * 2}
    assert document(await house.post("/token", repeated, basic("shop", SECRET)))["error"] == "invalid_request"


@pytest.mark.parametrize("profile", list(PROFILES))
async def test_it_is_published_under_every_profile(package: ModuleType, profile: str) -> None:
    house = await _house(package, profile)
    said = document(await house.get("/.well-known/oauth-authorization-server"))
    assert VOUCHER in said["grant_types_supported"]


async def test_without_being_named_it_is_not_there() -> None:
    house = await build_house()
    response = await house.token("machine", {"grant_type": VOUCHER, "voucher": "x"})
    assert document(response)["error"] == "unsupported_grant_type"


GOOD = SimpleNamespace(
    grant_type="urn:example:grant",
    parameters=frozenset({"a"}),
    repeatable=frozenset(),
    parse=print,
    load=print,
    decide=print,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grant_type": None}, "absolute URI"),
        ({"grant_type": "voucher"}, "absolute URI"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}, "is ours"),
        ({"parameters": {"a"}}, "no frozenset of names called parameters"),
        ({"parameters": frozenset({1})}, "no frozenset of names called parameters"),
        ({"repeatable": None}, "no frozenset of names called repeatable"),
        ({"parse": None}, "no method parse"),
        ({"load": 7}, "no method load"),
        ({"decide": None}, "no method decide"),
    ],
)
def test_what_is_no_grant_of_its_own_is_refused(changes: dict[str, object], words: str) -> None:
    refuse_unfit(GOOD)
    with pytest.raises(UnfitGrant, match=words):
        refuse_unfit(SimpleNamespace(**(vars(GOOD) | changes)))


def test_ours_cannot_be_replaced_nor_one_added_twice(package: ModuleType) -> None:
    with pytest.raises(UnfitGrant, match="absolute URI"):
        GrantTable.with_further([ClientCredentialsGrant()])
    with pytest.raises(UnfitGrant, match="added twice"):
        GrantTable.with_further([package.VoucherGrant(), package.VoucherGrant()])
    assert GrantType(VOUCHER) not in GRANTS


def _settings(folder: Path, names: str) -> list[str]:
    further = f'\n[extensions]\ngrants = {names}\n\n[[clients]]\nclient_id = "shop"\nscope = "a.read"\n'
    path, _ = write_configuration(folder, further=f'{further}grant_types = ["{VOUCHER}"]\nsecret_file = "secret"\n')
    try:
        settings = load(path, {}, {})
    except SettingsError as error:
        return list(error.lines)
    assert [client.client.grant_types for client in settings.clients][1] == {VOUCHER}
    return []


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        ('["vouchers"]', "no installed package offers the grant vouchers; did you mean voucher?"),
        ('["broken"]', "the grant broken cannot be loaded: AttributeError"),
        ('["nothing"]', "a grant of others has an absolute URI as its grant_type"),
        ('["voucher", "voucher"]', "is added twice"),
        ("[]", f"not {VOUCHER}"),
    ],
)
def test_a_name_that_leads_to_no_grant_ends_the_start_with_a_line(tmp_path: Path, names: str, words: str) -> None:
    lines = _settings(tmp_path, names)
    assert any(words in line for line in lines), lines


@pytest.mark.usefixtures("package")
def test_a_client_of_the_file_may_be_registered_for_it(tmp_path: Path) -> None:
    assert _settings(tmp_path, '["voucher"]') == []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Production]:
    """The real program with the package of others on its path."""
    further = '\n[extensions]\ngrants = ["voucher"]\n'
    path, port = write_configuration(tmp_path, further=further)
    path.write_text(path.read_text().replace('["client_credentials"]', f'["client_credentials", "{VOUCHER}"]'))
    log, environ = tmp_path / "serve.log", environment() | {"PYTHONPATH": str(FOLDER)}
    with log.open("ab") as errors:
        process = subprocess.Popen(command(path), stderr=errors, env=environ, cwd=os.fspath(tmp_path))
    running = Production(process, port, log)
    try:
        running.until_ready()
        yield running
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN)


def test_the_program_serves_it(served: Production, package: ModuleType) -> None:
    with httpx2.Client() as client:
        said = client.get(f"{served.url}/.well-known/oauth-authorization-server").json()
        assert VOUCHER in said["grant_types_supported"]
        form = {"grant_type": VOUCHER, "voucher": package.sell("1", "a.read")}
        answers = [client.post(f"{served.url}/token", data=form, auth=("machine", SERVED_SECRET)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 400]
