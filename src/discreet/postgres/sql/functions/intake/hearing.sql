-- Platforms that wait for no confirmation: until when everything that was said on an account is
-- stored, and what keeps the account from receiving. A time names nobody, so erasing a contact
-- leaves nothing here.
SET ROLE discreet_gate;

-- Until when, and in which chats and threads somebody has been heard: [[chat, thread], ...].
CREATE OR REPLACE FUNCTION gate.hearing(ticket text, channel uuid)
RETURNS TABLE (heard_until timestamptz, chats jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  RETURN QUERY
  SELECT c.heard_until,
         (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(r.chat_id, r.thread_id)), '[]')
            FROM discreet.routes r
           WHERE r.channel_id IN (SELECT b.id FROM discreet.channels b WHERE c.id IN (b.id, b.parent_id)))
    FROM discreet.channels c
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
END $$;

-- It never goes back: several servers may tell late.
CREATE OR REPLACE FUNCTION gate.note_heard(ticket text, channel uuid, until timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.channels c SET heard_until = greatest(c.heard_until, until)
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
  RETURN FOUND;
END $$;

-- Empty: it can receive again.
CREATE OR REPLACE FUNCTION gate.note_trouble(ticket text, channel uuid, why text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.channels c SET trouble = why
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL AND c.trouble <> why;
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.hearing, gate.note_heard, gate.note_trouble FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.hearing, gate.note_heard, gate.note_trouble TO discreet_intake;
