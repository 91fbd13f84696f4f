"""The registration endpoint as HTTP serves it: media type, size, methods, and scripts of other origins."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest

from support.asgi_driver import FORM, Reply, Served, serve_house
from support.registering import PUBLIC
from valetkey.authorization_server.model import RegistrationMode

JSON = "application/json"
DOCUMENT = msgspec.json.encode(PUBLIC)
INSPECTOR = {"origin": "http://localhost:6274"}


@pytest.fixture
async def served() -> Served:
    found = await serve_house()
    opened = replace(found.house.server.tenant, registration=RegistrationMode.OPEN)
    found.house.server = found.tenants["default"] = replace(found.house.server, tenant=opened)
    return found


async def register(
    served: Served, body: bytes = DOCUMENT, headers: Mapping[str, str | None] | None = None
) -> Reply:
    sent = {"content-type": JSON, "content-length": str(len(body)), **(headers or {})}
    given = {name: value for name, value in sent.items() if value is not None}
    return await served.send("POST", "/register", headers=given, chunks=(body,))


@pytest.mark.requirement("RFC7591-3/post")
async def test_a_json_document_registers_and_is_cached_nowhere(served: Served) -> None:
    for content_type in (JSON, "application/json; charset=utf-8", "Application/JSON"):
        reply = await register(served, headers={"content-type": content_type})
        assert (reply.status, reply.header("cache-control")) == (201, "no-store")


@pytest.mark.parametrize("content_type", [FORM, "text/plain", "application/json; charset=latin-1", None])
async def test_another_media_type_is_refused_before_it_is_read(served: Served, content_type: str | None) -> None:
    reply = await register(served, headers={"content-type": content_type})
    assert (reply.status, reply.header("accept")) == (415, JSON)


# covers: DCR-02
async def test_a_body_beyond_the_cap_is_refused(served: Served) -> None:
    assert (await register(served, b" " * 65_537)).status == 413
    assert (await register(served, headers={"content-encoding": "gzip"})).status == 415


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_only_a_post_registers(served: Served, method: str) -> None:
    reply = await served.send(method, "/register")
    assert reply.status == 405
    assert reply.header("allow") == "OPTIONS, POST"


async def test_a_page_of_any_origin_may_register_itself_and_read_the_answer(served: Served) -> None:
    asked = {**INSPECTOR, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = await served.send("OPTIONS", "/register", headers=asked)
    assert preflight.status == 204
    assert preflight.header("access-control-allow-origin") == "*"
    assert "Content-Type" in str(preflight.header("access-control-allow-headers"))
    reply = await register(served, headers=INSPECTOR)
    assert reply.status == 201
    # Never with credentials: what a browser knows of its user opens nothing here.
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("access-control-allow-credentials") is None


async def test_where_anybody_may_register_the_answer_alone_says_whose_script_may_read(served: Served) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    preflight = await served.send("OPTIONS", "/token", headers=asked)
    assert preflight.header("access-control-allow-origin") == "https://evil.example"
    assert (await served.send("OPTIONS", "/t/acme/token", headers=asked)).header(
        "access-control-allow-origin"
    ) is None
    body = b"grant_type=client_credentials&client_id=spa"
    reply = await served.post("/token", body, {"origin": "https://evil.example"})
    assert reply.status == 400
    assert reply.header("access-control-allow-origin") is None


async def test_the_whole_life_over_http(served: Served) -> None:
    answer = (await register(served)).json
    place = str(answer["registration_client_uri"]).removeprefix("https://as.example")
    bearer = {"authorization": f"Bearer {answer['registration_access_token']}"}
    shown = await served.send("GET", place, headers=bearer)
    assert (shown.status, shown.json["client_id"]) == (200, answer["client_id"])
    new = msgspec.json.encode({**PUBLIC, "client_id": answer["client_id"], "client_name": "Renamed"})
    sent = {**bearer, "content-type": JSON, "content-length": str(len(new))}
    replaced = await served.send("PUT", place, headers=sent, chunks=(new,))
    assert (replaced.status, replaced.json["client_name"]) == (200, "Renamed")
    gone = await served.send("DELETE", place, headers=bearer)
    assert (gone.status, gone.body) == (204, b"")
    assert (await served.send("GET", place, headers=bearer)).status == 401
    assert (await served.send("POST", place, headers=bearer)).status == 405


async def test_another_tenant_knows_neither_client_nor_token(served: Served) -> None:
    answer = (await register(served)).json
    bearer = {"authorization": f"Bearer {answer['registration_access_token']}"}
    there = await served.send("GET", f"/t/acme/register/{answer['client_id']}", headers=bearer)
    assert there.status == 401
    assert (await served.send("POST", "/t/acme/register", headers={"content-type": JSON})).status == 401
