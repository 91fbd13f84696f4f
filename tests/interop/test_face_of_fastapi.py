"""What the guard for FastAPI gives it beside its answers: what OpenAPI says, and scopes that routers add."""

import json
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Security
from fastapi.openapi.models import OAuthFlowAuthorizationCode, OAuthFlows

from support.faces.asking import AsgiFace
from support.faces.stage import Stage, bearer, seen
from support.issuer import ISSUER
from valetkey.integrations import fastapi as fastapi_guard
from valetkey.resource_server import AccessToken

pytestmark = [pytest.mark.interop, pytest.mark.anyio]

DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"


def _fastapi(stage: Stage) -> tuple[FastAPI, fastapi_guard.Guard]:
    guard = stage.guard(fastapi_guard.Guard)
    app = FastAPI()
    router = APIRouter(dependencies=[Security(guard.by_scopes, scopes=["staff"])])

    @app.get("/albums")
    async def albums(token: Annotated[AccessToken, Security(guard.token("albums.read"))]) -> dict[str, str]:
        return seen(token)

    @app.post("/albums")
    def add(token: Annotated[AccessToken, Security(guard.by_scopes, scopes=["albums.write"])]) -> dict[str, str]:
        return seen(token)

    @router.get("/staff")
    async def staff(token: Annotated[AccessToken, Security(guard.by_scopes, scopes=["reports"])]) -> dict[str, str]:
        return seen(token)

    @app.get("/free")
    async def free() -> None:
        return None

    app.include_router(router)
    return app, guard


async def test_fastapi_tells_openapi_of_scheme_scopes_and_refusals() -> None:
    app, guard = _fastapi(Stage())
    guard.install(app)
    document = app.openapi()
    assert document["components"]["securitySchemes"] == {
        "access token": {"type": "openIdConnect", "openIdConnectUrl": DISCOVERY}
    }
    paths = document["paths"]
    assert paths["/albums"]["get"]["security"] == [{"access token": ["albums.read"]}]
    assert paths["/albums"]["post"]["security"] == [{"access token": ["albums.write"]}]
    assert paths["/staff"]["get"]["security"] == [{"access token": ["staff", "reports"]}]
    assert "security" not in paths["/free"]["get"]
    assert set(paths["/albums"]["get"]["responses"]) == {"200", "401", "403", "429", "503"}
    assert set(paths["/free"]["get"]["responses"]) == {"200"}
    assert "WWW-Authenticate" in paths["/staff"]["get"]["responses"]["401"]["headers"]


async def test_fastapi_can_show_flows_instead_of_the_discovery_document() -> None:
    app, guard = _fastapi(Stage())
    flow = OAuthFlowAuthorizationCode(
        authorizationUrl=f"{ISSUER}/authorize", tokenUrl=f"{ISSUER}/token", scopes={"albums.read": "See albums"}
    )
    guard.describe(OAuthFlows(authorizationCode=flow))
    guard.install(app)
    (scheme,) = app.openapi()["components"]["securitySchemes"].values()
    assert scheme["flows"]["authorizationCode"]["scopes"] == {"albums.read": "See albums"}


async def test_scopes_that_routers_add_are_asked_for_together() -> None:
    app, guard = _fastapi(Stage())
    guard.install(app)
    face = AsgiFace("fastapi", Stage(), app)
    for scope, status in (("staff", 403), ("reports", 403), ("staff reports", 200)):
        reply = await face.ask("GET", "/staff", [bearer(scope)])
        assert reply.status == status, scope


async def test_a_guard_of_fastapi_that_is_not_installed_refuses_all_the_same() -> None:
    app, _ = _fastapi(Stage())
    face = AsgiFace("fastapi", Stage(), app)
    reply = await face.ask("GET", "/albums", [bearer("profile")])
    assert reply.status == 403
    assert (reply.header("www-authenticate") or "").startswith('Bearer error="insufficient_scope"')
    assert json.loads(reply.body)["detail"]["error"] == "insufficient_scope"
