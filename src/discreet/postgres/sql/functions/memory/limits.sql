-- Limits for programs that act for people: how many memories a contact may have, and a notification to
-- check access again while waiting for an answer.
SET ROLE discreet_gate;

-- Checked once per statement, however a memory is created or restored. A summary of a conversation
-- doesn't count: nobody asked for it, and there is one per session. DS004: the message is the limit
-- alone.
CREATE OR REPLACE FUNCTION gate.enforce_memory_limit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  max_memories integer := (SELECT p.memories_per_contact FROM gate.policy p);
  added_party  record;
BEGIN
  FOR added_party IN SELECT DISTINCT a.owner_id, a.agent_id, a.party FROM added a
             WHERE (a.contact_id IS NOT NULL OR a.shared) AND a.source <> 'compaction' LOOP
    IF (SELECT count(*) FROM (
          SELECT FROM discreet.memories m
           WHERE m.owner_id = added_party.owner_id AND m.agent_id = added_party.agent_id AND m.party = added_party.party
           LIMIT max_memories + 1) found) > max_memories THEN
      RAISE EXCEPTION '%', max_memories USING ERRCODE = 'DS004';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.enforce_memory_limit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.enforce_memory_limit TO discreet_schema;
