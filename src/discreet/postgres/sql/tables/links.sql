-- proof: 'owner' (the owner said so), 'codes' (each of the two typed a code of the other), or 'identity' (a
-- visitor of a web chat had the token of the one and a signed identity of the other).
SET ROLE discreet_schema;

CREATE TABLE discreet.links (
  id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id  uuid NOT NULL,
  survivor_id   uuid NOT NULL,
  merged_id uuid NOT NULL,
  proof     text NOT NULL CHECK (proof IN ('owner', 'codes', 'identity')),
  linked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  undone_at timestamptz,
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE (id, owner_id),
  FOREIGN KEY (survivor_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE,
  FOREIGN KEY (merged_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX links_merged ON discreet.links (merged_id) WHERE undone_at IS NULL;
CREATE INDEX links_survivor ON discreet.links (survivor_id);
ALTER TABLE discreet.links
  ALTER COLUMN proof SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.links ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.links FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.links TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.links TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, survivor_id, merged_id, proof, linked_at, undone_at, owner_key)
  ON discreet.links
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.links TO discreet_gate;
