"""Administrative calls by whoever should not make them, and with whatever should not be in them."""

import asyncio
from dataclasses import replace

import pytest

from attacks.test_every_route_garbage import BODIES
from support.administering import (
    ADMINISTRATION,
    KEYS,
    NEW_KEY,
    OPERATOR,
    administered_house,
    call,
    created,
    operator_token,
)
from support.asgi_driver import serve_house
from support.exchanging import exchanged, gateway
from support.house import (
    API,
    NOW,
    SECRET,
    House,
    basic,
    build_house,
    claims_of,
    clients,
    document,
)
from support.keyed import ALICE, GATEWAY, add_key, exchange_key, is_active
from valetkey.administration.admission import Admitted
from valetkey.administration.routes import CALLS
from valetkey.authorization_server.audit import AuditQuestion
from valetkey.authorization_server.decision import BumpGeneration, PutClient, PutEndUser, PutResource
from valetkey.authorization_server.paths import ADMINISTRATION as FOLDER
from valetkey.authorization_server.route import Accepts, Cors, Csrf, Face
from valetkey.authorization_server.routes import ROUTES
from valetkey.jose import Jwk, jwt
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.problem import MEDIA_TYPE
from valetkey.oauth.types import ClientId, NumericDate, Scope, TenantId

EVERY_CALL = [
    (method, row.path.replace("{key_id}", "ak_unknown")) for row in CALLS for method in sorted(row.methods)
]
DESK = replace(clients()["web"], scope=Scope.parse("openid api_keys"), resources=(ADMINISTRATION.identifier,))


@pytest.fixture
async def house() -> House:
    return await administered_house(DESK)


async def of_an_end_user(house: House) -> str:
    """An administrator in flesh and blood consents to a client; no role makes a caller of them."""
    scope = Scope.parse("api_keys")
    await house.commit(PutEndUser(replace(ALICE, roles=frozenset({"admin"}))))
    granted = await house.tokens("web", scope=scope, resources=(ADMINISTRATION.identifier,))
    return str(granted["access_token"])


async def of_another_tenant(_house: House) -> str:
    other = await build_house(tenant_id=TenantId("other"))
    await other.commit(PutResource(ADMINISTRATION), PutClient(OPERATOR))
    return await operator_token(other)


async def of_an_api_key(house: House) -> str:
    """A key for the administrative API itself, which a gateway of it exchanges."""
    gateway_of_it = replace(ADMINISTRATION, introspection_client_ids=(GATEWAY.client_id,))
    await house.commit(PutResource(gateway_of_it))
    _, secret = await add_key(
        house, "operator", scope=Scope.parse("api_keys"), resources=(ADMINISTRATION.identifier,)
    )
    return str(document(await exchange_key(house, secret))["access_token"])


async def of_a_bare_api_key(house: House) -> str:
    _, secret = await add_key(
        house, "operator", scope=Scope.parse("api_keys"), resources=(ADMINISTRATION.identifier,)
    )
    return secret


async def of_an_exchange(house: House) -> str:
    """What another client got for an end-user's token."""
    middle = replace(gateway("middle", resources=(ADMINISTRATION.identifier,)), scope=Scope.parse("api_keys"))
    await house.commit(PutClient(middle))
    return str((await exchanged(house, await of_an_end_user(house), "middle"))["access_token"])


async def bound_to_a_key(house: House) -> str:
    claims = {**claims_of(await operator_token(house)), "cnf": {"jkt": "A" * 43}}
    return await house.server.signer.sign(claims, typ="at+jwt", algorithm="ES256")


async def signed_by_somebody_else(house: House) -> str:
    return jwt.sign(claims_of(await operator_token(house)), Jwk.generate("ES256"), typ="at+jwt")


async def revoked(house: House) -> str:
    token = await operator_token(house)
    await house.commit(BumpGeneration("client", OPERATOR.client_id))
    return token


async def expired(house: House) -> str:
    token = await operator_token(house)
    house.clock.advance(3600)
    return token


async def of_a_disabled_client(house: House) -> str:
    token = await operator_token(house)
    await house.commit(PutClient(replace(OPERATOR, disabled=True)))
    return token


