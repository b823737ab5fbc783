-- What the worker needs to find due work: ids only, no text and no name. With them it opens the scope
-- that the work belongs to.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.session_scope(session uuid)
RETURNS TABLE (owner_id uuid, agent_id uuid, contact_id uuid, shared boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.owner_id, s.agent_id, s.contact_id, s.shared FROM discreet.sessions s
   WHERE s.id = session
$$;

CREATE OR REPLACE FUNCTION gate.route_scope(route uuid)
RETURNS TABLE (owner_id uuid, agent_id uuid, contact_id uuid, shared boolean, platform text,
               account text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.owner_id, r.agent_id, r.contact_id, r.shared, c.platform, c.account
    FROM discreet.routes r
    JOIN discreet.channels c ON c.id = r.channel_id
   WHERE r.id = route
$$;

CREATE OR REPLACE FUNCTION gate.owners() RETURNS TABLE (owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.id FROM discreet.owners o ORDER BY o.created_at, o.id
$$;

-- Return the installation's first owner. It is created once, however many processes ask at the same
-- time.
CREATE OR REPLACE FUNCTION gate.find_or_create_first_owner(owner_name text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: first owner', 0));
  SELECT o.id INTO result FROM discreet.owners o ORDER BY o.created_at, o.id LIMIT 1;
  IF NOT FOUND THEN
    INSERT INTO discreet.owners (name) VALUES (owner_name) RETURNING id INTO result;
  END IF;
  RETURN result;
END $$;

CREATE OR REPLACE FUNCTION gate.due_quarantined() RETURNS TABLE (id uuid, owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT q.id, q.owner_id FROM discreet.quarantine q
   WHERE q.released_at IS NULL AND q.next_try_at <= clock_timestamp()
   ORDER BY q.next_try_at LIMIT 100
$$;

-- List the channels that a serving process keeps open: ids, accounts, and when their secret was set.
CREATE OR REPLACE FUNCTION gate.open_channels()
RETURNS TABLE (id uuid, owner_id uuid, platform text, account text, secret_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id, c.owner_id, c.platform, c.account, s.changed_at
    FROM discreet.channels c
    LEFT JOIN discreet.channel_secrets s USING (owner_id, platform, account)
   WHERE c.closed_at IS NULL AND c.platform <> 'terminal' AND c.parent_id IS NULL
   ORDER BY c.created_at, c.id
$$;

REVOKE ALL ON FUNCTION gate.session_scope, gate.route_scope, gate.owners,
  gate.find_or_create_first_owner, gate.due_quarantined, gate.open_channels FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.session_scope, gate.route_scope, gate.owners,
  gate.find_or_create_first_owner, gate.due_quarantined, gate.open_channels TO discreet_worker;
