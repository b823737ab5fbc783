-- Older versions of memories, archived by a trigger.
SET ROLE discreet_schema;

CREATE TABLE discreet.memory_history (
  memory_id   uuid NOT NULL,
  version     integer NOT NULL,
  owner_id    uuid NOT NULL,
  agent_id    uuid NOT NULL,
  contact_id  uuid,
  shared      boolean NOT NULL,
  party       uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  content     text NOT NULL,
  summary     text NOT NULL,
  topic_key   text,
  topics      text[] NOT NULL,
  salience    text NOT NULL,
  source      text NOT NULL,
  metadata    jsonb NOT NULL,
  expires_at  timestamptz,
  terms       text[] NOT NULL,
  tokens      bytea,
  embedder    text,
  embedding   public.vector,
  turn_id     uuid,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  change      text NOT NULL CHECK (change IN ('update', 'delete', 'expire')),
  archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key   text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (memory_id, version),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
CREATE INDEX memory_history_scope
  ON discreet.memory_history (owner_id, agent_id, contact_id, archived_at);
ALTER TABLE discreet.memory_history
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN summary SET STATISTICS 0,
  ALTER COLUMN topic_key SET STATISTICS 0,
  ALTER COLUMN topics SET STATISTICS 0,
  ALTER COLUMN source SET STATISTICS 0,
  ALTER COLUMN metadata SET STATISTICS 0,
  ALTER COLUMN terms SET STATISTICS 0,
  ALTER COLUMN tokens SET STATISTICS 0,
  ALTER COLUMN embedder SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.memory_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.memory_history FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.memory_history TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.memory_history TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.memory_history TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.memory_history TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (memory_id, version, owner_id, agent_id, contact_id, shared, party, content,
              summary, topic_key, topics, salience, source, metadata, expires_at, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, change,
              archived_at)
  ON discreet.memory_history
  TO discreet_contact, discreet_shared;
GRANT SELECT (memory_id, version, owner_id, agent_id, contact_id, shared, party, content,
              summary, topic_key, topics, salience, source, metadata, expires_at, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, change,
              archived_at, scope_key, owner_key)
  ON discreet.memory_history
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (contact_id, agent_id), DELETE ON discreet.memory_history TO discreet_gate;
