import json

import pytest

from support.scripted import Script
from valetkey.client import ResponseRejected, Server, ServerUnreachable
from valetkey.client.discovery import discover, metadata_url, metadata_urls
from valetkey.client.flow import OutgoingRequest, is_safe_url

ISSUER = "https://as.example/t/acme"
MEMBERS: dict[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks.json",
    "authorization_response_iss_parameter_supported": True,
}
DOCUMENT = json.dumps(MEMBERS).encode()


@pytest.mark.requirement("RFC8414-3.1/terminating-slash")
def test_a_path_in_the_issuer_stands_behind_the_well_known_part() -> None:
    assert metadata_url("https://as.example/") == "https://as.example/.well-known/oauth-authorization-server"
    assert metadata_url("https://as.example/t/x") == "https://as.example/.well-known/oauth-authorization-server/t/x"


def test_metadata_is_looked_for_at_every_place_in_turn() -> None:
    script = Script((404, b""), (200, b"<!doctype html>"), (200, DOCUMENT))
    server = script.run(discover(ISSUER))
    assert script.urls == list(metadata_urls(ISSUER))
    assert script.urls == [
        "https://as.example/.well-known/oauth-authorization-server/t/acme",
        "https://as.example/t/acme/.well-known/openid-configuration",
        "https://as.example/.well-known/openid-configuration/t/acme",
    ]
    assert (server.token_endpoint, server.sends_issuer) == (f"{ISSUER}/token", True)
    assert server.device_authorization_endpoint is None


def test_an_issuer_without_path_has_two_places() -> None:
    assert len(metadata_urls("https://as.example")) == 2


@pytest.mark.requirement("RFC8414-3.3/issuer")
@pytest.mark.parametrize("issuer", ["https://evil.example", f"{ISSUER}/", "", None, 7])
def test_metadata_of_another_issuer_ends_the_search(issuer: object) -> None:
    script = Script((200, json.dumps(MEMBERS | {"issuer": issuer}).encode()), (200, DOCUMENT))
    with pytest.raises(ResponseRejected) as caught:
        script.run(discover(ISSUER))
    assert caught.value.code == "issuer_mismatch"
    assert len(script.urls) == 1


def test_where_nothing_is_published_the_search_says_so() -> None:
    with pytest.raises(ResponseRejected) as caught:
        Script((404, b""), (404, b""), (404, b"")).run(discover(ISSUER))
    assert caught.value.code == "no_metadata"


def test_a_server_in_trouble_is_no_server_without_metadata() -> None:
    with pytest.raises(ServerUnreachable):
        Script((503, b""), (404, b""), (404, b"")).run(discover(ISSUER))


@pytest.mark.parametrize(
    "url",
    [
        "http://as.example/token",
        "http://127.0.0.1:9/token",
        "file:///etc/passwd",
        "https://",
        7,
        "https://u:p@as.example/",
    ],
)
def test_an_endpoint_that_is_not_safe_to_send_secrets_to_is_rejected(url: object) -> None:
    with pytest.raises(ResponseRejected):
        Server.parse(json.dumps(MEMBERS | {"token_endpoint": url}).encode(), ISSUER)


def test_an_issuer_on_loopback_may_have_its_endpoints_there() -> None:
    local = "http://127.0.0.1:8400"
    document = json.dumps({"issuer": local, "token_endpoint": f"{local}/token"}).encode()
    assert Server.parse(document, local).token_endpoint == f"{local}/token"


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"\xff", b'{"issuer": "https://as.example/t/acme"}', b"[" * 100_000]
)
def test_a_document_that_is_no_metadata_is_rejected(document: bytes) -> None:
    with pytest.raises(ResponseRejected):
        Server.parse(document, ISSUER)


def test_an_endpoint_that_the_server_does_not_have_is_named() -> None:
    with pytest.raises(ResponseRejected, match="device_authorization_endpoint"):
        Server.parse(DOCUMENT, ISSUER).require("device_authorization_endpoint")


@pytest.mark.parametrize(
    "issuer", ["http://as.example", "https://as.example?x", "https://as.example#x", "as.example"]
)
def test_an_issuer_that_cannot_be_one_is_never_asked(issuer: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        Script().run(discover(issuer))


@pytest.mark.parametrize(
    "url", ["https://as.example/token", "http://localhost:8400/token", "http://[::1]:8400/token"]
)
def test_tokens_go_over_tls_or_to_this_machine(url: str) -> None:
    assert is_safe_url(url)
    assert OutgoingRequest(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.2/",
        "ftp://127.0.0.1/",
        "https://as.example:port/",
        "https://[::1/",
        "//as.example/",
        "https://user@as.example/",
        "",
    ],
)
def test_tokens_go_nowhere_else(url: str) -> None:
    assert not is_safe_url(url)
    with pytest.raises(ValueError, match="https"):
        OutgoingRequest(url)
