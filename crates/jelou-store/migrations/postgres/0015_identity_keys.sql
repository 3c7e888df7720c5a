-- Keys that sign the identity tokens of functions, encrypted by the vault. A key signs from `signs_from` until the next
-- key does.
CREATE TABLE identity_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ciphertext BYTEA NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    signs_from BIGINT NOT NULL
);
