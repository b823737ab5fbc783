-- A file that came with a message. The platform's id of it is stored at once; its bytes are fetched
-- before the turn that needs them.
SET ROLE discreet_schema;

CREATE TABLE discreet.attachments (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id            uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id            uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id          uuid DEFAULT (gate.scope()).contact_id,
  shared              boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party               uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id          uuid NOT NULL,
  route_id            uuid NOT NULL,
  message_id          uuid NOT NULL,
  position            integer NOT NULL,
  kind                text NOT NULL
                      CHECK (kind IN ('photo', 'voice', 'audio', 'video', 'document')),
  platform_file       text NOT NULL CHECK (platform_file <> ''),
  name                text NOT NULL DEFAULT '',
  media_type          text NOT NULL DEFAULT '',
  size                bigint,
  channel_id          uuid NOT NULL,
  chat_id             text NOT NULL,
  platform_message_id text NOT NULL,
  state               text NOT NULL DEFAULT 'remote' CHECK (state IN ('remote', 'kept', 'refused')),
  refusal             text NOT NULL DEFAULT '',
  content             bytea,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key           text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key           text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  CHECK ((state = 'kept') = (content IS NOT NULL)),
  UNIQUE (message_id, "position"),
  FOREIGN KEY (message_id, session_id, route_id)
    REFERENCES discreet.messages (id, session_id, route_id)
    ON DELETE CASCADE,
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.attachments.state IS
  'remote: not fetched yet; kept: stored here; refused: too large, gone, or of an unsupported kind';
-- A repeated delivery of part of an album changes nothing.
CREATE INDEX attachments_part
  ON discreet.attachments (channel_id, chat_id, platform_message_id, owner_id)
  WHERE owner_key IS NOT NULL;
CREATE INDEX attachments_session
  ON discreet.attachments (session_id, owner_id, agent_id, party);
ALTER TABLE discreet.attachments
  ALTER COLUMN platform_file SET STATISTICS 0,
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN media_type SET STATISTICS 0,
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN platform_message_id SET STATISTICS 0,
  ALTER COLUMN refusal SET STATISTICS 0,
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.attachments FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.attachments TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.attachments TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.attachments TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.attachments TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              message_id, position, kind, platform_file, name, media_type, size,
              channel_id, chat_id, platform_message_id, state, refusal, content,
              created_at),
      UPDATE (media_type, size, state, refusal, content)
  ON discreet.attachments
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              message_id, position, kind, platform_file, name, media_type, size,
              channel_id, chat_id, platform_message_id, state, refusal, content,
              created_at, scope_key, owner_key),
      UPDATE (media_type, size, state, refusal, content)
  ON discreet.attachments
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (contact_id, agent_id), DELETE ON discreet.attachments TO discreet_gate;
