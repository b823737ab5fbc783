-- Wake whoever waits for an answer at a terminal or for a REST call: when the answer is saved or sent,
-- when an attempt failed, and when more of a draft is there. Every login role can listen, so the
-- payload is a digest of the message's own id: it shows neither whose message it is nor which messages
-- belong together. discreet/queue/wakes.py computes the same digest.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.tell_waiting(message uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_notify('discreet_answers',
                   left(encode(sha256(convert_to(message::text, 'UTF8')), 'hex'), 16))
$$;

CREATE OR REPLACE FUNCTION gate.tell_of_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM discreet.channels c
              WHERE c.id = NEW.channel_id AND c.platform = 'terminal') THEN
    PERFORM gate.tell_waiting(NEW.id);
  END IF;
  RETURN NULL;
END $$;

-- Only terminals wait for notifications; platforms get their answers from deliveries.
CREATE OR REPLACE FUNCTION gate.tell_of_turn(turn uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT gate.tell_waiting(m.id) FROM discreet.messages m
    JOIN discreet.channels c ON c.id = m.channel_id AND c.platform = 'terminal'
   WHERE m.turn_id = turn AND m.direction = 'in'
$$;

CREATE OR REPLACE FUNCTION gate.tell_of_draft() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.tell_of_turn(NEW.turn_id);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gate.tell_of_delivery() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.tell_of_turn(
    (SELECT m.turn_id FROM discreet.messages m WHERE m.id = NEW.message_id));
  RETURN NULL;
END $$;

-- Let servers look which channels are open. The notification doesn't say which one changed.
CREATE OR REPLACE FUNCTION gate.tell_of_channels() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'channels');
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.tell_waiting, gate.tell_of_channels, gate.tell_of_state, gate.tell_of_turn,
  gate.tell_of_draft, gate.tell_of_delivery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.tell_of_channels, gate.tell_of_state, gate.tell_of_draft, gate.tell_of_delivery
  TO discreet_schema;
