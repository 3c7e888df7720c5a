-- What of the state a server could not apply, one line for each part. Null: a server of an older version.
ALTER TABLE nodes ADD COLUMN unapplied TEXT COLLATE "C";
