-- What happened, for programs that follow it: ids only. The words are in the messages, and are read in the
-- reader's own scope. Rows are removed after a few days. No backup holds them: `tx` counts in one cluster.
SET ROLE discreet_schema;

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

-- after functions
SET ROLE discreet_schema;
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
