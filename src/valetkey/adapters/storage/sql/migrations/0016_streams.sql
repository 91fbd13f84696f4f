-- works with: 1

-- Streams of Shared Signals. `last_number` counts what was ever put into one; `due_at` moves on before each delivery.
-- `delivered` holds the event types that are told, as a JSON array.
CREATE TABLE streams (
    tenant               TEXT   NOT NULL,
    stream_id            TEXT   NOT NULL,
    client_id            TEXT   NOT NULL,
    status               TEXT   NOT NULL CHECK (status IN ('enabled', 'paused', 'disabled')),
    is_pushed            BIGINT NOT NULL,
    is_for_all           BIGINT NOT NULL,
    delivered            TEXT   NOT NULL,
    document             TEXT   NOT NULL,
    sealed_authorization BYTEA,
    created_at           BIGINT NOT NULL,
    last_number          BIGINT NOT NULL,
    tries                BIGINT NOT NULL,
    due_at               BIGINT NOT NULL,
    PRIMARY KEY (tenant, stream_id)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX streams_of_client ON streams (tenant, client_id);
CREATE INDEX streams_due ON streams (due_at) WHERE is_pushed = 1;

-- End-users of whom a receiver does not want to hear.
CREATE TABLE stream_exclusions (
    tenant    TEXT NOT NULL,
    stream_id TEXT NOT NULL,
    subject   TEXT NOT NULL,
    PRIMARY KEY (tenant, stream_id, subject)
) /* sqlite: STRICT, WITHOUT ROWID */;

-- What waits for the receiver of a stream, written in the transaction of what it tells of. `waits_for` stands only
-- inside a transaction that may move a counter: its value before; what did not move it takes the row away again.
-- `expires_at` is filled in by the first purge that comes by.
CREATE TABLE stream_events (
    tenant             TEXT   NOT NULL,
    stream_id          TEXT   NOT NULL,
    number             BIGINT NOT NULL,
    event_type         TEXT   NOT NULL,
    subject            TEXT,
    sid                TEXT,
    transaction_number BIGINT NOT NULL,
    occurred_at        BIGINT,
    detail             TEXT   NOT NULL,
    waits_for          BIGINT,
    expires_at         BIGINT,
    PRIMARY KEY (tenant, stream_id, number)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX stream_events_waiting ON stream_events (tenant) WHERE waits_for IS NOT NULL;
CREATE INDEX stream_events_expired ON stream_events (expires_at);
