-- A contact asks for a person.
SET ROLE discreet_gate;

-- Record that this scope asked for a person in a turn. Outcome: 'waits' or 'goes_on', depending on the agent's
-- settings, or 'asked': a request is open already.
CREATE OR REPLACE FUNCTION gate.ask_for_person(
  session uuid, turn uuid, reason_given text,
  OUT outcome text, OUT minutes integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here  discreet.sessions;
  agent discreet.agents;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT s.* INTO STRICT here FROM discreet.sessions s WHERE s.id = session;
  IF here.contact_id IS NULL AND NOT here.shared THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  END IF;
  SELECT a.* INTO STRICT agent FROM discreet.agents a WHERE a.id = here.agent_id;
  minutes := agent.person_minutes;
  outcome := CASE WHEN agent.waits_for_person AND NOT here.shared THEN 'waits' ELSE 'goes_on' END;
  IF EXISTS (SELECT FROM discreet.sessions s JOIN discreet.person_requests r ON r.session_id = s.id
              WHERE (s.owner_id, s.agent_id, s.party) = (here.owner_id, here.agent_id, here.party)
                AND r.answered_at IS NULL AND r.ends_at > clock_timestamp()
                AND r.turn_id IS DISTINCT FROM turn) THEN
    outcome := 'asked';
    RETURN;
  END IF;
  -- The same turn asks once, also where it begins anew.
  IF NOT EXISTS (SELECT FROM discreet.person_requests r
                  WHERE r.session_id = here.id AND r.turn_id = turn) THEN
    INSERT INTO discreet.person_requests (owner_id, session_id, turn_id, reason, ends_at, is_awaited)
    VALUES (here.owner_id, here.id, turn, left(reason_given, 500),
            clock_timestamp() + agent.person_minutes * interval '1 minute',
            outcome = 'waits');
  END IF;
END $$;

-- Return whether a session is waiting for a person. The turn that asked may still answer.
CREATE OR REPLACE FUNCTION gate.awaits_person(here discreet.sessions) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM discreet.sessions s JOIN discreet.person_requests r ON r.session_id = s.id
     WHERE (s.owner_id, s.agent_id, s.party) = (here.owner_id, here.agent_id, here.party)
       AND r.is_awaited AND r.answered_at IS NULL AND r.ends_at > clock_timestamp()
       AND r.turn_id IS DISTINCT FROM here.current_turn);
END $$;

-- Close a contact's requests for a person: the owner has answered.
CREATE OR REPLACE FUNCTION gate.end_person_requests(contact uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE discreet.person_requests r SET answered_at = clock_timestamp()
    FROM discreet.sessions s
   WHERE s.id = r.session_id AND s.contact_id = contact AND r.answered_at IS NULL
     AND r.owner_id = gate.require_owner()
$$;

REVOKE ALL ON FUNCTION gate.ask_for_person, gate.awaits_person,
  gate.end_person_requests FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.ask_for_person TO discreet_contact, discreet_shared;
GRANT EXECUTE ON FUNCTION gate.end_person_requests TO discreet_owner;
