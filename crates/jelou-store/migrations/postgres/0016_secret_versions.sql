ALTER TABLE secrets ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- Earlier values of secrets, of which the newest are kept.
CREATE TABLE secret_versions (
    owner TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    ciphertext BYTEA NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, key, version)
);
