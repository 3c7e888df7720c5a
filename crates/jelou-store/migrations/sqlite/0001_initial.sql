-- Times are milliseconds since the Unix epoch. Only BIGINT, TEXT and BLOB; see ../README.md.

-- The number of the last change. It is raised in the transaction of every change, so that a node can ask whether its
-- copy is current.
CREATE TABLE revision (
    id BIGINT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO revision (id, value) VALUES (1, 0);

CREATE TABLE functions (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT,
    live_deployment_id TEXT REFERENCES deployments (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Content-addressed: the hash is SHA-256, in hexadecimal, of what the columns hold before compression.
CREATE TABLE artifacts (
    hash TEXT NOT NULL PRIMARY KEY,
    bundle BLOB NOT NULL,
    source_map BLOB,
    sources BLOB NOT NULL
);

CREATE TABLE deployments (
    id TEXT NOT NULL PRIMARY KEY,
    function_id TEXT NOT NULL REFERENCES functions (id),
    artifact_hash TEXT NOT NULL REFERENCES artifacts (hash),
    manifest TEXT NOT NULL,
    entrypoint TEXT NOT NULL,
    files TEXT NOT NULL,
    bundle_bytes BIGINT NOT NULL,
    -- The revision that it was made in: the order of deployments, which two of one millisecond would not have otherwise.
    revision BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX deployments_by_function ON deployments (function_id, revision);
CREATE INDEX deployments_by_artifact ON deployments (artifact_hash);

CREATE TABLE runtime_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    function_id TEXT NOT NULL REFERENCES functions (id),
    name TEXT NOT NULL,
    -- SHA-256 of the token; the token itself is nowhere.
    hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    disabled_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX runtime_tokens_by_name ON runtime_tokens (function_id, name) WHERE revoked_at IS NULL;
CREATE INDEX runtime_tokens_by_function ON runtime_tokens (function_id);

CREATE TABLE access_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX access_tokens_by_name ON access_tokens (name) WHERE revoked_at IS NULL;

-- The owner is a function's id or `organisation`.
CREATE TABLE secrets (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Nonce, then the encrypted value and its tag.
    ciphertext BLOB NOT NULL,
    key_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (owner, key)
);

-- Outlives what it speaks of, so it refers to nothing. The id is the revision of the change.
CREATE TABLE audit (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    function_slug TEXT,
    target TEXT NOT NULL,
    detail TEXT
);
