"""Device authorization from the client's side: a code that is typed in elsewhere, and patient asking (RFC 8628)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import ResponseRejected, ServerRefused, ServerUnreachable, TimedOut
from valetkey.client.exchange import TokenResponse, ask, members_of, redeem, required_text, rights
from valetkey.client.flow import Wait, is_loopback_url, is_safe_url, present_time
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow

DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL: Final = 5
SLOWER_BY: Final = 5
"""Seconds that a `slow_down` adds to the interval, for good (RFC 8628, 3.5)."""
LONGEST_INTERVAL: Final = 60
LONGEST_LIFETIME: Final = 3_600


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """What the end-user is to be shown: the code, and where to type it in.

    `verification_uri_complete` holds the code already: for a QR code, or a browser that the program opens. Times
    are seconds: `interval` lies between two questions, `expires_at` is since the epoch.
    """

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_at: int
    interval: int
    scope: Scope


def start_device(party: Party, scope: Scope, resource: str | None = None) -> Flow[DeviceAuthorization]:
    """Ask for a device code and a user code (RFC 8628, 3.1 and 3.2); raises the FlowError of any other answer."""
    now = yield from present_time()
    url = party.server.require("device_authorization_endpoint")
    response = yield from ask(party, url, rights(scope, (resource,) if resource else ()))
    members = members_of(response.status, response.body, retry_after=response.header("retry-after"))
    issuer = party.server.issuer
    lifetime = _seconds(members.get("expires_in"), "expires_in")
    # RFC8628-3.2/default-interval
    interval = _seconds(members.get("interval", DEFAULT_INTERVAL), "interval")
    return DeviceAuthorization(
        required_text(members, "device_code"),
        required_text(members, "user_code"),
        _page(required_text(members, "verification_uri"), issuer),
        _complete(members, issuer),
        now + min(lifetime, LONGEST_LIFETIME),
        min(max(interval, 1), LONGEST_INTERVAL),
        scope,
    )


def poll_device(party: Party, device: DeviceAuthorization) -> Flow[TokenResponse]:
    """Ask until the end-user decided (RFC 8628, 3.4 and 3.5), and return the tokens.

    Waits `interval` seconds before each question, 5 more for good after each `slow_down`, twice as many after each
    failure to connect. Raises ServerRefused `access_denied` or `expired_token`, TimedOut when the time is up.
    """
    interval = device.interval
    form = [("grant_type", DEVICE_CODE), ("device_code", device.device_code)]
    while True:
        yield Wait(interval)
        now = yield from present_time()
        if now >= device.expires_at:
            raise TimedOut("Nobody entered the code in time: start again.")
        try:
            return (yield from redeem(party, form, device.scope))
        except ServerRefused as refusal:
            if refusal.code == "slow_down":
                interval += SLOWER_BY  # RFC8628-3.5/slower-client
            elif refusal.code != "authorization_pending":
                raise  # RFC8628-3.5/stop
        except ServerUnreachable:
            interval = max(interval, min(interval * 2, LONGEST_INTERVAL))  # RFC8628-3.5/timeout


def _complete(members: Mapping[str, object], issuer: str) -> str | None:
    if members.get("verification_uri_complete") is None:
        return None
    return _page(required_text(members, "verification_uri_complete"), issuer)


def _page(url: str, issuer: str) -> str:
    # It will be opened in a browser: no other scheme may get there.
    if not is_safe_url(url) or (is_loopback_url(url) and not is_loopback_url(issuer)):
        raise ResponseRejected("invalid_response", "The verification_uri of the answer is no safe URL.")
    return url


def _seconds(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ResponseRejected("invalid_response", f"The {name} of the answer is no number of seconds.")
    return value
