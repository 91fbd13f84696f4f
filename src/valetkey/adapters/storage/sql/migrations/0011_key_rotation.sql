-- works with: 1

-- When a key was used first and last; NULL where the version that made it did not note it.
ALTER TABLE signing_keys ADD COLUMN activated_at BIGINT;
ALTER TABLE signing_keys ADD COLUMN retired_at BIGINT;
CREATE UNIQUE INDEX signing_keys_announced ON signing_keys (tenant, algorithm) WHERE state = 'announced';
