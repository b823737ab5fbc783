-- The owner answers a contact in person. The agent stays silent there until it is handed back.
SET ROLE discreet_gate;

-- Send the owner's text to a contact that was taken over: to the route where the contact wrote last, as the
-- answer to everything that waits in that conversation. Null: the contact isn't taken over, or has written
-- nothing.
CREATE OR REPLACE FUNCTION gate.send_as_owner(owner uuid, contact uuid, body text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_message discreet.messages;
  here         discreet.sessions;
  answer_turn  uuid;
  result       uuid;
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = contact AND c.owner_id = owner AND c.taken_over_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT m.* INTO last_message FROM discreet.messages m
   WHERE m.owner_id = owner AND m.contact_id = contact AND m.direction = 'in'
   ORDER BY m.created_at DESC, m.position DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.sessions s
     SET last_position = s.last_position + 1, last_message_at = clock_timestamp(), current_turn = NULL
   WHERE s.id = last_message.session_id RETURNING s.* INTO here;
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = here.id AND t.state = 'running';
  INSERT INTO discreet.turns (
    owner_id, agent_id, contact_id, session_id, route_id, state, model, finished_at)
  VALUES (owner, here.agent_id, contact, here.id, last_message.route_id, 'answered', 'in person',
          clock_timestamp())
  RETURNING id INTO answer_turn;
  UPDATE discreet.messages m SET state = 'answered', turn_id = answer_turn
   WHERE m.session_id = here.id AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, session_id, route_id, position, direction, state, text, turn_id,
    in_person)
  VALUES (owner, here.agent_id, contact, here.id, last_message.route_id, here.last_position, 'out', 'sent',
          body, answer_turn, true)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, contact_id, session_id, route_id)
  VALUES (result, owner, here.agent_id, contact, here.id, last_message.route_id);
  RETURN result;
END $$;

-- The same, called in the owner's scope.
CREATE OR REPLACE FUNCTION gate.reply_in_person(contact uuid, body text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN gate.send_as_owner(gate.require_owner(), contact, body);
END $$;

-- Relay what the owner writes in their own session to the contact that they answer there. It happens in the
-- commit that stores the message, so exactly once. Returns the command that reports it: 'passed', or 'unsent' if
-- the message looks like a command, has files, is an edit, or the contact isn't taken over any more.
CREATE OR REPLACE FUNCTION gate.relay_to_contact(here discreet.sessions, said gate.inbound, is_edit boolean)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF is_edit OR starts_with(ltrim(said.body), '/') OR said.files <> '[]' OR said.album_id <> '' THEN
    RETURN 'unsent';
  END IF;
  RETURN CASE WHEN gate.send_as_owner(here.owner_id, here.takeover_contact_id, said.body) IS NULL THEN 'unsent'
              ELSE 'passed' END;
END $$;

-- Return the command in a message of the owner's own session: a typed one, a one-word decision about a notice, or
-- a text for the contact that they answer there. A new session takes over that contact from the one before.
CREATE OR REPLACE FUNCTION gate.owner_command(
  here discreet.sessions, command text, said gate.inbound, is_edit boolean)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  previous discreet.sessions;
BEGIN
  IF here.last_position = 1 THEN
    SELECT s.* INTO previous FROM discreet.sessions s
     WHERE (s.owner_id, s.agent_id, s.party) = (here.owner_id, here.agent_id, here.party)
       AND s.thread_key = here.thread_key AND s.ended_at IS NOT NULL AND s.takeover_contact_id IS NOT NULL
     ORDER BY s.ended_at DESC LIMIT 1;
    UPDATE discreet.sessions s
       SET takeover_contact_id = CASE WHEN s.id = here.id THEN previous.takeover_contact_id END
     WHERE s.id IN (here.id, previous.id);
    here.takeover_contact_id := previous.takeover_contact_id;
  END IF;
  IF command IS NOT NULL THEN
    RETURN command;
  ELSIF here.takeover_contact_id IS NOT NULL THEN
    RETURN gate.relay_to_contact(here, said, is_edit);
  ELSIF said.addressed AND NOT is_edit AND said.files = '[]' THEN
    RETURN gate.parse_owner_decision(here.owner_id, said.body);
  END IF;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.send_as_owner, gate.reply_in_person, gate.relay_to_contact, gate.owner_command
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.reply_in_person TO discreet_owner;
