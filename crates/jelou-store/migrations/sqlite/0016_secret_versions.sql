ALTER TABLE secrets ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- Earlier values of secrets, of which the newest are kept.
CREATE TABLE secret_versions (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    version BIGINT NOT NULL,
    ciphertext BLOB NOT NULL,
    key_id TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (owner, key, version)
);
