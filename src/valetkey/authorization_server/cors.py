"""Which origins of browsers may read what a client is answered (OAuth 2.1, 3.1; Fetch, 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.policy import ClientUrlRule
from valetkey.authorization_server.self_registration.admission import mode_of

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.errors import OAuthError
    from valetkey.oauth.http import HttpRequest

Headers = tuple[tuple[str, str], ...]

VARY: Final = ("vary", "Origin")
_EXPOSED: Final = ("access-control-expose-headers", "WWW-Authenticate, Retry-After")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def allow_origin(request: HttpRequest, client: Client) -> Headers:
    """Return the response headers for a request of `client`: its own origins may read, no other.

    An origin is the client's when it is exactly that of one of its redirect URIs.
    """
    origin = request.header(b"origin")
    if origin is None:
        return ()
    return (*allowed(origin), _EXPOSED) if origin in origins_of(client) else (VARY,)


async def allow_registered_origin(request: HttpRequest, server: AuthorizationServer) -> Headers:
    """Return the response headers for a refusal whose client nobody knows: any client's origin may read it."""
    origin = request.header(b"origin")
    if origin is None:
        return ()
    return (*allowed(origin), _EXPOSED) if await is_registered_origin(origin, server) else (VARY,)


async def is_registered_origin(origin: str, server: AuthorizationServer) -> bool:
    """Say whether it may be the origin of one of the tenant's clients."""
    if mode_of(server.tenant, server.policy) is RegistrationMode.OPEN:
        # Anybody could make their origin a client's: looking through all strangers for it would protect nobody, and
        # cost much. What a client is told lets be read by the origin of that very client.
        return True
    clients = await server.stores.clients.list()
    if any(origin in origins_of(client) for client in clients if not client.disabled):
        return True
    return server.policy.client_urls is ClientUrlRule.READ and server.client_documents.name_origin(origin)


def readable(error: OAuthError, headers: Headers) -> OAuthError:
    """Return the error with the headers that let the client's own script read it."""
    return type(error)(
        error.code,
        error.description,
        error.requirement,
        detail=error.detail,
        headers=(*error.headers, *headers),
    )


def origins_of(client: Client) -> frozenset[str]:
    """Return the origins of the client's http and https redirect URIs, as browsers serialise them."""
    return frozenset(origin for uri in client.redirect_uris if (origin := origin_of(uri)) is not None)


def origin_of(uri: str) -> str | None:
    """Return the origin of a http or https URI as browsers serialise it; None for any other."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}")


def allowed(origin: str) -> Headers:
    """Return the headers that open a response to `origin`."""
    return (("access-control-allow-origin", origin), ("access-control-allow-credentials", "true"), VARY)
