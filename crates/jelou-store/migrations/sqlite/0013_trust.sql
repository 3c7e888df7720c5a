-- The value before the last rotation. It may be used until `previous_valid_until`.
ALTER TABLE access_tokens ADD COLUMN previous_hash BLOB;
ALTER TABLE access_tokens ADD COLUMN previous_prefix TEXT;
ALTER TABLE access_tokens ADD COLUMN previous_valid_until BIGINT;
ALTER TABLE access_tokens ADD COLUMN previous_last_used_at BIGINT;
CREATE UNIQUE INDEX access_tokens_by_previous_hash ON access_tokens (previous_hash) WHERE previous_hash IS NOT NULL;
