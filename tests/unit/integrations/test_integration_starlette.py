from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from support.issuer import ISSUER, NOW, TestIssuer
from valetkey.cli import demo_api
from valetkey.integrations import fastapi as fastapi_face
from valetkey.integrations.starlette import Guard, access_token
from valetkey.oauth.challenge import parse_challenges
from valetkey.resource_server import AccessToken

AS = TestIssuer()
RESOURCE = "http://localhost:9000"


def _token(scope: str = "albums.read", **changes: object) -> dict[str, str]:
    return {"authorization": f"Bearer {AS.token({'aud': RESOURCE, 'scope': scope, **changes})}"}


def _starlette() -> Starlette:
    guard = Guard(ISSUER, RESOURCE, keys=AS.source())

    @guard.requires("albums.read")
    async def albums(request: Request) -> dict[str, str]:
        return {"subject": access_token(request).subject}

    @guard.requires("albums.read")
    def blocking(request: Request) -> dict[str, str]:
        return {"subject": request.state.access_token.subject}

    async def open_door(request: Request) -> dict[str, str]:
        return {"subject": access_token(request).subject}

    return Starlette(
        routes=[
            Route("/albums", albums, methods=["GET", "POST", "OPTIONS"]),
            Route("/blocking", blocking),
            Route("/open", open_door),
            *guard.routes,
        ]
    )


def _fastapi() -> FastAPI:
    guard = fastapi_face.Guard(ISSUER, RESOURCE, keys=AS.source())
    app = FastAPI()

    @app.get("/albums")
    async def albums(token: Annotated[AccessToken, Depends(guard.token("albums.read"))]) -> dict[str, str]:
        return {"subject": token.subject}

    app.router.routes.extend(guard.routes)
    return app


@pytest.fixture(params=[_starlette, _fastapi], ids=["starlette", "fastapi"])
def api(request: pytest.FixtureRequest) -> TestClient:
    return TestClient(request.param(), raise_server_exceptions=False)


def test_a_guarded_route_answers_a_good_token(api: TestClient) -> None:
    response = api.get("/albums", headers=_token())
    assert (response.status_code, response.json()) == (200, {"subject": "alice"})


# covers: GTW-01
@pytest.mark.requirement("OAUTH21-5.1/no-query")
def test_a_guarded_route_challenges_who_brings_nothing(api: TestClient) -> None:
    response = api.get("/albums?access_token=" + _token()["authorization"].removeprefix("Bearer "))
    assert response.status_code == 401
    (challenge,) = parse_challenges(response.headers["www-authenticate"])
    assert challenge.get("error") is None
    assert challenge.get("resource_metadata") == f"{RESOURCE}/.well-known/oauth-protected-resource"


# covers: GTW-02
def test_a_guarded_route_forbids_too_little_scope(api: TestClient) -> None:
    response = api.get("/albums", headers=_token("profile"))
    assert response.status_code == 403
    assert parse_challenges(response.headers["www-authenticate"])[0].get("scope") == "albums.read"


def test_an_expired_token_gets_the_reason(api: TestClient) -> None:
    response = api.get("/albums", headers=_token(exp=NOW - 1))
    assert response.status_code == 401
    assert "expired" in response.text


# covers: GTW-01
def test_two_authorization_headers_are_refused(api: TestClient) -> None:
    value = _token()["authorization"]
    assert api.get("/albums", headers=[("authorization", value), ("authorization", value)]).status_code == 400


@pytest.mark.requirement("RFC9728-2/resource")
@pytest.mark.requirement("RFC9728-3/well-known")
@pytest.mark.requirement("RFC9728-3.1/published")
@pytest.mark.requirement("RFC9728-3.2/response")
def test_the_metadata_names_resource_server_and_scopes(api: TestClient) -> None:
    response = api.get("/.well-known/oauth-protected-resource")
    assert response.json() == {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["albums.read"],
    }
    assert response.headers["access-control-allow-origin"] == "*"


# covers: GTW-06
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_method_of_a_guarded_route_is_guarded(method: str) -> None:
    client = TestClient(_starlette())
    disguised = {"user-agent": "kube-probe/1.30", "x-http-method-override": "OPTIONS"}
    assert client.request(method, "/albums", headers=disguised).status_code == 401
    assert client.request(method, "/albums", headers={**disguised, **_token()}).status_code == 200


def test_a_blocking_endpoint_is_guarded_too() -> None:
    client = TestClient(_starlette())
    assert client.get("/blocking").status_code == 401
    assert client.get("/blocking", headers=_token()).json() == {"subject": "alice"}


def test_asking_for_the_token_on_an_unguarded_route_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="not guarded"):
        TestClient(_starlette()).get("/open", headers=_token())


def test_a_dead_key_source_makes_the_demo_api_answer_503_not_401() -> None:
    # Nothing listens on port 9 of loopback: the keys of this issuer cannot be had.
    client = TestClient(demo_api.application("http://127.0.0.1:9", RESOURCE))
    response = client.get("/albums", headers=_token())
    assert response.status_code == 503
    assert response.headers["retry-after"]
