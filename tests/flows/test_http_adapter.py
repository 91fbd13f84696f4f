"""Requests through the whole ASGI application: refusals, how errors look, and what every response carries."""

import pytest

from support.asgi_driver import FORM, Served, serve_house
from support.house import SECRET, basic
from valetkey.authorization_server.pages import Page
from valetkey.authorization_server.routes import Cache, Cors, Csrf, Endpoint, Face, Route
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.oauth.errors import ErrorCode, OAuthError, Unavailable
from valetkey.oauth.http import HttpRequest, HttpResponse

CREDENTIALS = b"grant_type=client_credentials"
MACHINE = basic("machine", SECRET)
SECRET_TEXT = "hunter2 in /srv/app.py"


@pytest.fixture
async def served() -> Served:
    return await serve_house(further=(*FAULTY, *ECHO))


async def break_down(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    del request, server
    raise RuntimeError(SECRET_TEXT)


async def be_out(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    del request, server
    raise Unavailable("the store", retry_after=3)


async def refuse(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    del request, server
    raise OAuthError(ErrorCode.INVALID_REQUEST, "Fixed text.", "RFC6749-5.2", detail=SECRET_TEXT)


async def echo(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    text = f"{request.method} {request.path} {request.query.decode()} {request.remote_address} {server.issuer}"
    return HttpResponse(200, (("content-type", "text/plain"),), text.encode() + b" " + request.body)


def row(path: str, endpoint: Endpoint, face: Face, cache: Cache = Cache.NO_STORE) -> Route:
    return Route(frozenset({"GET"}), path, endpoint, cache, Cors.NONE, Csrf.SAFE, face)


FAULTY = tuple(
    row(f"/{name}/{face}", endpoint, face, cache)
    for name, endpoint in (("bug", break_down), ("outage", be_out), ("refusal", refuse))
    for face, cache in (
        (Face.MACHINE, Cache.PUBLIC_SHORT),
        (Face.PERSON, Cache.NO_STORE),
        (Face.ADMINISTRATOR, Cache.NO_STORE),
    )
)
ECHO = (row("/echo", echo, Face.MACHINE),)


async def test_a_token_request_goes_through(served: Served) -> None:
    reply = await served.post("/token", CREDENTIALS, MACHINE)
    assert reply.status == 200
    assert reply.json["token_type"] == "Bearer"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("pragma") == "no-cache"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("strict-transport-security")
    assert reply.header("content-length") == str(len(reply.body))
    assert reply.header("x-request-id")


async def test_a_tenant_answers_under_its_own_issuer(served: Served) -> None:
    reply = await served.send("GET", "/t/acme/echo")
    assert reply.body.decode().split()[:2] == ["GET", "/echo"]
    assert b"https://as.example/t/acme" in reply.body
    assert (await served.send("GET", "/t/nobody/echo")).status == 404


async def test_a_secret_of_one_tenant_is_unknown_to_another(served: Served) -> None:
    await served.tenants["acme"].stores.commit(())
    assert (await served.post("/t/acme/token", CREDENTIALS, MACHINE)).status == 200
    assert (await served.post("/t/acme/token", CREDENTIALS, basic("machine", "x" * 43))).status == 401


# covers: HTP-04, HTP-06
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 415),
        ({"content-type": FORM, "content-encoding": "gzip"}, b"\x1f\x8b", 415),
        ({"content-type": FORM + "; charset=utf-16"}, b"\xff\xfe", 415),
        ({}, b"a=1", 415),
        ({"content-type": FORM}, b"a" * 70_000, 413),
        ({"content-type": FORM, "content-length": "10485760"}, b"", 413),
        ({"content-type": FORM}, b"&".join(b"a%d=1" % number for number in range(5_000)), 400),
        ({"content-type": FORM}, b"%zz=1", 400),
        ({"content-type": FORM}, b"a=%ff", 400),
        ({"content-type": FORM}, b"grant_type=client_credentials;client_id=machine", 400),
        ({"content-type": FORM}, b"grant_type[a][b]=client_credentials", 400),
        ({"content-type": FORM}, b"n" * 60_000 + b"=1", 400),
    ],
)
async def test_a_hostile_body_gets_its_status_and_a_json_error(
    served: Served, headers: dict[str, str], body: bytes, status: int
) -> None:
    reply = await served.send("POST", "/token", headers={**MACHINE, **headers}, chunks=(body,))
    assert reply.status == status
    assert reply.json["error"] in {"invalid_request", "unsupported_grant_type"}
    assert reply.header("cache-control") == "no-store"
    assert (await served.post("/token", CREDENTIALS, MACHINE)).status == 200


# covers: HTP-04
async def test_a_query_over_8_kb_is_414(served: Served) -> None:
    assert (await served.send("GET", "/echo?" + "q" * 8_193)).status == 414
    assert (await served.send("GET", "/echo?" + "q" * 8_192)).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
async def test_another_method_is_405_and_names_what_is_allowed(served: Served, method: str) -> None:
    reply = await served.send(method, "/token", headers={"x-http-method-override": "POST"})
    assert reply.status == 405
    assert reply.header("allow") == "OPTIONS, POST"


# covers: HTP-12
async def test_head_is_get_and_public_documents_have_a_validator(served: Served) -> None:
    head = await served.send("HEAD", "/.well-known/openid-configuration")
    full = await served.send("GET", "/.well-known/openid-configuration")
    assert (head.status, head.headers) == (full.status, full.headers)
    assert full.json["issuer"] == "https://as.example"
    etag = full.header("etag")
    assert etag
    for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = await served.send("GET", "/.well-known/openid-configuration", headers={"if-none-match": sent})
        assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
        assert again.header("cache-control") == "public, max-age=300"
        assert again.header("content-length") is None
    changed = await served.send("GET", "/.well-known/openid-configuration", headers={"if-none-match": '"other"'})
    assert changed.status == 200


# covers: HTP-12
async def test_both_well_known_forms_name_one_issuer_for_a_tenant(served: Served) -> None:
    inserted = await served.send("GET", "/.well-known/oauth-authorization-server/t/acme")
    appended = await served.send("GET", "/t/acme/.well-known/oauth-authorization-server")
    assert inserted.json == appended.json
    assert inserted.json["issuer"] == "https://as.example/t/acme"


# covers: HTP-08
async def test_a_static_file_says_its_own_validator_once(served: Served) -> None:
    path = next(path for path in served.application._parts.routes._rows if path.endswith(".css"))
    reply = await served.send("GET", path)
    assert reply.status == 200
    assert reply.header("etag")
    assert "immutable" in str(reply.header("cache-control"))


# covers: HTP-10
@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..%2f..%2fetc/passwd",
        "%2e%2e/secret",
        "/etc/passwd",
        "a%00.css",
        "\\\\host\\share",
        ".",
    ],
)
async def test_a_static_path_names_a_packaged_file_or_nothing(served: Served, name: str) -> None:
    path = next(path for path in served.application._parts.routes._rows if path.endswith(".css"))
    reply = await served.send("GET", path.rpartition("/")[0] + "/" + name)
    assert reply.status in {400, 404}


