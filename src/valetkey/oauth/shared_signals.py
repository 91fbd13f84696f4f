"""The words of Shared Signals that both sides speak: event types, ways of delivery, fields (OpenID SSF 1.0)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from valetkey.oauth.security_event import ACCOUNT_DISABLED, ACCOUNT_PURGED, CREDENTIAL_CHANGE, SESSION_REVOKED

SPEC_VERSION: Final = "1_0"

VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"
STREAM_UPDATED: Final = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
TOKEN_CLAIMS_CHANGE: Final = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change"  # noqa: S105 - the name of an event
ACCOUNT_ENABLED: Final = "https://schemas.openid.net/secevent/risc/event-type/account-enabled"
CREDENTIAL_COMPROMISE: Final = "https://schemas.openid.net/secevent/risc/event-type/credential-compromise"
CREDENTIAL_CHANGE_REQUIRED: Final = (
    "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required"
)
SESSIONS_REVOKED: Final = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked"
"""The older name of SESSION_REVOKED for all sessions of an account: understood, never sent (RISC, 2.11)."""

SENT: Final = (SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED, ACCOUNT_ENABLED, ACCOUNT_PURGED)
"""What our transmitter tells outside receivers; our private event types are not among them."""
OF_STREAMS: Final = frozenset({VERIFICATION, STREAM_UPDATED})
"""Events about a stream itself: no receiver asks for them, each gets them."""


class DeliveryMethod(StrEnum):
    """How events reach a receiver (Shared Signals Framework, 6.1)."""

    PUSH = "urn:ietf:rfc:8935"
    POLL = "urn:ietf:rfc:8936"


class StreamStatus(StrEnum):
    """What a stream does (Shared Signals Framework, 8.1.2)."""

    ENABLED = "enabled"
    PAUSED = "paused"
    """Events are held."""
    DISABLED = "disabled"
    """Events are neither sent nor held."""


class SetErrorCode(StrEnum):
    """Why a recipient takes no token (RFC 8935, 2.4; the last one: Shared Signals Framework, 8.1.4.1)."""

    INVALID_REQUEST = "invalid_request"
    INVALID_KEY = "invalid_key"
    INVALID_ISSUER = "invalid_issuer"
    INVALID_AUDIENCE = "invalid_audience"
    AUTHENTICATION_FAILED = "authentication_failed"
    ACCESS_DENIED = "access_denied"
    INVALID_STATE = "invalid_state"
