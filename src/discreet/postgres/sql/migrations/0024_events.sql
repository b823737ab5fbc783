-- What happened, for programs that follow it, and the webhooks that are told.
SET ROLE discreet_schema;
-- What happened, for programs that follow it: ids only. The words are in the messages, and are read in the
-- reader's own scope. Rows are removed after a few days. No backup holds them: `tx` counts in one cluster.

CREATE TABLE discreet.events (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  contact_id uuid,
  shared     boolean NOT NULL DEFAULT false,
  for_owner  boolean NOT NULL DEFAULT false,
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  kind       text NOT NULL,
  session_id uuid,
  message_id uuid,
  data       jsonb NOT NULL DEFAULT '{}',
  tx         xid8 NOT NULL DEFAULT pg_current_xact_id(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key  text GENERATED ALWAYS AS (
    CASE WHEN NOT for_owner THEN
      gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
      || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END))) END) STORED,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
COMMENT ON COLUMN discreet.events.for_owner IS 'only the owner and programs of an agent are told';
COMMENT ON COLUMN discreet.events.tx IS
  'the transaction: events are told in this order, once no older transaction runs';
CREATE INDEX events_owner ON discreet.events (owner_id, tx, created_at, id) WHERE owner_key IS NOT NULL;
CREATE INDEX events_party ON discreet.events (owner_id, agent_id, party, tx, created_at, id);
CREATE INDEX events_message ON discreet.events (message_id) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.events
  ALTER COLUMN kind SET STATISTICS 0,
  ALTER COLUMN data SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.events FORCE ROW LEVEL SECURITY;

CREATE POLICY contact ON discreet.events TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.events TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.events TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.events TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, kind, session_id, message_id, data, tx,
              created_at)
  ON discreet.events
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, for_owner, party, kind, session_id,
              message_id, data, tx, created_at, scope_key, owner_key)
  ON discreet.events
  TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.events TO discreet_gate;
-- Where programs are told what happened, by signed calls, in order. The secret is encrypted like those of
-- channels.

CREATE TABLE discreet.webhooks (
  id            uuid PRIMARY KEY,
  owner_id      uuid NOT NULL DEFAULT (gate.scope()).owner_id
                REFERENCES discreet.owners ON DELETE CASCADE,
  url           text NOT NULL,
  kinds         text[] NOT NULL DEFAULT '{}',
  allow_private boolean NOT NULL DEFAULT false,
  sealed        bytea NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  disabled_at   timestamptz,
  failing_since timestamptz,
  last_error    text,
  attempts      integer NOT NULL DEFAULT 0,
  next_try_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  claimed_until timestamptz NOT NULL DEFAULT clock_timestamp(),
  told_tx       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  told_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  told_id       uuid NOT NULL DEFAULT gen_random_uuid(),
  owner_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
COMMENT ON COLUMN discreet.webhooks.kinds IS 'the kinds of events that are sent; empty: all';
COMMENT ON COLUMN discreet.webhooks.told_tx IS 'with told_at and told_id: the last event that was sent';
CREATE INDEX webhooks_owner ON discreet.webhooks (owner_id, created_at);
ALTER TABLE discreet.webhooks
  ALTER COLUMN url SET STATISTICS 0,
  ALTER COLUMN kinds SET STATISTICS 0,
  ALTER COLUMN sealed SET STATISTICS 0,
  ALTER COLUMN last_error SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.webhooks FORCE ROW LEVEL SECURITY;

CREATE POLICY owner ON discreet.webhooks TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.webhooks TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, url, kinds, allow_private, sealed, created_at, disabled_at, failing_since,
              last_error, attempts, next_try_at, claimed_until, told_tx, told_at, told_id, owner_key),
      INSERT (id, url, kinds, allow_private, sealed),
      UPDATE (disabled_at, failing_since, last_error, attempts, next_try_at, claimed_until, told_tx,
              told_at, told_id),
      DELETE
  ON discreet.webhooks
  TO discreet_owner;
GRANT SELECT (id, owner_id, kinds, disabled_at, next_try_at, claimed_until, told_tx, told_at, told_id,
              owner_key),
      UPDATE (claimed_until)
  ON discreet.webhooks
  TO discreet_gate;

-- The triggers' functions; functions/ has them from now on.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.record_event(
  owner uuid, agent uuid, contact uuid, of_all boolean, for_owner boolean, kind text,
  session uuid, message uuid, data jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO discreet.events
    (owner_id, agent_id, contact_id, shared, for_owner, kind, session_id, message_id, data)
  VALUES (owner, agent, contact, of_all, for_owner, kind, session, message, jsonb_strip_nulls(data));
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

SET ROLE discreet_schema;
CREATE TRIGGER record_message AFTER INSERT ON discreet.messages
  FOR EACH ROW EXECUTE FUNCTION gate.record_message();
CREATE TRIGGER record_outcome AFTER UPDATE OF state ON discreet.messages
  FOR EACH ROW WHEN (NEW.direction = 'in'
    AND NEW.state IN ('answered', 'failed')
    AND NEW.state <> OLD.state)
  EXECUTE FUNCTION gate.record_message();
CREATE TRIGGER record_delivery AFTER UPDATE OF state ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state IN ('sent', 'failed') AND NEW.state <> OLD.state)
  EXECUTE FUNCTION gate.record_delivery();
CREATE TRIGGER record_contact AFTER UPDATE OF taken_over_at, blocked_at ON discreet.contacts
  FOR EACH ROW EXECUTE FUNCTION gate.record_contact();
CREATE TRIGGER record_agent AFTER UPDATE OF paused_at ON discreet.agents
  FOR EACH ROW WHEN ((OLD.paused_at IS NULL) <> (NEW.paused_at IS NULL))
  EXECUTE FUNCTION gate.record_agent();
CREATE TRIGGER record_pairing AFTER INSERT ON discreet.pairings
  FOR EACH ROW EXECUTE FUNCTION gate.record_pairing();
CREATE TRIGGER record_decision AFTER UPDATE OF state ON discreet.pairings
  FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION gate.record_pairing();
CREATE TRIGGER record_person_request AFTER INSERT ON discreet.person_requests
  FOR EACH ROW EXECUTE FUNCTION gate.record_person_request();
CREATE TRIGGER record_answer AFTER UPDATE OF answered_at ON discreet.person_requests
  FOR EACH ROW WHEN (OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL)
  EXECUTE FUNCTION gate.record_person_request();
CREATE TRIGGER record_held_answer AFTER INSERT ON discreet.held_answers
  FOR EACH ROW EXECUTE FUNCTION gate.record_held_answer();
CREATE TRIGGER record_decision AFTER UPDATE OF state ON discreet.held_answers
  FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION gate.record_held_answer();
