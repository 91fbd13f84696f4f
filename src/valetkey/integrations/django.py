"""The guard for Django: a decorator for views of both kinds, a middleware for a policy, and the metadata URL."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, Unpack

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from valetkey.integrations.asgi import view_of_scope
from valetkey.integrations.background import LOOP
from valetkey.integrations.guarding import (
    DENIAL_TYPE,
    METADATA_HEADERS,
    ApiGuard,
    RequestJudge,
    RuleOptions,
    denial_body,
    name_of,
)
from valetkey.integrations.wsgi import TOKEN, view_of_environ
from valetkey.oauth.access_token import AccessToken
from valetkey.resource_server import Allow, AllowAnonymous

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.integrations.addresses import TrustedProxies
    from valetkey.resource_server import Decision, Deny, RequestView, Rule

    View = Callable[..., Any]

_READING: Final = frozenset({"GET", "HEAD"})


class Guard(ApiGuard):
    """Guards views: `@guard.requires("albums.read")`, under WSGI and ASGI alike.

    Requests are judged on one event loop of the process, which a forked worker begins anew.
    """

    def requires(self, *scope: str, **options: Unpack[RuleOptions]) -> Callable[[View], View]:
        """Return the decorator that lets a request reach its view only with a token that carries `scope`.

        The options are those of RuleOptions. The view, `def` or `async def`, finds it by `access_token(request)`.
        It is exempt from the CSRF token, because no browser sends an access token by itself.
        """

        def decorate(view: View) -> View:
            options.setdefault("name", name_of(view))
            guarded = self._guarded(view, self.rule(*scope, **options))
            guarded.csrf_exempt = True  # type: ignore[attr-defined]  # as Django's own decorator marks it
            return guarded

        return decorate

    def optional(self, *scope: str, **options: Unpack[RuleOptions]) -> Callable[[View], View]:
        """Return the decorator that lets a request without credentials pass too: its token is None.

        Such a request may be known by a cookie, so the view stays under the protection against CSRF.
        """

        def decorate(view: View) -> View:
            options.setdefault("name", name_of(view))
            return self._guarded(view, self.public_rule(*scope, **options))

        return decorate

    @property
    def urls(self) -> list[Any]:
        """The URL pattern that serves the metadata of the resource, for the root URL configuration."""

        @require_safe  # type: ignore[untyped-decorator]  # Django is untyped
        def metadata(_request: HttpRequest) -> HttpResponse:
            return HttpResponse(self.metadata_body(), headers=dict(METADATA_HEADERS))

        return [path(self.metadata_path.removeprefix("/"), metadata, name="valetkey-metadata")]

    def _guarded(self, view: View, rule: Rule) -> View:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                seen = view_of(request, self.trusted_proxies)
                outcome = await LOOP.decide_from_elsewhere(self.decide_view(seen, rule, kept_of(request)))
                if not isinstance(outcome, Allow | AllowAnonymous):
                    return denial(outcome)
                _tell(request, outcome)
                return _with(await view(request, *args, **kwargs), outcome)

            return guarded_async

        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            outcome = LOOP.decide(self.decide_view(view_of(request, self.trusted_proxies), rule, kept_of(request)))
            if not isinstance(outcome, Allow | AllowAnonymous):
                return denial(outcome)
            _tell(request, outcome)
            return _with(view(request, *args, **kwargs), outcome)

        return guarded


class GuardMiddleware:
    """Judges every request of a project: `VALETKEY_GUARD` names the judge, by its dotted name or as it is.

    The judge is a `guard.for_all(...)`, or a `read_policy(...)` that has a route for whatever the project serves.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Build it as Django does; raises ImproperlyConfigured without the setting."""
        self._get_response = get_response
        self._judge = _configured_judge()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Judge one request."""
        if self._is_async:
            return self._later(request)
        if self._asks_for_metadata(request):
            return self._metadata()
        outcome = LOOP.decide(self._judging(request))
        if not isinstance(outcome, Allow | AllowAnonymous):
            return denial(outcome)
        _tell(request, outcome)
        return _with(self._get_response(request), outcome)

    async def _later(self, request: HttpRequest) -> Any:
        if self._asks_for_metadata(request):
            return self._metadata()
        outcome = await LOOP.decide_from_elsewhere(self._judging(request))
        if not isinstance(outcome, Allow | AllowAnonymous):
            return denial(outcome)
        _tell(request, outcome)
        return _with(await self._get_response(request), outcome)

    def _judging(self, request: HttpRequest) -> Any:
        return self._judge.decide(view_of(request, self._judge.trusted_proxies), kept_of(request))

    def _asks_for_metadata(self, request: HttpRequest) -> bool:
        return request.method in _READING and request.path == self._judge.metadata_path

    def _metadata(self) -> HttpResponse:
        return HttpResponse(self._judge.metadata_body(), headers=dict(METADATA_HEADERS))


def view_of(request: HttpRequest, proxies: TrustedProxies | None = None) -> RequestView:
    """Return what a guard reads of a request; its address is the peer's, or what `proxies` say it is."""
    scope = getattr(request, "scope", None)
    return view_of_environ(request.META, proxies) if scope is None else view_of_scope(scope, proxies)


def kept_of(request: HttpRequest) -> dict[str, Any]:
    """Return what lives as long as a request, for its further rules."""
    scope: dict[str, Any] | None = getattr(request, "scope", None)
    environ: dict[str, Any] = request.META
    return environ if scope is None else scope


def denial(deny: Deny) -> HttpResponse:
    """Return the response that a denied request gets."""
    return HttpResponse(denial_body(deny), status=deny.status, headers=dict((DENIAL_TYPE, *deny.headers)))


def access_token(request: HttpRequest) -> AccessToken:
    """Return the token of a request that a guard let pass; raises RuntimeError in an unguarded view."""
    token = known_token(request)
    if token is None:
        raise RuntimeError("this view is not guarded: put @guard.requires(...) on it")
    return token


def known_token(request: HttpRequest) -> AccessToken | None:
    """Return the token of the request; None for one without credentials, or in an unguarded view."""
    token = kept_of(request).get(TOKEN)
    return token if isinstance(token, AccessToken) else None


def _tell(request: HttpRequest, outcome: Allow | AllowAnonymous) -> None:
    kept_of(request)[TOKEN] = outcome.token if isinstance(outcome, Allow) else None


def _with(response: Any, outcome: Decision) -> Any:
    for name, value in outcome.headers:
        response[name] = value
    return response


def _configured_judge() -> RequestJudge:
    named = getattr(settings, "VALETKEY_GUARD", None)
    if named is None:
        raise ImproperlyConfigured("GuardMiddleware needs VALETKEY_GUARD, such as 'shop.guard.judge'")
    judge: RequestJudge = import_string(named) if isinstance(named, str) else named
    return judge
