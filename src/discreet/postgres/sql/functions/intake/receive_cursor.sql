-- For platforms that don't wait for an acknowledgement: up to what time everything sent to an account
-- is stored, and what keeps the account from receiving. A time names nobody, so erasing a contact needs
-- to change nothing here.
SET ROLE discreet_gate;

-- Return that time, and the chats and threads in which somebody has written: [[chat, thread], ...].
CREATE OR REPLACE FUNCTION gate.receive_cursor(ticket text, channel uuid)
RETURNS TABLE (received_through timestamptz, chats jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  RETURN QUERY
  SELECT c.received_through,
         (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(r.chat_id, r.thread_id)), '[]')
            FROM discreet.routes r
           WHERE r.channel_id IN (SELECT b.id FROM discreet.channels b WHERE c.id IN (b.id, b.parent_id)))
    FROM discreet.channels c
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
END $$;

-- It never goes back: servers may report late.
CREATE OR REPLACE FUNCTION gate.advance_receive_cursor(ticket text, channel uuid, until timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  UPDATE discreet.channels c SET received_through = greatest(c.received_through, until)
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
  RETURN FOUND;
END $$;

-- Empty: it can receive again.
CREATE OR REPLACE FUNCTION gate.record_channel_error(ticket text, channel uuid, why text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  UPDATE discreet.channels c SET last_error = why
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL AND c.last_error <> why;
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.receive_cursor, gate.advance_receive_cursor, gate.record_channel_error FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.receive_cursor, gate.advance_receive_cursor, gate.record_channel_error TO discreet_intake;
