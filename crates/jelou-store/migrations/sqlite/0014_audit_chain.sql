-- The hash chain of the audit trail. The server computes the hashes of older entries when it opens the database.
ALTER TABLE audit ADD COLUMN actor_name TEXT;
ALTER TABLE audit ADD COLUMN address TEXT;
-- What was changed, as JSON without values of secrets and tokens.
ALTER TABLE audit ADD COLUMN old_value TEXT;
ALTER TABLE audit ADD COLUMN new_value TEXT;
ALTER TABLE audit ADD COLUMN previous_hash TEXT;
ALTER TABLE audit ADD COLUMN hash TEXT;
-- The hash of the entry of this revision.
ALTER TABLE revision ADD COLUMN hash TEXT;
