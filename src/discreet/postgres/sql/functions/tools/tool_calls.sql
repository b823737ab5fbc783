-- Calls of tools that wait for a yes of the person in the conversation.
SET ROLE discreet_gate;

-- Store the call of a tool that this scope may use, to be shown to the person who wrote the newest message
-- of the turn. An earlier call that waits in this session is replaced.
CREATE OR REPLACE FUNCTION gate.ask_for_call(
  session uuid, turn uuid, tool_called text, given jsonb, valid interval) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  server uuid;
  asker  text;
  result uuid;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT a.server_id INTO server FROM gate.allowed_tools() a WHERE a.called = tool_called;
  IF server IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT coalesce(m.sender_address, '') INTO STRICT asker FROM discreet.messages m
   WHERE m.turn_id = turn AND m.session_id = session AND m.direction = 'in'
   ORDER BY m.position DESC LIMIT 1;
  UPDATE discreet.tool_calls c SET state = 'replaced', decided_at = clock_timestamp()
   WHERE c.session_id = session AND c.state = 'waiting';
  INSERT INTO discreet.tool_calls (
    owner_id, session_id, server_id, called, arguments, shown_to, expires_at)
  SELECT s.owner_id, s.id, server, tool_called, given, asker, clock_timestamp() + valid
    FROM discreet.sessions s WHERE s.id = session
  RETURNING id INTO result;
  RETURN result;
END $$;

-- Let the only message of a turn answer the call that waits in its session, once. 'approved' or 'refused':
-- it does; 'interrupted': this message approved it in an earlier attempt, so it may have been made already;
-- null: no call waits here for whoever wrote it.
CREATE OR REPLACE FUNCTION gate.decide_call(
  session uuid, turn uuid, is_yes boolean,
  OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said discreet.messages;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT m.* INTO said FROM discreet.messages m
   WHERE m.turn_id = turn AND m.session_id = session AND m.direction = 'in'
   ORDER BY m.position DESC LIMIT 1;
  SELECT CASE WHEN c.state = 'refused' THEN 'refused' ELSE 'interrupted' END, c.id, c.called, c.arguments
    INTO outcome, call, tool_called, given
    FROM discreet.tool_calls c WHERE c.session_id = session AND c.decided_by = said.id;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  UPDATE discreet.tool_calls c
     SET state = CASE WHEN is_yes THEN 'approved' ELSE 'refused' END,
         decided_at = clock_timestamp(), decided_by = said.id
   WHERE c.session_id = session AND c.state = 'waiting' AND c.expires_at > clock_timestamp()
     AND c.shown_to = coalesce(said.sender_address, '')
  RETURNING c.state, c.id, c.called, c.arguments INTO outcome, call, tool_called, given;
END $$;

-- Record that an approved call was made.
CREATE OR REPLACE FUNCTION gate.end_call(session uuid, call uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  UPDATE discreet.tool_calls c SET state = 'done'
   WHERE c.id = call AND c.session_id = session AND c.state = 'approved';
END $$;

REVOKE ALL ON FUNCTION gate.ask_for_call, gate.decide_call, gate.end_call FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.ask_for_call, gate.decide_call, gate.end_call
  TO discreet_contact, discreet_shared, discreet_owner;
