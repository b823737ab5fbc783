-- What connects to an account on a platform, encrypted. The key is in the credentials file, which the
-- database never sees, and whose secret it is goes into the encryption: moved to another row, it can't
-- be read. It belongs to the account, not to a channel: an account that was removed and added again
-- still delivers what waited.
SET ROLE discreet_schema;

CREATE TABLE discreet.channel_secrets (
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id
             REFERENCES discreet.owners ON DELETE CASCADE,
  platform   text NOT NULL,
  account    text NOT NULL,
  sealed     bytea NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (owner_id, platform, account)
);
CALL discreet.keep_no_statistics();

ALTER TABLE discreet.channel_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.channel_secrets FORCE ROW LEVEL SECURITY;
CALL discreet.let_see('channel_secrets', 'owner', '{owner_id}', '{owner_id}');
CREATE POLICY gate ON discreet.channel_secrets FOR SELECT TO discreet_gate USING (true);
GRANT SELECT, INSERT (platform, account, sealed), UPDATE (sealed, changed_at), DELETE
  ON discreet.channel_secrets TO discreet_owner;
-- Where there is one, and whether it is still the same.
GRANT SELECT (owner_id, platform, account, changed_at) ON discreet.channel_secrets TO discreet_gate;
RESET ROLE;

SET ROLE discreet_gate;
-- The channels that a serving process keeps up: ids and accounts, and when their secret was given.
CREATE FUNCTION gate.open_channels()
RETURNS TABLE (id uuid, owner_id uuid, platform text, account text, secret_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id, c.owner_id, c.platform, c.account, s.changed_at
    FROM discreet.channels c
    LEFT JOIN discreet.channel_secrets s USING (owner_id, platform, account)
   WHERE c.closed_at IS NULL AND c.platform <> 'terminal' AND c.parent_id IS NULL
   ORDER BY c.created_at, c.id
$$;
REVOKE ALL ON FUNCTION gate.open_channels() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.open_channels() TO discreet_worker;
RESET ROLE;
