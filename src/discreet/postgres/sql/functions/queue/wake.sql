SET ROLE discreet_gate;

-- Schedule a wake job for a session of this scope.
CREATE OR REPLACE FUNCTION gate.wake_session(session uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  PERFORM gate.defer_turn(session, at, false);
END $$;

CREATE OR REPLACE FUNCTION gate.wake_route(route uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session((SELECT r.session_id FROM discreet.routes r WHERE r.id = route));
  PERFORM gate.defer_delivery(route, at);
END $$;

-- Lock the row of a session of this scope, and return whether there is one. To this scope, a session of another
-- one doesn't exist.
CREATE OR REPLACE FUNCTION gate.try_lock_session(session uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  IF here.owner_id IS NULL THEN
    RAISE EXCEPTION 'no_scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM 1 FROM discreet.sessions s
    WHERE s.id = session AND s.owner_id = here.owner_id
      AND (session_user = 'discreet_owner'
           OR (s.agent_id = here.agent_id AND s.contact_id IS NOT DISTINCT FROM here.contact_id
               AND s.shared = (session_user = 'discreet_shared')))
    FOR UPDATE;
  RETURN FOUND;
END $$;

-- Lock the row of a session of this scope. Errors: DS001 there is none.
CREATE OR REPLACE FUNCTION gate.lock_session(session uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT gate.try_lock_session(session) THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
END $$;

-- Wake sessions with messages that no job is looking at, because a worker died or a job failed. What
-- failed by an error of the program waits longer each time.
-- Withheld sessions are left alone; whoever releases them wakes them.
-- Locked sessions are skipped until the next sweep: to wait for one would hold up all others.
CREATE OR REPLACE FUNCTION gate.wake_stranded() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stranded record;
  woken    integer := 0;
BEGIN
  FOR stranded IN
    SELECT w.session_id
      FROM (SELECT DISTINCT m.session_id FROM discreet.messages m
             WHERE m.state IN ('waiting', 'taken')) w
     WHERE gate.withheld_reason(w.session_id, NULL) IS NULL
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'turn:' || w.session_id AND j.status IN ('todo', 'doing'))
       AND NOT gate.is_backing_off('turn:' || w.session_id)
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM gate.defer_turn(stranded.session_id, NULL, false);
      woken := woken + 1;
    END IF;
  END LOOP;
  FOR stranded IN
    SELECT DISTINCT o.route_id, o.session_id FROM discreet.outbox o
     WHERE o.state IN ('pending', 'sending')
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'deliver:' || o.route_id AND j.status IN ('todo', 'doing'))
       AND NOT gate.is_backing_off('deliver:' || o.route_id)
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM gate.defer_delivery(stranded.route_id, NULL);
      woken := woken + 1;
    END IF;
  END LOOP;
  RETURN woken;
END $$;

REVOKE ALL ON FUNCTION gate.wake_session, gate.wake_route, gate.try_lock_session, gate.lock_session,
  gate.wake_stranded FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.wake_session, gate.wake_route
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.wake_stranded TO discreet_worker;