STRANGERS = {
    "an end-user's token, be they an administrator": (of_an_end_user, 403),
    "a token exchanged from an end-user's": (of_an_exchange, 403),
    "a token of an API key": (of_an_api_key, 403),
    "an API key itself": (of_a_bare_api_key, 401),
    "a token of another tenant": (of_another_tenant, 401),
    "a forged token": (signed_by_somebody_else, 401),
    "a token that is bound to a key, without its proof": (bound_to_a_key, 401),
    "a revoked token": (revoked, 401),
    "an expired token": (expired, 401),
    "a token of a disabled client": (of_a_disabled_client, 401),
    "a token for another resource server": (lambda house: operator_token(house, "albums.read", API), 401),
    "a token with another scope": (lambda house: operator_token(house, "other"), 403),
    "nonsense": (None, 401),
}


async def refused(house: House, method: str, path: str, headers: dict[str, str]) -> HttpResponse:
    response = await house.send(method, path, headers={"if-match": "*", **headers}, form=b"")
    assert isinstance(response, HttpResponse)
    return response


# covers: ADM-01
@pytest.mark.requirement("RFC9457-3.1.2/status")
@pytest.mark.parametrize("stranger", STRANGERS)
async def test_no_call_answers_anybody_but_a_client_with_a_token_for_it(house: House, stranger: str) -> None:
    bearing, status = STRANGERS[stranger]
    token = "nonsense" if bearing is None else await bearing(house)

    for method, path in EVERY_CALL:
        response = await refused(house, method, path, {"authorization": f"Bearer {token}"})
        assert response.status == status, (method, path, response.body)
        assert (response.header("content-type"), document(response)["status"]) == (MEDIA_TYPE, status)
        challenge = response.header("www-authenticate") or ""
        assert challenge.startswith("Bearer error="), challenge


# covers: ADM-01
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "vk_session_default=handle"},
        basic(OPERATOR.client_id, SECRET),
        {"authorization": "DPoP abc"},
        {"x-api-key": "vk_ak_" + "A" * 43},
    ],
    ids=["nothing", "a session's cookie", "a client secret", "another scheme", "a key in a header"],
)
async def test_no_call_answers_whoever_shows_no_bearer_token(house: House, headers: dict[str, str]) -> None:
    for method, path in EVERY_CALL:
        response = await refused(house, method, path, headers)
        assert response.status in {400, 401}, (method, path)
        assert b"api_keys" not in response.body


# covers: ADM-01
def test_every_path_below_the_folder_of_the_calls_stands_in_their_table_and_admits_by_scope() -> None:
    assert all(isinstance(row.endpoint, Admitted) and row.endpoint.scope for row in CALLS)
    assert all(row.path.startswith(FOLDER + "/") for row in CALLS)
    assert not [row.path for row in ROUTES if row.path.startswith(FOLDER)]
    assert {(row.face, row.cors, row.csrf, row.accepts) for row in CALLS} == {
        (Face.ADMINISTRATOR, Cors.NONE, Csrf.NOT_NEEDED, Accepts.JSON)
    }


# covers: ADM-04
@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"a","name":"b","owner_kind":"client","owner":"machine","resources":["https://api.example/albums"]}',
        b'{"name": NaN}',
        b'{"expires_at": 1e999}',
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"a":' * 10_000,
    ],
    ids=["a member twice", "NaN", "infinite", "a list", "a text", "null", "half", "no UTF-8", "deep", "deeper"],
)
async def test_a_body_that_is_no_plain_object_is_refused(house: House, body: bytes) -> None:
    response = await call(house, "POST", KEYS, body)

    assert response.status == 400
    assert document(response)["errors"] == ["the body is no JSON object without repeated members"]


# covers: ADM-04
@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
async def test_no_garbage_breaks_a_call_of_an_administrator(house: House, method: str, path: str) -> None:
    key_id = (await created(house))["key_id"]
    for body in BODIES:
        response = await call(house, method, path.replace("ak_unknown", key_id), body, headers={"if-match": "*"})
        assert response.status < 500, body


# covers: ADM-04
async def test_a_body_over_the_cap_is_refused_before_it_is_read() -> None:
    served = await serve_house()

    json = {"content-type": "application/json"}
    reply = await served.send("POST", KEYS, headers=json, chunks=(b"{" + b" " * 10_000_000,))

    assert (reply.status, reply.header("content-type")) == (413, MEDIA_TYPE)
    wrong = await served.send("POST", KEYS, headers={"content-type": "text/xml"}, chunks=(b"<key/>",))
    assert (wrong.status, wrong.json["code"]) == (415, "invalid_request")
    assert (await served.send("DELETE", KEYS)).status == 405


READ_ONLY = ("key_id", "status", "created_at", "revoked_at", "last_used_at", "secrets", "version", "api_key")


