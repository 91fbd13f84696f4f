"""The second factors of one tenant in memory, and the changes to them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.second_factor import (
    BeginFactor,
    ConfirmFactor,
    OneTimeCodeFactor,
    RemoveFactor,
    SecondFactorChange,
    StepUpSession,
    UseOneTimeCode,
)
from valetkey.oauth.types import Subject, TenantId


class MemorySecondFactors:
    """`SecondFactors` of one tenant."""

    __slots__ = ("_state", "_tenant")

    def __init__(self, state: State, tenant: TenantId) -> None:
        self._state = state
        self._tenant = tenant

    async def find(self, subject: Subject) -> OneTimeCodeFactor | None:
        """The end-user's factor, confirmed or not."""
        return self._state.second_factors.get(self._tenant, subject)

    async def list(self) -> Sequence[OneTimeCodeFactor]:
        """All of them, by subject."""
        return [factor for _, factor in sorted(self._state.second_factors.of(self._tenant), key=lambda row: row[0])]


def apply(state: State, tenant: TenantId, change: SecondFactorChange) -> bool:
    """Makes the change; False where it has lost."""
    match change:
        case BeginFactor(factor):
            held = state.second_factors.get(tenant, factor.subject)
            after = factor if held is None or not held.is_confirmed else None
            return _put(state, tenant, after)
        case ConfirmFactor(subject, factor_id, step, now):
            held = _held(state, tenant, subject, factor_id)
            begun = held is not None and not held.is_confirmed
            return _put(state, tenant, replace(held, confirmed_at=now, last_step=step) if held and begun else None)
        case UseOneTimeCode(subject, factor_id, step):
            held = _held(state, tenant, subject, factor_id)
            is_new = held is not None and held.is_confirmed and held.last_step < step
            return _put(state, tenant, replace(held, last_step=step) if held and is_new else None)
        case RemoveFactor(subject, factor_id):
            found = _held(state, tenant, subject, factor_id) is not None
            if found:
                state.second_factors.remove(tenant, subject)
            return found
        case StepUpSession():
            return _step_up(state, tenant, change)
        case _:
            assert_never(change)


def _held(state: State, tenant: TenantId, subject: Subject, factor_id: str) -> OneTimeCodeFactor | None:
    held = state.second_factors.get(tenant, subject)
    return held if held is not None and held.factor_id == factor_id else None


def _put(state: State, tenant: TenantId, factor: OneTimeCodeFactor | None) -> bool:
    if factor is None:
        return False
    state.second_factors.put(tenant, factor.subject, factor)
    return True


def _step_up(state: State, tenant: TenantId, change: StepUpSession) -> bool:
    session = state.sessions.get(tenant, change.sid)
    if session is None or session.ended_at is not None:
        return False
    end_user = state.end_users.get(tenant, session.subject)
    current = state.current(tenant, None, session.subject)
    if end_user is None or end_user.disabled or session.generations.is_older_than(current):
        return False
    proven = change.authentication
    if session.authentication.auth_time > proven.auth_time:
        return False
    seen = max(session.last_seen_at, change.now)
    state.sessions.put(tenant, change.sid, replace(session, authentication=proven, last_seen_at=seen))
    return True
