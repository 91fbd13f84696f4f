"""What must never be found in a database, whoever was killed when: rows that were written by halves.

Who is removed takes the authorizations along and leaves codes and refresh tokens to their expiry, and an expired
code is swept: neither is a fault. What an assertion of a trusted issuer bought was granted for no code.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from valetkey.adapters.storage.sqlite.connection import open_reader

if TYPE_CHECKING:
    from pathlib import Path

_HALVES = {
    "a refresh token without its authorization": """
        SELECT 1 FROM refresh_tokens AS t JOIN clients USING (tenant, client_id)
        LEFT JOIN authorizations AS a USING (tenant, authorization_id) WHERE a.authorization_id IS NULL""",
    "a code without its authorization": """
        SELECT 1 FROM codes AS c JOIN clients USING (tenant, client_id)
        LEFT JOIN authorizations AS a USING (tenant, authorization_id) WHERE a.authorization_id IS NULL""",
    "an allowed device code without its authorization": """
        SELECT 1 FROM device_codes AS d JOIN clients USING (tenant, client_id)
        LEFT JOIN authorizations AS a USING (tenant, authorization_id)
        WHERE d.answer = 'allowed' AND a.authorization_id IS NULL""",
    "an authorization without the code that it was granted for": """
        SELECT 1 FROM authorizations AS a LEFT JOIN codes AS c USING (tenant, authorization_id)
        LEFT JOIN device_codes AS d USING (tenant, authorization_id)
        LEFT JOIN clients AS p ON p.tenant = a.tenant AND p.client_id = a.client_id
        WHERE c.digest IS NULL AND d.digest IS NULL AND a.created_at > unixepoch() - 30
        AND coalesce(p.document, '') NOT LIKE '%grant-type:jwt-bearer%'""",
    "a redeemed device code without a refresh token": """
        SELECT 1 FROM device_codes AS d WHERE redeemed_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM refresh_tokens AS t WHERE t.authorization_id = d.authorization_id)""",
    "a redeemed code without a refresh token": """
        SELECT 1 FROM codes AS c WHERE redeemed_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM refresh_tokens AS t WHERE t.authorization_id = c.authorization_id)""",
    "a refresh token of a code that nobody redeemed": """
        SELECT 1 FROM refresh_tokens AS t JOIN codes AS c USING (tenant, authorization_id)
        WHERE c.redeemed_at IS NULL""",
    "a family with no current refresh token, or with two": """
        SELECT 1 FROM refresh_tokens GROUP BY tenant, authorization_id
        HAVING SUM(superseded_at IS NULL) <> 1""",
    "a superseded refresh token without exactly one successor": """
        SELECT 1 FROM refresh_tokens AS t WHERE superseded_at IS NOT NULL AND (
            SELECT COUNT(*) FROM refresh_tokens AS s WHERE s.predecessor = t.digest) <> 1""",
    "a living authorization that was bound to a session which ended": """
        SELECT 1 FROM authorizations AS a JOIN sessions AS s USING (tenant, sid)
        WHERE a.bound_to_session = 1 AND a.revoked_at IS NULL AND s.ended_at IS NOT NULL""",
    "a session of a browser that is not known": """
        SELECT 1 FROM sessions AS s LEFT JOIN known_browsers AS k USING (tenant, browser_id, subject)
        WHERE k.subject IS NULL""",
    "two active keys of one algorithm, or two that are announced": """
        SELECT 1 FROM signing_keys WHERE state <> 'retired'
        GROUP BY tenant, algorithm, state HAVING COUNT(*) > 1""",
}


def faults_of(database: Path) -> list[str]:
    """Return what is wrong with a database: nothing, unless a transaction was torn."""
    with closing(open_reader(str(database))) as connection:
        faults = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        faults += [name for name, query in _HALVES.items() if connection.execute(query).fetchone() is not None]
    return faults
