"""What each face gives its framework beside the answers that all have in common: documents, users, middleware."""

from __future__ import annotations

import json
from typing import Any

import support.faces.django_project  # noqa: F401 - Django is set up before anything of it is imported

# isort: split
import flask
import litestar
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory, override_settings
from django.urls import path as url
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from support.faces.asking import PEER, AsgiFace, WsgiFace
from support.faces.stage import PER_CLIENT, RESOURCE, Stage, bearer, seen
from support.faces.synchronous import urlconf
from support.issuer import ISSUER
from valetkey.integrations import django as django_guard
from valetkey.integrations import flask as flask_guard
from valetkey.integrations import litestar as litestar_guard
from valetkey.integrations import rest_framework as rest_guard
from valetkey.integrations import wsgi as wsgi_guard
from valetkey.integrations.addresses import TrustedProxies
from valetkey.resource_server import LimitBy, RateLimit

pytestmark = [pytest.mark.interop, pytest.mark.anyio]

DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"


async def test_litestar_tells_openapi_of_the_scheme() -> None:
    guard = Stage().guard(litestar_guard.Guard)

    @litestar.get("/albums", guards=[guard.requires("albums.read")], security=guard.security("albums.read"))
    async def albums(request: litestar.Request[Any, Any, Any]) -> dict[str, str]:
        return {"user": request.user, **seen(request.auth)}

    app = litestar.Litestar([albums], plugins=[guard], logging_config=None)
    document = app.openapi_schema.to_schema()
    assert document["paths"]["/albums"]["get"]["security"] == [{"access token": ["albums.read"]}]
    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme == {"type": "openIdConnect", "openIdConnectUrl": DISCOVERY}
    reply = await AsgiFace("litestar", Stage(), app).ask("GET", "/albums", [bearer()])
    assert json.loads(reply.body)["user"] == "alice"


def _view(request: HttpRequest) -> JsonResponse:
    return JsonResponse(seen(django_guard.known_token(request)))


async def _async_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse(seen(django_guard.known_token(request)))


# covers: GTW-06
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
async def test_a_middleware_of_django_guards_a_whole_project(kind: str) -> None:
    stage = Stage()
    guard = stage.guard(django_guard.Guard)
    view = _view if kind == "wsgi" else _async_view
    with override_settings(
        MIDDLEWARE=["valetkey.integrations.django.GuardMiddleware"],
        VALETKEY_GUARD=guard.for_all("albums.read", limits=[PER_CLIENT]),
        ROOT_URLCONF=urlconf([url("albums", view)]),
    ):
        face: Any = (
            WsgiFace("django", stage, WSGIHandler()) if kind == "wsgi" else AsgiFace("django", stage, ASGIHandler())
        )
        assert (await face.ask("GET", "/albums")).status == 401
        assert (await face.ask("GET", "/nowhere")).status == 401
        assert (await face.ask("GET", "/nowhere", [bearer()])).status == 404
        reply = await face.ask("GET", "/albums", [bearer()])
        assert (reply.status, json.loads(reply.body)["subject"]) == (200, "alice")
        assert reply.header("ratelimit") == '"per-client";r=0;t=3600'
        assert (await face.ask("GET", "/.well-known/oauth-protected-resource")).status == 200


def test_the_middleware_of_django_does_not_start_without_a_judge() -> None:
    with pytest.raises(ImproperlyConfigured, match="VALETKEY_GUARD"):
        django_guard.GuardMiddleware(_view)


def test_a_guarded_view_of_django_needs_no_csrf_token_and_an_optional_one_does() -> None:
    guard = Stage().guard(django_guard.Guard)
    protection = CsrfViewMiddleware(_view)
    request = RequestFactory(enforce_csrf_checks=True).post("/albums", headers={"host": "api.example"})
    protection.process_request(request)
    assert protection.process_view(request, guard.requires("albums.read")(_view), (), {}) is None
    refused = protection.process_view(request, guard.optional("albums.read")(_view), (), {})
    assert refused.status_code == 403


