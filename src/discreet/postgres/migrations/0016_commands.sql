-- What senders can say to the machine rather than to the agent; and that several messages which are
-- written in one breath are one turn.
SET ROLE discreet_schema;

ALTER TABLE discreet.channels ADD COLUMN gather interval NOT NULL DEFAULT interval '1.5 seconds'
  CHECK (gather BETWEEN interval '0' AND interval '1 minute');
COMMENT ON COLUMN discreet.channels.gather IS
  'how long a first message waits for those that follow it; a terminal never waits';
GRANT UPDATE (gather) ON discreet.channels TO discreet_owner;

ALTER TABLE discreet.turns DROP CONSTRAINT turns_state_check;
ALTER TABLE discreet.turns ADD CONSTRAINT turns_state_check
  CHECK (state IN ('running', 'answered', 'failed', 'given_up', 'lost', 'stopped'));
GRANT UPDATE (state, error, finished_at) ON discreet.turns TO discreet_gate;
CREATE POLICY gate ON discreet.drafts TO discreet_gate USING (true);
GRANT SELECT, DELETE ON discreet.drafts TO discreet_gate;
RESET ROLE;

SET ROLE discreet_gate;
-- The command in a text, or null: whatever isn't one goes to the agent. The owner, in a session of
-- their own, has other commands than who writes to the agent.
CREATE FUNCTION gate.command_of(body text, of_owner boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.word FROM (SELECT substring(lower(left(body, 40)) FROM '^/([a-z]+)(?:[[:space:]]|$)')) c(word)
   WHERE c.word = ANY (CASE WHEN of_owner
     THEN ARRAY['start', 'help', 'new', 'stop', 'pairing', 'approve', 'deny']
     ELSE ARRAY['start', 'help', 'new', 'stop', 'memories', 'forget', 'export', 'link'] END)
$$;

-- Ends the turn of a session and drops what waits there: it was said, and isn't answered any more.
CREATE FUNCTION gate.stop_turn(session uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = session AND t.state = 'running';
  DELETE FROM discreet.drafts d USING discreet.sessions s
   WHERE s.id = session AND d.turn_id = s.current_turn;
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  UPDATE discreet.messages m SET state = 'context'
   WHERE m.session_id = session AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
END $$;

REVOKE ALL ON FUNCTION gate.command_of(text, boolean), gate.stop_turn(uuid) FROM PUBLIC;
RESET ROLE;
