"""What was stored before single claims could be asked for, still loads."""

from contextlib import closing
from pathlib import Path

from valetkey.adapters.storage.sql.migrations import shipped
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.claims_request import NO_CLAIMS
from valetkey.oauth.types import AuthorizationId, ClientId, Scope, Subject, TenantId

_TENANT = TenantId("default")
_OLD = """
INSERT INTO authorizations (tenant, authorization_id, client_id, subject, scope, resources, auth_time, acr, amr,
    server_generation, tenant_generation, client_generation, subject_generation, created_at, expires_at,
    bound_to_session)
VALUES ('default', 'old', 'web', 'alice', 'openid', '[]', 5, 'acr', '["pwd"]', 0, 0, 0, 0, 10, 900, 0);
INSERT INTO consents VALUES ('default', 'alice', 'web', 10, 900);
INSERT INTO consented VALUES ('default', 'alice', 'web', 'scope', 'openid');
"""


async def test_rows_from_before_single_claims_load_without_any(tmp_path: Path) -> None:
    path = str(tmp_path / "valetkey.db")
    upgrade(path, tuple(one for one in shipped() if one.number < 9))
    with closing(open_writer(path)) as connection:
        connection.execute(_OLD)
    upgrade(path)
    storage = await SqliteStorage.open(path)
    try:
        stores = storage.stores(_TENANT)
        found = await stores.authorizations.find(AuthorizationId("old"))
        consent = await stores.consents.find(Subject("alice"), ClientId("web"))
    finally:
        await storage.close()
    assert found is not None
    assert (found.authorization.scope, found.authorization.claims) == (Scope.parse("openid"), NO_CLAIMS)
    assert consent is not None
    assert (consent.scope, consent.claims) == (Scope.parse("openid"), frozenset())