# covers: HTP-10
async def test_a_bomb_of_ranges_gets_the_whole_file_once(served: Served) -> None:
    path = next(path for path in served.application._parts.routes._rows if path.endswith(".css"))
    ranges = "bytes=" + ",".join(f"{number}-" for number in range(5_000))
    bombed = await served.send("GET", path, headers={"range": ranges})
    assert (bombed.status, bombed.body) == (200, (await served.send("GET", path)).body)


# covers: HTP-07
@pytest.mark.parametrize("origin", ["null", "https://evil.example", "https://web.example.evil.example"])
async def test_a_foreign_origin_may_not_read_a_token(served: Served, origin: str) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    assert (await served.send("OPTIONS", "/token", headers=asked)).header("access-control-allow-origin") is None
    reply = await served.post("/token", CREDENTIALS, {**MACHINE, "origin": origin})
    assert reply.header("access-control-allow-origin") is None


# covers: HTP-07
async def test_a_registered_origin_passes_the_preflight(served: Served) -> None:
    asked = {"origin": "https://web.example", "access-control-request-method": "POST"}
    reply = await served.send("OPTIONS", "/token", headers=asked)
    assert reply.status == 204
    assert reply.header("access-control-allow-origin") == "https://web.example"


# covers: HTP-07
@pytest.mark.parametrize("path", ["/authorize", "/login", "/consent", "/logout"])
async def test_pages_answer_no_preflight(served: Served, path: str) -> None:
    reply = await served.send("OPTIONS", path, headers={"origin": "https://web.example"})
    assert reply.status in {404, 405}
    assert reply.header("access-control-allow-origin") is None


# covers: HTP-07
@pytest.mark.parametrize("path", ["/jwks.json", "/.well-known/openid-configuration"])
async def test_public_documents_may_be_read_from_anywhere(served: Served, path: str) -> None:
    reply = await served.send("GET", path, headers={"origin": "null"})
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("access-control-allow-credentials") is None


