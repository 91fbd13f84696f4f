"""A sign-in under way: what the browser carries to the issuer and back, sealed (OAuth 2.1, 4.1; RFC 9700, 4.7)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.client.code_flow import CodeFlow, StartedCodeFlow
from valetkey.gateway.session.cookies import LOGIN_SECONDS
from valetkey.gateway.session.return_to import is_return_path
from valetkey.gateway.session.sealing import Seal, SealBroken
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.parameters import parse_form

if TYPE_CHECKING:
    from valetkey.client import Server
    from valetkey.gateway.session.settings import SessionSettings

_SHAPES: Final = {
    "acr_values": re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}(?: [\x21\x23-\x5b\x5d-\x7e]{1,200}){0,9}"),
    "max_age": re.compile(r"[0-9]{1,9}"),
    "prompt": re.compile(r"none|login|consent|select_account"),
    "ui_locales": re.compile(r"[A-Za-z0-9-]{2,35}(?: [A-Za-z0-9-]{2,35}){0,9}"),
}
"""What an application may ask of the sign-in; everything else is for the operator to say."""
_COVERED: Final = {
    "profile": {
        "name", "given_name", "family_name", "nickname", "preferred_username", "picture", "zoneinfo", "locale",
    },
    "email": {"email", "email_verified"},
}  # fmt: skip
ERRORS: Final = frozenset({
    "access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required",
    "unmet_authentication_requirements", "temporarily_unavailable", "server_error", "state_mismatch",
    "issuer_mismatch", "nonce_mismatch", "invalid_id_token", "unreachable", "too_long_ago",
})  # fmt: skip
"""What the application is told of a sign-in that brought nothing; anything else is `sign_in_failed`."""


class Asked(msgspec.Struct, frozen=True):
    """What the address of the sign-in asks for."""

    return_to: str
    parameters: dict[str, str]


class WrongRequest(Exception):
    """The address of a sign-in asks for what it cannot have; the message is for who writes the application."""


def parse_login(query: bytes, landing: str) -> Asked:
    """Read the query of `/session/login`; raises WrongRequest."""
    try:
        form = parse_form(query)
    except OAuthError as error:
        raise WrongRequest(error.description) from None
    return_to = form.get("return_to") or landing
    if not is_return_path(return_to):
        raise WrongRequest("return_to is a path of this origin, such as /inbox?page=2.")
    found = {name: form.get(name) for name in _SHAPES}
    for name, value in found.items():
        if value is not None and not _SHAPES[name].fullmatch(value):
            raise WrongRequest(f"{name} is malformed.")
    return Asked(return_to, {name: value for name, value in found.items() if value is not None})


class Departure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A browser that was sent to the issuer: everything that has to be known when it comes back.

    `replaces` is the row of the session that it had, which ends when the new one begins.
    """

    entropy: bytes
    asked: Asked
    replaces: bytes | None
    until: int

    @classmethod
    def of(cls, entropy: bytes, asked: Asked, replaces: bytes | None, now: int) -> Departure:
        """Return one that may come back within a quarter of an hour."""
        return cls(entropy, asked, replaces, now + LOGIN_SECONDS)

    def started(self, settings: SessionSettings, server: Server) -> StartedCodeFlow:
        """Return the flow, the same when the browser leaves and when it comes back."""
        # RFC10017-6.1.3.1/code
        flow = CodeFlow(
            server,
            settings.client_id,
            settings.redirect_uri,
            settings.scope,
            settings.resource,
            parameters=(*self.asked.parameters.items(), ("claims", wanted_claims(settings))),
        )
        return flow.start(self.entropy)

    def sealed(self, seal: Seal, cookie: str) -> str:
        """Return the value of the cookie of that name."""
        return urlsafe_b64encode(seal.close(cookie, msgspec.msgpack.encode(self))).rstrip(b"=").decode()

    @classmethod
    def opened(cls, seal: Seal, cookie: str, value: str | None, now: int) -> Departure | None:
        """Return what the cookie of that name holds; None for anything that we did not seal, or too long ago."""
        try:
            text = seal.open(cookie, unpadded(value or ""))
            found = msgspec.msgpack.decode(text, type=cls)
        except (SealBroken, msgspec.DecodeError):
            return None
        return found if now < found.until else None


def wanted_claims(settings: SessionSettings) -> str:
    """Return the `claims` parameter: what the application shows of its user, as far as the scope allows anyway.

    Asked for in the ID Token, so that nobody need ask UserInfo (OpenID Connect Core, 5.5); a server that does not
    know the parameter ignores it.
    """
    covered = {"auth_time", "acr"}.union(*(_COVERED[name] for name in _COVERED if name in settings.scope))
    asked = {"id_token": {name: None for name in settings.claims if name in covered}}
    return msgspec.json.encode(asked).decode()


def unpadded(value: str) -> bytes:
    """Return the octets of a cookie's base64url; what is none opens nothing anyway."""
    try:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return b""


def shown_error(code: str) -> str:
    """Return the code that the application may learn."""
    return code if code in ERRORS else "sign_in_failed"
