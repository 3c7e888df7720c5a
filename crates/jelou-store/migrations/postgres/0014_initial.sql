-- The tables of the migrations 1 to 14 of SQLite; see there for the meaning of the columns. Only BIGINT, TEXT and BYTEA; see
-- ../README.md. `COLLATE "C"` sorts text by its bytes, like SQLite.

-- The number of the last change. It is raised in the transaction of every change, which holds the lock of this row: the
-- order of the numbers is the order of the commits.
CREATE TABLE revision (
    id BIGINT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL,
    hash TEXT COLLATE "C"
);
INSERT INTO revision (id, value) VALUES (1, 0);

CREATE TABLE functions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT COLLATE "C",
    live_deployment_id TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    settings TEXT COLLATE "C"
);

-- Content-addressed: the hash is SHA-256, in hexadecimal, of what the columns hold before compression.
CREATE TABLE artifacts (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    bundle BYTEA NOT NULL,
    source_map BYTEA,
    sources BYTEA NOT NULL,
    assets BYTEA
);

-- `revision` is the order of deployments.
CREATE TABLE deployments (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    function_id TEXT COLLATE "C" NOT NULL REFERENCES functions (id),
    artifact_hash TEXT COLLATE "C" NOT NULL REFERENCES artifacts (hash),
    manifest TEXT COLLATE "C" NOT NULL,
    entrypoint TEXT COLLATE "C" NOT NULL,
    files TEXT COLLATE "C" NOT NULL,
    bundle_bytes BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    provenance TEXT COLLATE "C",
    message TEXT COLLATE "C",
    tag TEXT COLLATE "C",
    digest TEXT COLLATE "C",
    pinned_at BIGINT,
    live_revision BIGINT,
    left_revision BIGINT,
    rolled_back_at BIGINT,
    calls BIGINT NOT NULL DEFAULT 0,
    failed_calls BIGINT NOT NULL DEFAULT 0,
    dependencies TEXT COLLATE "C"
);
CREATE UNIQUE INDEX deployments_by_function ON deployments (function_id, revision);
CREATE INDEX deployments_by_artifact ON deployments (artifact_hash);
ALTER TABLE functions ADD FOREIGN KEY (live_deployment_id) REFERENCES deployments (id);
-- The deletion of a deployment looks for functions that refer to it.
CREATE INDEX functions_by_live_deployment ON functions (live_deployment_id);

-- The hashes are SHA-256 of the token; the token itself is nowhere.
CREATE TABLE runtime_tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    function_id TEXT COLLATE "C" NOT NULL REFERENCES functions (id),
    name TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    prefix TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    disabled_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    policy TEXT COLLATE "C",
    labels TEXT COLLATE "C",
    previous_hash BYTEA,
    previous_prefix TEXT COLLATE "C",
    previous_valid_until BIGINT,
    previous_last_used_at BIGINT,
    quota_start BIGINT,
    quota_calls BIGINT,
    value_last_used_at BIGINT,
    last_used_from TEXT COLLATE "C",
    revoked_by TEXT COLLATE "C",
    enabled_at BIGINT,
    expiry_warned_days BIGINT
);
CREATE UNIQUE INDEX runtime_tokens_by_name ON runtime_tokens (function_id, name) WHERE revoked_at IS NULL;
CREATE INDEX runtime_tokens_by_function ON runtime_tokens (function_id);
CREATE UNIQUE INDEX runtime_tokens_by_previous_hash ON runtime_tokens (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX runtime_tokens_by_expiry ON runtime_tokens (expires_at) WHERE expires_at IS NOT NULL AND revoked_at IS NULL;

CREATE TABLE access_tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    prefix TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    previous_hash BYTEA,
    previous_prefix TEXT COLLATE "C",
    previous_valid_until BIGINT,
    previous_last_used_at BIGINT
);
CREATE UNIQUE INDEX access_tokens_by_name ON access_tokens (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX access_tokens_by_previous_hash ON access_tokens (previous_hash) WHERE previous_hash IS NOT NULL;

-- The owner is the id of a function or preview, or `organisation`.
CREATE TABLE secrets (
    owner TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    ciphertext BYTEA NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, key)
);

