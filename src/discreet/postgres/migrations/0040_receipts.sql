-- What platforms tell about an answer after they took it: that it arrived, was read, or could not be
-- delivered after all.
SET ROLE discreet_schema;
ALTER TABLE discreet.outbox ADD COLUMN delivered_at timestamptz, ADD COLUMN read_at timestamptz;
CREATE INDEX outbox_platform_message ON discreet.outbox (owner_id, platform_message_id)
  WHERE platform_message_id IS NOT NULL;
GRANT UPDATE (delivered_at, read_at, state, error) ON discreet.outbox TO discreet_gate;
RESET ROLE;

SET ROLE discreet_gate;
-- Receipts come late, twice and in any order: the first time of each stage is kept, and what has
-- arrived does not fail any more. False: no answer of ours on this channel.
CREATE FUNCTION gate.note_receipt(
  ticket text, channel uuid, platform_message text, stage text, at timestamptz, why text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.outbox o
     SET delivered_at = CASE WHEN stage IN ('delivered', 'read')
                             THEN coalesce(o.delivered_at, at) ELSE o.delivered_at END,
         read_at = CASE WHEN stage = 'read' THEN coalesce(o.read_at, at) ELSE o.read_at END,
         state = CASE WHEN stage = 'failed' AND o.delivered_at IS NULL
                      THEN 'failed' ELSE o.state END,
         error = CASE WHEN stage = 'failed' AND o.delivered_at IS NULL THEN why ELSE o.error END
    FROM discreet.routes r
   WHERE o.owner_id = owner AND o.platform_message_id = platform_message
     AND o.state IN ('sent', 'failed')
     AND r.id = o.route_id AND r.owner_id = owner AND r.channel_id IN (
       SELECT c.id FROM discreet.channels c WHERE channel IN (c.id, c.parent_id));
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION gate.note_receipt(text, uuid, text, text, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.note_receipt(text, uuid, text, text, timestamptz, text)
  TO discreet_intake;
RESET ROLE;
