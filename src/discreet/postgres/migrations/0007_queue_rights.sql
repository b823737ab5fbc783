-- The worker runs procrastinate; the gate's functions defer jobs on behalf of a scope. Nobody else
-- has any right here: a queue table tells who exists and when they write.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA queue FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO discreet_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO discreet_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA queue TO discreet_worker, discreet_gate;
GRANT SELECT, INSERT ON queue.procrastinate_jobs, queue.procrastinate_events TO discreet_gate;
GRANT UPDATE (scheduled_at, priority) ON queue.procrastinate_jobs TO discreet_gate;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO discreet_gate;

SET ROLE discreet_gate;

-- One waiting job for each key, whose run takes all that waits there. Whoever calls this holds the
-- row lock of the session, and so does the job while it looks for work: what is stored while a job
-- starts is either seen by it, or finds it started and defers another. What is urgent doesn't wait
-- for the time that something else was put off to.
CREATE FUNCTION gate.defer(
  queue text, task text, key text, args jsonb, at timestamptz, urgent boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = queue, pg_temp AS $$
BEGIN
  PERFORM 1 FROM procrastinate_jobs WHERE queueing_lock = key AND status = 'todo';
  IF NOT FOUND THEN
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
      queue, task, CASE WHEN urgent THEN 10 ELSE 0 END, key, key, args, at
    )::procrastinate_job_to_defer_v1]);
  ELSIF urgent THEN
    UPDATE procrastinate_jobs SET scheduled_at = at, priority = 10
     WHERE queueing_lock = key AND status = 'todo'
       AND scheduled_at > coalesce(at, clock_timestamp());
  END IF;
END $$;

CREATE FUNCTION gate.defer_turn(session uuid, at timestamptz, urgent boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  agent uuid := (SELECT s.agent_id FROM discreet.sessions s WHERE s.id = session);
BEGIN
  -- Each agent has a queue of its own. Everybody can listen to a queue whose name they know, so the name
  -- is a digest that only the gate can make.
  PERFORM gate.defer('turns-' || left(encode(gate.digest_of('agent ' || agent), 'hex'), 12),
                     'run_turn', 'turn:' || session,
                     jsonb_build_object('session_id', session), at, urgent);
END $$;

CREATE FUNCTION gate.defer_delivery(route uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  platform text;
BEGIN
  SELECT c.platform INTO STRICT platform
    FROM discreet.routes r JOIN discreet.channels c ON c.id = r.channel_id WHERE r.id = route;
  PERFORM gate.defer('deliveries-' || platform, 'deliver', 'deliver:' || route,
                     jsonb_build_object('route_id', route), at, platform = 'terminal');
END $$;

-- In its own scope a session can be woken: what waits there will be looked at, at that time.
CREATE FUNCTION gate.wake_session(session uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  PERFORM gate.defer_turn(session, at, false);
END $$;

CREATE FUNCTION gate.wake_route(route uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session((SELECT r.session_id FROM discreet.routes r WHERE r.id = route));
  PERFORM gate.defer_delivery(route, at);
END $$;

-- The row lock of a session of this scope; another's session is no session.
CREATE FUNCTION gate.lock_session(session uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  PERFORM 1 FROM discreet.sessions s
    WHERE s.id = session AND s.owner_id = here.owner_id
      AND (session_user = 'discreet_owner'
           OR (s.agent_id = here.agent_id AND s.contact_id IS NOT DISTINCT FROM here.contact_id
               AND s.shared = (session_user = 'discreet_shared')))
    FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
END $$;

-- What is put into the outbox is delivered; nobody has to think of it.
CREATE FUNCTION gate.deliver_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.defer_delivery(NEW.route_id, NULL);
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.defer(text, text, text, jsonb, timestamptz, boolean),
  gate.defer_turn(uuid, timestamptz, boolean), gate.defer_delivery(uuid, timestamptz),
  gate.wake_session(uuid, timestamptz), gate.wake_route(uuid, timestamptz),
  gate.lock_session(uuid), gate.deliver_outbox() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.wake_session(uuid, timestamptz),
  gate.wake_route(uuid, timestamptz)
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.deliver_outbox() TO discreet_schema;
RESET ROLE;

SET ROLE discreet_schema;
CREATE TRIGGER deliver AFTER INSERT ON discreet.outbox
  FOR EACH ROW EXECUTE FUNCTION gate.deliver_outbox();
RESET ROLE;
