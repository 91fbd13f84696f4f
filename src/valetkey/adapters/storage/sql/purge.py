"""What may be thrown away: rows that no question finds alive any more, in small batches."""

# ruff: noqa: S608 - these statements are put together from constants of this file alone.

from collections.abc import Sequence

from valetkey.adapters.storage.sql import registration_changes
from valetkey.adapters.storage.sql.security_events import DATE_EVENTS
from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sql.streams import DATE_STREAM_EVENTS, DROP_BEYOND
from valetkey.authorization_server.signals.streams import HELD_SECONDS
from valetkey.oauth.security_event import REMEMBERED_SECONDS
from valetkey.oauth.types import NumericDate

ENDED_SESSION_KEPT = 86_400  # seconds, so that a page can still say what happened to it
_DEVICE_CODE_KEPT = 600  # seconds, so that a device is told that its code has expired, and not that it is unknown

_EXPIRING = (
    ("codes", "tenant, digest"),
    ("refresh_tokens", "tenant, digest"),
    ("kept_replies", "tenant, digest"),
    ("access_tokens", "tenant, digest"),
    ("revoked_tokens", "tenant, digest"),
    ("statuses", "tenant, list_id, expires_at, list_index"),
    ("status_clients", "tenant, list_id, expires_at, list_index, client_id"),
    ("status_blocks", "tenant, list_id, expires_at, first_position"),
    ("revoked_statuses", "tenant, list_id, expires_at, list_index"),
    ("status_lists", "tenant, list_id"),
    ("pairwise_tokens", "tenant, subject, authorization_id"),
    ("security_events", "tenant, sequence"),
    ("stream_events", "tenant, stream_id, number"),
    ("burned_jtis", "tenant, scope, digest"),
    ("interactions", "tenant, digest"),
    ("consents", "tenant, subject, client_id"),
    ("authorizations", "tenant, authorization_id"),
    ("registration_tokens", "tenant, token_id"),
    ("api_key_secrets", "tenant, digest"),
)


def _delete(table: str, key: str, date: str, when: str = "$1") -> str:
    return (
        f"DELETE FROM {table} WHERE ({key}) IN "
        f"(SELECT {key} FROM {table} WHERE {date} <= {when} ORDER BY {date} LIMIT $2)"
    )


_DELETIONS = tuple(_delete(table, key, "expires_at") for table, key in _EXPIRING)
_FORGET_DEVICE_CODES = _delete("device_codes", "tenant, digest", "expires_at", f"$1 - {_DEVICE_CODE_KEPT}")
_API_KEYS_OVER = (
    "SELECT tenant, key_id FROM api_keys WHERE kept_until <= $1 ORDER BY kept_until, tenant, key_id LIMIT $2"
)
_SECRETS_OVER = f"SELECT tenant, digest FROM api_key_secrets WHERE (tenant, key_id) IN ({_API_KEYS_OVER})"
_FORGET_API_KEYS = (
    f"DELETE FROM api_key_secrets WHERE (tenant, digest) IN ({_SECRETS_OVER})",
    f"DELETE FROM api_keys WHERE (tenant, key_id) IN ({_API_KEYS_OVER})",
)
_FORGET_ATTEMPTS = _delete("attempts", "tenant, name", "full_at")
_FORGET_SESSIONS = _delete("sessions", "tenant, sid", "ended_at")
_OF_EXPIRED_BROWSERS = tuple(
    f"DELETE FROM {table} WHERE (tenant, browser_id) IN "
    "(SELECT tenant, browser_id FROM browsers WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    for table in ("sessions", "known_browsers", "browsers")
)

_LEFT = " UNION ALL ".join(
    f"SELECT 1 FROM {table} WHERE {date} <= {when}"
    for table, date, when in (
        *((table, "expires_at", "$1") for table, _ in _EXPIRING),
        ("device_codes", "expires_at", f"$1 - {_DEVICE_CODE_KEPT}"),
        ("attempts", "full_at", "$1"),
        ("api_keys", "kept_until", "$1"),
        ("browsers", "expires_at", "$1"),
        ("sessions", "ended_at", "$2"),
    )
)
IS_ANYTHING_LEFT = f"SELECT 1 WHERE EXISTS ({_LEFT} UNION ALL SELECT 1 {registration_changes.UNUSED})"


def units(now: NumericDate, limit: int) -> Sequence[Sequence[Step]]:
    """The units of work that delete at most `limit` rows of each table that were over at `now`."""
    over = (*_DELETIONS, _FORGET_DEVICE_CODES, _FORGET_ATTEMPTS)
    expired = [[Step(deletion, (now, limit))] for deletion in over]
    return (
        [Step(DATE_EVENTS, (now + REMEMBERED_SECONDS,))],
        [Step(DATE_STREAM_EVENTS, (now + HELD_SECONDS,)), Step(DROP_BEYOND, ())],
        *expired,
        [Step(deletion, (now, limit)) for deletion in _FORGET_API_KEYS],
        registration_changes.purge_steps(now, limit),
        [Step(_FORGET_SESSIONS, (now - ENDED_SESSION_KEPT, limit))],
        [Step(deletion, (now, limit)) for deletion in _OF_EXPIRED_BROWSERS],
    )
