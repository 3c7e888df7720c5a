-- What functions keep between requests. The scope is a user, a conversation, or empty.
CREATE TABLE memory (
    function_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (function_id, scope, key)
);
CREATE INDEX memory_by_expiry ON memory (expires_at);
