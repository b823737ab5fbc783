-- Jobs and tasks that fail because of an error in the program are retried with growing delays, and shown to the
-- owner.
SET ROLE discreet_gate;

-- Count a failure of a job, by its lock, or of a task of the server, by its name. Runs with the worker's
-- rights.
CREATE OR REPLACE FUNCTION gate.record_failure(key text, error_type text, first_wait interval, max_wait interval)
RETURNS void LANGUAGE plpgsql SET search_path = queue, pg_temp AS $$
BEGIN
  INSERT INTO failures AS f (lock, error, next_try_at)
  VALUES (key, error_type, clock_timestamp() + first_wait)
  ON CONFLICT (lock) DO UPDATE
     SET error = excluded.error, failures = f.failures + 1,
         next_try_at = clock_timestamp() + least(max_wait, first_wait * 2 ^ least(f.failures, 20));
END $$;

-- Say whether a job that failed has to wait before it is tried again.
CREATE OR REPLACE FUNCTION gate.is_backing_off(key text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM queue.failures f
                  WHERE f.lock = key AND f.next_try_at > clock_timestamp())
$$;

-- Delete the failures of jobs whose work is done or gone.
CREATE OR REPLACE FUNCTION gate.clear_failures() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM queue.failures f
   WHERE CASE split_part(f.lock, ':', 1)
           WHEN 'turn' THEN NOT EXISTS (
             SELECT FROM discreet.messages m
              WHERE m.session_id = split_part(f.lock, ':', 2)::uuid
                AND m.state IN ('waiting', 'taken'))
           WHEN 'deliver' THEN NOT EXISTS (
             SELECT FROM discreet.outbox o
              WHERE o.route_id = split_part(f.lock, ':', 2)::uuid
                AND o.state IN ('pending', 'sending'))
           WHEN 'remind' THEN NOT EXISTS (
             SELECT FROM discreet.reminders r
              WHERE r.id = split_part(f.lock, ':', 2)::uuid AND r.due_at <= clock_timestamp())
           ELSE false END;
END $$;

-- Return what fails for this owner: their jobs, and the tasks of the server, which have no session.
CREATE OR REPLACE FUNCTION gate.list_failures(
  OUT task text, OUT session_id uuid, OUT error text, OUT failures integer, OUT since timestamptz,
  OUT next_try_at timestamptz)
RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.require_owner();
  RETURN QUERY
    SELECT split_part(f.lock, ':', 1), s.id, f.error, f.failures, f.since, f.next_try_at
      FROM queue.failures f
      LEFT JOIN discreet.sessions s ON s.id = CASE split_part(f.lock, ':', 1)
        WHEN 'turn' THEN split_part(f.lock, ':', 2)::uuid
        WHEN 'deliver' THEN (SELECT r.session_id FROM discreet.routes r
                              WHERE r.id = split_part(f.lock, ':', 2)::uuid)
        WHEN 'remind' THEN (SELECT r.session_id FROM discreet.reminders r
                             WHERE r.id = split_part(f.lock, ':', 2)::uuid) END
     WHERE f.lock NOT LIKE '%:%' OR s.owner_id = (gate.scope()).owner_id
     ORDER BY f.since, f.lock;
END $$;

REVOKE ALL ON FUNCTION gate.record_failure, gate.is_backing_off, gate.clear_failures, gate.list_failures
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.record_failure, gate.clear_failures TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.list_failures TO discreet_owner;
