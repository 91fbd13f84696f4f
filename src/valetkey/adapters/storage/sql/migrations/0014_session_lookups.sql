-- works with: 1

-- Sessions whose time is over, by either of their two lifetimes, and who signed in over a session: both are asked for
-- often, and neither may read all that a tenant has.
CREATE INDEX sessions_by_activity ON sessions (tenant, last_seen_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_age ON sessions (tenant, created_at) WHERE ended_at IS NULL;
CREATE INDEX authorizations_of_session ON authorizations (tenant, sid) WHERE sid IS NOT NULL;
