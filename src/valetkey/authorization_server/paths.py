"""Where each endpoint stands, relative to its issuer: the routes and the metadata read it here."""

from __future__ import annotations

from typing import Final

AUTHORIZATION: Final = "/authorize"
LOGIN: Final = "/login"
CONSENT: Final = "/consent"
SELECT_ACCOUNT: Final = "/select-account"
ONE_TIME_CODE: Final = "/one-time-code"
ACCOUNT: Final = "/account"
SECOND_FACTOR_IMAGE: Final = "/account/second-factor.svg"
"""The QR code of an enrolment, for who is enrolling alone."""
DEVICE_AUTHORIZATION: Final = "/device_authorization"
DEVICE: Final = "/device"
"""Where a person enters the code that a device shows: short, because it is typed."""
TOKEN: Final = "/token"  # noqa: S105 - a path
INTROSPECTION: Final = "/introspect"
REVOCATION: Final = "/revoke"
REGISTRATION: Final = "/register"
"""Also the folder of the registered clients: each has a segment of its own below it."""
USERINFO: Final = "/userinfo"
JWKS: Final = "/jwks.json"
STATUS_LISTS: Final = "/status"
"""The folder of the lists: each has a segment of its own below it."""
REVOCATION_EVENTS: Final = "/ssf/revocations"
"""Beside the paths of Shared Signals."""
END_SESSION: Final = "/logout"
CHECK_SESSION: Final = "/session"
"""A frame for the pages of clients (OpenID Connect Session Management, 3)."""
OPENID_CONFIGURATION: Final = "/.well-known/openid-configuration"
SERVER_METADATA: Final = "/.well-known/oauth-authorization-server"
