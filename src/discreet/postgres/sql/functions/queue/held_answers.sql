-- Answers that wait until the owner has read them.
SET ROLE discreet_gate;

-- Return whether answers in a session wait for the owner. The owner's own never do.
CREATE OR REPLACE FUNCTION gate.are_answers_held(here discreet.sessions) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF here.contact_id IS NULL AND NOT here.shared THEN
    RETURN false;
  END IF;
  RETURN coalesce(
    (SELECT c.holds_answers FROM discreet.contacts c WHERE c.id = here.contact_id),
    (SELECT a.holds_answers FROM discreet.agents a WHERE a.id = here.agent_id), false);
END $$;

-- Hold the answer of a turn if answers in its session are held, and return whether they are. Errors: DS001 no
-- such session in this scope, or no such turn in it. The foreign key can't check that: its error would show
-- whether another session's turn has a held answer.
CREATE OR REPLACE FUNCTION gate.hold_answer(session uuid, turn uuid, body text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  IF NOT (SELECT gate.are_answers_held(s) FROM discreet.sessions s WHERE s.id = session) THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text)
  SELECT t.owner_id, t.session_id, t.id, body FROM discreet.turns t
   WHERE t.id = turn AND t.session_id = session;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
  RETURN true;
END $$;

-- Send a held answer, with `body` as its text, by the route of its turn. `body` null rejects it. Returns the
-- message; null: rejected, or decided before.
CREATE OR REPLACE FUNCTION gate.decide_answer(answer uuid, body text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  held   discreet.held_answers;
  here   discreet.sessions;
  route  uuid;
  result uuid;
BEGIN
  UPDATE discreet.sessions s
     SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
    FROM discreet.held_answers h
   WHERE h.id = answer AND h.owner_id = owner AND s.id = h.session_id
  RETURNING s.* INTO here;
  UPDATE discreet.held_answers h
     SET state = CASE WHEN body IS NULL THEN 'rejected' ELSE 'approved' END,
         edited = coalesce(h.text <> body, false), decided_at = clock_timestamp(),
         text = coalesce(body, h.text)
   WHERE h.id = answer AND h.owner_id = owner AND h.state = 'waiting'
  RETURNING h.* INTO held;
  IF held.id IS NULL OR body IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT t.route_id INTO STRICT route FROM discreet.turns t WHERE t.id = held.turn_id;
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, state, text,
    turn_id, reply_to)
  VALUES (
    owner, here.agent_id, here.contact_id, here.shared, here.id, route, here.last_position, 'out',
    'sent', body, held.turn_id,
    (SELECT m.platform_message_id FROM discreet.messages m
      WHERE m.turn_id = held.turn_id AND m.direction = 'in' ORDER BY m.position DESC LIMIT 1))
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (
    message_id, owner_id, agent_id, contact_id, shared, session_id, route_id)
  VALUES (result, owner, here.agent_id, here.contact_id, here.shared, here.id, route);
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.are_answers_held, gate.hold_answer, gate.decide_answer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.hold_answer
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.decide_answer TO discreet_owner;
