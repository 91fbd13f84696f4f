"""The pages of a client that a person may want to read before they allow it something (OpenID Registration, 2)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client


class ClientPageKind(StrEnum):
    """What a page is about, by its registered name."""

    HOME = "client_uri"
    POLICY = "policy_uri"
    TERMS = "tos_uri"


@dataclass(frozen=True, slots=True)
class ClientPage:
    """One of them; `host` is what a person recognises it by."""

    kind: ClientPageKind
    url: str
    host: str


def pages_of(client: Client) -> tuple[ClientPage, ...]:
    """Return the https pages of a client, those that it named itself included."""
    described = {} if client.registration is None else client.registration.described
    named = {**described, **client.openid.pages}
    found = [(kind, named.get(kind.value)) for kind in ClientPageKind]
    # OIDCR-2/policy
    return tuple(
        ClientPage(kind, url, urlsplit(url).netloc)
        for kind, url in found
        if isinstance(url, str) and url.startswith("https://")
    )
