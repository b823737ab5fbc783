-- Contacts that wrote STOP.
SET ROLE discreet_schema;
ALTER TABLE discreet.contacts ADD COLUMN stopped_at timestamptz;
COMMENT ON COLUMN discreet.contacts.stopped_at IS
  'it wrote STOP then: it gets nothing that the owner starts';
GRANT SELECT (stopped_at) ON discreet.contacts TO discreet_owner;
