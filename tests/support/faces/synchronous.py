"""The same five routes behind each face of a synchronous framework, and behind Django's of both kinds."""

from __future__ import annotations

import json
from types import ModuleType
from typing import TYPE_CHECKING, Any

import support.faces.django_project  # noqa: F401 - Django is set up before anything of it is imported

# isort: split
import flask
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path as url
from rest_framework.response import Response
from rest_framework.views import APIView

from support.faces.asking import AsgiFace, WsgiFace
from support.faces.stage import OPEN, RULES, Stage, seen
from valetkey.integrations import django as django_guard
from valetkey.integrations import flask as flask_guard
from valetkey.integrations import rest_framework as rest_framework_guard
from valetkey.integrations import wsgi
from valetkey.integrations.guarding import OneRule
from valetkey.integrations.wsgi import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from valetkey.resource_server import AccessToken

    WsgiApplication = Callable[[Any, Any], Iterable[bytes]]

METHODS = ["GET", "HEAD", "POST", "OPTIONS"]


def wsgi_face() -> WsgiFace:
    """A plain application behind the middleware, one for each rule."""
    stage = Stage()
    guard = stage.guard(wsgi.Guard)

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [json.dumps(seen(environ[TOKEN])).encode()]

    guarded: dict[str, WsgiApplication] = {
        path: wsgi.GuardMiddleware(application, guard.for_all(*scope, **options))
        for path, (scope, options) in RULES.items()
    }
    guarded[OPEN] = wsgi.GuardMiddleware(application, OneRule(guard, guard.public_rule()))

    def chosen(environ: Any, start_response: Any) -> Iterable[bytes]:
        return guarded.get(environ["PATH_INFO"], guarded["/albums"])(environ, start_response)

    return WsgiFace("wsgi", stage, chosen)


def flask_face() -> WsgiFace:
    """Flask, with a view that is `async def` among the others."""
    stage = Stage()
    guard = stage.guard(flask_guard.Guard)
    app = flask.Flask("albums")
    app.testing = True

    def view() -> dict[str, str]:
        return seen(flask_guard.known_token())

    async def view_async() -> dict[str, str]:
        return seen(flask_guard.access_token)

    for path, (scope, options) in RULES.items():
        written: Any = view_async if path == "/payments" else view
        app.add_url_rule(path, path[1:], guard.requires(*scope, **options)(written), methods=METHODS)
    app.add_url_rule(OPEN, "open", guard.optional()(view), methods=METHODS)
    guard.init_app(app)
    return WsgiFace("flask", stage, app)


def django_face() -> WsgiFace:
    """Django under WSGI."""
    stage = Stage()
    guard = stage.guard(django_guard.Guard)

    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(seen(django_guard.known_token(request)))

    urls = [url(path[1:], guard.requires(*scope, **options)(view)) for path, (scope, options) in RULES.items()]
    return WsgiFace("django", stage, _wsgi_with([*urls, url(OPEN[1:], guard.optional()(view)), *guard.urls]))


def django_async_face() -> AsgiFace:
    """Django under ASGI, with views that are `async def`."""
    stage = Stage()
    guard = stage.guard(django_guard.Guard)

    async def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(seen(django_guard.known_token(request)))

    urls = [url(path[1:], guard.requires(*scope, **options)(view)) for path, (scope, options) in RULES.items()]
    module = urlconf([*urls, url(OPEN[1:], guard.optional()(view)), *guard.urls])

    class Handler(ASGIHandler):  # type: ignore[misc]  # Django is untyped
        async def get_response_async(self, request: HttpRequest) -> Any:
            request.urlconf = module
            return await super().get_response_async(request)

    return AsgiFace("django-async", stage, Handler())


def rest_framework_face() -> WsgiFace:
    """Django REST framework."""

    stage = Stage()
    guard = stage.guard(rest_framework_guard.Guard)

    def view_of(permission: Any) -> Any:
        class Albums(APIView):  # type: ignore[misc]  # the framework is untyped
            authentication_classes = [guard.authentication]  # noqa: RUF012 - as the framework has it
            permission_classes = [permission]  # noqa: RUF012 - as the framework has it

            def get(self, request: Any) -> Response:
                token: AccessToken | None = request.auth
                assert (token is None) is (request.user is None)
                return Response(seen(token))

            post = options = get

        return Albums.as_view()

    urls = [url(path[1:], view_of(guard.permission(*scope, **options))) for path, (scope, options) in RULES.items()]
    urls.append(url(OPEN[1:], view_of(guard.optional_permission())))
    return WsgiFace("rest-framework", stage, _wsgi_with([*urls, *guard.urls]))


def _wsgi_with(urls: list[Any]) -> WsgiApplication:
    module = urlconf(urls)

    class Handler(WSGIHandler):  # type: ignore[misc]  # Django is untyped
        def get_response(self, request: HttpRequest) -> Any:
            # One process of tests has several projects, and Django the settings of one.
            request.urlconf = module
            return super().get_response(request)

    handler: WsgiApplication = Handler()
    return handler


def urlconf(urls: list[Any]) -> ModuleType:
    """Return a URL configuration of its own, which only a request or a setting names."""
    module = ModuleType("urls_of_a_face")
    vars(module)["urlpatterns"] = urls
    return module
