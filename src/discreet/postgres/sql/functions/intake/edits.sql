-- What is edited before its turn began, or while the model thinks, is what was said.
SET ROLE discreet_gate;

-- The message whose text an edit has replaced, or had replaced already; null: it can't be any more, so
-- the edit is a line of its own. The row of the session is locked.
CREATE OR REPLACE FUNCTION gate.replace_edited(
  via discreet.channels, here discreet.sessions, speaker uuid, of_owner boolean, said gate.inbound)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_line discreet.messages;
BEGIN
  SELECT m.* INTO found_line FROM discreet.messages m
   WHERE m.channel_id = via.id AND m.chat_id = said.chat AND m.platform_message_id = said.edit_of
     AND m.owner_id = here.owner_id AND m.direction = 'in' AND m.session_id = here.id
     AND m.sender_contact_id IS NOT DISTINCT FROM speaker;
  IF NOT FOUND THEN
    RETURN NULL;
  ELSIF found_line.edited_by = said.platform_message THEN
    RETURN found_line.id;
  ELSIF found_line.state = 'taken' THEN
    IF found_line.restarted OR found_line.command IS NOT NULL OR NOT gate.restart_turn(here.id) THEN
      RETURN NULL;
    END IF;
  ELSIF found_line.state <> 'waiting' OR found_line.command IN ('passed', 'unsent') THEN
    RETURN NULL;
  END IF;
  IF found_line.album <> '' THEN
    -- Its text is that of several messages.
    said.body := found_line.text || E'\n[edited] ' || said.body;
    said.details := NULL;
  ELSIF said.files <> '[]' THEN
    DELETE FROM discreet.attachments f WHERE f.message_id = found_line.id;
    PERFORM gate.store_files(here, found_line.route_id, found_line.id, via.id, said);
  END IF;
  UPDATE discreet.messages m
     SET text = said.body, details = said.details, edited_by = said.platform_message,
         command = gate.waiting_command_of(said, of_owner),
         terms = NULL, tokens = NULL, embedder = NULL, embedding = NULL
   WHERE m.id = found_line.id;
  RETURN found_line.id;
END $$;

-- The command in a message that waits already: /new and /stop were for the moment at which they came.
CREATE OR REPLACE FUNCTION gate.waiting_command_of(said gate.inbound, of_owner boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT nullif(nullif(gate.command_of(said.body, of_owner), 'new'), 'stop')
   WHERE said.files = '[]' AND starts_with(said.body, '/')
$$;

-- An edit that came too late: what is known of it the next time.
CREATE OR REPLACE FUNCTION gate.edit_as_line(said gate.inbound) RETURNS gate.inbound
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  said.body := '[edited] ' || said.body;
  said.details := NULL;
  said.files := '[]';
  said.in_reply_to := said.edit_of;
  said.addressed := false;
  RETURN said;
END $$;

-- Ends the turn that thinks in a session, so that it begins again with what it had taken. False: none
-- does, or it has changed something by now.
CREATE OR REPLACE FUNCTION gate.restart_turn(session uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  running uuid;
BEGIN
  UPDATE discreet.turns t SET state = 'restarted', finished_at = clock_timestamp()
    FROM discreet.sessions s
   WHERE s.id = session AND t.id = s.current_turn AND t.state = 'running' AND NOT t.acted
  RETURNING t.id INTO running;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM discreet.drafts d WHERE d.turn_id = running;
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  UPDATE discreet.messages m
     SET state = 'waiting', turn_id = NULL, attempts = m.attempts - 1, restarted = true
   WHERE m.turn_id = running AND m.direction = 'in' AND m.state = 'taken';
  PERFORM gate.defer_turn(session, NULL, false);
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION gate.replace_edited, gate.waiting_command_of,
  gate.edit_as_line, gate.restart_turn FROM PUBLIC;
