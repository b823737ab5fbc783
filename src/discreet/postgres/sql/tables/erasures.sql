-- A receipt: when a contact was erased, and how many rows of each kind. It doesn't say who it was:
-- digests are of the random ids of the contacts, to find them again in a backup that was restored.
SET ROLE discreet_schema;

CREATE TABLE discreet.erasures (
  id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  counts    jsonb NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  digests   text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX erasures_owner ON discreet.erasures (owner_id, erased_at);
ALTER TABLE discreet.erasures
  ALTER COLUMN counts SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN digests SET STATISTICS 0;
ALTER TABLE discreet.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.erasures FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.erasures TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.erasures TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, counts, erased_at, owner_key) ON discreet.erasures TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.erasures TO discreet_gate;
