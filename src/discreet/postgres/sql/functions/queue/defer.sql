SET ROLE discreet_gate;

-- Keep one waiting job per key; its run takes everything that waits there. The caller holds the row
-- lock of the session, and so does the job while it looks for work. So a message stored while a job
-- starts is either seen by that job, or finds it started and defers another. Urgent work is not held
-- back by a job that was deferred to a later time.
CREATE OR REPLACE FUNCTION gate.defer_job(
  queue text, task text, key text, args jsonb, at timestamptz, urgent boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = queue, pg_temp AS $$
BEGIN
  PERFORM 1 FROM procrastinate_jobs WHERE queueing_lock = key AND status = 'todo';
  IF NOT FOUND THEN
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
      queue, task, CASE WHEN urgent THEN 10 ELSE 0 END, key, key, args, at
    )::procrastinate_job_to_defer_v1]);
    IF task = 'run_turn' THEN
      PERFORM pg_notify('discreet_turns', '');
    END IF;
  ELSIF urgent THEN
    UPDATE procrastinate_jobs SET scheduled_at = at, priority = 10
     WHERE queueing_lock = key AND status = 'todo'
       AND scheduled_at > coalesce(at, clock_timestamp());
    IF FOUND THEN
      PERFORM gate.notify_workers(queue);
    END IF;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION gate.defer_turn(session uuid, at timestamptz, urgent boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key text := 'turn:' || session;
BEGIN
  -- One waits already, and nothing could bring it forward.
  IF EXISTS (SELECT FROM queue.procrastinate_jobs j
              WHERE j.queueing_lock = key AND j.status = 'todo' AND (NOT urgent OR j.scheduled_at IS NULL)) THEN
    RETURN;
  END IF;
  -- Each agent has its own queue. Anybody can LISTEN to a queue whose name they know, so the name is a
  -- digest that only the gate can compute.
  PERFORM gate.defer_job('turns-' || left(encode(gate.keyed_digest('agent ' || s.agent_id), 'hex'), 12),
                     'run_turn', key, jsonb_build_object('session_id', session), at, urgent)
     FROM discreet.sessions s WHERE s.id = session;
END $$;

CREATE OR REPLACE FUNCTION gate.defer_delivery(route uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  platform text;
BEGIN
  SELECT c.platform INTO STRICT platform
    FROM discreet.routes r JOIN discreet.channels c ON c.id = r.channel_id WHERE r.id = route;
  PERFORM gate.defer_job('deliveries-' || platform, 'deliver', 'deliver:' || route,
                     jsonb_build_object('route_id', route), at, platform = 'terminal');
END $$;

REVOKE ALL ON FUNCTION gate.defer_job, gate.defer_turn, gate.defer_delivery FROM PUBLIC;
