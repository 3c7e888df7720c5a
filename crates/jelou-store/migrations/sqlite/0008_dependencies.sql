-- The packages and remote modules of a deployment, with their digests.
ALTER TABLE deployments ADD COLUMN dependencies TEXT;
