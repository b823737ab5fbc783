-- Channels come and go. One that was removed stays as a row, since conversations lead to it, and the
-- same account may then lead to another agent. Its token is not here: it is in a file of the home.
SET ROLE discreet_schema;
ALTER TABLE discreet.channels ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE discreet.channels ADD COLUMN closed_at timestamptz;
ALTER TABLE discreet.channels DROP CONSTRAINT channels_owner_id_platform_account_key;
CREATE UNIQUE INDEX channels_open ON discreet.channels (owner_id, platform, account)
  WHERE closed_at IS NULL;
GRANT INSERT (name), UPDATE (name, closed_at) ON discreet.channels TO discreet_owner;
CALL discreet.keep_no_statistics();
RESET ROLE;

SET ROLE discreet_gate;
-- The channels that a serving process keeps up: ids and accounts.
CREATE FUNCTION gate.open_channels()
RETURNS TABLE (id uuid, owner_id uuid, platform text, account text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id, c.owner_id, c.platform, c.account FROM discreet.channels c
   WHERE c.closed_at IS NULL AND c.platform <> 'terminal'
   ORDER BY c.created_at, c.id
$$;
REVOKE ALL ON FUNCTION gate.open_channels() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.open_channels() TO discreet_worker;
RESET ROLE;
