"""The statements of clients that register themselves: changes, questions, and what is thrown away of them."""

# ruff: noqa: S608 - these statements are put together from constants of this file alone.

from typing import assert_never

from valetkey.adapters.storage.sql.configuration_changes import TOUCH
from valetkey.adapters.storage.sql.documents import client_document
from valetkey.adapters.storage.sql.records import decode_strings, encode
from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.self_registration.changes import (
    DAY,
    AddRegistrationToken,
    ForgetConsents,
    KeepRegistration,
    RegisterClient,
    RegistrationChange,
    RegistrationToken,
    RegistrationUse,
    RemoveRegistrationToken,
    ReplaceRegisteredClient,
    UseRegistrationToken,
)
from valetkey.oauth.types import ClientId, GrantType, NumericDate, Scope, TenantId, TokenDigest

_REGISTER = """
INSERT INTO registrations (tenant, client_id, expires_at)
SELECT $1, $2, $3 WHERE (SELECT COUNT(*) FROM registrations WHERE tenant = $1) < $4
ON CONFLICT DO NOTHING
RETURNING 1
"""
_ADD_CLIENT = """
INSERT INTO clients (tenant, client_id, disabled, document) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING 1
"""
_REPLACE_CLIENT = """
UPDATE clients SET document = $3 WHERE tenant = $1 AND client_id = $2 AND disabled = 0
RETURNING 1
"""
_KEEP = """
UPDATE registrations SET last_used_at = $4,
    expires_at = CASE WHEN expires_at < $3 THEN $3 ELSE expires_at END
WHERE tenant = $1 AND client_id = $2 AND COALESCE(last_used_at, 0) <= $5
"""
_FORGET_CONSENTS = "DELETE FROM consents WHERE tenant = $1 AND client_id = $2"
_ADD_TOKEN = """
INSERT INTO registration_tokens (tenant, token_id, digest, created_at, expires_at, uses_left, scope, grant_types)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
"""  # noqa: S105 - a statement
_REMOVE_TOKEN = "DELETE FROM registration_tokens WHERE tenant = $1 AND token_id = $2"  # noqa: S105 - a statement
_USE_TOKEN = """
UPDATE registration_tokens SET uses_left = uses_left - 1
WHERE tenant = $1 AND digest = $2 AND expires_at > $3 AND COALESCE(uses_left, 1) > 0
RETURNING 1
"""  # noqa: S105 - a statement

_TOKEN = "token_id, digest, created_at, expires_at, uses_left, scope, grant_types"  # noqa: S105 - column names
FIND_TOKEN = f"SELECT {_TOKEN} FROM registration_tokens WHERE tenant = $1 AND digest = $2"
LIST_TOKENS = f"SELECT {_TOKEN} FROM registration_tokens WHERE tenant = $1 ORDER BY token_id"
LIST_USES = "SELECT client_id, last_used_at, expires_at FROM registrations WHERE tenant = $1 ORDER BY client_id"
COUNT = "SELECT COUNT(*) FROM registrations WHERE tenant = $1"

# A client that still holds something is in use, whatever its date says.
UNUSED = (
    "FROM registrations AS r WHERE r.expires_at <= $1 AND NOT EXISTS (SELECT 1 FROM authorizations AS a "
    "WHERE a.tenant = r.tenant AND a.client_id = r.client_id AND a.expires_at > $1 AND a.revoked_at IS NULL)"
)
_SOME_UNUSED = f"{UNUSED} ORDER BY r.expires_at, r.tenant, r.client_id LIMIT $2"
_FORGET_UNUSED = (
    f"UPDATE configurations SET version = version + 1 WHERE tenant IN (SELECT r.tenant {_SOME_UNUSED})",
    *(
        f"DELETE FROM {table} WHERE (tenant, client_id) IN (SELECT r.tenant, r.client_id {_SOME_UNUSED})"
        for table in ("clients", "consents", "registrations")
    ),
)


def steps(tenant: TenantId, change: RegistrationChange) -> tuple[Step, ...]:
    """The statements that make the change, in order."""
    match change:
        case RegisterClient(client, expires_at, most):
            row = (tenant, client.client_id, int(client.disabled), client_document(client))
            return (
                Step(_REGISTER, (tenant, client.client_id, expires_at, most), must_win=True),
                Step(_ADD_CLIENT, row, must_win=True),
                Step(TOUCH, (tenant,)),
            )
        case ReplaceRegisteredClient(client):
            replaced = (tenant, client.client_id, client_document(client))
            return (Step(_REPLACE_CLIENT, replaced, must_win=True), Step(TOUCH, (tenant,)))
        case KeepRegistration(client_id, expires_at, now):
            return (Step(_KEEP, (tenant, client_id, expires_at, now, now - DAY)),)
        case ForgetConsents(client_id):
            return (Step(_FORGET_CONSENTS, (tenant, client_id)),)
        case AddRegistrationToken(token):
            return (Step(_ADD_TOKEN, (tenant, *_token_row(token))),)
        case RemoveRegistrationToken(token_id):
            return (Step(_REMOVE_TOKEN, (tenant, token_id)),)
        case UseRegistrationToken(digest, now):
            return (Step(_USE_TOKEN, (tenant, digest, now), must_win=True),)
        case _:
            assert_never(change)


def purge_steps(now: NumericDate, limit: int) -> list[Step]:
    """The unit of work that forgets at most `limit` clients that nobody used."""
    return [Step(statement, (now, limit)) for statement in _FORGET_UNUSED]


def registration_token(row: Record) -> RegistrationToken:
    """A row of the columns of a token."""
    token_id, digest, created_at, expires_at, uses_left, scope, grant_types = row
    return RegistrationToken(
        token_id,
        TokenDigest(digest),
        NumericDate(created_at),
        NumericDate(expires_at),
        uses_left,
        None if scope is None else Scope.of(scope.split()),
        frozenset(map(GrantType, decode_strings(grant_types))),
    )


def registration_use(row: Record) -> RegistrationUse:
    """A row of client_id, last_used_at, expires_at."""
    return RegistrationUse(ClientId(row[0]), row[1], row[2])


def _token_row(token: RegistrationToken) -> tuple[str | int | bytes | None, ...]:
    return (
        token.token_id,
        token.digest,
        token.created_at,
        token.expires_at,
        token.uses_left,
        None if token.scope is None else str(token.scope),
        encode(sorted(token.grant_types)),
    )
