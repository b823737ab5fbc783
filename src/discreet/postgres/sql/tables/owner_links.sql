-- A code that the owner sends to the bot, to prove that this account is theirs.
SET ROLE discreet_schema;

CREATE TABLE discreet.owner_links (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL REFERENCES discreet.owners,
  platform   text NOT NULL,
  digest     bytea NOT NULL,
  used_by    text,
  used_at    timestamptz,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
CREATE INDEX owner_links_pending ON discreet.owner_links (owner_id, platform) WHERE used_at IS NULL;
ALTER TABLE discreet.owner_links
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN used_by SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owner_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_links FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.owner_links TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owner_links TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, platform, used_by, used_at, expires_at, created_at)
  ON discreet.owner_links
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.owner_links TO discreet_gate;
