-- Wake the terminals and REST calls that wait for an answer: when it is saved or sent, when an attempt failed,
-- and when its draft grew. Every login role can LISTEN, so the payload is a digest of the message's id: it shows
-- neither whose message it is nor which messages belong together. discreet/queue/wakes.py computes the same digest.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.notify_waiting_clients(message uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_notify('discreet_answers',
                   left(encode(sha256(convert_to(message::text, 'UTF8')), 'hex'), 16))
$$;

CREATE OR REPLACE FUNCTION gate.notify_state_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM discreet.channels c
              WHERE c.id = NEW.channel_id AND c.platform = 'terminal') THEN
    PERFORM gate.notify_waiting_clients(NEW.id);
  END IF;
  RETURN NULL;
END $$;

-- Only terminals wait for notifications; platforms get their answers from deliveries.
CREATE OR REPLACE FUNCTION gate.notify_turn_changed(turn uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT gate.notify_waiting_clients(m.id) FROM discreet.messages m
    JOIN discreet.channels c ON c.id = m.channel_id AND c.platform = 'terminal'
   WHERE m.turn_id = turn AND m.direction = 'in'
$$;

CREATE OR REPLACE FUNCTION gate.notify_draft_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.notify_turn_changed(NEW.turn_id);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gate.notify_delivery_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.notify_turn_changed(
    (SELECT m.turn_id FROM discreet.messages m WHERE m.id = NEW.message_id));
  RETURN NULL;
END $$;

-- Let servers check which channels are open. The notification doesn't say which one changed.
CREATE OR REPLACE FUNCTION gate.notify_channels_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'channels');
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.notify_waiting_clients, gate.notify_channels_changed, gate.notify_state_changed, gate.notify_turn_changed,
  gate.notify_draft_changed, gate.notify_delivery_changed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.notify_channels_changed, gate.notify_state_changed, gate.notify_draft_changed, gate.notify_delivery_changed
  TO discreet_schema;
