-- An edit that arrives before its turn began, or while the model thinks, replaces the text.
SET ROLE discreet_gate;

-- Replace the text of a message by an edit. Returns the message, also if this edit was applied before;
-- null if it is too late, and the edit becomes a message of its own. Locks the row of the session.
CREATE OR REPLACE FUNCTION gate.apply_edit(
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
    -- Its text was joined from several messages.
    said.body := found_line.text || E'\n[edited] ' || said.body;
    said.details := NULL;
  ELSIF said.files <> '[]' THEN
    DELETE FROM discreet.attachments f WHERE f.message_id = found_line.id;
    PERFORM gate.store_files(here, found_line.route_id, found_line.id, via.id, said);
  END IF;
  UPDATE discreet.messages m
     SET text = said.body, details = said.details, edited_by = said.platform_message,
         command = gate.waiting_command(said, of_owner),
         terms = NULL, tokens = NULL, embedder = NULL, embedding = NULL
   WHERE m.id = found_line.id;
  RETURN found_line.id;
END $$;

-- Return the command in a message that still waits, except /new and /stop: they were meant for the
-- moment at which they came.
CREATE OR REPLACE FUNCTION gate.waiting_command(said gate.inbound, of_owner boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT nullif(nullif(gate.parse_command(said.body, of_owner), 'new'), 'stop')
   WHERE said.files = '[]' AND starts_with(said.body, '/')
$$;

-- Store an edit that came too late as context for the next turn.
CREATE OR REPLACE FUNCTION gate.edit_as_context(said gate.inbound) RETURNS gate.inbound
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  said.body := '[edited] ' || said.body;
  said.details := NULL;
  said.files := '[]';
  said.in_reply_to := said.edit_of;
  said.addressed := false;
  RETURN said;
END $$;

-- End the running turn of a session, so that it restarts with the same messages. False: none is
-- running, or it has already changed something.
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

REVOKE ALL ON FUNCTION gate.apply_edit, gate.waiting_command,
  gate.edit_as_context, gate.restart_turn FROM PUBLIC;
