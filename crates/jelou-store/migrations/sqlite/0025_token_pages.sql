-- Pages of a function's tokens, oldest first.
CREATE INDEX runtime_tokens_by_age ON runtime_tokens (function_id, created_at, id) WHERE revoked_at IS NULL;
