-- Messages that could not be assigned to a contact. They wait here, where only the owner sees them.
SET ROLE discreet_schema;

CREATE TABLE discreet.quarantine (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  channel_id  uuid NOT NULL REFERENCES discreet.channels,
  dedupe_key  text NOT NULL,
  inbound     jsonb NOT NULL,
  reason      text NOT NULL,
  attempts    integer NOT NULL DEFAULT 1,
  next_try_at timestamptz NOT NULL DEFAULT now(),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  released_at timestamptz,
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE (channel_id, dedupe_key, owner_id)
);
CREATE INDEX quarantine_waiting
  ON discreet.quarantine (next_try_at, owner_id) WHERE released_at IS NULL;
ALTER TABLE discreet.quarantine
  ALTER COLUMN dedupe_key SET STATISTICS 0,
  ALTER COLUMN inbound SET STATISTICS 0,
  ALTER COLUMN reason SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.quarantine FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.quarantine TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.quarantine TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, channel_id, dedupe_key, inbound, reason, attempts, next_try_at,
              created_at, released_at, owner_key)
  ON discreet.quarantine
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.quarantine TO discreet_gate;
