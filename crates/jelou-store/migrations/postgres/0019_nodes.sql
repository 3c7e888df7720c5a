-- The servers of a shared database, as each one reports itself. `seen_at` is a time of the database's clock.
CREATE TABLE nodes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    address TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- Changes up to this position of the feed are applied.
    revision BIGINT NOT NULL,
    hash TEXT COLLATE "C",
    exchanges BIGINT NOT NULL,
    clock_offset_ms BIGINT NOT NULL
);
