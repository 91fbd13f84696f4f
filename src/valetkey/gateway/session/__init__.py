"""Browser sessions: signs browsers in as an OAuth client and keeps their tokens on the server (RFC 10017, 6.1)."""

from __future__ import annotations

from valetkey.client.session_records import Owner, SessionRecords, SessionRow, UsedLogoutToken
from valetkey.gateway.session.application import SessionApplication, build_session_app
from valetkey.gateway.session.settings import Forward, SessionSettings, SessionSettingsError
from valetkey.gateway.session.settings_table import parse_session

__all__ = [
    "Forward",
    "Owner",
    "SessionApplication",
    "SessionRecords",
    "SessionRow",
    "SessionSettings",
    "SessionSettingsError",
    "UsedLogoutToken",
    "build_session_app",
    "parse_session",
]
