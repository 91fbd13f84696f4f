-- works with: 1

-- The highest value of a counter of which a security event tells; what is counted already needs none.
ALTER TABLE generations ADD COLUMN announced BIGINT NOT NULL DEFAULT 0;
UPDATE generations SET announced = value;

-- The number of each tenant's newest event. A transaction that writes events locks the row first: whoever has read an
-- event has read all before it. The row outlives the events, so that no number is given twice.
CREATE TABLE event_counters (
    tenant TEXT   NOT NULL PRIMARY KEY,
    last   BIGINT NOT NULL
) /* sqlite: STRICT, WITHOUT ROWID */;

-- What was revoked, written with the revocation itself. `expires_at` is filled in by the first purge that comes by.
CREATE TABLE security_events (
    tenant            TEXT   NOT NULL,
    sequence          BIGINT NOT NULL,
    kind              TEXT   NOT NULL
        CHECK (kind IN ('authorization', 'session', 'token', 'subject', 'client', 'tenant', 'server')),
    handle            TEXT   NOT NULL,
    lowest_generation BIGINT NOT NULL,
    token_expires_at  BIGINT NOT NULL,
    cause             TEXT   NOT NULL,
    audience          TEXT   NOT NULL,
    expires_at        BIGINT,
    PRIMARY KEY (tenant, sequence)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX security_events_expired ON security_events (expires_at);
