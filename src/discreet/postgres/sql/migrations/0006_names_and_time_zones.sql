-- What people are called on a platform now, where they are, and whom to tell of what can't be read.
SET ROLE discreet_schema;
ALTER TABLE discreet.addresses ADD COLUMN name text NOT NULL DEFAULT '';
COMMENT ON COLUMN discreet.addresses.name IS
  'what they were last called there; a contact that is called so too is called as they are now';
ALTER TABLE discreet.addresses ALTER COLUMN name SET STATISTICS 0;
GRANT SELECT (name) ON discreet.addresses TO discreet_contact, discreet_owner;
ALTER TABLE discreet.contacts
  ADD COLUMN time_zone text NOT NULL DEFAULT '' CHECK (length(time_zone) <= 64);
COMMENT ON COLUMN discreet.contacts.time_zone IS
  'where they said they are, as the IANA calls it; empty: they didn''t';
ALTER TABLE discreet.contacts ALTER COLUMN time_zone SET STATISTICS 0;
GRANT SELECT (time_zone) ON discreet.contacts TO discreet_contact, discreet_owner;
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.quarantine_message(text, uuid, text, jsonb, text);
