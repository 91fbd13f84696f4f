"""Protected resource metadata (RFC 9728): what an API publishes about the tokens it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


def metadata_path(resource: str) -> str:
    """Return the path of the document: its own path stands behind the well-known one (RFC 9728, 3)."""
    path = urlsplit(resource).path  # RFC9728-3.1/published
    # Only the slash that ends the host goes; one that ends a path is part of the identifier.
    return WELL_KNOWN + ("" if path == "/" else path)  # RFC9728-3.1/terminating-slash


def metadata_url(resource: str) -> str:
    """Return the URL that challenges name as `resource_metadata` (RFC 9728, 5.1)."""
    parts = urlsplit(resource)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{metadata_path(resource)}{query}"


def resource_metadata(
    resource: str, authorization_servers: Sequence[str], scopes: Sequence[str], name: str | None
) -> dict[str, object]:
    """Return the document (RFC 9728, 2); members without a value are left out (3.2)."""
    document: dict[str, object] = {
        "resource": resource,  # RFC9728-2/resource
        "bearer_methods_supported": ["header"],
    }
    if authorization_servers:
        document["authorization_servers"] = list(authorization_servers)
    if scopes:  # RFC9728-3.2/zero-values
        document["scopes_supported"] = sorted(scopes)
    if name:
        document["resource_name"] = name
    return document
