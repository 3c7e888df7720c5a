-- Egress rules and limits that an administrator has set for the function, as JSON.
ALTER TABLE functions ADD COLUMN settings TEXT;
