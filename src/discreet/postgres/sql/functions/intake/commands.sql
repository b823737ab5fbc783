-- What senders can say to the machine rather than to the agent; and that several messages which are
-- written in one breath are one turn.
SET ROLE discreet_gate;

-- The command in a text, or null: whatever isn't one goes to the agent. The owner, in a session of
-- their own, has other commands than who writes to the agent.
CREATE OR REPLACE FUNCTION gate.command_of(body text, of_owner boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.word FROM (SELECT substring(lower(left(body, 40)) FROM '^/([a-z]+)(?:[[:space:]]|$)')) c(word)
   WHERE c.word = ANY (CASE WHEN of_owner
     THEN ARRAY['start', 'help', 'new', 'stop', 'pairing', 'approve', 'deny']
     ELSE ARRAY['start', 'help', 'new', 'stop', 'memories', 'forget', 'export', 'link'] END)
$$;

REVOKE ALL ON FUNCTION gate.command_of FROM PUBLIC;
