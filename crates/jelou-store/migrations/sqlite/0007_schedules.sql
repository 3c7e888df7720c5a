-- What is known about a schedule besides its definition, which is in the manifest of the live deployment.
CREATE TABLE schedules (
    function_id TEXT NOT NULL,
    schedule TEXT NOT NULL,
    -- Due times up to this one have a run, or were missed.
    settled_until BIGINT NOT NULL DEFAULT 0,
    paused_at BIGINT,
    paused_by TEXT,
    PRIMARY KEY (function_id, schedule)
);

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    function_id TEXT NOT NULL,
    schedule TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    deployment_id TEXT NOT NULL,
    claimed_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    status BIGINT,
    request_id TEXT,
    -- Of a missed run: how many due times passed, this one included.
    missed BIGINT NOT NULL DEFAULT 0
);
-- The claim: a due time starts at most once. A run by hand claims nothing.
CREATE UNIQUE INDEX runs_by_due_time ON runs (function_id, schedule, due_at) WHERE origin <> 'manual';
CREATE INDEX runs_by_schedule ON runs (function_id, schedule, id);
CREATE INDEX runs_by_function ON runs (function_id, id);
CREATE INDEX runs_running ON runs (id) WHERE state = 'RUNNING';
