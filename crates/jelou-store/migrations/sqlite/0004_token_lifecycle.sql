-- Owner, purpose and tags of a token, as JSON; null for one without labels.
ALTER TABLE runtime_tokens ADD COLUMN labels TEXT;
-- The value before the last rotation. It may be used until `previous_valid_until`.
ALTER TABLE runtime_tokens ADD COLUMN previous_hash BLOB;
ALTER TABLE runtime_tokens ADD COLUMN previous_prefix TEXT;
ALTER TABLE runtime_tokens ADD COLUMN previous_valid_until BIGINT;
ALTER TABLE runtime_tokens ADD COLUMN previous_last_used_at BIGINT;
CREATE UNIQUE INDEX runtime_tokens_by_previous_hash ON runtime_tokens (previous_hash) WHERE previous_hash IS NOT NULL;