@pytest.mark.parametrize("ask", [django_guard.access_token, lambda _: flask_guard.access_token.subject])
def test_asking_for_the_token_on_an_unguarded_view_says_what_to_do(ask: Any) -> None:
    with flask.Flask("x").app_context(), pytest.raises(RuntimeError, match="not guarded"):
        ask(RequestFactory().get("/"))


def _rest(stage: Stage, guard: rest_guard.Guard, *permissions: Any) -> WsgiFace:
    class Albums(APIView):  # type: ignore[misc]  # the framework is untyped
        authentication_classes = [guard.authentication]  # noqa: RUF012 - as the framework has it
        permission_classes = permissions

        def get(self, request: Any) -> Response:
            user = request.user
            return Response({"pk": user.pk, "name": user.get_username(), "person": user.is_person})

    class Handler(WSGIHandler):  # type: ignore[misc]  # Django is untyped
        def get_response(self, request: HttpRequest) -> Any:
            request.urlconf = urlconf([url("albums", Albums.as_view())])
            return super().get_response(request)

    return WsgiFace("rest", stage, Handler())


async def test_the_user_of_the_rest_framework_is_whom_the_token_speaks_for() -> None:
    stage = Stage()
    guard = stage.guard(rest_guard.Guard)
    face = _rest(stage, guard, guard.permission("albums.read") & IsAuthenticated)
    reply = await face.ask("GET", "/albums", [bearer()])
    assert json.loads(reply.body) == {"pk": f"{ISSUER} alice", "name": "alice", "person": True}


async def test_a_permission_of_the_framework_itself_gets_the_challenge_too() -> None:
    stage = Stage()
    face = _rest(stage, stage.guard(rest_guard.Guard), IsAuthenticated)
    reply = await face.ask("GET", "/albums")
    assert reply.status == 401
    metadata = f"{RESOURCE}/.well-known/oauth-protected-resource"
    assert reply.header("www-authenticate") == f'Bearer resource_metadata="{metadata}"'
    assert (await face.ask("GET", "/albums", [bearer()])).status == 200


@pytest.mark.parametrize("joined", ["or", "not", "two"])
async def test_permissions_that_would_undo_a_refusal_are_refused_themselves(joined: str) -> None:
    stage = Stage()
    guard = stage.guard(rest_guard.Guard)
    one = guard.permission("albums.read")
    permissions = {"or": [one | IsAuthenticated], "not": [~one], "two": [one, guard.permission("profile")]}
    with pytest.raises(ImproperlyConfigured):
        await _rest(stage, guard, *permissions[joined]).ask("GET", "/albums", [bearer()])


async def test_addresses_behind_a_named_proxy_are_counted_apart() -> None:
    by_address = RateLimit.parse("per-address", "1/1h", by=frozenset({LimitBy.ADDRESS}))
    options = {**Stage().options(), "trusted_proxies": TrustedProxies([PEER])}
    guard = flask_guard.Guard(ISSUER, RESOURCE, **options)  # type: ignore[arg-type]  # options of a table
    app = flask.Flask("albums")

    @app.get("/albums")
    @guard.optional(limits=[by_address])
    def albums() -> dict[str, str]:
        return {}

    face = WsgiFace("flask", Stage(), app)
    statuses = [
        (await face.ask("GET", "/albums", [("x-forwarded-for", address)])).status
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1, 192.0.2.2", "192.0.2.2")
    ]
    assert statuses == [200, 429, 200, 429]


async def test_a_view_inside_a_guarded_application_knows_who_asks() -> None:
    stage = Stage()
    guard = stage.guard(flask_guard.Guard)
    app = flask.Flask("albums")
    app.add_url_rule("/albums", "albums", lambda: seen(flask_guard.access_token))
    app.add_url_rule("/staff", "staff", guard.requires("staff")(lambda: seen(flask_guard.access_token)))
    face = WsgiFace("flask", stage, wsgi_guard.GuardMiddleware(app, guard.for_all("albums.read")))
    assert json.loads((await face.ask("GET", "/albums", [bearer()])).body)["subject"] == "alice"
    assert (await face.ask("GET", "/albums")).status == 401
    assert (await face.ask("GET", "/staff", [bearer()])).status == 403
    assert (await face.ask("GET", "/staff", [bearer("albums.read staff")])).status == 200
