"""A web application with Authlib's Starlette client signs its users in with us: discovery, nonce, ID Token."""

from collections.abc import Iterator
from typing import Any

import pytest
from authlib.integrations.starlette_client import OAuth, OAuthError  # type: ignore[import-untyped] # it carries no types
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from support.dev_server import DevServer

pytestmark = pytest.mark.interop

ORIGIN = "http://localhost:3000"


def application(dev: DevServer) -> Starlette:
    """The application, as Authlib's documentation writes it."""
    oauth = OAuth()
    oauth.register(
        "valetkey",
        client_id="web",
        client_secret=dev.client("web")["client_secret"],
        server_metadata_url=dev.report["links"]["openid_configuration"],
        client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256", "trust_env": False},
    )

    async def login(request: Request) -> Any:
        return await oauth.valetkey.authorize_redirect(request, f"{ORIGIN}/callback", **dict(request.query_params))

    async def callback(request: Request) -> Response:
        try:
            token = await oauth.valetkey.authorize_access_token(request)
        except OAuthError as error:
            return JSONResponse({"error": error.error}, 400)
        known = await oauth.valetkey.userinfo(token=token)
        return JSONResponse({"id_token": token["userinfo"], "userinfo": known})

    return Starlette(
        routes=[Route("/login", login), Route("/callback", callback)],
        middleware=[Middleware(SessionMiddleware, secret_key="s" * 32)],
    )


@pytest.fixture
def app(dev: DevServer) -> Iterator[TestClient]:
    with TestClient(application(dev), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


def test_the_application_learns_who_signed_in(dev: DevServer, app: TestClient) -> None:
    sent = app.get("/login", params={"prompt": "consent"})
    assert sent.headers["location"].startswith(f"{dev.issuer}/authorize?")
    person = dev.person()
    sight = person.submit(person.sign_in(person.open(sent.headers["location"])), "consent-allow")
    answer = app.get(sight.url)
    assert answer.status_code == 200, answer.text
    known = answer.json()
    assert (known["id_token"]["iss"], known["id_token"]["aud"]) == (dev.issuer, "web")
    assert known["id_token"]["nonce"]
    assert known["userinfo"]["sub"] == known["id_token"]["sub"]
    assert known["userinfo"]["preferred_username"] == "alice"


def test_the_application_learns_that_consent_was_declined(dev: DevServer, app: TestClient) -> None:
    person = dev.person()
    sight = person.sign_in(person.open(app.get("/login", params={"prompt": "consent"}).headers["location"]))
    answer = app.get(person.submit(sight, "consent-deny").url)
    assert (answer.status_code, answer.json()) == (400, {"error": "access_denied"})
