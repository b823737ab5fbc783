SET ROLE discreet_gate;

-- Move memories that expired more than `keep_for` ago to the history, at most `max_rows`. Returns how many.
CREATE OR REPLACE FUNCTION gate.purge_expired_memories(keep_for interval, max_rows integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  purged integer;
BEGIN
  DELETE FROM discreet.memories WHERE id IN (
    SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.expires_at < clock_timestamp() - keep_for
     ORDER BY m.expires_at LIMIT max_rows FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END $$;

REVOKE ALL ON FUNCTION gate.purge_expired_memories FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.purge_expired_memories TO discreet_worker;
