SET ROLE discreet_gate;

-- Clean up, in one call: drop the jobs of workers that have been silent for too long and those that the
-- calling process has forgotten, delete what expired, and wake what waits without a job. It runs with
-- the worker's rights.
-- `running`: the jobs that run in the calling process, of its `workers`. `suspects`: what the last call
-- returned as `forgotten`. A job is dropped if two calls in a row found it.
CREATE OR REPLACE FUNCTION gate.sweep(
  stalled_after interval, workers bigint[], running bigint[], suspects bigint[], keep_expired_for interval,
  max_purged integer, keep_mcp_sessions_for interval,
  OUT woken integer, OUT forgotten bigint[], OUT has_quarantined boolean, OUT has_owners boolean,
  OUT has_webhooks boolean)
LANGUAGE plpgsql SET search_path = queue, pg_temp AS $$
DECLARE
  freed_locks text[];
BEGIN
  SELECT coalesce(array_agg(j.id), '{}') INTO forgotten FROM procrastinate_jobs j
   WHERE j.status = 'doing' AND j.worker_id = ANY (workers) AND j.id <> ALL (running);
  WITH dropped AS (
    DELETE FROM procrastinate_jobs j
     WHERE j.status = 'doing'
       AND (j.worker_id IS NULL OR j.id = ANY (forgotten) AND j.id = ANY (suspects)
            OR EXISTS (SELECT FROM procrastinate_workers w
                        WHERE w.id = j.worker_id AND w.last_heartbeat < now() - stalled_after))
    RETURNING j.lock)
  SELECT array_agg(d.lock) INTO freed_locks FROM dropped d;
  PERFORM gate.notify_locks_freed(freed_locks);
  PERFORM gate.purge_expired_memories(keep_expired_for, max_purged);
  PERFORM gate.purge_mcp_sessions(keep_mcp_sessions_for);
  PERFORM gate.clear_failures();
  PERFORM gate.delete_expired_connections();
  woken := gate.wake_stranded() + gate.wake_reminders();
  has_quarantined := EXISTS (SELECT FROM gate.due_quarantined());
  has_owners := EXISTS (SELECT FROM gate.owners_to_notify());
  has_webhooks := gate.has_webhooks();
END $$;

REVOKE ALL ON FUNCTION gate.sweep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.sweep TO discreet_worker;
