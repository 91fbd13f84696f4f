-- works with: 1

-- Issuers whose assertions buy tokens.
CREATE TABLE trusted_issuers (
    tenant   TEXT NOT NULL,
    issuer   TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant, issuer)
) /* sqlite: STRICT */;

-- Who is meant by an e-mail address, in lower case as far as it is ASCII; several end-users may have the same.
CREATE TABLE end_user_emails (
    tenant           TEXT NOT NULL,
    subject          TEXT NOT NULL,
    normalised_email TEXT NOT NULL,
    PRIMARY KEY (subject, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX end_user_emails_by_email ON end_user_emails (tenant, normalised_email);
/* sqlite: INSERT INTO end_user_emails (tenant, subject, normalised_email) SELECT tenant, subject, lower(json_extract(document, '$.email')) FROM end_users WHERE json_extract(document, '$.email') IS NOT NULL; */

-- Clients with which an exchanged token dies, besides the authorization and the client that its place is assigned to.
CREATE TABLE status_clients (
    tenant            TEXT   NOT NULL,
    list_id           TEXT   NOT NULL,
    expires_at        BIGINT NOT NULL,
    list_index        BIGINT NOT NULL,
    client_id         TEXT   NOT NULL,
    client_generation BIGINT NOT NULL,
    PRIMARY KEY (list_id, expires_at, list_index, client_id, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX status_clients_expired ON status_clients (expires_at);
