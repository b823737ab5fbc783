-- Who has been admitted to a channel. A group is admitted as a whole.
SET ROLE discreet_schema;

CREATE TABLE discreet.admissions (
  channel_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (channel_id, contact_id),
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
    ON DELETE CASCADE,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX admissions_contact ON discreet.admissions (contact_id);
ALTER TABLE discreet.admissions
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.admissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.admissions FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.admissions TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.admissions TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (channel_id, contact_id, owner_id, agent_id, created_at, owner_key),
      DELETE
  ON discreet.admissions
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.admissions TO discreet_gate;
