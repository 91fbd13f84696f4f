"""Second factors: the statements of their changes, and what is asked of them."""

from typing import assert_never

from valetkey.adapters.storage.sql.records import encode
from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.second_factor import (
    BeginFactor,
    ConfirmFactor,
    OneTimeCodeFactor,
    RemoveFactor,
    SecondFactorChange,
    StepUpSession,
    UseOneTimeCode,
)
from valetkey.oauth.types import TenantId

_COLUMNS = "factor_id, subject, sealed_key, created_at, confirmed_at, last_step"
FIND_FACTOR = f"SELECT {_COLUMNS} FROM one_time_code_factors WHERE tenant = $1 AND subject = $2"  # noqa: S608 - constants
LIST_FACTORS = f"SELECT {_COLUMNS} FROM one_time_code_factors WHERE tenant = $1 ORDER BY subject"  # noqa: S608 - constants
REMOVE_FACTORS_OF_SUBJECT = "DELETE FROM one_time_code_factors WHERE tenant = $1 AND subject = $2"

_BEGIN = """
INSERT INTO one_time_code_factors (tenant, subject, factor_id, sealed_key, created_at, confirmed_at, last_step)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, subject) DO UPDATE
SET factor_id = excluded.factor_id, sealed_key = excluded.sealed_key, created_at = excluded.created_at,
    confirmed_at = excluded.confirmed_at, last_step = excluded.last_step
WHERE one_time_code_factors.confirmed_at IS NULL
RETURNING 1
"""
_CONFIRM = """
UPDATE one_time_code_factors SET confirmed_at = $5, last_step = $4
WHERE tenant = $1 AND subject = $2 AND factor_id = $3 AND confirmed_at IS NULL
RETURNING 1
"""
_USE = """
UPDATE one_time_code_factors SET last_step = $4
WHERE tenant = $1 AND subject = $2 AND factor_id = $3 AND confirmed_at IS NOT NULL AND last_step < $4
RETURNING 1
"""
_REMOVE = """
DELETE FROM one_time_code_factors WHERE tenant = $1 AND subject = $2 AND factor_id = $3 RETURNING 1
"""
_STEP_UP = """
UPDATE sessions SET auth_time = $3, acr = $4, amr = $5,
    last_seen_at = CASE WHEN last_seen_at < $6 THEN $6 ELSE last_seen_at END
WHERE tenant = $1 AND sid = $2 AND auth_time <= $3 AND EXISTS (
    SELECT 1 FROM living_sessions AS s
    JOIN end_users AS u ON u.tenant = s.tenant AND u.subject = s.subject
    WHERE s.tenant = sessions.tenant AND s.sid = sessions.sid AND u.disabled = 0
)
RETURNING 1
"""


def steps(tenant: TenantId, change: SecondFactorChange) -> tuple[Step, ...]:
    """The one statement that makes the change, which has to win."""
    match change:
        case BeginFactor(factor):
            bindings = (factor.sealed_key, factor.created_at, factor.confirmed_at, factor.last_step)
            step = Step(_BEGIN, (tenant, factor.subject, factor.factor_id, *bindings), must_win=True)
        case ConfirmFactor(subject, factor_id, time_step, now):
            step = Step(_CONFIRM, (tenant, subject, factor_id, time_step, now), must_win=True)
        case UseOneTimeCode(subject, factor_id, time_step):
            step = Step(_USE, (tenant, subject, factor_id, time_step), must_win=True)
        case RemoveFactor(subject, factor_id):
            step = Step(_REMOVE, (tenant, subject, factor_id), must_win=True)
        case StepUpSession(sid, proven, now):
            said = (proven.auth_time, proven.acr, encode(proven.amr))
            step = Step(_STEP_UP, (tenant, sid, *said, now), must_win=True)
        case _:
            assert_never(change)
    return (step,)


def factor_from(row: Record) -> OneTimeCodeFactor:
    """A row of FIND_FACTOR or LIST_FACTORS."""
    return OneTimeCodeFactor(row[0], row[1], row[2], row[3], row[4], row[5])
