"""Every face of the guard on its real framework: one table of requests, and the same answers octet for octet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.faces.asynchronous import SOCKET, asgi_face, fastapi_face, litestar_face, starlette_face
from support.faces.stage import GOOD_KEY, METADATA, OPEN, RESOURCE, bearer
from support.faces.synchronous import (
    django_async_face,
    django_face,
    flask_face,
    rest_framework_face,
    wsgi_face,
)
from support.issuer import ISSUER, NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from support.asgi_driver import Reply
    from support.faces.asking import AsgiFace, WsgiFace

pytestmark = [pytest.mark.interop, pytest.mark.anyio]

OF_THE_GUARD = frozenset(
    {"www-authenticate", "cache-control", "content-type", "retry-after", "ratelimit", "ratelimit-policy"}
)
JSON = ("content-type", "application/json")
NO_STORE = ("cache-control", "no-store")
PLACE = f'resource_metadata="{METADATA}"'
SOON = ("retry-after", "2")
Pairs = list[tuple[str, str]]
Case = tuple[str, Pairs, int, str | None]


def _error(code: str, description: str, *, scope: str = "albums.read", more: str = "") -> str:
    return f'Bearer error="{code}", error_description="{description}", {more}scope="{scope}", {PLACE}'


ASKED = f'Bearer {PLACE}, scope="albums.read"'
NOT_ENOUGH = "The authentication of the end-user is not strong or not recent enough."
STEP_UP = _error(
    "insufficient_user_authentication",
    NOT_ENOUGH,
    scope="payments",
    more='acr_values="gold silver", max_age="300", ',
)
ELSEWHERE = "The token was issued for another audience or by another issuer, or a claim is malformed."
TWO = _error("invalid_request", "There is more than one Authorization header.")
TWO_PLACES = _error("invalid_request", "The request presents credentials in two places.")
UNREADABLE = _error("invalid_request", "The Authorization header carries no bearer token.")
UNKNOWN = _error("invalid_token", "The token is unknown, expired or revoked.")
KEY = ("x-api-key", GOOD_KEY)
BASIC = ("authorization", "Basic dTpw")
TOKEN = bearer()[1].removeprefix("Bearer ")


# What is asked, with what, and the status and challenge of the answer.
CASES: dict[str, Case] = {
    "no token": ("/albums", [], 401, ASKED),
    "basic": ("/albums", [BASIC], 401, ASKED),
    "bearer alone": ("/albums", [("authorization", "Bearer ")], 400, UNREADABLE),
    "two headers": ("/albums", [bearer(), bearer()], 400, TWO),
    "two schemes": ("/albums", [BASIC, bearer()], 400, TWO),
    "64 kB": ("/albums", [("authorization", "Bearer " + "a" * 65_536)], 401, None),
    "expired": ("/albums", [bearer(exp=NOW - 1)], 401, _error("invalid_token", "The token is expired.")),
    "wrong audience": ("/albums", [bearer(aud="https://x.example")], 401, _error("invalid_token", ELSEWHERE)),
    "wrong issuer": ("/albums", [bearer(iss="https://x.example")], 401, _error("invalid_token", ELSEWHERE)),
    "missing scope": (
        "/albums",
        [bearer("profile")],
        403,
        _error("insufficient_scope", "The token does not carry the scope."),
    ),
    "weak sign-in": ("/payments", [bearer("payments", acr="bronze", auth_time=NOW)], 401, STEP_UP),
    "stale sign-in": ("/payments", [bearer("payments", acr="gold", auth_time=NOW - 10**9)], 401, STEP_UP),
    "strong sign-in": ("/payments", [bearer("payments", acr="silver", auth_time=NOW)], 200, None),
    "revoked": ("/albums", [bearer(jti="revoked")], 401, _error("invalid_token", "The token was revoked.")),
    "good": ("/albums", [bearer()], 200, None),
    "scheme in capitals": ("/albums", [("Authorization", f"BEARER {TOKEN}")], 200, None),
    "claim missing": ("/staff", [bearer()], 403, None),
    "claim there": ("/staff", [bearer(department=["sales", "staff"])], 200, None),
    "API key": ("/albums", [KEY], 200, None),
    "API key as a bearer token": ("/albums", [("authorization", f"Bearer {GOOD_KEY}")], 200, None),
    "unknown API key": ("/albums", [("x-api-key", "vk_ak_bad")], 401, UNKNOWN),
    "API key and token": ("/albums", [KEY, bearer()], 400, TWO_PLACES),
    "two API keys": ("/albums", [KEY, KEY], 400, TWO_PLACES),
    "API key where none is taken": ("/people", [KEY], 403, None),
    "token in the query": (f"/albums?access_token={TOKEN}", [], 401, ASKED),
    "token in two places": (f"/albums?access_token={TOKEN}", [bearer()], 200, None),
    "token in a cookie": ("/albums", [("cookie", f"access_token={TOKEN}")], 401, ASKED),
    "anonymous": (OPEN, [], 200, None),
    "anonymous with a bad token": (OPEN, [bearer(exp=NOW - 1)], 401, None),
    "known where anybody may": (OPEN, [bearer()], 200, None),
}

FACES: dict[str, Callable[[], AsgiFace | WsgiFace]] = {
    "asgi": asgi_face,
    "wsgi": wsgi_face,
    "starlette": starlette_face,
    "fastapi": fastapi_face,
    "litestar": litestar_face,
    "django": django_face,
    "django-async": django_async_face,
    "rest-framework": rest_framework_face,
    "flask": flask_face,
}


@pytest.fixture(scope="module", params=FACES)
def face(request: pytest.FixtureRequest) -> AsgiFace | WsgiFace:
    return FACES[request.param]()


def of_the_guard(reply: Reply) -> list[tuple[str, str]]:
    return sorted(pair for pair in reply.headers if pair[0] in OF_THE_GUARD)


def refusal(challenge: str | None, *more: tuple[str, str]) -> list[tuple[str, str]]:
    asked = [] if challenge is None else [("www-authenticate", challenge)]
    return sorted([JSON, NO_STORE, *asked, *more])


# covers: GTW-01, GTW-02
async def test_each_request_gets_the_same_answer_from_every_face(face: AsgiFace | WsgiFace) -> None:
    for name, (target, headers, status, challenge) in CASES.items():
        reply = await face.ask("GET", target, headers)
        assert reply.status == status, (name, reply)
        if status == 200:
            assert reply.header("www-authenticate") is None, name
        elif challenge is not None:
            assert of_the_guard(reply) == refusal(challenge), name
        if status != 200:
            assert reply.header("content-type") == "application/json", name
            document = json.loads(reply.body)
            assert reply.body == json.dumps(document, separators=(",", ":")).encode(), name
            assert "error_description" in document, name


async def test_who_is_known_is_told_to_the_route(face: AsgiFace | WsgiFace) -> None:
    answers = [
        json.loads((await face.ask("GET", target, headers)).body)
        for target, headers in [("/albums", [bearer()]), ("/albums", [KEY]), (OPEN, []), (OPEN, [bearer()])]
    ]
    alice = {"subject": "alice", "kind": "access_token"}
    assert answers == [alice, {"subject": "robot", "kind": "api_key"}, {"subject": "nobody"}, alice]


# covers: GTW-06
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_every_method_is_guarded_and_no_header_makes_another_of_it(
    face: AsgiFace | WsgiFace, method: str
) -> None:
    disguised = [
        ("user-agent", "kube-probe/1.30"),
        ("x-http-method-override", "GET"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-uri", OPEN),
        ("x-original-url", OPEN),
        ("x-forwarded-proto", "https"),
    ]
    refused = await face.ask(method, "/albums", disguised)
    assert (refused.status, of_the_guard(refused)) == (401, refusal(ASKED))
    assert (await face.ask(method, "/albums", [*disguised, bearer()])).status == 200


async def test_limits_are_told_of_and_refuse_with_the_same_fields(face: AsgiFace | WsgiFace) -> None:
    caller = [bearer(client_id="counted")]
    policy = ("ratelimit-policy", '"per-client";q=2;w=3600')
    for method, left, full in (("GET", 1, 1800), ("POST", 0, 3600)):
        reply = await face.ask(method, "/limited", caller)
        assert reply.status == 200
        state = ("ratelimit", f'"per-client";r={left};t={full}')
        assert [pair for pair in of_the_guard(reply) if pair[0].startswith("rate")] == [state, policy]
    reply = await face.ask("GET", "/limited", caller)
    assert reply.status == 429
    limited = ("ratelimit", '"per-client";r=0;t=3600'), policy, ("retry-after", "1800")
    assert of_the_guard(reply) == refusal(None, *limited)
    assert json.loads(reply.body) == {"error_description": "Too many requests; try again later."}
    assert (await face.ask("GET", "/limited", [bearer(client_id="another")])).status == 200


# covers: GTW-07
async def test_what_the_issuer_cannot_say_is_503_and_never_401(face: AsgiFace | WsgiFace) -> None:
    face.stage.keys.is_down = face.stage.desk.is_down = True
    try:
        for credentials in (bearer(), KEY):
            for target in ("/albums", OPEN):
                reply = await face.ask("GET", target, [credentials])
                assert (reply.status, of_the_guard(reply)) == (503, refusal(None, SOON))
        assert (await face.ask("GET", "/albums")).status == 401
    finally:
        face.stage.keys.is_down = face.stage.desk.is_down = False
    assert (await face.ask("GET", "/albums", [bearer()])).status == 200


@pytest.mark.requirement("RFC9728-3/well-known")
@pytest.mark.requirement("RFC9728-3.2/response")
async def test_the_metadata_is_published_at_every_face(face: AsgiFace | WsgiFace) -> None:
    reply = await face.ask("GET", "/.well-known/oauth-protected-resource")
    assert reply.status == 200
    assert json.loads(reply.body) == {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["albums.read", "payments"],
    }
    assert of_the_guard(reply) == [("cache-control", "public, max-age=300"), JSON]
    assert reply.header("access-control-allow-origin") == "*"


SOCKETS = [asgi_face, starlette_face, fastapi_face, litestar_face]


# covers: GTW-06
@pytest.mark.parametrize("build", SOCKETS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("headers", [[], [bearer(exp=NOW - 1)], [BASIC]], ids=["nothing", "expired", "basic"])
async def test_a_websocket_is_refused_before_it_is_accepted(
    build: Callable[[], AsgiFace], headers: Iterable[tuple[str, str]]
) -> None:
    face = build()
    socket = await face.open_socket(f"{SOCKET}?access_token={TOKEN}", headers)
    assert socket.kinds == ["websocket.close"]
    assert socket.sent[0]["code"] == 1008


@pytest.mark.parametrize("build", SOCKETS[:3], ids=lambda build: build.__name__)
async def test_a_server_that_can_answer_a_websocket_answers_with_the_challenge(
    build: Callable[[], AsgiFace],
) -> None:
    socket = await build().open_socket(SOCKET, extensions=["websocket.http.response"])
    assert socket.kinds == ["websocket.http.response.start", "websocket.http.response.body"]
    start = socket.sent[0]
    assert start["status"] == 401
    assert (b"www-authenticate", ASKED.encode()) in start["headers"]


@pytest.mark.parametrize("build", SOCKETS, ids=lambda build: build.__name__)
async def test_a_websocket_that_may_be_opened_is_told_of_its_limits(build: Callable[[], AsgiFace]) -> None:
    socket = await build().open_socket(SOCKET, [bearer()])
    assert socket.kinds == ["websocket.accept", "websocket.send", "websocket.close"]
    assert (b"ratelimit", b'"per-client";r=1;t=1800') in socket.sent[0]["headers"]
    said = socket.sent[1].get("text") or socket.sent[1]["bytes"]
    assert json.loads(said)["subject"] == "alice"
