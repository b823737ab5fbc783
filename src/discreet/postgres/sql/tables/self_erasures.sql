-- Contacts that asked for their own erasure: first with a code, which they repeat within minutes.
SET ROLE discreet_schema;

CREATE TABLE discreet.self_erasures (
  contact_id   uuid PRIMARY KEY,
  owner_id     uuid NOT NULL,
  digest       text NOT NULL,
  tries        integer NOT NULL DEFAULT 0,
  asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  confirmed_at timestamptz,
  receipt      uuid NOT NULL DEFAULT gen_random_uuid(),
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.self_erasures.digest IS 'of the code';
CREATE INDEX self_erasures_due
  ON discreet.self_erasures (confirmed_at)
  WHERE confirmed_at IS NOT NULL AND owner_key IS NOT NULL;
ALTER TABLE discreet.self_erasures
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.self_erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.self_erasures FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.self_erasures TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.self_erasures TO discreet_gate;
