-- works with: 1

-- What was changed, by whom and from where; a row is written in the transaction of the change, and never changed.
CREATE TABLE audit_records (
    tenant           TEXT   NOT NULL,
    recorded_at      BIGINT NOT NULL,
    request_id       TEXT   NOT NULL,
    position         BIGINT NOT NULL,
    event            TEXT   NOT NULL,
    actor_kind       TEXT   NOT NULL,
    actor            TEXT   NOT NULL,
    subject          TEXT,
    client_id        TEXT,
    authorization_id TEXT,
    sid              TEXT,
    name             TEXT,
    detail           TEXT   NOT NULL,
    surface          TEXT   NOT NULL,
    address          TEXT   NOT NULL
) /* sqlite: STRICT */;
CREATE INDEX audit_records_by_tenant ON audit_records (tenant, recorded_at);
CREATE INDEX audit_records_by_subject ON audit_records (tenant, subject, recorded_at);
CREATE INDEX audit_records_by_client ON audit_records (tenant, client_id, recorded_at);
CREATE INDEX audit_records_over ON audit_records (recorded_at);
