-- Reminders of a scope: created in a turn, for the chat in which they were requested; cancelled there or by the
-- owner.
SET ROLE discreet_gate;

-- Add a reminder in a turn of a session of this scope. It goes to the route of that turn, and nowhere
-- else. Errors: DS001 no such session or turn here; DS003 there are too many.
CREATE OR REPLACE FUNCTION gate.add_reminder(
  session uuid, turn uuid, body text, recurrence text, first_local timestamp, zone_name text,
  first_due timestamptz)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here   discreet.sessions;
  route  uuid;
  result uuid;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT s.* INTO STRICT here FROM discreet.sessions s WHERE s.id = session;
  SELECT t.route_id INTO route FROM discreet.turns t WHERE t.id = turn AND t.session_id = session;
  IF route IS NULL THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
  -- Several sessions of one party are counted one after the other.
  PERFORM pg_advisory_xact_lock(
    hashtextextended('discreet: reminders ' || here.agent_id || here.party, 0));
  IF (SELECT count(*) FROM discreet.reminders r
       WHERE (r.owner_id, r.agent_id, r.party) = (here.owner_id, here.agent_id, here.party))
       >= (SELECT p.reminders_per_contact FROM gate.policy p) THEN
    RAISE EXCEPTION 'too_many_reminders' USING ERRCODE = 'DS003';
  END IF;
  INSERT INTO discreet.reminders (
    owner_id, agent_id, contact_id, shared, session_id, route_id, text, rule, starts_at, zone, due_at,
    asked_by)
  VALUES (here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route, body,
          recurrence, first_local, zone_name, first_due,
          (SELECT m.sender_contact_id FROM discreet.messages m
            WHERE m.turn_id = turn AND m.direction = 'in' ORDER BY m.position DESC LIMIT 1))
  RETURNING id INTO result;
  PERFORM gate.defer_reminder(result, session, first_due);
  RETURN result;
END $$;

-- Return the session of a reminder of this scope; for the owner, of any of theirs. Null: there is none.
CREATE OR REPLACE FUNCTION gate.reminder_session(reminder uuid) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  RETURN (
    SELECT r.session_id FROM discreet.reminders r
     WHERE r.id = reminder AND r.owner_id = here.owner_id
       AND (session_user = 'discreet_owner'
            OR (r.agent_id = here.agent_id AND r.contact_id IS NOT DISTINCT FROM here.contact_id
                AND r.shared = (session_user = 'discreet_shared'))));
END $$;

-- Cancel a reminder of this scope; for the owner, any of theirs. False: there is none.
CREATE OR REPLACE FUNCTION gate.cancel_reminder(reminder uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM discreet.reminders r
   WHERE r.id = reminder AND gate.reminder_session(reminder) IS NOT NULL;
  RETURN FOUND;
END $$;

-- The scope in which a reminder is fired.
CREATE OR REPLACE FUNCTION gate.reminder_scope(reminder uuid)
RETURNS TABLE (owner_id uuid, agent_id uuid, contact_id uuid, shared boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.owner_id, r.agent_id, r.contact_id, r.shared FROM discreet.reminders r
   WHERE r.id = reminder
$$;

CREATE OR REPLACE FUNCTION gate.defer_reminder(reminder uuid, session uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.defer_job('reminders', 'remind', 'remind:' || reminder,
                     jsonb_build_object('reminder_id', reminder, 'session_id', session), at, true);
END $$;

REVOKE ALL ON FUNCTION gate.add_reminder, gate.reminder_session, gate.cancel_reminder,
  gate.reminder_scope, gate.defer_reminder FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.add_reminder, gate.cancel_reminder
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.reminder_scope TO discreet_worker;
