-- A turn of a session of this scope: how it begins, and how long it holds the session.
SET ROLE discreet_gate;

-- Begin a turn that takes up to `max_messages` waiting messages of the first one's route. No `turn_id`: nothing
-- is waiting, or the session is withheld or gone; or, with `not_before`, the first message must not be retried
-- before then. `command`: the turn took only that message. `is_held`: its answer waits for the owner.
-- `is_local`: its answer goes to a terminal, which reads it from here.
-- A turn that held the session until now has lost it: the queue runs one job per session, so its worker
-- is dead or was considered dead, and its messages wait again.
CREATE OR REPLACE FUNCTION gate.begin_turn(
  session uuid, max_messages integer,
  OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean,
  OUT not_before timestamptz, OUT is_local boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here          discreet.sessions;
  first_message record;
BEGIN
  IF NOT gate.try_lock_session(session) THEN
    RETURN;
  END IF;
  SELECT s.* INTO STRICT here FROM discreet.sessions s WHERE s.id = session;
  IF gate.withheld_reason(session, NULL) IS NOT NULL THEN
    RETURN;
  END IF;
  IF here.current_turn IS NOT NULL THEN
    PERFORM gate.mark_turn_lost(session, here.current_turn);
  END IF;
  -- Commands don't wait for earlier messages.
  SELECT m.id, m.route_id, m.attempts, m.command, m.not_before INTO first_message
    FROM discreet.messages m WHERE m.session_id = session AND m.state = 'waiting'
   ORDER BY m.command IS NULL, m.position LIMIT 1;
  IF NOT FOUND THEN
    UPDATE discreet.sessions s SET current_turn = NULL
     WHERE s.id = session AND s.current_turn IS NOT NULL;
    RETURN;
  ELSIF first_message.not_before > clock_timestamp() THEN
    not_before := first_message.not_before;
    RETURN;
  END IF;
  route_id := first_message.route_id;
  attempt := first_message.attempts + 1;
  command := first_message.command;
  INSERT INTO discreet.turns (owner_id, agent_id, contact_id, shared, session_id, route_id, attempt)
  VALUES (here.owner_id, here.agent_id, here.contact_id, here.shared, session, first_message.route_id,
          first_message.attempts + 1)
  RETURNING id INTO turn_id;
  UPDATE discreet.messages m
     SET state = 'taken', turn_id = begin_turn.turn_id, attempts = m.attempts + 1
   WHERE m.id IN (SELECT w.id FROM discreet.messages w
                   WHERE w.session_id = session AND w.route_id = first_message.route_id AND w.state = 'waiting'
                     AND CASE WHEN first_message.command IS NOT NULL THEN w.id = first_message.id
                              ELSE w.command IS NULL END
                   ORDER BY w.position LIMIT max_messages);
  UPDATE discreet.sessions s SET current_turn = begin_turn.turn_id WHERE s.id = session;
  is_held := gate.are_answers_held(here);
  SELECT c.platform = 'terminal' INTO STRICT is_local
    FROM discreet.routes r JOIN discreet.channels c ON c.id = r.channel_id WHERE r.id = first_message.route_id;
END $$;

-- End a turn that has lost its session, and let its messages wait again. Any role can write another session's
-- turn id into its own session, so each statement compares the session too.
CREATE OR REPLACE FUNCTION gate.mark_turn_lost(session uuid, turn uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.turns t SET state = 'lost', finished_at = clock_timestamp(),
         error = 'its worker died or was taken for dead'
   WHERE t.id = turn AND t.session_id = session;
  UPDATE discreet.messages m SET state = 'waiting', turn_id = NULL
   WHERE m.turn_id = turn AND m.session_id = session AND m.state = 'taken';
  PERFORM gate.delete_draft(session, turn);
END $$;

CREATE OR REPLACE FUNCTION gate.delete_draft(session uuid, turn uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM discreet.drafts d USING discreet.turns t
   WHERE d.turn_id = turn AND t.id = turn AND t.session_id = session;
END $$;

-- Lock the session of a turn until the transaction ends, and return whether the turn still holds it and nothing
-- withholds it. Both are checked after the row is locked: a separate statement sees everything committed by then.
CREATE OR REPLACE FUNCTION gate.verify_turn_lease(session uuid, turn uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT gate.try_lock_session(session) THEN
    RETURN false;
  END IF;
  PERFORM 1 FROM discreet.sessions s WHERE s.id = session AND s.current_turn = turn;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  RETURN gate.withheld_reason(session, turn) IS NULL;
END $$;

-- End a turn that holds its session (`held`), with its draft and its job. The caller stores what came of it
-- in the same transaction. `sends`: an answer follows, and frees the session when it takes its position,
-- which saves a row; and the session is woken if messages of another route wait. `answer`: its text, where
-- the owner may want to read it first; then it `waits`. `terminal`: the terminal's route that the answer takes.
-- `may_deliver`: the answer may be stored there as sent, because the route leads to where the messages came from
-- and nothing else waits on it.
CREATE OR REPLACE FUNCTION gate.end_turn(
  session uuid, turn uuid, sends boolean, answer text, terminal uuid DEFAULT NULL,
  OUT held boolean, OUT waits boolean, OUT may_deliver boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  waits := false;
  may_deliver := false;
  held := gate.verify_turn_lease(session, turn);
  IF NOT held THEN
    RETURN;
  END IF;
  PERFORM gate.delete_draft(session, turn);
  PERFORM gate.end_job('turn:' || session);
  IF answer IS NOT NULL THEN
    waits := gate.hold_answer(session, turn, answer);
  END IF;
  IF sends AND EXISTS (SELECT FROM discreet.messages m
                        WHERE m.session_id = end_turn.session AND m.state = 'waiting') THEN
    PERFORM gate.defer_turn(session, NULL, false);
  END IF;
  IF waits OR NOT sends THEN
    UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  ELSIF terminal IS NOT NULL THEN
    may_deliver := gate.may_send_on_route(terminal, session, turn, NULL)
      AND NOT EXISTS (SELECT FROM discreet.outbox o
                       WHERE o.route_id = terminal AND o.state IN ('pending', 'sending'));
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.begin_turn, gate.mark_turn_lost, gate.delete_draft, gate.verify_turn_lease,
  gate.end_turn FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.begin_turn, gate.verify_turn_lease, gate.end_turn
  TO discreet_contact, discreet_shared, discreet_owner;
