-- The calls of a worker, which run with its own rights on the queue.
SET ROLE discreet_gate;

-- List queues with jobs that can run now, and how many of their jobs run in the calling process
-- (`running_queues` and `running_counts`, in the same order). A session with a running turn has none.
-- `include_turns`: the queues of all agents too.
CREATE OR REPLACE FUNCTION gate.runnable_queues(
  queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[])
RETURNS TABLE (queue_name text, running integer)
LANGUAGE sql STABLE SET search_path = queue, pg_temp AS $$
  SELECT DISTINCT job.queue_name, coalesce(here.jobs, 0)
    FROM procrastinate_jobs job
    LEFT JOIN unnest(running_queues, running_counts) AS here (queue_name, jobs) USING (queue_name)
   WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
     AND (job.queue_name = ANY (queues) OR (include_turns AND starts_with(job.queue_name, 'turns-')))
     AND job.queue_name <> ALL (full_queues)
     AND NOT EXISTS (SELECT FROM procrastinate_jobs other
                      WHERE other.lock = job.lock AND other.status = 'doing')
$$;

-- Delete jobs that have ended, and take the next one: of the queues with the fewest running jobs, the
-- most urgent, and then the oldest. `more`: another one can run now. `due_in`: seconds until the first
-- one that is scheduled for later. The job's arguments
-- come with their scope.
CREATE OR REPLACE FUNCTION gate.take_job(
  ended bigint[], queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[],
  worker bigint, OUT job queue.procrastinate_jobs, OUT more boolean, OUT due_in float8)
LANGUAGE plpgsql SET search_path = queue, pg_temp AS $$
DECLARE
  freed_locks text[];
  fewest      text[];
BEGIN
  -- After a crash of the database, a job that was taken or had ended is taken again.
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH gone AS (DELETE FROM procrastinate_jobs j WHERE j.id = ANY (ended) RETURNING j.lock)
  SELECT array_agg(g.lock) INTO freed_locks FROM gone g;
  more := false;
  SELECT array_agg(w.queue_name) INTO fewest
    FROM (SELECT r.queue_name, rank() OVER (ORDER BY r.running) AS place
            FROM gate.runnable_queues(queues, include_turns, running_queues, running_counts, full_queues) r) w
   WHERE w.place = 1;
  IF fewest IS NOT NULL THEN
    job := procrastinate_fetch_job_v2(fewest::varchar[], worker);
    more := job.id IS NOT NULL
      AND EXISTS (SELECT FROM gate.runnable_queues(queues, include_turns, running_queues, running_counts, full_queues));
  END IF;
  job.args := job.args || jsonb_build_object('scope', gate.job_scope(job.args));
  SELECT extract(epoch FROM min(j.scheduled_at) - clock_timestamp()) INTO due_in
    FROM procrastinate_jobs j
   WHERE j.status = 'todo' AND j.scheduled_at > now()
     AND (j.queue_name = ANY (queues) OR (include_turns AND starts_with(j.queue_name, 'turns-')));
  PERFORM gate.notify_locks_freed(freed_locks);  -- for another process, where this one doesn't take it
END $$;

-- The scope of a job's session or route, which jobs don't store; null if that is gone.
CREATE OR REPLACE FUNCTION gate.job_scope(args jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_jsonb(s) FROM gate.session_scope((args->>'session_id')::uuid) s
  UNION ALL
  SELECT to_jsonb(r) FROM gate.route_scope((args->>'route_id')::uuid) r
$$;

-- Delete the running job of a session or route: it has ended with this transaction. Until then no other
-- one of it runs.
CREATE OR REPLACE FUNCTION gate.end_job(key text) RETURNS void
LANGUAGE plpgsql SET search_path = queue, pg_temp AS $$
BEGIN
  DELETE FROM procrastinate_jobs j WHERE j.lock = key AND j.status = 'doing';
  IF FOUND THEN
    PERFORM gate.notify_locks_freed(ARRAY[key]);
  END IF;
END $$;

-- Let workers look for the jobs that had to wait for these locks.
CREATE OR REPLACE FUNCTION gate.notify_locks_freed(locks text[]) RETURNS void
LANGUAGE plpgsql SET search_path = queue, pg_temp AS $$
BEGIN
  PERFORM gate.notify_workers(j.queue_name) FROM procrastinate_jobs j
    WHERE j.lock = ANY (locks) AND j.status = 'todo'
      AND (j.scheduled_at IS NULL OR j.scheduled_at <= now());
END $$;

-- Let every worker of a queue look for jobs, as the insertion of a job does. An agent created meanwhile
-- has a new queue, so the workers of turns listen to a channel of their own for all of them.
CREATE OR REPLACE FUNCTION gate.notify_workers(queue text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_notify('procrastinate_any_queue_v1', '{}'),
         pg_notify('procrastinate_queue_v1#' || queue, '{}'),
         CASE WHEN starts_with(queue, 'turns-') THEN pg_notify('discreet_turns', '') END
$$;

REVOKE ALL ON FUNCTION gate.runnable_queues, gate.take_job, gate.job_scope, gate.end_job,
  gate.notify_locks_freed, gate.notify_workers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.runnable_queues, gate.take_job, gate.job_scope, gate.notify_locks_freed, gate.notify_workers
  TO discreet_worker;
