"""docs/reference/endpoints.md, from the matrix of routes and the tables behind the token endpoint."""

from __future__ import annotations

import inspect
from dataclasses import fields
from os.path import commonpath
from typing import TYPE_CHECKING, Final, cast

from tools.markdown import code, codes, first_clause, table

from valetkey.administration.admission import Admitted
from valetkey.administration.routes import CALLS
from valetkey.authorization_server.client_authentication import METHODS
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.authorization_server.routes import ROUTES, Accepts, Cors, Csrf, Face
from valetkey.oauth.errors import ERRORS
from valetkey.oauth.metadata import ServerMetadata
from valetkey.server import Health
from valetkey.ui.routes import asset_routes

if TYPE_CHECKING:
    from valetkey.authorization_server.routes import Route
    from valetkey.server import TenantServers

HEAD: Final = """\
# Endpoints

<!-- Written by tools/reference_endpoints.py from the routes and tables of the server: change them there. -->

Each path is relative to the issuer. The default tenant's issuer is the configured one; another tenant's is
`ISSUER/t/NAME`, with all of these paths under it.
"""

RULES: Final = ("path", "cache", "read by other origins", "body", "guard of a POST", "errors")
CORS_WORDS: Final = {
    Cors.NONE: "none",
    Cors.ANY: "any (`*`)",
    Cors.CLIENT: "the origin of a redirect URI of the client",
}
_BODIES: Final = {Accepts.NOTHING: "none", Accepts.FORM: "a form", Accepts.JSON: "JSON"}
_WITH_BODY: Final = frozenset({"PATCH", "POST", "PUT"})
CSRF_WORDS: Final = {
    Csrf.NOT_NEEDED: "reads no cookie",
    Csrf.FORM_TOKEN: "a token of its own form",
    Csrf.SAFE: "changes nothing that matters",
}
FACE_WORDS: Final = {
    Face.MACHINE: "JSON",
    Face.PERSON: "a page",
    Face.ADMINISTRATOR: "problem details (RFC 9457)",
}


def page() -> str:
    """Return the page."""
    return f"{HEAD}\n{_endpoints()}\n{_system()}\n{_token()}\n{_errors()}\n{_metadata()}"


def _endpoints() -> str:
    asset = asset_routes()[0]
    files = code(f"{commonpath([route.path for route in asset_routes()])}/…")
    named = [(code(route.path), codes(sorted(route.methods)), _what(route)) for route in (*ROUTES, *CALLS)]
    assets = (files, codes(sorted(asset.methods)), "The style sheet, icons and script of the pages")
    rules = [(code(route.path), *_rules(route)) for route in (*ROUTES, *CALLS)]
    return (
        table(("path", "methods", "what it is"), [*named, assets])
        + f"\n{_placements()}\n## What each one allows\n\n"
        + table(RULES, [*rules, (files, *_rules(asset))])
    )


def _what(route: Route) -> str:
    if isinstance(route.endpoint, Admitted):
        return first_clause(inspect.getdoc(route.endpoint.call))
    return first_clause(getattr(inspect.getmodule(route.endpoint), "__doc__", None))


def _rules(route: Route) -> tuple[str, ...]:
    takes_post = "POST" in route.methods
    return (
        code(route.cache.value),
        CORS_WORDS[route.cors],
        _BODIES[route.accepts] if not _WITH_BODY.isdisjoint(route.methods) else "none",
        CSRF_WORDS[route.csrf] if takes_post else "",
        FACE_WORDS[route.face],
    )


def _placements() -> str:
    inserted = codes(f"{route.path}/t/NAME" for route in ROUTES if route.path_inserted)
    return f"Some clients put the issuer's path behind the well-known one (RFC 8414, 3.1): {inserted} answer too.\n"


def _system() -> str:
    # Its servers are asked when a row is called, which nobody does here.
    rows = Health(cast("TenantServers", None)).rows
    lines = [(code(path.decode()), " ".join((answer.__doc__ or "").split())) for path, answer in rows.items()]
    return "## Health\n\nThese stand at the root and belong to no tenant.\n\n" + table(("path", "200 means"), lines)


def _token() -> str:
    grants = [(code(name), codes(sorted(grant.parameters)), _module_says(grant)) for name, grant in GRANTS.items()]
    methods = [(code(name.value), _module_says(method)) for name, method in METHODS.items()]
    ours = codes(sorted({name.value for name in AuthenticationMethod} - {name.value for name in METHODS}))
    return (
        "## Grants\n\n"
        + table(("`grant_type`", "its parameters", "what it is"), grants)
        + "\n## Client authentication\n\n"
        + table(("method", "what it is"), methods)
        + f"\nA client that is registered for {ours} may use either, one in a request.\n"
    )


def _module_says(row: object) -> str:
    doc = inspect.getdoc(inspect.getmodule(type(row))) or ""
    words = " ".join(doc.split("\n\n")[0].partition(": ")[2].split())
    return words[:1].upper() + words[1:]


def _errors() -> str:
    rows = [
        (code(error.value), str(row.status), "yes" if row.redirectable else "no") for error, row in ERRORS.items()
    ]
    return (
        "## Error codes\n\nA refusal has `error` and `error_description`, whose text is fixed: it never repeats\n"
        "what was sent. At the authorization endpoint it goes to the redirect URI once that is verified, and to\n"
        "an error page before.\n\n" + table(("code", "status of a direct answer", "may be redirected"), rows)
    )


def _metadata() -> str:
    names = codes(field.name for field in fields(ServerMetadata))
    return f"## Members of the server metadata\n\n{names}.\n"
