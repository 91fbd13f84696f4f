"""Authlib's Starlette client renews without a page, asks for a fresh sign-in, takes a posted code, signs out."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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
from support.person import Person, Sight

pytestmark = pytest.mark.interop

ORIGIN = "https://authlib.example.com"


def application(dev: DevServer, secret: str) -> Starlette:
    """The application, as Authlib's documentation writes it."""
    oauth = OAuth()
    oauth.register(
        "valetkey",
        client_id="authlib-sessions",
        client_secret=secret,
        server_metadata_url=dev.report["links"]["openid_configuration"],
        client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "trust_env": False},
    )

    async def login(request: Request) -> Any:
        return await oauth.valetkey.authorize_redirect(request, f"{ORIGIN}/callback", **dict(request.query_params))

    async def callback(request: Request) -> Response:
        try:
            token = await oauth.valetkey.authorize_access_token(request)
        except OAuthError as error:
            return JSONResponse({"error": error.error}, 400)
        return JSONResponse({"id_token": token["id_token"], "claims": token["userinfo"]})

    async def logout(request: Request) -> Any:
        hint = request.query_params.get("hint")
        return await oauth.valetkey.logout_redirect(
            request, f"{ORIGIN}/goodbye", id_token_hint=hint, client_id="authlib-sessions"
        )

    async def goodbye(request: Request) -> Response:
        try:
            return JSONResponse(await oauth.valetkey.validate_logout_response(request))
        except OAuthError as error:
            return JSONResponse({"error": error.description}, 400)

    return Starlette(
        routes=[
            Route("/login", login),
            Route("/callback", callback, methods=["GET", "POST"]),
            Route("/logout", logout),
            Route("/goodbye", goodbye),
        ],
        middleware=[Middleware(SessionMiddleware, secret_key="s" * 32)],
    )


@pytest.fixture(scope="module")
def secret(dev: DevServer) -> str:
    view = dev.add_client(
        "authlib-sessions",
        *("--redirect-uri", f"{ORIGIN}/callback", "--post-logout-redirect-uri", f"{ORIGIN}/goodbye"),
        *("--scope", "openid email", "--grant-type", "authorization_code", "--consent", "first_party"),
        *("--profile", "OPENID"),
    )
    return str(view["client_secret"])


@pytest.fixture
def app(dev: DevServer, secret: str) -> Iterator[TestClient]:
    with TestClient(application(dev, secret), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


def began(app: TestClient, person: Person, **asked: str) -> Sight:
    """Follow the application's link to sign in, up to the first page or the way back."""
    return person.open(app.get("/login", params=asked).headers["location"])


def known(app: TestClient, sight: Sight) -> dict[str, Any]:
    """Return what the application learns from where the browser was sent."""
    answer = app.get(sight.url)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def signed_in(app: TestClient, person: Person, **asked: str) -> dict[str, Any]:
    return known(app, person.sign_in(began(app, person, **asked)))


def test_a_session_that_is_there_is_enough_for_a_request_without_pages(dev: DevServer, app: TestClient) -> None:
    person = dev.person()
    refused = app.get(began(app, person, prompt="none").url)
    assert (refused.status_code, refused.json()) == (400, {"error": "login_required"})
    first = signed_in(app, person)["claims"]
    second = known(app, began(app, person, prompt="none"))["claims"]
    assert {name: second[name] for name in ("sub", "sid", "auth_time", "aud")} == {
        name: first[name] for name in ("sub", "sid", "auth_time", "aud")
    }
    assert second["nonce"] != first["nonce"]


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
def test_a_fresh_sign_in_is_asked_for_and_dated(dev: DevServer, app: TestClient, asked: dict[str, str]) -> None:
    person = dev.person()
    first = signed_in(app, person)["claims"]
    sight = began(app, person, **asked)
    assert "login-submit" in sight.ids
    fresh = known(app, person.sign_in(sight))["claims"]
    assert fresh["sub"] == first["sub"]
    assert fresh["auth_time"] >= first["auth_time"]
    both = app.get(began(app, person, prompt="none", max_age="0").url)
    assert both.json() == {"error": "login_required"}


def test_a_code_that_the_browser_posts_is_taken(dev: DevServer, app: TestClient) -> None:
    person = dev.person()
    sight = person.sign_in(began(app, person, response_mode="form_post"))
    form = sight.form_with("form-post-continue")
    answer = app.post(form.action, data=form.hidden)
    assert answer.status_code == 200, answer.text
    assert answer.json()["claims"]["aud"] == "authlib-sessions"


# covers: LGO-01
def test_signing_out_leads_back_to_the_application_and_ends_the_session(dev: DevServer, app: TestClient) -> None:
    person = dev.person()
    hint = signed_in(app, person)["id_token"]
    sight = person.open(app.get("/logout", params={"hint": hint}).headers["location"])
    assert dict(parse_qsl(urlsplit(sight.url).query)).keys() == {"state"}
    assert app.get(sight.url).json() == {"post_logout_redirect_uri": f"{ORIGIN}/goodbye"}
    assert app.get(f"{ORIGIN}/goodbye?state=another").status_code == 400
    refused = app.get(began(app, person, prompt="none").url)
    assert refused.json() == {"error": "login_required"}


# covers: LGO-01
def test_without_a_hint_the_end_user_is_asked_before_they_are_signed_out(dev: DevServer, app: TestClient) -> None:
    person = dev.person()
    signed_in(app, person)
    sight = person.open(app.get("/logout").headers["location"])
    assert "logout-confirm" in sight.ids
    assert "claims" in known(app, began(app, person, prompt="none"))
    # Authlib forgets what it waits for, once it is answered something else.
    sight = person.open(app.get("/logout").headers["location"])
    assert app.get(person.submit(sight, "logout-confirm").url).status_code == 200
    assert app.get(began(app, person, prompt="none").url).json() == {"error": "login_required"}
