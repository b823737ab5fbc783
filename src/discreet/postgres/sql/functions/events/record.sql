-- Record what happened, for programs that follow it.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.record_event(
  owner uuid, agent uuid, contact uuid, is_shared boolean, for_owner boolean, kind text,
  session uuid, message uuid, data jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO discreet.events
    (owner_id, agent_id, contact_id, shared, for_owner, kind, session_id, message_id, data)
  VALUES (owner, agent, contact, is_shared, for_owner, kind, session, message, jsonb_strip_nulls(data));
END $$;

-- A message that came or was written; later, what became of one that came.
CREATE OR REPLACE FUNCTION gate.record_message() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.agent_id, NEW.contact_id, NEW.shared, false,
    CASE WHEN TG_OP = 'UPDATE' THEN 'message.' || NEW.state
         WHEN NEW.direction = 'in' THEN 'message.received' ELSE 'message.sent' END,
    NEW.session_id, NEW.id,
    CASE WHEN TG_OP = 'UPDATE' THEN jsonb_build_object('error', CASE WHEN NEW.state = 'failed' THEN (
           SELECT split_part(t.error, ':', 1) FROM discreet.turns t WHERE t.id = NEW.turn_id) END)
         WHEN NEW.direction = 'in' THEN '{}'
         ELSE jsonb_build_object('in_person', NEW.in_person, 'command', NEW.command) END);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gate.record_delivery() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.agent_id, NEW.contact_id, NEW.shared, false,
    CASE NEW.state WHEN 'sent' THEN 'message.delivered' ELSE 'message.undelivered' END,
    NEW.session_id, NEW.message_id, '{}');
  RETURN NULL;
END $$;

-- A contact that the owner answers in person, hands back, blocks or unblocks: once for each agent that it
-- talks to.
CREATE OR REPLACE FUNCTION gate.record_contact() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (OLD.taken_over_at IS NULL) <> (NEW.taken_over_at IS NULL) THEN
    PERFORM gate.record_event(
      NEW.owner_id, s.agent_id, NEW.id, false, false,
      CASE WHEN NEW.taken_over_at IS NULL THEN 'contact.handed_back' ELSE 'contact.taken_over' END,
      NULL, NULL, '{}')
      FROM (SELECT DISTINCT s.agent_id FROM discreet.sessions s WHERE s.contact_id = NEW.id) s;
  END IF;
  IF (OLD.blocked_at IS NULL) <> (NEW.blocked_at IS NULL) THEN
    PERFORM gate.record_event(
      NEW.owner_id, s.agent_id, NEW.id, false, true,
      CASE WHEN NEW.blocked_at IS NULL THEN 'contact.unblocked' ELSE 'contact.blocked' END,
      NULL, NULL, '{}')
      FROM (SELECT DISTINCT s.agent_id FROM discreet.sessions s WHERE s.contact_id = NEW.id) s;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gate.record_agent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.id, NULL, false, true,
    CASE WHEN NEW.paused_at IS NULL THEN 'agent.resumed' ELSE 'agent.paused' END, NULL, NULL, '{}');
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gate.record_pairing() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.agent_id, NEW.contact_id, false, true,
    CASE NEW.state WHEN 'pending' THEN 'pairing.requested' ELSE 'pairing.' || NEW.state END,
    NULL, NULL, jsonb_build_object('pairing_id', NEW.id));
  RETURN NULL;
END $$;

-- A contact that asked for a person, and was answered by one.
CREATE OR REPLACE FUNCTION gate.record_person_request() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.record_event(
    s.owner_id, s.agent_id, s.contact_id, s.shared, false,
    CASE WHEN NEW.answered_at IS NULL THEN 'person.requested' ELSE 'person.answered' END,
    s.id, NULL, '{}')
    FROM discreet.sessions s WHERE s.id = NEW.session_id;
  RETURN NULL;
END $$;

-- An answer that waits for the owner, and what the owner decided.
CREATE OR REPLACE FUNCTION gate.record_held_answer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.record_event(
    s.owner_id, s.agent_id, s.contact_id, s.shared, true, 'draft.' || NEW.state, s.id, NULL,
    jsonb_build_object('draft_id', NEW.id))
    FROM discreet.sessions s WHERE s.id = NEW.session_id;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.record_event, gate.record_message, gate.record_delivery,
  gate.record_contact, gate.record_agent, gate.record_pairing, gate.record_person_request,
  gate.record_held_answer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.record_message, gate.record_delivery, gate.record_contact,
  gate.record_agent, gate.record_pairing, gate.record_person_request, gate.record_held_answer
  TO discreet_schema;
