"""Token exchange on the wire: the kinds of token, and who acts for whom (RFC 8693, 3, 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from valetkey.jose.records import dataclass

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"

API_KEY: Final = "urn:valetkey:token-type:api-key"
"""What an API key is called as a subject_token: it is exchanged, and never handed out."""

_NAMES: Final = ("sub", "client_id", "iss")


class TokenType(StrEnum):
    """Token type identifiers (RFC 8693, 3) that name something here."""

    ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a registered name
    """An access token, of whatever format."""
    JWT = "urn:ietf:params:oauth:token-type:jwt"
    """The same, known to be a JWT."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts for an end-user; `client_id` is the client in whose hands they act, their own where it is one."""

    subject: str
    client_id: str

    def claim(self, before: object = None) -> dict[str, object]:
        """Return the `act` claim (RFC 8693, 4.1); `before` is the one that the presented token carries."""
        claim: dict[str, object] = {"sub": self.subject, "client_id": self.client_id}
        if isinstance(before, Mapping):
            claim["act"] = dict(before)
        return claim

    def is_named_by(self, may_act: object, issuer: str) -> bool:
        """Say whether a `may_act` claim (RFC 8693, 4.4) names this actor and nobody else.

        Every member must be true of the actor; one that cannot be judged here names somebody else.
        """
        if not isinstance(may_act, Mapping) or not may_act:
            return False
        own = {"sub": self.subject, "client_id": self.client_id, "iss": issuer}
        return all(name in _NAMES and own[name] == value for name, value in may_act.items())