-- Outlives what it speaks of, so it refers to nothing. The id is the revision of the change.
CREATE TABLE audit (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    function_slug TEXT COLLATE "C",
    target TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C",
    actor_name TEXT COLLATE "C",
    address TEXT COLLATE "C",
    old_value TEXT COLLATE "C",
    new_value TEXT COLLATE "C",
    previous_hash TEXT COLLATE "C",
    hash TEXT COLLATE "C"
);

-- What functions keep between requests. The scope is a user, a conversation, or empty.
CREATE TABLE memory (
    function_id TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (function_id, scope, key)
);
CREATE INDEX memory_by_expiry ON memory (expires_at);

-- What is known about a schedule besides its definition, which is in the manifest of the live deployment.
CREATE TABLE schedules (
    function_id TEXT COLLATE "C" NOT NULL,
    schedule TEXT COLLATE "C" NOT NULL,
    settled_until BIGINT NOT NULL DEFAULT 0,
    paused_at BIGINT,
    paused_by TEXT COLLATE "C",
    PRIMARY KEY (function_id, schedule)
);

-- The unique index of due times is the claim: a due time starts at most once. A run by hand claims nothing.
CREATE TABLE runs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    function_id TEXT COLLATE "C" NOT NULL,
    schedule TEXT COLLATE "C" NOT NULL,
    due_at BIGINT NOT NULL,
    origin TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    deployment_id TEXT COLLATE "C" NOT NULL,
    claimed_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    status BIGINT,
    request_id TEXT COLLATE "C",
    missed BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX runs_by_due_time ON runs (function_id, schedule, due_at) WHERE origin <> 'manual';
CREATE INDEX runs_by_schedule ON runs (function_id, schedule, id);
CREATE INDEX runs_by_function ON runs (function_id, id);
CREATE INDEX runs_running ON runs (id) WHERE state = 'RUNNING';

-- Counts of calls: a row for each function and hour with calls, one line of JSON for each minute.
CREATE TABLE traffic (
    function_id TEXT COLLATE "C" NOT NULL,
    hour BIGINT NOT NULL,
    minutes TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (function_id, hour)
);
CREATE INDEX traffic_by_hour ON traffic (hour);

-- Nothing refers to a preview, and a preview refers to nothing.
CREATE TABLE previews (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    function_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    deployment_id TEXT COLLATE "C",
    with_secrets_at BIGINT,
    header_only_at BIGINT,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX previews_by_name ON previews (function_id, name);
CREATE INDEX previews_by_expiry ON previews (expires_at);

-- Counts of a token's calls for each day. A `kind` from 0 on is a bucket of durations; -1 counts errors, -2 refused calls.
CREATE TABLE token_usage (
    token_id TEXT COLLATE "C" NOT NULL,
    day BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (token_id, day, kind)
);
CREATE INDEX token_usage_by_day ON token_usage (day);

-- Whose identity tokens are exchanged, and what for. `terms` and `pinned` are JSON.
CREATE TABLE trust_policies (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    terms TEXT COLLATE "C" NOT NULL,
    pinned TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    last_used_at BIGINT
);

-- Identity tokens that were exchanged, each by a hash of its issuer and its id, until they expire.
CREATE TABLE used_assertions (
    assertion BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at);

-- Short-lived tokens that were exchanged for identity tokens: runtime tokens have a function, access tokens scopes.
CREATE TABLE exchanged_tokens (
    hash BYTEA NOT NULL PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    policies TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    function_id TEXT COLLATE "C",
    scopes TEXT COLLATE "C",
    policy TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX exchanged_tokens_by_expiry ON exchanged_tokens (expires_at);
