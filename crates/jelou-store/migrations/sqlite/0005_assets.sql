-- The files that a function reads by path, as one archive; null for an artifact without any.
ALTER TABLE artifacts ADD COLUMN assets BLOB;
