"""What the memory storage throws away: the very rows that the durable ones do."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from valetkey.adapters.storage.memory import api_keys, registrations
from valetkey.adapters.storage.memory.state import State, Table
from valetkey.authorization_server.revocation.statuses import StatusListId
from valetkey.authorization_server.signals.streams import HELD_SECONDS, MOST_HELD
from valetkey.oauth.security_event import REMEMBERED_SECONDS
from valetkey.oauth.types import ClientId, NumericDate

Key = TypeVar("Key")
Value = TypeVar("Value")
Dated = TypeVar("Dated", tuple[StatusListId, NumericDate, int], tuple[StatusListId, NumericDate, int, ClientId])

_ENDED_SESSION_KEPT = 86_400  # seconds, so that a page can still say what happened to it
_DEVICE_CODE_KEPT = 600  # seconds, so that a device is told that its code has expired, and not that it is unknown


def purge(state: State, now: NumericDate, limit: int) -> bool:
    """Deletes at most `limit` rows of each table that were over at `now`; True while more are left."""
    _date_events(state, now)
    _drop_beyond(state)
    left = [
        _purge(state.codes, lambda code: code.expires_at <= now, limit),
        _purge(state.device_codes, lambda code: code.expires_at <= now - _DEVICE_CODE_KEPT, limit),
        _purge(state.refresh_tokens, lambda token: token.expires_at <= now, limit),
        _purge(state.access_tokens, lambda token: token.expires_at <= now, limit),
        _purge(state.revoked_tokens, lambda expires_at: expires_at <= now, limit),
        _purge_by_key(state.statuses, now, limit),
        _purge_by_key(state.status_clients, now, limit),
        _purge_by_key(state.revoked_statuses, now, limit),
        _purge(state.status_blocks, lambda block: block.expires_at <= now, limit),
        _purge(state.status_lists, lambda found: found.expires_at <= now, limit),
        _purge(state.pairwise_tokens, lambda expires_at: expires_at <= now, limit),
        _purge(state.security_events, lambda row: row[1] is not None and row[1] <= now, limit),
        _purge(state.stream_events, lambda row: row[1] is not None and row[1] <= now, limit),
        _purge(state.burned_jtis, lambda expires_at: expires_at <= now, limit),
        _purge(state.interactions, lambda interaction: interaction.expires_at <= now, limit),
        _purge(state.consents, lambda consent: consent.expires_at <= now, limit),
        _purge(state.authorizations, lambda authorization: authorization.expires_at <= now, limit),
        _purge(state.api_keys, lambda key: key.kept_until <= now, limit),
        api_keys.purge_secrets(state, now, limit),
        _purge(state.attempts, lambda full_at: full_at <= now, limit),
        _purge(
            state.sessions,
            lambda one: one.ended_at is not None and one.ended_at <= now - _ENDED_SESSION_KEPT,
            limit,
        ),
        _purge(state.registration_tokens, lambda token: token.expires_at <= now, limit),
        registrations.purge(state, now, limit),
        _purge_browsers(state, now, limit),
    ]
    _erase_replies(state, now)
    return any(left)


def _purge(table: Table[Key, Value], is_over: Callable[[Value], bool], limit: int) -> bool:
    over = [(tenant, key) for tenant, key, value in table if is_over(value)]
    for tenant, key in over[:limit]:
        table.remove(tenant, key)
    return len(over) > limit


def _purge_by_key(table: Table[Dated, Value], now: NumericDate, limit: int) -> bool:
    over = [(tenant, key) for tenant, key, _ in table if key[1] <= now]
    for tenant, key in over[:limit]:
        table.remove(tenant, key)
    return len(over) > limit


def _date_events(state: State, now: NumericDate) -> None:
    for tenant, sequence, (event, expires_at) in state.security_events:
        if expires_at is None:
            state.security_events.put(tenant, sequence, (event, NumericDate(now + REMEMBERED_SECONDS)))
    for tenant, place, (told, expires_at) in state.stream_events:
        if expires_at is None:
            state.stream_events.put(tenant, place, (told, NumericDate(now + HELD_SECONDS)))


def _drop_beyond(state: State) -> None:
    for tenant, (stream_id, number), _ in state.stream_events:
        stored = state.streams.get(tenant, stream_id)
        if stored is not None and number <= stored.last_number - MOST_HELD:
            state.stream_events.remove(tenant, (stream_id, number))


def _purge_browsers(state: State, now: NumericDate, limit: int) -> bool:
    over = [(tenant, key) for tenant, key, browser in state.browsers if browser.expires_at <= now]
    gone = set(over[:limit])
    for tenant, browser_id in gone:
        state.browsers.remove(tenant, browser_id)
    for tenant, sid, session in state.sessions:
        if (tenant, session.browser_id) in gone:
            state.sessions.remove(tenant, sid)
    for tenant, known, _ in state.known_browsers:
        if (tenant, known[0]) in gone:
            state.known_browsers.remove(tenant, known)
    return len(over) > limit


def _erase_replies(state: State, now: NumericDate) -> None:
    for tenant, digest, token in state.refresh_tokens:
        if token.kept_reply is not None and token.kept_reply.expires_at <= now:
            state.refresh_tokens.put(tenant, digest, replace(token, kept_reply=None))
    for tenant, digest, _ in state.predecessors:
        if state.refresh_tokens.get(tenant, digest) is None:
            state.predecessors.remove(tenant, digest)
