-- works with: 1

-- Clients that are still to be told of the end of a session (OpenID Connect Back-Channel Logout), written in the
-- transaction that ends it. `due_at` moves on with each try, before it is made. `waits_for` stands only inside a
-- transaction that may move a counter: its value before; what did not move it takes the row away again.
CREATE TABLE logouts (
    tenant    TEXT   NOT NULL,
    sid       TEXT   NOT NULL,
    client_id TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    tries     BIGINT NOT NULL,
    due_at    BIGINT NOT NULL,
    waits_for BIGINT,
    PRIMARY KEY (sid, client_id, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX logouts_due ON logouts (due_at);
CREATE INDEX logouts_waiting ON logouts (tenant) WHERE waits_for IS NOT NULL;