# covers: ADM-04
@pytest.mark.parametrize("member", READ_ONLY)
@pytest.mark.parametrize("call_of", ["POST", "PATCH", "rotate", "revoke"])
async def test_what_the_server_states_is_nobody_elses_to_say(house: House, call_of: str, member: str) -> None:
    key_id = (await created(house))["key_id"]
    path = {"POST": KEYS, "PATCH": f"{KEYS}/{key_id}"}.get(call_of, f"{KEYS}/{key_id}/{call_of}")
    method = call_of if call_of == "PATCH" else "POST"
    body = {**NEW_KEY, member: NOW} if call_of == "POST" else {member: NOW}

    response = await call(house, method, path, body, headers={"if-match": "*"})

    assert response.status == 400
    assert document(response)["errors"] == [f"{member} is stated by the server alone"]


# covers: ADM-04
@pytest.mark.parametrize(
    "members",
    [
        {"surprise": 1},
        {"digest": "AAAA"},
        {"kept_until": 1},
        {"tenant": "other"},
        {"name": 7},
        {"name": None},
        {"owner_kind": "server"},
        {"owner": ["machine"]},
        {"resources": API},
        {"resources": [1]},
        {"scope": ["albums.read"]},
        {"expires_at": "soon"},
        {"expires_at": True},
        {"expires_at": 1.5},
        {"limit": 5},
        {"limit": {"rate": "5/s"}},
    ],
    ids=str,
)
async def test_members_that_nobody_knows_and_wrong_types_change_nothing(
    house: House, members: dict[str, object]
) -> None:
    response = await call(house, "POST", KEYS, {**NEW_KEY, **members})
    assert (response.status, response.header("content-type")) == (400, MEDIA_TYPE)

    path = f"{KEYS}/{(await created(house))['key_id']}"
    response = await call(house, "PATCH", path, members, headers={"if-match": "*"})
    assert (response.status, response.header("content-type")) == (400, MEDIA_TYPE)
    kept = document(await call(house, "GET", path))
    assert (kept["version"], kept["name"], kept["owner"]) == (1, "nightly export", "machine")


# covers: ADM-04
async def test_the_owner_of_a_key_never_changes(house: House) -> None:
    path = f"{KEYS}/{(await created(house))['key_id']}"

    for members in ({"owner": "web"}, {"owner_kind": "end_user"}):
        assert (await call(house, "PATCH", path, members, headers={"if-match": "*"})).status == 400


# covers: ADM-05
@pytest.mark.parametrize("limit", ["1000000000", "999999999999999999", "101"])
async def test_no_page_is_larger_than_its_cap(house: House, limit: str) -> None:
    for _ in range(101):
        await add_key(house)

    page = document(await call(house, "GET", KEYS, query={"limit": limit}))

    assert len(page["api_keys"]) == 100
    assert page["next"] is not None


# covers: ADM-05
@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "1e3"},
        {"limit": "9" * 30},
        {"limit": "٣"},
        {"after": "-1"},
        {"after": "%"},
        {"after": "QUFBQQ"},
        {"after": "x" * 5000},
        {"sort": "digest"},
        {"filter": "secrets"},
        {"q": "%"},
        {"offset": "-5"},
    ],
    ids=str,
)
async def test_a_list_is_asked_for_in_no_other_way(house: House, query: dict[str, str]) -> None:
    response = await call(house, "GET", KEYS, query=query)

    assert (response.status, response.header("content-type")) == (400, MEDIA_TYPE)


# covers: ADM-05
@pytest.mark.parametrize("owner", ["%", "*", "mach_ne", "machine' OR '1'='1", ""])
async def test_an_owner_is_matched_as_it_is_written(house: House, owner: str) -> None:
    await created(house)

    page = document(await call(house, "GET", KEYS, query={"owner": owner}))

    # An empty value counts as absent.
    assert len(page["api_keys"]) == (0 if owner else 1)


# covers: ADM-08
async def test_two_administrators_who_edit_one_key_do_not_overwrite_each_other(house: House) -> None:
    path = f"{KEYS}/{(await created(house))['key_id']}"
    tag = {"if-match": (await call(house, "GET", path)).header("etag") or ""}

    first, second = (
        await call(house, "PATCH", path, {"name": "first"}, headers=tag),
        await call(house, "PATCH", path, {"limit": "5/s"}, headers=tag),
    )

    assert (first.status, second.status) == (200, 412)
    assert document(second)["code"] == "precondition_failed"
    kept = document(await call(house, "GET", path))
    assert (kept["name"], kept["limit"]) == ("first", None)


