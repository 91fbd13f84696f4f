-- works with: 1

-- The claims that were asked for one by one, as JSON; NULL where the scope says it all.
ALTER TABLE authorizations ADD COLUMN claims_request TEXT;

-- A view keeps the columns that its table had when it was made.
DROP VIEW living_authorizations;
DROP VIEW authorizations_now;

CREATE VIEW authorizations_now AS
SELECT authorizations.*,
    COALESCE((SELECT value FROM generations WHERE tenant = '' AND kind = 'server' AND name = ''), 0)
        AS current_server,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = authorizations.tenant AND g.kind = 'tenant' AND g.name = ''), 0) AS current_tenant,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = authorizations.tenant AND g.kind = 'client' AND g.name = authorizations.client_id), 0)
        AS current_client,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = authorizations.tenant AND g.kind = 'subject' AND g.name = authorizations.subject), 0)
        AS current_subject
FROM authorizations;

CREATE VIEW living_authorizations AS
SELECT tenant, authorization_id, expires_at, sid FROM authorizations_now
WHERE revoked_at IS NULL AND server_generation >= current_server AND tenant_generation >= current_tenant
    AND client_generation >= current_client AND subject_generation >= current_subject;

-- Claims that an end-user allowed a client one by one, beside the scopes and resources in `consented`.
CREATE TABLE consented_claims (
    tenant    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    client_id TEXT NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (subject, client_id, tenant, name),
    FOREIGN KEY (subject, client_id, tenant) REFERENCES consents ON DELETE CASCADE
) /* sqlite: STRICT, WITHOUT ROWID */;
