"""Garbage of every kind at every row of the matrix: whatever comes in, a refusal goes out and nothing breaks."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from itertools import cycle

import pytest

from support.house import SECRET, House, basic, build_house
from support.registering import registered
from valetkey.administration.routes import CALLS
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.routes import ROUTES, Accepts, Route
from valetkey.jose import Jwk, jwt
from valetkey.oauth.http import HttpResponse

SERVER_ERROR = 500
NAMES = (
    "grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "code", "device_code",
    "refresh_token", "scope", "resource", "audience", "subject_token", "subject_token_type", "actor_token",
    "actor_token_type", "requested_token_type", "assertion", "username", "password", "token", "user_code", "csrf",
    "interaction", "answer", "response_type", "redirect_uri", "state", "code_challenge", "prompt", "max_age",
    "id_token_hint", "access_token", "done", "act", "target", "ui_locales", "request", "request_uri", "acr_values",
)  # fmt: skip
ODD_CLAIMS = jwt.sign({"iss": "x", "sub": "y", "aud": [], "exp": 1e18, "jti": {}}, Jwk.generate("ES256"), typ="JWT")
VALUES = (
    "", "\x00", "%", "\ufffd", "a" * 3_000, "\U0001f4a5", "../..", "eyJhbGciOiJub25lIn0.e30.", "a.b.c", "a.b.c.d.e",
    "....", "{}", "[]", "-1", "1e999", "9" * 400, "'; DROP TABLE clients;--", "\r\nX: y", "web", "spa",
    "https://evil.example/x", "albums.read", ODD_CLAIMS,
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "urn:ietf:params:oauth:token-type:access_token",
)  # fmt: skip
BODIES = (
    b"", b"null", b"[]", b"{", b"\xff", b"[" * 5_000, b'{"a":' * 3_000, b'{"a":1,"a":2}', b'{"maxEvents":1e99}',
    b'{"maxEvents":18446744073709551616}', b'{"maxEvents":-1}', b'{"ack":"x"}', b'{"ack":[1]}',
    b'{"ack":["999999999999999999"],"returnImmediately":true}', b'{"setErrs":{"1":{"err":1}}}',
    b'{"client_name":{},"redirect_uris":{}}', b'{"redirect_uris":[1]}', b'{"grant_types":[["a"]]}',
    b'{"redirect_uris":["https://[::1"],"client_name":"\\ud800"}', b'{"jwks":{"keys":{}}}',
    b'{"jwks":{"keys":[{"kty":"EC","crv":"P-256","x":1}]}}', b'{"scope":"\\u0000"}',
    b'{"redirect_uris":["https://x.example/"],"jwks_uri":"https://[v1.x]/"}',
)  # fmt: skip
CREDENTIALS: tuple[dict[str, str], ...] = (
    {},
    basic("web", SECRET),
    basic("machine", SECRET),
    {"authorization": "Bearer \u00e9"},
    {"authorization": "Basic !!!"},
    {"authorization": "Basic " + b64encode(b"\xff\xfe:x").decode()},
    {"authorization": "Basic", "accept": "application/token-introspection+jwt, ,;;", "prefer": "wait=9999"},
)
SEGMENTS = ("x", "%00", "..%2f", '"', "a" * 500, "%ff")
EVERY_ROW = [(method, row) for row in (*ROUTES, *CALLS) for method in sorted(row.methods)]


def paths_of(row: Route, client_id: str) -> tuple[str, ...]:
    folder, brace, rest = row.path.partition("{")
    below = rest.partition("}")[2]
    return tuple(folder + segment + below for segment in (client_id, *SEGMENTS)) if brace else (row.path,)


def forms_of(number: int) -> Iterator[dict[str, str]]:
    """Return a form for each name and value, with two others whose values come in another order."""
    others = cycle(NAMES[number:] + NAMES[:number])
    for position, value in enumerate(VALUES):
        for name in NAMES:
            yield {name: value, next(others): VALUES[(position * 7 + number) % len(VALUES)], "client_id": "spa"}


# covers: HTP-04
@pytest.mark.parametrize(("method", "row"), EVERY_ROW, ids=[f"{method} {row.path}" for method, row in EVERY_ROW])
async def test_garbage_is_refused_or_answered_and_breaks_nothing(method: str, row: Route) -> None:
    house = await build_house(profile="LEGACY", registration=RegistrationMode.OPEN)
    answer = await registered(house)
    bearer = {"authorization": f"Bearer {answer['registration_access_token']}"}
    client_id, credentials = str(answer["client_id"]), cycle((*CREDENTIALS, bearer))

    async def status(path: str, **sent: object) -> int:
        async with asyncio.timeout(10):
            said = await house.send(method, path, headers=next(credentials), **sent)  # type: ignore[arg-type]
        return said.status if isinstance(said, HttpResponse) else 0

    for path in paths_of(row, client_id):
        if row.accepts is Accepts.JSON:
            sent: list[dict[str, object]] = [{"form": body} for body in BODIES]
        else:
            kind = "form" if method == "POST" else "query"
            sent = [{kind: form} for form in forms_of(len(row.path) % len(NAMES))]
        assert max([await status(path, **one) for one in sent]) < SERVER_ERROR
    assert await _is_well(house)


async def _is_well(house: House) -> bool:
    form = {"grant_type": "client_credentials", "scope": "albums.read"}
    return (await house.post("/token", form, basic("machine", SECRET))).status == 200
