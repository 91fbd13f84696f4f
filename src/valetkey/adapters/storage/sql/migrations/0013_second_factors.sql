-- works with: 1

-- Keys of one-time codes, sealed. One without `confirmed_at` was begun, and no code of it is accepted for a sign-in.
CREATE TABLE one_time_code_factors (
    tenant       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    factor_id    TEXT   NOT NULL,
    sealed_key   BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step    BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject)
) /* sqlite: STRICT, WITHOUT ROWID */;

-- Which account an end-user wants to go on with, as long as it is none that is signed in.
ALTER TABLE interactions ADD COLUMN account_choice TEXT;
