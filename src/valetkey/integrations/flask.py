"""The guard for Flask: one object, one decorator, and the metadata route (RFC 6750; RFC 9728)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Unpack

import flask
from werkzeug.local import LocalProxy

from valetkey.integrations.background import LOOP
from valetkey.integrations.guarding import (
    DENIAL_TYPE,
    METADATA_HEADERS,
    ApiGuard,
    RuleOptions,
    denial_body,
    name_of,
)
from valetkey.integrations.wsgi import TOKEN, view_of_environ
from valetkey.oauth.access_token import AccessToken
from valetkey.resource_server import Allow, AllowAnonymous

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.resource_server import Deny, Rule

    View = Callable[..., Any]


class Guard(ApiGuard):
    """Guards views: `@app.get("/albums")` above `@guard.requires("albums.read")`.

    Requests are judged on one event loop of the process, which a forked worker begins anew.
    """

    def requires(self, *scope: str, **options: Unpack[RuleOptions]) -> Callable[[View], View]:
        """Return the decorator that lets a request reach its view only with a token that carries `scope`.

        The options are those of RuleOptions. The view, `def` or `async def`, finds the token as `access_token`.
        """

        def decorate(view: View) -> View:
            options.setdefault("name", name_of(view))
            return self._guarded(view, self.rule(*scope, **options))

        return decorate

    def optional(self, *scope: str, **options: Unpack[RuleOptions]) -> Callable[[View], View]:
        """Return the decorator that lets a request without credentials pass too: `known_token()` is None then."""

        def decorate(view: View) -> View:
            options.setdefault("name", name_of(view))
            return self._guarded(view, self.public_rule(*scope, **options))

        return decorate

    def init_app(self, app: flask.Flask) -> None:
        """Serve the metadata of the resource."""

        def metadata() -> flask.Response:
            return flask.Response(self.metadata_body(), headers=dict(METADATA_HEADERS))

        app.add_url_rule(self.metadata_path, "valetkey_metadata", metadata, methods=["GET"])

    def _guarded(self, view: View, rule: Rule) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            environ = flask.request.environ
            seen = view_of_environ(environ, self.trusted_proxies)
            outcome = LOOP.decide(self.decide_view(seen, rule, environ))
            if not isinstance(outcome, Allow | AllowAnonymous):
                return denial(outcome)
            environ[TOKEN] = outcome.token if isinstance(outcome, Allow) else None
            if outcome.headers:
                added = outcome.headers

                @flask.after_this_request
                def add(response: flask.Response) -> flask.Response:
                    response.headers.extend(added)
                    return response

            return flask.current_app.ensure_sync(view)(*args, **kwargs)

        return guarded


def denial(deny: Deny) -> flask.Response:
    """Return the response that a denied request gets."""
    return flask.Response(denial_body(deny), status=deny.status, headers=dict((DENIAL_TYPE, *deny.headers)))


def known_token() -> AccessToken | None:
    """Return the token of the request, which a middleware around the application may have judged too.

    None for a request without credentials, or on an unguarded view.
    """
    # Not in `g`, which a test may keep open over several requests.
    token = flask.request.environ.get(TOKEN) if flask.has_request_context() else None
    return token if isinstance(token, AccessToken) else None


def _token() -> AccessToken:
    token = known_token()
    if token is None:
        raise RuntimeError("this view is not guarded: put @guard.requires(...) on it")
    return token


access_token: AccessToken = LocalProxy(_token)  # type: ignore[assignment]  # it stands for the token of the request
"""The token of the request that a guard let pass; raises RuntimeError in an unguarded view."""
