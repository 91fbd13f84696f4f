"""Failed client authentication at every endpoint and by every method: told alike, counted, and kept as a digest."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from attacks.test_cli_one_method import BASIC, FORMS, KEY, MAC, POST, client_by, credentials
from support.house import ASSERTION_TYPE, SECRET, House, basic, build_house, document
from support.operator import Operator
from support.serve import write_configuration
from valetkey.authorization_server.client_authentication import METHODS
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import AuthenticationMethod, Client
from valetkey.jose import Jwk
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId

Proof = tuple[dict[str, str], dict[str, str]]
OWN = {"grant_type": "client_credentials"}
WRONG = "vk_cs_" + "w" * 64
AT_EACH_ENDPOINT = pytest.mark.parametrize("path", FORMS)


def told(response: HttpResponse) -> tuple[int, bytes, str | None]:
    assert response.header("cache-control") == "no-store"
    return response.status, response.body, response.header("www-authenticate")


def wrong(house: House, client: Client, method: AuthenticationMethod) -> Proof:
    """Return form fields and headers that look like a proof of the client and are none."""
    if method is BASIC:
        return {}, basic(client.client_id, WRONG)
    if method is POST:
        return {"client_id": client.client_id, "client_secret": WRONG}, {}
    key = Jwk.generate("ES256") if method is KEY else Jwk.from_secret(WRONG.encode(), algorithm="HS256")
    named = {"iss": client.client_id, "sub": client.client_id}
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": house.assertion(named, key)}, {}


# covers: CLI-01
@pytest.mark.requirement("RFC6749-5.2/invalid-client")
@pytest.mark.requirement("RFC6749-5.2/challenge")
@AT_EACH_ENDPOINT
async def test_whatever_fails_is_told_in_the_same_words_whoever_it_was_and_by_whichever_method(path: str) -> None:
    house = await build_house()
    answers: dict[bool, set[tuple[int, bytes, str | None]]] = {True: set(), False: set()}
    answers[False].add(told(await house.post(path, FORMS[path])))
    for method in (BASIC, POST, MAC, KEY):
        known = client_by(method, house)
        disabled = replace(known, client_id=ClientId(f"{known.client_id}-disabled"), disabled=True)
        other = replace(
            known,
            client_id=ClientId(f"{known.client_id}-other"),
            authentication_method=POST if method is BASIC else BASIC,
        )
        await house.commit(PutClient(known), PutClient(disabled), PutClient(other))
        unknown = replace(known, client_id=ClientId("nobody"))
        for proof in (
            wrong(house, known, method),
            credentials(house, unknown, method),
            credentials(house, disabled, method),
            credentials(house, other, method),
        ):
            form, headers = proof
            answers[method is BASIC].add(told(await house.post(path, {**FORMS[path], **form}, headers)))
        form, headers = credentials(house, known, method)
        assert (await house.post(path, {**FORMS[path], **form}, headers)).status != 401
    ((status, body, challenge),) = answers[True]
    assert status == 401
    assert str(challenge).startswith("Basic ")
    assert answers[False] == {(status, body, None)}
    assert b'"invalid_client"' in body


# covers: CLI-11
@pytest.mark.requirement("RFC7521-4.2/client-id")
@AT_EACH_ENDPOINT
@pytest.mark.parametrize("method", [MAC, KEY])
async def test_a_malformed_assertion_proves_nothing_at_any_endpoint(
    path: str, method: AuthenticationMethod
) -> None:
    house = await build_house()
    client = client_by(method, house)
    await house.commit(PutClient(client))

    async def answer(**changes: str | list[str] | None) -> tuple[int, str | None]:
        form, _ = credentials(house, client, method)
        merged = {name: value for name, value in {**FORMS[path], **form, **changes}.items() if value is not None}
        response = await house.post(path, merged)
        return response.status, document(response).get("error") if response.body else None

    twice = [credentials(house, client, method)[0]["client_assertion"] for _ in range(2)]
    for changes in (
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": ASSERTION_TYPE.upper()},
        {"client_assertion_type": ""},
        {"client_assertion_type": None},
        {"client_assertion": twice},
        {"client_assertion": None},
        {"client_assertion": ""},
        {"client_assertion_type": [ASSERTION_TYPE, ASSERTION_TYPE]},
        {"client_id": "machine"},
        {"client_id": f"{client.client_id} "},
    ):
        assert await answer(**changes) in {(400, "invalid_request"), (401, "invalid_client")}, changes
    assert await answer(client_id="machine") == (400, "invalid_request")
    for good in ({}, {"client_id": str(client.client_id)}):
        assert (await answer(**good))[0] != 401


# covers: CLI-13
@pytest.mark.requirement("RFC6749-2.3.1/brute-force")
async def test_ten_thousand_guesses_at_one_client_are_twenty() -> None:
    house = await build_house()
    statuses = Counter(
        [
            (await house.post("/token", OWN, basic("machine", f"vk_cs_{guess:043}"))).status
            for guess in range(10_000)
        ]
    )
    assert statuses == {401: 20, 429: 9_980}
    assert (await house.post("/token", OWN, basic("machine", SECRET))).status == 200


# covers: CLI-13
@pytest.mark.requirement("RFC6749-2.3.1/brute-force")
async def test_one_guess_at_each_of_ten_thousand_clients_is_a_hundred() -> None:
    house = await build_house()
    statuses = Counter(
        [(await house.post("/token", OWN, basic(f"client-{guess}", WRONG))).status for guess in range(10_000)]
    )
    assert statuses == {401: 100, 429: 9_900}
    assert (await house.post("/token", OWN, basic("machine", SECRET))).status == 200


# covers: CLI-13
@AT_EACH_ENDPOINT
@pytest.mark.parametrize("method", [BASIC, POST, MAC, KEY])
async def test_guessing_is_throttled_by_whichever_method_at_whichever_endpoint(
    path: str, method: AuthenticationMethod
) -> None:
    house = await build_house()
    client = client_by(method, house)
    await house.commit(PutClient(client))
    statuses = []
    for _ in range(22):
        form, headers = wrong(house, client, method)
        statuses.append((await house.post(path, {**FORMS[path], **form}, headers)).status)
    assert statuses == [401] * 20 + [429] * 2
    form, headers = credentials(house, client, method)
    assert (await house.post(path, {**FORMS[path], **form}, headers)).status not in {401, 429}


# covers: CLI-13
@pytest.mark.parametrize("method", [str(one) for one in METHODS if one.startswith("client_secret")])
def test_no_secret_lies_in_the_database_as_it_is(tmp_path: Path, method: str) -> None:
    config, _ = write_configuration(tmp_path)
    operator = Operator(config)
    assert operator.run("db", "upgrade").exit_code == 0
    options = ("--authentication-method", method, "--grant-type", "client_credentials", "--scope", "a.read")
    first = operator.done("client", "add", "shop", *options)["client_secret"]
    second = operator.done("client", "change", "shop", "--rotate-secret", "--keep-old-secret", "60")[
        "client_secret"
    ]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("valetkey.db*"))
    assert b"shop" in stored
    for secret in (first, second):
        assert secret.encode() not in stored
        assert secret.removeprefix("vk_cs_").encode() not in stored
