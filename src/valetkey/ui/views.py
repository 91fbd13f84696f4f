"""The views that belong to the pages' own room: those of the dev server's own pages."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Final

from valetkey.authorization_server.pages import Page, View
from valetkey.jose.records import dataclass

_SHOWN: Final = 10


class ClientKind(StrEnum):
    """Which of the seeded clients one is; the page explains each in words."""

    WEB = "web"
    SPA = "spa"
    NATIVE = "native"
    MACHINE = "machine"
    TV = "tv"
    GATEWAY = "api-gateway"


class LinkKind(StrEnum):
    """What stands behind a link of the home page; the page explains each in words."""

    OPENID_CONFIGURATION = "openid_configuration"
    SERVER_METADATA = "server_metadata"
    JWKS = "jwks"
    API = "api"
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class DevUser:
    """Somebody who can sign in; `role` is a word of the seed, such as `admin`."""

    username: str
    password: str = field(repr=False)
    role: str


@dataclass(frozen=True, slots=True)
class DevClient:
    """A seeded client."""

    kind: ClientKind
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DevHome:
    """The home page of `valetkey dev`: what runs here, who can sign in, what to try."""

    users: tuple[DevUser, ...]
    clients: tuple[DevClient, ...]
    links: tuple[tuple[LinkKind, str], ...]
    curl: str = field(repr=False)
    """One command line that calls the demo API and is answered 200."""
    starts_flow: bool = True
    """The demo client's routes are served, so the page offers to start its flow."""
    device_curl: str = ""
    """One command line that starts the device grant, where there is a client for it."""
    debugger: str = ""
    """The path of the token debugger, where it is served."""
    print_shop: str = ""
    """Where the server-side demo application is, where it is served."""
    album_wall: str = ""
    """Where the single-page one is."""
    reading_room: str = ""
    """Where the single-page one without tokens is."""


@dataclass(frozen=True, slots=True)
class DemoCallback:
    """Where the demo client's redirect ends: a code arrived, or an error did."""

    code: str | None = field(default=None, repr=False)
    state: str | None = None
    issuer: str | None = None
    curl: str | None = field(default=None, repr=False)
    """The command line that redeems the code."""
    error: str | None = None
    """The error code that arrived, or the client's own when the answer cannot be trusted."""

    @property
    def masked_code(self) -> str:
        """The first characters of the code: enough to recognise it, too few to redeem it."""
        return f"{self.code[:_SHOWN]}…" if self.code else ""


@dataclass(frozen=True, slots=True)
class JwtDebugger:
    """The token debugger: what it shows is computed in the browser, which gets the tables for that."""

    algorithms: tuple[tuple[str, tuple[str, ...]], ...]
    """The algorithms that browsers can compute, in named groups, those to prefer first."""


@dataclass(frozen=True, slots=True)
class UiPage:
    """A view of this room, with what its response needs beside it, as `Page` has it."""

    view: DevHome | DemoCallback | JwtDebugger
    headers: tuple[tuple[str, str], ...] = ()


AnyPage = Page | UiPage
AnyView = View | DevHome | DemoCallback | JwtDebugger
