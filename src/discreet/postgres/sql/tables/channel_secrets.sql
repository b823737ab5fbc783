-- The secret that connects an account on a platform, encrypted. The key is derived from the credentials
-- file, which the database never sees. Owner, platform and account are part of the encryption, so a
-- value that is moved to another row can't be read. A secret belongs to the account, not to a channel:
-- an account that was removed and added again still delivers what waited.
SET ROLE discreet_schema;

CREATE TABLE discreet.channel_secrets (
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id
             REFERENCES discreet.owners ON DELETE CASCADE,
  platform   text NOT NULL,
  account    text NOT NULL,
  sealed     bytea NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (owner_id, platform, account)
);
ALTER TABLE discreet.channel_secrets
  ALTER COLUMN account SET STATISTICS 0,
  ALTER COLUMN sealed SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.channel_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.channel_secrets FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.channel_secrets TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.channel_secrets FOR SELECT TO discreet_gate
  USING (
    owner_key IS NOT NULL);
CREATE TRIGGER notify_channels_changed AFTER INSERT OR DELETE OR UPDATE ON discreet.channel_secrets
  FOR EACH STATEMENT EXECUTE FUNCTION gate.notify_channels_changed();
GRANT SELECT (owner_id, platform, account, sealed, changed_at, owner_key),
      INSERT (platform, account, sealed),
      UPDATE (sealed, changed_at),
      DELETE
  ON discreet.channel_secrets
  TO discreet_owner;
GRANT SELECT (owner_id, platform, account, changed_at)
  ON discreet.channel_secrets
  TO discreet_gate;
