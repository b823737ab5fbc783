SET ROLE discreet_gate;

-- End the turn of a session and drop its waiting messages: they stay in the transcript, unanswered.
CREATE OR REPLACE FUNCTION gate.stop_turn(session uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = session AND t.state = 'running';
  PERFORM gate.delete_draft(session, s.current_turn) FROM discreet.sessions s WHERE s.id = session;
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  UPDATE discreet.messages m SET state = 'context'
   WHERE m.session_id = session AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
END $$;

REVOKE ALL ON FUNCTION gate.stop_turn FROM PUBLIC;
