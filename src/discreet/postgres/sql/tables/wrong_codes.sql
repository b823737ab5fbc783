-- Wrong codes, counted: those of strangers that the owner typed, and those that a sender (a keyed hash
-- of the address) typed while the owner's code was expected.
SET ROLE discreet_schema;

CREATE TABLE discreet.wrong_codes (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL REFERENCES discreet.owners,
  sender     bytea,
  tried_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  contact_id uuid,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX wrong_codes_owner ON discreet.wrong_codes (owner_id, tried_at);
CREATE INDEX wrong_codes_sender ON discreet.wrong_codes (sender, owner_id) WHERE sender IS NOT NULL;
CREATE INDEX wrong_codes_contact ON discreet.wrong_codes (contact_id, tried_at, owner_id);
ALTER TABLE discreet.wrong_codes
  ALTER COLUMN sender SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.wrong_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.wrong_codes FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.wrong_codes TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.wrong_codes TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, sender, tried_at, owner_key, contact_id)
  ON discreet.wrong_codes
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.wrong_codes TO discreet_gate;
