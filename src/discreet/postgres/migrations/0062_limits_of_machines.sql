-- What programs meet that speak for people: how many memories a contact may have, and that whoever waits
-- for an answer is told to look whether it may still have it.
SET ROLE discreet_gate;

-- Once a statement, whatever way a memory comes back or is made. A summary of a conversation is no wish of
-- anybody's, and there is one for each session. DS004: the limit, in a message that is the number alone.
CREATE FUNCTION gate.refuse_too_many_memories() RETURNS trigger
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

-- Said on the channel that everybody who waits for an answer hears (0061): a token was revoked, or a contact
-- blocked, joined or erased. It doesn't say which.
CREATE FUNCTION gate.tell_of_access() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'access');
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.refuse_too_many_memories(), gate.tell_of_access() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.refuse_too_many_memories(), gate.tell_of_access() TO discreet_schema;
RESET ROLE;

SET ROLE discreet_schema;
CREATE TRIGGER too_many AFTER INSERT ON discreet.memories
  REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT
  WHEN (session_user IN ('discreet_contact', 'discreet_shared', 'discreet_owner'))
  EXECUTE FUNCTION gate.refuse_too_many_memories();
CREATE TRIGGER tell_of_access AFTER UPDATE OF blocked_at, joined_into ON discreet.contacts
  FOR EACH ROW WHEN ((NEW.blocked_at, NEW.joined_into) IS DISTINCT FROM (OLD.blocked_at, OLD.joined_into))
  EXECUTE FUNCTION gate.tell_of_access();
CREATE TRIGGER tell_of_erasure AFTER DELETE ON discreet.contacts
  FOR EACH STATEMENT EXECUTE FUNCTION gate.tell_of_access();
CREATE TRIGGER tell_of_access AFTER UPDATE OF revoked_at OR DELETE ON discreet.tokens
  FOR EACH STATEMENT EXECUTE FUNCTION gate.tell_of_access();
RESET ROLE;