# covers: ADM-08
@pytest.mark.parametrize("tag", ['"7"', 'W/"1"', "1", '"1', ""])
async def test_a_change_or_rotation_that_names_another_version_is_refused(house: House, tag: str) -> None:
    answer = await created(house)
    path = f"{KEYS}/{answer['key_id']}"

    for method, place in (("PATCH", path), ("POST", f"{path}/rotate"), ("POST", f"{path}/revoke")):
        assert (await call(house, method, place, {}, headers={"if-match": tag})).status == 412
    assert await is_active(house, answer["api_key"])


# covers: ADM-08
async def test_a_change_that_names_no_version_is_refused(house: House) -> None:
    path = f"{KEYS}/{(await created(house))['key_id']}"

    response = await call(house, "PATCH", path, {"name": "other"})

    assert (response.status, document(response)["code"]) == (428, "precondition_required")


# covers: ADM-08
async def test_a_create_that_is_sent_again_makes_one_key_and_shows_its_secret_once(house: House) -> None:
    again = {"idempotency-key": "5f1c-1"}

    first, second = [await call(house, "POST", KEYS, NEW_KEY, headers=again) for _ in range(2)]

    assert (first.status, second.status) == (201, 201)
    made, repeated = document(first), document(second)
    assert made.pop("api_key").startswith("vk_ak_")
    assert repeated == made
    assert (first.header("idempotency-replayed"), second.header("idempotency-replayed")) == (None, "true")
    assert len(document(await call(house, "GET", KEYS))["api_keys"]) == 1


# covers: ADM-08
async def test_of_two_equal_creates_at_one_moment_one_makes_a_key(house: House) -> None:
    headers = {"idempotency-key": "twice", "authorization": f"Bearer {await operator_token(house)}"}

    answers = await asyncio.gather(*(call(house, "POST", KEYS, NEW_KEY, headers=headers) for _ in range(5)))

    assert {one.status for one in answers} == {201}
    assert len({document(one)["key_id"] for one in answers}) == 1
    assert sum("api_key" in document(one) for one in answers) == 1


# covers: ADM-08
async def test_an_idempotency_key_is_good_for_one_request_of_one_client(house: House) -> None:
    headers = {"idempotency-key": "one"}
    made = document(await call(house, "POST", KEYS, NEW_KEY, headers=headers))

    other = await call(house, "POST", KEYS, {**NEW_KEY, "name": "other"}, headers=headers)
    assert (other.status, document(other)["code"]) == (422, "idempotency_key_reused")
    deputy = replace(OPERATOR, client_id=ClientId("deputy"))
    await house.commit(PutClient(deputy))
    theirs = {**headers, "authorization": f"Bearer {await operator_token(house, client=deputy)}"}
    assert document(await call(house, "POST", KEYS, NEW_KEY, headers=theirs))["key_id"] != made["key_id"]
    for bad in ("", "x" * 256, "a\tb", "ü"):
        assert (await call(house, "POST", KEYS, NEW_KEY, headers={"idempotency-key": bad})).status == 400


# covers: ADM-09
async def test_a_refused_call_leaves_no_record_and_no_call_edits_the_trail(house: House) -> None:
    asked = AuditQuestion(NumericDate(0), NumericDate(NOW + 10), 100, event="api_key.")
    await call(house, "POST", KEYS, {**NEW_KEY, "scope": "albums.write"})
    await call(house, "POST", f"{KEYS}/ak_unknown/revoke")

    assert list(await house.stores.audit.find(asked)) == []
    assert not [row.path for row in CALLS if "audit" in row.path]


async def test_no_answer_and_no_line_of_the_log_repeats_a_secret(house: House) -> None:
    answer = await created(house)
    path = f"{KEYS}/{answer['key_id']}"
    secret = answer["api_key"]

    answers = [
        await call(house, "GET", KEYS),
        await call(house, "GET", path),
        await call(house, "PATCH", path, {"name": "other"}, headers={"if-match": "*"}),
        await call(house, "POST", f"{path}/revoke"),
        await call(house, "POST", KEYS, {**NEW_KEY, "name": secret, "owner": secret}),
    ]

    told = b"".join(one.body for one in answers[:-1]).decode() + str(house.log.events)
    assert secret not in told
    assert secret[12:] not in told
