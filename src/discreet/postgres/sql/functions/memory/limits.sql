-- What programs meet that speak for people: how many memories a contact may have, and that whoever waits
-- for an answer is told to look whether it may still have it.
SET ROLE discreet_gate;

-- Once a statement, whatever way a memory comes back or is made. A summary of a conversation is no wish of
-- anybody's, and there is one for each session. DS004: the limit, in a message that is the number alone.
CREATE OR REPLACE FUNCTION gate.refuse_too_many_memories() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most integer := (SELECT p.memories_per_contact FROM gate.policy p);
  it   record;
BEGIN
  FOR it IN SELECT DISTINCT a.owner_id, a.agent_id, a.party FROM added a
             WHERE (a.contact_id IS NOT NULL OR a.shared) AND a.source <> 'compaction' LOOP
    IF (SELECT count(*) FROM (
          SELECT FROM discreet.memories m
           WHERE m.owner_id = it.owner_id AND m.agent_id = it.agent_id AND m.party = it.party
           LIMIT most + 1) found) > most THEN
      RAISE EXCEPTION '%', most USING ERRCODE = 'DS004';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.refuse_too_many_memories FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.refuse_too_many_memories TO discreet_schema;
