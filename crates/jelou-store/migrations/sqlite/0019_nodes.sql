-- The servers of a shared database, as each one reports itself. `seen_at` is a time of the database's clock.
CREATE TABLE nodes (
    id TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- Changes up to this position of the feed are applied.
    revision BIGINT NOT NULL,
    hash TEXT,
    exchanges BIGINT NOT NULL,
    clock_offset_ms BIGINT NOT NULL
);
