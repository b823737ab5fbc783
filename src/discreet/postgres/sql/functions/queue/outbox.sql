SET ROLE discreet_gate;

-- Schedule the delivery of a new outbox row that waits.
CREATE OR REPLACE FUNCTION gate.schedule_delivery() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.defer_delivery(NEW.route_id, NULL);
  RETURN NULL;
END $$;

-- Return whether an answer may be sent on a route. Checked before each send and before each edit of a draft on the
-- platform. Route, session and answer must belong to the same party, and the messages it answers must have
-- arrived on this route. Runs with the caller's rights. `answer` null: there is no message yet; `turn` null: no
-- turn wrote it.
CREATE OR REPLACE FUNCTION gate.may_send_on_route(route uuid, session uuid, turn uuid, answer uuid)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM discreet.routes r
      JOIN discreet.sessions s ON s.id = may_send_on_route.session
     WHERE r.id = may_send_on_route.route
       AND r.session_id = s.id AND r.party = s.party AND r.agent_id = s.agent_id
       AND (may_send_on_route.answer IS NULL OR EXISTS (
             SELECT FROM discreet.messages m
              WHERE m.id = may_send_on_route.answer AND m.party = s.party AND m.route_id = r.id))
       AND NOT EXISTS (
             SELECT FROM discreet.messages asked
              WHERE asked.turn_id = may_send_on_route.turn AND asked.direction = 'in'
                AND (asked.route_id, asked.channel_id, asked.chat_id)
                    IS DISTINCT FROM (r.id, r.channel_id, r.chat_id)));
END $$;

-- End the delivery job of a route of this scope, because nothing is left to send. The caller has checked that
-- while it held the session's lock, which everybody who adds an answer takes.
CREATE OR REPLACE FUNCTION gate.end_delivery(route uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF gate.try_lock_session((SELECT r.session_id FROM discreet.routes r WHERE r.id = route)) THEN
    PERFORM gate.end_job('deliver:' || route);
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.schedule_delivery, gate.may_send_on_route, gate.end_delivery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.schedule_delivery TO discreet_schema;
GRANT EXECUTE ON FUNCTION gate.may_send_on_route, gate.end_delivery TO discreet_contact, discreet_shared, discreet_owner;
