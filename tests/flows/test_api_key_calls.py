"""The administrative calls about API keys: what they do, what they answer, and who is said to have done it."""

from dataclasses import replace

import pytest

from support.administering import KEYS, NEW_KEY, OPERATOR, administered_house, call, created
from support.house import API, NOW, OTHER_API, House, clients, document
from support.keyed import ALICE, is_active
from valetkey.authorization_server.audit import ActorKind, AuditQuestion, AuditRecord
from valetkey.authorization_server.decision import PutClient, RemoveClient
from valetkey.oauth.problem import MEDIA_TYPE
from valetkey.oauth.types import NumericDate, Scope


@pytest.fixture
async def house() -> House:
    return await administered_house()


async def recorded(house: House, event: str) -> list[AuditRecord]:
    asked = AuditQuestion(NumericDate(0), NumericDate(NOW + 10**6), 100, event=event)
    return list(await house.stores.audit.find(asked))


async def test_a_created_key_is_answered_once_with_its_secret(house: House) -> None:
    response = await call(house, "POST", KEYS, {**NEW_KEY, "limit": "100/1m", "expires_at": NOW + 3600})

    assert response.status == 201, response.body
    answer = document(response)
    secret, key_id = answer.pop("api_key"), answer["key_id"]
    assert answer == {
        "key_id": key_id,
        "name": "nightly export",
        "owner_kind": "client",
        "owner": "machine",
        "resources": [API],
        "scope": "albums.read",
        "limit": "100/1m",
        "status": "active",
        "created_at": NOW,
        "expires_at": NOW + 3600,
        "revoked_at": None,
        "last_used_at": None,
        "secrets": [{"prefix": secret[:12], "created_at": NOW, "expires_at": None}],
        "version": 1,
    }
    assert response.header("location") == f"https://as.example/api/v1/api-keys/{key_id}"
    assert (response.header("etag"), response.header("cache-control")) == ('"1"', "no-store")
    assert await is_active(house, secret)
    shown = await call(house, "GET", f"{KEYS}/{key_id}")
    assert document(shown) == {**answer, "last_used_at": NOW}
    assert secret not in shown.body.decode()


async def test_a_key_of_an_end_user_is_created_by_their_subject(house: House) -> None:
    answer = await created(house, owner_kind="end_user", owner=ALICE.subject)

    assert (answer["owner_kind"], answer["owner"]) == ("end_user", ALICE.subject)
    assert await is_active(house, answer["api_key"])


async def test_keys_are_listed_page_by_page_and_by_their_owner(house: House) -> None:
    for number in range(5):
        house.clock.advance(1)
        await created(house, name=f"key {number}")
    await created(house, name="of alice", owner_kind="end_user", owner=ALICE.subject)

    seen, query = [], {"limit": "2"}
    for _ in range(3):
        page = document(await call(house, "GET", KEYS, query=query))
        seen += [one["name"] for one in page["api_keys"]]
        query["after"] = page["next"] or ""
    of_alice = document(await call(house, "GET", KEYS, query={"owner": ALICE.subject}))

    assert sorted(seen[4:]) == ["key 4", "of alice"]
    assert seen[:4] == ["key 0", "key 1", "key 2", "key 3"]
    assert query["after"] == ""
    assert [one["name"] for one in of_alice["api_keys"]] == ["of alice"]
    assert of_alice["next"] is None


async def test_a_rotation_answers_the_new_secret_and_says_when_the_old_one_ends(house: House) -> None:
    answer = await created(house)
    path = f"{KEYS}/{answer['key_id']}"

    rotated = document(await call(house, "POST", f"{path}/rotate", {"keep_for": 60}))

    assert {one["expires_at"] for one in rotated["secrets"]} == {None, NOW + 60}
    assert rotated["version"] == 2
    assert await is_active(house, rotated["api_key"])
    assert await is_active(house, answer["api_key"])
    at_once = document(await call(house, "POST", f"{path}/rotate", {"keep_for": 0}))
    assert not await is_active(house, answer["api_key"])
    assert not await is_active(house, rotated["api_key"])
    assert await is_active(house, at_once["api_key"])
    by_default = document(await call(house, "POST", f"{path}/rotate"))
    assert NOW + 86_400 in [one["expires_at"] for one in by_default["secrets"]]


async def test_a_key_has_five_living_secrets_at_most(house: House) -> None:
    path = f"{KEYS}/{(await created(house))['key_id']}"
    for _ in range(4):
        assert (await call(house, "POST", f"{path}/rotate")).status == 200

    refused = await call(house, "POST", f"{path}/rotate")

    assert refused.status == 400
    assert "has 5 secrets that are still good" in document(refused)["errors"][0]
    assert (await call(house, "POST", f"{path}/rotate", {"keep_for": 0})).status == 200


async def test_a_revoked_key_stays_listed_and_can_be_used_for_nothing(house: House) -> None:
    answer = await created(house)
    path = f"{KEYS}/{answer['key_id']}"

    first, second = [await call(house, "POST", f"{path}/revoke") for _ in range(2)]

    assert document(first) == document(second)
    told = document(first)
    assert (told["status"], told["revoked_at"]) == ("revoked", NOW)
    assert not await is_active(house, answer["api_key"])
    for method, place in (("POST", f"{path}/rotate"), ("PATCH", path)):
        refused = await call(house, method, place, headers={"if-match": "*"})
        assert refused.status == 400
        assert document(refused)["errors"] == [f"API key {answer['key_id']} is revoked: add another one"]
    assert len(await recorded(house, "api_key.revoked")) == 1


