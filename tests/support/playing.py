"""Plays both sides of a sign-in at a running `valetkey dev`: the client library, and the person at a browser."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx2

from valetkey.client import OAuthClient, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.dev_server import DevServer
    from valetkey.client import SignedIn

SCOPE = "openid offline_access albums.read"
PATIENCE = 60


def browse(dev: DevServer) -> Callable[[str], None]:
    """Return what opens a URL as a person would: signs in, allows, and lets the browser go where it is sent."""

    def open_url(url: str) -> None:
        def visit() -> None:
            person = dev.person()
            sight = person.open(url)
            if "login-submit" in sight.ids:
                sight = person.sign_in(sight)
            if "consent-allow" in sight.ids:
                sight = person.submit(sight, "consent-allow")
            httpx2.get(sight.url, trust_env=False, timeout=PATIENCE)

        threading.Thread(target=visit, daemon=True).start()

    return open_url


def native(dev: DevServer, scope: str = SCOPE) -> SignedIn:
    """Sign alice in by the native client."""
    with OAuthClient(dev.issuer, "native") as client:
        return sign_in(client, scope, resource=dev.api, show=browse(dev), seconds=PATIENCE)


def enter_code(dev: DevServer, page: str, user_code: str, answer: str = "device-allow") -> None:
    """Do what a device asks its person to do."""
    person = dev.person()
    sight = person.open(page)
    if "login-submit" in sight.ids:
        sight = person.sign_in(sight)
    sight = person.submit(sight, "device-submit", device_user_code=user_code)
    if "login-submit" in sight.ids:
        sight = person.sign_in(sight)
    sight = person.submit(sight, answer)
    assert sight.status == 200, sight.text
