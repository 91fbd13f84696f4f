"""An origin may read what its own client is answered, and nothing else."""

from dataclasses import replace

import pytest

from support.house import build_house, clients
from valetkey.authorization_server.cors import allow_origin, origins_of
from valetkey.authorization_server.preflight import preflight
from valetkey.authorization_server.routes import ROUTES, Cors
from valetkey.oauth.http import HttpRequest

SPA = clients()["spa"]
ROWS = {route.path: route for route in ROUTES}


def from_origin(*origins: str) -> HttpRequest:
    return HttpRequest("POST", "/token", headers=tuple((b"origin", origin.encode()) for origin in origins))


def test_an_origin_is_what_a_browser_sends() -> None:
    uris = (
        "https://App.Example:443/cb", "https://app.example:8443/cb", "http://127.0.0.1:3000/cb", "http://[::1]:80/cb",
        "com.example.app:/cb", "https://app.example/other",
    )  # fmt: skip
    assert origins_of(replace(SPA, redirect_uris=uris)) == {
        "https://app.example",
        "https://app.example:8443",
        "http://127.0.0.1:3000",
        "http://[::1]",
    }


# covers: HTP-07
def test_the_clients_own_origin_is_echoed() -> None:
    headers = dict(allow_origin(from_origin("https://spa.example"), SPA))
    assert headers["access-control-allow-origin"] == "https://spa.example"
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["vary"] == "Origin"


# covers: HTP-07
@pytest.mark.parametrize(
    "origin",
    [
        "null", "https://evil.example", "https://spa.example.evil.example", "http://spa.example",
        "https://spa.example:8443", "https://SPA.example", "https://spa.example/", "https://web.example", "",
    ],
)  # fmt: skip
def test_no_other_origin_is_echoed(origin: str) -> None:
    assert allow_origin(from_origin(origin), SPA) == (("vary", "Origin"),)


def test_a_request_without_or_with_two_origins_opens_nothing() -> None:
    assert allow_origin(from_origin(), SPA) == ()
    assert allow_origin(from_origin("https://spa.example", "https://spa.example"), SPA) == ()


# covers: HTP-07
async def test_a_preflight_answers_for_every_origin_of_the_tenant() -> None:
    house = await build_house()
    for origin in ("https://spa.example", "https://web.example"):
        response = await preflight(from_origin(origin), house.server, ROWS["/token"])
        assert response.header("access-control-allow-origin") == origin
        assert response.header("access-control-allow-methods") == "POST"
        assert "Authorization" in (response.header("access-control-allow-headers") or "")
    response = await preflight(from_origin("https://evil.example"), house.server, ROWS["/token"])
    assert response.header("access-control-allow-origin") is None
    assert response.header("access-control-allow-methods") is None


# covers: HTP-07
def test_only_the_rows_that_read_no_cookie_are_open_to_other_origins() -> None:
    opened = {path: row.cors for path, row in ROWS.items() if row.cors is not Cors.NONE}
    assert opened == {
        "/token": Cors.CLIENT,
        "/device_authorization": Cors.CLIENT,
        "/userinfo": Cors.CLIENT,
        "/jwks.json": Cors.ANY,
        "/register": Cors.ANY,
        "/register/{client_id}": Cors.ANY,
        "/revoke": Cors.CLIENT,
        "/status/{list}": Cors.ANY,
        "/.well-known/openid-configuration": Cors.ANY,
        "/.well-known/oauth-authorization-server": Cors.ANY,
        "/.well-known/ssf-configuration": Cors.ANY,
    }
