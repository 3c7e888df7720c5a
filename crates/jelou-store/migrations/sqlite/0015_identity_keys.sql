-- Keys that sign the identity tokens of functions, encrypted by the vault. A key signs from `signs_from` until the next
-- key does.
CREATE TABLE identity_keys (
    id TEXT NOT NULL PRIMARY KEY,
    ciphertext BLOB NOT NULL,
    key_id TEXT NOT NULL,
    signs_from BIGINT NOT NULL
);
