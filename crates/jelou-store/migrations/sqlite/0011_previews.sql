-- Previews of functions: a deployment with its own secrets and memory, until it expires. Nothing refers to a preview, and a
-- preview refers to nothing, so that an older server can still delete functions and deployments.
CREATE TABLE previews (
    id TEXT NOT NULL PRIMARY KEY,
    function_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Null until the first deploy to the preview.
    deployment_id TEXT,
    with_secrets_at BIGINT,
    header_only_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX previews_by_name ON previews (function_id, name);
CREATE INDEX previews_by_expiry ON previews (expires_at);
-- Until now every deployment was live. From here on, null means that it never was.
UPDATE deployments SET live_revision = revision WHERE live_revision IS NULL;
