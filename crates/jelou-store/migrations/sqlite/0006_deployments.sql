-- Commit and pipeline of the files, as JSON.
ALTER TABLE deployments ADD COLUMN provenance TEXT;
ALTER TABLE deployments ADD COLUMN message TEXT;
ALTER TABLE deployments ADD COLUMN tag TEXT;
-- SHA-256 of what was uploaded and of the settings of its build.
ALTER TABLE deployments ADD COLUMN digest TEXT;
ALTER TABLE deployments ADD COLUMN pinned_at BIGINT;
-- The revisions in which the deployment was last made live, and last replaced; null for a deployment of an earlier release.
ALTER TABLE deployments ADD COLUMN live_revision BIGINT;
ALTER TABLE deployments ADD COLUMN left_revision BIGINT;
ALTER TABLE deployments ADD COLUMN rolled_back_at BIGINT;
ALTER TABLE deployments ADD COLUMN calls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN failed_calls BIGINT NOT NULL DEFAULT 0;
