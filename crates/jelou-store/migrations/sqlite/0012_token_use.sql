-- The calls of the current period of a quota. Null before the first one.
ALTER TABLE runtime_tokens ADD COLUMN quota_start BIGINT;
ALTER TABLE runtime_tokens ADD COLUMN quota_calls BIGINT;
-- The last use of the current value; null if it was not used since the rotation.
ALTER TABLE runtime_tokens ADD COLUMN value_last_used_at BIGINT;
UPDATE runtime_tokens SET value_last_used_at = last_used_at;
-- `local`, `private` or `public`; or an address, where the server is told to record it.
ALTER TABLE runtime_tokens ADD COLUMN last_used_from TEXT;
-- Name of the access token that revoked it.
ALTER TABLE runtime_tokens ADD COLUMN revoked_by TEXT;
-- When it was enabled again; null if it was never disabled.
ALTER TABLE runtime_tokens ADD COLUMN enabled_at BIGINT;
-- The last warning before the expiry: how many days were left at most. A changed expiry removes it.
ALTER TABLE runtime_tokens ADD COLUMN expiry_warned_days BIGINT;

CREATE INDEX runtime_tokens_by_expiry ON runtime_tokens (expires_at) WHERE expires_at IS NOT NULL AND revoked_at IS NULL;

-- Counts of a token's calls for each day (of UTC, since the Unix epoch). A `kind` from 0 on is a bucket of durations; -1
-- counts errors, -2 refused calls.
CREATE TABLE token_usage (
    token_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (token_id, day, kind)
);
CREATE INDEX token_usage_by_day ON token_usage (day);
