-- Scopes, CIDRs and rate of a token, as JSON; null for one that has none of these limits.
ALTER TABLE runtime_tokens ADD COLUMN policy TEXT;
