-- The owner answers a contact in person; the agent is silent there until it is handed back.
SET ROLE discreet_gate;

-- What the owner says to a contact whom they have taken over: it goes where the contact wrote last,
-- and answers everything that waits in that conversation. Null: it isn't taken over, or has written nothing.
CREATE OR REPLACE FUNCTION gate.speak_in_person(contact uuid, body text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  last   discreet.messages;
  here   discreet.sessions;
  spoken uuid;
  result uuid;
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = contact AND c.owner_id = owner AND c.taken_over_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT m.* INTO last FROM discreet.messages m
   WHERE m.owner_id = owner AND m.contact_id = contact AND m.direction = 'in'
   ORDER BY m.created_at DESC, m.position DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.sessions s
     SET last_position = s.last_position + 1, last_message_at = clock_timestamp(), current_turn = NULL
   WHERE s.id = last.session_id RETURNING s.* INTO here;
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = here.id AND t.state = 'running';
  INSERT INTO discreet.turns (
    owner_id, agent_id, contact_id, session_id, route_id, state, model, finished_at)
  VALUES (owner, here.agent_id, contact, here.id, last.route_id, 'answered', 'in person',
          clock_timestamp())
  RETURNING id INTO spoken;
  UPDATE discreet.messages m SET state = 'answered', turn_id = spoken
   WHERE m.session_id = here.id AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, session_id, route_id, position, direction, state, text, turn_id,
    in_person)
  VALUES (owner, here.agent_id, contact, here.id, last.route_id, here.last_position, 'out', 'sent',
          body, spoken, true)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, contact_id, session_id, route_id)
  VALUES (result, owner, here.agent_id, contact, here.id, last.route_id);
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.speak_in_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.speak_in_person TO discreet_owner;