# covers: LGG-03
@pytest.mark.parametrize("face", list(Face))
async def test_a_bug_is_a_500_that_tells_nothing_and_a_log_line_that_tells_where(
    served: Served, face: Face
) -> None:
    reply = await served.send("GET", f"/bug/{face}")
    assert reply.status == 500
    assert reply.header("cache-control") == "no-store"
    for word in (b"hunter2", b"Traceback", b"RuntimeError", b".py"):
        assert word not in reply.body
    (line,) = served.house.log.of("request.failed")
    assert line["exception"] == "RuntimeError"
    assert "break_down" in str(line["where"])
    assert line["path"] == f"/bug/{face}"
    if face is Face.PERSON:
        assert str(line["request_id"]).encode() in reply.body


@pytest.mark.parametrize("face", list(Face))
async def test_an_outage_is_503_with_a_time_to_come_back(served: Served, face: Face) -> None:
    reply = await served.send("GET", f"/outage/{face}")
    assert (reply.status, reply.header("retry-after")) == (503, "3")
    assert reply.header("cache-control") == "no-store"
    assert served.house.log.of("request.unavailable")


@pytest.mark.parametrize(
    ("face", "content_type"),
    [
        (Face.MACHINE, "application/json"),
        (Face.PERSON, "text/html"),
        (Face.ADMINISTRATOR, "application/problem+json"),
    ],
)
async def test_a_refusal_speaks_with_the_face_of_its_row(served: Served, face: Face, content_type: str) -> None:
    reply = await served.send("GET", f"/refusal/{face}")
    assert reply.status == 400
    assert str(reply.header("content-type")).startswith(content_type)
    assert b"hunter2" not in reply.body
    (line,) = served.house.log.of("request.refused")
    assert (line["requirement"], line["detail"]) == ("RFC6749-5.2", SECRET_TEXT)


# covers: HTP-09
async def test_an_error_page_carries_the_headers_of_every_page(served: Served) -> None:
    reply = await served.send("GET", "/nowhere", headers={"accept": "text/html"})
    assert reply.status == 404
    assert "unsafe" not in str(reply.header("content-security-policy"))
    assert reply.header("referrer-policy")
    assert reply.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("target", ["/nowhere", "/token/", "/%74oken/x", "/t/acme", "/.well-known/nothing", "*"])
async def test_an_unknown_path_is_404(served: Served, target: str) -> None:
    assert (await served.send("GET", target)).status == 404


async def test_a_malformed_path_is_400(served: Served) -> None:
    assert (await served.send("GET", "/%zz")).status == 400


# covers: HTP-03
async def test_forwarding_headers_change_nothing_but_the_address_and_only_from_a_named_proxy() -> None:
    forged = {
        "host": "evil.example",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "x-forwarded-prefix": "/evil",
        "forwarded": "for=192.0.2.9;host=evil.example;proto=http",
    }
    served = await serve_house(further=ECHO, trusted_proxies=("10.0.0.0/8",))
    believed = await served.send("GET", "/echo", headers=forged, peer="10.0.0.1")
    unknown = await served.send("GET", "/echo", headers=forged, peer="198.51.100.9")
    assert believed.body.decode().split() == ["GET", "/echo", "192.0.2.1", "https://as.example"]
    assert unknown.body.decode().split() == ["GET", "/echo", "198.51.100.9", "https://as.example"]
    metadata = await served.send("GET", "/.well-known/openid-configuration", headers=forged, peer="10.0.0.1")
    assert b"evil" not in metadata.body


async def test_a_peer_that_hangs_up_in_its_body_gets_no_answer_and_changes_nothing(served: Served) -> None:
    sent: list[object] = []
    scope = {
        "type": "http", "method": "POST", "raw_path": b"/token", "path": "/token", "query_string": b"",
        "headers": [(b"content-type", FORM.encode())], "client": None,
    }  # fmt: skip

    async def hang_up() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    await served.application(scope, hang_up, send)
    assert sent == []


async def test_the_application_can_be_mounted_under_the_path_of_its_issuer() -> None:
    served = await serve_house(issuer="https://host.example/auth", further=ECHO)
    assert (await served.send("GET", "/auth/echo")).status == 200
    assert (await served.send("GET", "/echo")).status == 404
    metadata = await served.send("GET", "/.well-known/oauth-authorization-server/auth")
    assert metadata.json["token_endpoint"] == "https://host.example/auth/token"
