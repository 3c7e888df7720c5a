-- The value before the last rotation. It may be used until `previous_valid_until`.
ALTER TABLE access_tokens ADD COLUMN previous_hash BLOB;
ALTER TABLE access_tokens ADD COLUMN previous_prefix TEXT;
ALTER TABLE access_tokens ADD COLUMN previous_valid_until BIGINT;
ALTER TABLE access_tokens ADD COLUMN previous_last_used_at BIGINT;
CREATE UNIQUE INDEX access_tokens_by_previous_hash ON access_tokens (previous_hash) WHERE previous_hash IS NOT NULL;

-- Whose identity tokens are exchanged, and what for. `terms` and `pinned` are JSON.
CREATE TABLE trust_policies (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    terms TEXT NOT NULL,
    pinned TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    last_used_at BIGINT
);

-- Identity tokens that were exchanged, each by a hash of its issuer and its id, until they expire.
CREATE TABLE used_assertions (
    assertion BLOB NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at);

-- Short-lived tokens that were exchanged for identity tokens: runtime tokens have a function, access tokens scopes.
CREATE TABLE exchanged_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    prefix TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Ids of trust policies, separated by spaces.
    policies TEXT NOT NULL,
    subject TEXT NOT NULL,
    function_id TEXT,
    scopes TEXT,
    policy TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX exchanged_tokens_by_expiry ON exchanged_tokens (expires_at);
