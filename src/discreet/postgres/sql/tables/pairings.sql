-- A stranger's request to be admitted: one channel, one contact, one code at a time.
SET ROLE discreet_schema;

CREATE TABLE discreet.pairings (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  channel_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  code       text NOT NULL,
  state      text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'denied')),
  issued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE (channel_id, contact_id),
  UNIQUE (id, owner_id),
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
    ON DELETE CASCADE,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX pairings_contact ON discreet.pairings (contact_id);
CREATE UNIQUE INDEX pairings_code ON discreet.pairings (owner_id, code) WHERE state = 'pending';
ALTER TABLE discreet.pairings
  ALTER COLUMN code SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.pairings ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.pairings FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.pairings TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.pairings TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER record_pairing AFTER INSERT ON discreet.pairings
  FOR EACH ROW EXECUTE FUNCTION gate.record_pairing();
CREATE TRIGGER record_decision AFTER UPDATE OF state ON discreet.pairings
  FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION gate.record_pairing();
GRANT SELECT (id, owner_id, agent_id, channel_id, contact_id, state, issued_at, expires_at,
              created_at)
  ON discreet.pairings
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.pairings TO discreet_gate;