async def test_a_change_leaves_what_it_does_not_name_and_takes_away_what_is_null(house: House) -> None:
    answer = await created(house, limit="5/s", expires_at=NOW + 60)
    path = f"{KEYS}/{answer['key_id']}"

    response = await call(house, "PATCH", path, {"limit": None, "expires_at": None}, headers={"if-match": '"1"'})

    changed = document(response)
    assert (changed["limit"], changed["expires_at"], changed["name"]) == (None, None, "nightly export")
    assert (changed["version"], response.header("etag")) == (2, '"2"')
    house.clock.advance(3600)
    assert await is_active(house, answer["api_key"])
    unchanged = await call(house, "PATCH", path, {"name": "nightly export"}, headers={"if-match": '"2"'})
    assert (unchanged.status, unchanged.header("etag")) == (200, '"2"')


async def test_a_key_whose_owner_was_disabled_says_so_and_is_not_rotated(house: House) -> None:
    answer = await created(house)
    path = f"{KEYS}/{answer['key_id']}"
    machine = clients()["machine"]
    await house.commit(PutClient(replace(machine, disabled=True)), PutClient(machine))

    assert document(await call(house, "GET", path))["status"] == "superseded"
    refused = await call(house, "POST", f"{path}/rotate")
    assert refused.status == 400
    assert "its owner was disabled" in document(refused)["errors"][0]


async def test_the_keys_of_an_owner_leave_with_it(house: House) -> None:
    answer = await created(house)

    await house.commit(RemoveClient(clients()["machine"].client_id))

    gone = await call(house, "GET", f"{KEYS}/{answer['key_id']}")
    assert (gone.status, gone.header("content-type")) == (404, MEDIA_TYPE)
    assert document(await call(house, "GET", KEYS))["api_keys"] == []


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"name": ""}, "name: expected 1 to 200"),
        ({"name": "a\u202eb"}, "name: expected 1 to 200"),
        ({"name": "x" * 201}, "name: expected 1 to 200"),
        ({"owner": "nobody"}, "owner: there is no such client"),
        ({"owner_kind": "end_user"}, "owner: there is no such end-user"),
        ({"resources": []}, "resources: name the resource server"),
        ({"resources": ["https://other.example"]}, "resources: there is no resource https://other.example"),
        ({"scope": "albums.write"}, "scope: client machine may not ask for albums.write"),
        ({"scope": "orders.read"}, "scope: the resource servers of the key define albums.read albums.write"),
        ({"scope": "openid"}, "scope: the resource servers of the key define"),
        ({"scope": "a  b"}, "scope: expected scope names separated by single spaces"),
        ({"limit": "often"}, "limit: expected a number and a time such as 100/1m"),
        ({"limit": "0/1m"}, "limit: expected a number and a time such as 100/1m"),
        ({"expires_at": NOW}, "expires_at: the end lies in the past"),
        ({"expires_at": 10**15}, "expires_at: the end lies in the past, or too far away"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_in_words(
    house: House, members: dict[str, object], fault: str
) -> None:
    response = await call(house, "POST", KEYS, {**NEW_KEY, **members})

    assert (response.status, response.header("content-type")) == (400, MEDIA_TYPE)
    problem = document(response)
    assert (problem["title"], problem["status"], problem["code"]) == ("Bad Request", 400, "invalid_request")
    assert any(line.startswith(fault) for line in problem["errors"]), problem


async def test_a_client_may_only_have_keys_for_its_own_resource_servers(house: House) -> None:
    await house.commit(PutClient(replace(clients()["machine"], resources=(API,), scope=Scope.parse("orders.read"))))

    response = await call(house, "POST", KEYS, {**NEW_KEY, "resources": [OTHER_API], "scope": ""})

    assert document(response)["errors"] == [f"resources: client machine may not name {OTHER_API}"]


async def test_the_audit_trail_names_the_actor_and_what_was_before(house: House) -> None:
    answer = await created(house, limit="5/s")
    path = f"{KEYS}/{answer['key_id']}"
    await call(house, "PATCH", path, {"limit": "9/s", "scope": ""}, headers={"if-match": "*"})
    await call(house, "POST", f"{path}/rotate")
    await call(house, "POST", f"{path}/revoke")

    records = {one.event: one for one in await recorded(house, "api_key.")}

    assert set(records) == {"api_key.added", "api_key.changed", "api_key.rotated", "api_key.revoked"}
    assert {(one.kind, one.actor, one.name) for one in records.values()} == {
        (ActorKind.CLIENT, OPERATOR.client_id, answer["key_id"])
    }
    assert records["api_key.changed"].detail == {
        "limit": "9/s",
        "limit_before": "5/s",
        "scope": "",
        "scope_before": "albums.read",
    }
    assert records["api_key.added"].client_id == "machine"
    assert not any(answer["api_key"] in str(one) for one in records.values())
