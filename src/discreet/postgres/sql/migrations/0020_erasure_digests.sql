-- Digests of the ids of erased contacts, so that a restored backup can be freed of them again.
SET ROLE discreet_schema;
ALTER TABLE discreet.erasures ADD COLUMN digests text[] NOT NULL DEFAULT '{}';
ALTER TABLE discreet.erasures ALTER COLUMN digests SET STATISTICS 0;
