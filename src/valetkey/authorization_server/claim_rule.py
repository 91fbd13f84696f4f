"""A row of the table by which a resource server's access tokens get further claims (RFC 9068, 2.2.2 and 2.2.3)."""

from __future__ import annotations

import re
from typing import Final, Self

from valetkey.jose.records import dataclass

SOURCES: Final = frozenset(
    {
        "user.username", "user.name", "user.email", "user.email_verified", "user.roles",
        "client.name",
        "session.sid", "session.auth_time", "session.acr", "session.amr",
    }
)  # fmt: skip
"""Attributes that everybody of their kind has."""
OPEN_SOURCES: Final = ("user.claims.", "client.attributes.")
"""What an operator keeps of an end-user or a client under names of their own."""
RESERVED: Final = frozenset(
    {
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr",
        "sid", "authorization_id", "gen", "status", "exchanged_from",
        "act", "may_act", "cnf", "azp", "nonce", "authorization_details", "events", "sub_id", "txn",
        "active", "token_type", "username",
        "credential", "api_key_id", "urn:valetkey:owner-kind", "urn:valetkey:limit",
    }
)  # fmt: skip
"""Claims that only the server states, or that a verifier would take for something else."""
EXPECTED: Final = "a source such as user.roles, user.claims.department or client.attributes.tier"

_CLAIM: Final = re.compile(r"[\x21-\x7e]{1,128}")
_NAME: Final = re.compile(r"[\x21-\x7e]{1,64}")
_CONDITION: Final = " for "


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """One claim and where its value comes from."""

    claim: str
    source: str
    """One of SOURCES, or a name under one of OPEN_SOURCES."""
    scope: str | None = None
    """It is told only in a token that has this scope; None tells it in each."""

    @classmethod
    def parse(cls, claim: str, text: str) -> Self:
        """Read `user.email`, or `user.email for profile`; raises ValueError for a source that there is not."""
        source, separator, scope = text.strip().partition(_CONDITION)
        if not is_source(source) or (separator and not _NAME.fullmatch(scope)):
            raise ValueError(f"expected {EXPECTED}, with or without `for SCOPE`, found {text[:100]!r}")
        return cls(claim, source, scope or None)

    def __str__(self) -> str:
        return self.source if self.scope is None else f"{self.source}{_CONDITION}{self.scope}"


def is_source(text: str) -> bool:
    """Say whether something can be read there."""
    if text in SOURCES:
        return True
    return any(text.startswith(root) and _NAME.fullmatch(text[len(root) :]) for root in OPEN_SOURCES)


def is_claim_name(text: str) -> bool:
    """Say whether a claim may be called so: printable ASCII without space, and not reserved."""
    return _CLAIM.fullmatch(text) is not None and text not in RESERVED
