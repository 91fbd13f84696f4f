"""Sector identifiers: which clients know an end-user by the same pairwise subject (OpenID Connect Core, 8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client


def sector_of(client: Client) -> str:
    """Return the sector identifier: the host of `sector_identifier_uri`, else of the redirect URIs (Core, 8.1).

    ValueError where these have several hosts or none: registration refuses such a pairwise client.
    """
    hosts = sector_hosts(client)
    if len(hosts) != 1:
        raise ValueError("a pairwise client has one sector")
    return hosts.pop()


def sector_hosts(client: Client) -> set[str]:
    """Return the hosts that the sector may be, in lower case: more than one where the client has to say which.

    An "" among them stands for an application's own scheme, which leads to no host.
    """
    stated = client.openid.sector_identifier_uri
    uris = client.redirect_uris if stated is None else (stated,)  # OIDCC-8.1/sector
    hosts = {_host(uri) for uri in uris}
    # Beside a site's redirect URI it is somebody else's, until a document of the site says otherwise.
    return set() if hosts == {""} else hosts


def is_near(client: Client, uri: str) -> bool:
    """Say whether `uri` is on a host of the client's sector or redirect URIs, or on one below such a host."""
    own = {host for each in client.redirect_uris if (host := _host(each))} | sector_hosts(client)
    host = _host(uri)
    return any(host == each or host.endswith(f".{each}") for each in own if each)


def _host(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    # Any application may write any host behind a scheme of its own.
    return (parts.hostname or "") if parts.scheme in {"https", "http"} else ""
