SET ROLE discreet_gate;

-- Claim the webhooks for which something waits, so that one process calls each: ids only.
CREATE OR REPLACE FUNCTION gate.claim_webhooks(lease interval)
RETURNS TABLE (owner_id uuid, webhook_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE discreet.webhooks w SET claimed_until = clock_timestamp() + lease
   WHERE w.id IN (
     SELECT d.id FROM discreet.webhooks d
      WHERE d.disabled_at IS NULL AND d.next_try_at <= clock_timestamp()
        AND d.claimed_until <= clock_timestamp()
        AND EXISTS (
          SELECT FROM discreet.events e
           WHERE e.owner_id = d.owner_id AND (d.kinds = '{}' OR e.kind = ANY (d.kinds))
             AND (d.agent_id IS NULL OR e.agent_id = d.agent_id)
             -- After a restore, the transactions of another cluster are still to come here.
             AND (d.last_event_tx >= pg_snapshot_xmax(pg_current_snapshot())
                  OR (e.tx, e.created_at, e.id) > (d.last_event_tx, d.last_event_at, d.last_event_id))
             -- As in services/events.py.
             AND (e.tx < pg_snapshot_xmin(pg_current_snapshot())
                  OR e.created_at < statement_timestamp() - interval '10 seconds'))
      ORDER BY d.next_try_at LIMIT 20 FOR UPDATE SKIP LOCKED)
  RETURNING w.owner_id, w.id
$$;

-- Whether any webhook could be claimed now, whatever waits for it.
CREATE OR REPLACE FUNCTION gate.has_webhooks() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM discreet.webhooks w
     WHERE w.disabled_at IS NULL AND w.next_try_at <= clock_timestamp()
       AND w.claimed_until <= clock_timestamp());
END $$;

-- Delete events older than `keep_for`, at most `max_rows` of each owner, oldest first. An index by time alone would
-- let one owner count the events of others.
CREATE OR REPLACE FUNCTION gate.purge_events(keep_for interval, max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  row_count bigint;
BEGIN
  DELETE FROM discreet.events e USING (
    SELECT o.id FROM discreet.owners w CROSS JOIN LATERAL (
      SELECT e.id, e.created_at FROM discreet.events e WHERE e.owner_id = w.id AND e.owner_key IS NOT NULL
       ORDER BY e.tx, e.created_at, e.id LIMIT max_rows) o
     WHERE o.created_at < statement_timestamp() - keep_for) old
   WHERE e.id = old.id;
  GET DIAGNOSTICS row_count = ROW_COUNT;
  RETURN row_count;
END $$;

REVOKE ALL ON FUNCTION gate.claim_webhooks, gate.has_webhooks, gate.purge_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.claim_webhooks, gate.has_webhooks, gate.purge_events TO discreet_worker;
