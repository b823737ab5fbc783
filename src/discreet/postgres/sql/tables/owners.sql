-- Null contact_id means the owner; or, in a row that is `shared`, everybody who talks to an agent
-- that shares its memory. What a row is was decided when it was made, whatever becomes of the agent.
-- Because a composite foreign key with a null column checks nothing, scoped tables carry `party`: the
-- contact, else the agent of a shared row, else the owner. It is never null, and foreign keys between
-- scoped tables go through it, so no row can refer to another scope's row. A scoped row leads to its
-- owner through its session, agent or contact: a foreign key of its own would have every message of
-- everybody lock the same row.
SET ROLE discreet_schema;

CREATE TABLE discreet.owners (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(id))) STORED
);
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
GRANT SELECT (id, name, created_at, owner_key) ON discreet.owners TO discreet_owner;
GRANT SELECT, INSERT ON discreet.owners TO discreet_gate;
