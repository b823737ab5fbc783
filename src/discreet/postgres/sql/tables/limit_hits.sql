-- Contacts that exceeded a limit, until when they get no answer, and how many messages were refused
-- since.
SET ROLE discreet_schema;

CREATE TABLE discreet.limit_hits (
  agent_id   uuid NOT NULL,
  contact_id uuid NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('messages_a_minute', 'waiting', 'tokens_a_day', 'money_a_day', 'budget')),
  owner_id   uuid NOT NULL,
  refused    integer NOT NULL DEFAULT 1,
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  until      timestamptz NOT NULL,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (agent_id, contact_id, kind),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX limit_hits_owner ON discreet.limit_hits (owner_id, since);
ALTER TABLE discreet.limit_hits
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.limit_hits ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.limit_hits FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.limit_hits TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.limit_hits TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (agent_id, contact_id, kind, owner_id, refused, since, until, owner_key),
      DELETE
  ON discreet.limit_hits
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.limit_hits TO discreet_gate;
