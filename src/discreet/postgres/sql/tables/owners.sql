-- A tenant: a person or company that runs agents. How rows say whose they are: see sessions.sql.
SET ROLE discreet_schema;

CREATE TABLE discreet.owners (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(id))) STORED,
  seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN discreet.owners.seen_at IS
  'what was said before then counts as read';
ALTER TABLE discreet.owners
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owners ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owners FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.owners TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owners TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, name, created_at, owner_key, seen_at), UPDATE (seen_at)
  ON discreet.owners
  TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.owners TO discreet_gate;
