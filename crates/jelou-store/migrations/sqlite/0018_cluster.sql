-- What the servers of one database have in common. At most one row.
CREATE TABLE cluster (
    id BIGINT NOT NULL PRIMARY KEY,
    -- The id of their master key.
    key_id TEXT NOT NULL
);

-- Number of changes of exchanged tokens, which are not in the audit trail.
ALTER TABLE revision ADD COLUMN exchanges BIGINT NOT NULL DEFAULT 0;

-- The server that runs it. Null for a run of an earlier release.
ALTER TABLE runs ADD COLUMN node_id TEXT;
