-- Where messages of a session come from and answers go back to. Only intake writes routes, and a route
-- is bound to its session, so an answer can't go anywhere else.
SET ROLE discreet_schema;

CREATE TABLE discreet.routes (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id      uuid NOT NULL,
  agent_id      uuid NOT NULL,
  contact_id    uuid,
  shared        boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party         uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id    uuid NOT NULL,
  channel_id    uuid NOT NULL,
  chat_id       text NOT NULL CHECK (chat_id <> ''),
  thread_id     text NOT NULL DEFAULT '',
  scope_key     text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  draft_message text,
  draft_at      timestamptz,
  CONSTRAINT routes_session_id_channel_id_chat_id_thread_id_owner_id_age_key UNIQUE (session_id, channel_id, chat_id, thread_id, owner_id, agent_id, party),
  UNIQUE (id, session_id),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
);
COMMENT ON COLUMN discreet.routes.draft_message IS
  'the platform''s id of the message that shows a growing answer; the next answer takes its place';
COMMENT ON COLUMN discreet.routes.draft_at IS
  'when that was last written; null: its text there is unknown, so it is replaced, not edited';
CREATE INDEX routes_channel ON discreet.routes (channel_id, owner_id, agent_id, party);
ALTER TABLE discreet.routes
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN thread_id SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN draft_message SET STATISTICS 0;
ALTER TABLE discreet.routes ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.routes FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.routes TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.routes TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.routes TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.routes TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, channel_id,
              chat_id, thread_id, draft_message, draft_at),
      UPDATE (draft_message, draft_at)
  ON discreet.routes
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, channel_id,
              chat_id, thread_id, scope_key, owner_key, draft_message, draft_at),
      UPDATE (draft_message, draft_at)
  ON discreet.routes
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (contact_id, agent_id), DELETE ON discreet.routes TO discreet_gate;
