-- A receipt: when rows were deleted because they had been kept long enough, and how many of each kind.
SET ROLE discreet_schema;

CREATE TABLE discreet.retention_runs (
  id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id  uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  counts    jsonb NOT NULL,
  began_at  timestamptz NOT NULL,
  ended_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
CREATE INDEX retention_runs_owner ON discreet.retention_runs (owner_id, ended_at);
ALTER TABLE discreet.retention_runs
  ALTER COLUMN counts SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.retention_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.retention_runs FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.retention_runs TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
GRANT SELECT (id, owner_id, counts, began_at, ended_at, owner_key),
      INSERT (counts, began_at),
      DELETE
  ON discreet.retention_runs
  TO discreet_owner;
