-- Answers to be delivered, one row for each outbound message.
SET ROLE discreet_schema;

CREATE TABLE discreet.outbox (
  message_id        uuid NOT NULL,
  owner_id          uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id          uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id        uuid DEFAULT (gate.scope()).contact_id,
  shared            boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party             uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id        uuid NOT NULL,
  route_id          uuid NOT NULL,
  state             text NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'sending', 'sent', 'failed')),
  attempts          integer NOT NULL DEFAULT 0,
  next_try_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  error             text,
  platform_messages text[] NOT NULL DEFAULT '{}',
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  sent_at           timestamptz,
  uncertain_since   timestamptz,
  scope_key         text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key         text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  parts_sent        integer NOT NULL DEFAULT 0,
  delivered_at      timestamptz,
  read_at           timestamptz,
  PRIMARY KEY (message_id, owner_id, agent_id, party),
  -- The scope first, then the message: checked in this order, another scope's ids fail just like ids
  -- that don't exist.
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (message_id, session_id, route_id)
    REFERENCES discreet.messages (id, session_id, route_id)
    ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.outbox.platform_messages IS
  'the platform''s ids of the messages sent, in order; a long answer takes several';
CREATE INDEX outbox_due
  ON discreet.outbox (route_id, created_at, owner_id, agent_id, party)
  WHERE state IN ('pending', 'sending');
CREATE INDEX outbox_undelivered
  ON discreet.outbox (owner_id, created_at) WHERE state <> 'sent' AND owner_key IS NOT NULL;
-- Only what was sent has an id on its platform to be found by.
CREATE INDEX outbox_platform_messages
  ON discreet.outbox USING gin (platform_messages)
  WHERE platform_messages <> '{}' AND owner_key IS NOT NULL;
CREATE INDEX outbox_session ON discreet.outbox (session_id, owner_id, agent_id, party);
ALTER TABLE discreet.outbox
  ALTER COLUMN error SET STATISTICS 0,
  ALTER COLUMN platform_messages SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.outbox FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.outbox TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.outbox TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.outbox TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
-- Any condition here would keep the gate from indexes whose operators aren't leakproof.
CREATE POLICY gate ON discreet.outbox TO discreet_gate USING (true);
CREATE TRIGGER schedule_delivery AFTER INSERT ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state IN ('pending', 'sending')) EXECUTE FUNCTION gate.schedule_delivery();
CREATE TRIGGER record_delivery_at_once AFTER INSERT ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state = 'sent') EXECUTE FUNCTION gate.record_delivery();
CREATE TRIGGER apply_early_receipts AFTER UPDATE OF state ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state = 'sent' AND OLD.state <> 'sent')
  EXECUTE FUNCTION gate.apply_early_receipts();
CREATE TRIGGER notify_waiting_clients AFTER UPDATE OF state ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state = 'sent') EXECUTE FUNCTION gate.notify_delivery_changed();
CREATE TRIGGER record_delivery AFTER UPDATE OF state ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state IN ('sent', 'failed') AND NEW.state <> OLD.state)
  EXECUTE FUNCTION gate.record_delivery();
GRANT SELECT (message_id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              state, attempts, next_try_at, error, platform_messages, created_at, sent_at,
              uncertain_since, parts_sent, delivered_at, read_at),
      INSERT (message_id, session_id, route_id, state, attempts, platform_messages, sent_at,
              parts_sent),
      UPDATE (state, attempts, next_try_at, error, platform_messages, sent_at, uncertain_since,
              parts_sent)
  ON discreet.outbox
  TO discreet_contact, discreet_shared;
GRANT SELECT (message_id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              state, attempts, next_try_at, error, platform_messages, created_at, sent_at,
              uncertain_since, scope_key, owner_key, parts_sent, delivered_at, read_at),
      INSERT (message_id, session_id, route_id, state, attempts, platform_messages, sent_at,
              parts_sent),
      UPDATE (state, attempts, next_try_at, error, platform_messages, sent_at, uncertain_since,
              parts_sent)
  ON discreet.outbox
  TO discreet_owner;
GRANT SELECT,
      INSERT,
      UPDATE (contact_id, agent_id, state, error, delivered_at, read_at),
      DELETE
  ON discreet.outbox
  TO discreet_gate;
