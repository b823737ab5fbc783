-- Everything that was said, in and out. `party`: see sessions.sql.
SET ROLE discreet_schema;

CREATE TABLE discreet.messages (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id            uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id            uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id          uuid DEFAULT (gate.scope()).contact_id,
  shared              boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party               uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id          uuid NOT NULL,
  route_id            uuid NOT NULL,
  position            bigint NOT NULL,
  direction           text NOT NULL CHECK (direction IN ('in', 'out')),
  state               text NOT NULL DEFAULT 'waiting'
                      CHECK (state IN ('waiting', 'taken', 'answered', 'failed', 'context', 'sent')),
  text                text NOT NULL CHECK (text <> ''),
  sender_contact_id   uuid,
  sender_address      text NOT NULL DEFAULT '',
  sender_name         text NOT NULL DEFAULT '',
  channel_id          uuid,
  chat_id             text,
  platform_message_id text,
  reply_to            text,
  turn_id             uuid,
  attempts            integer NOT NULL DEFAULT 0,
  not_before          timestamptz,
  terms               text[],
  tokens              bytea,
  embedder            text,
  embedding           public.vector,
  sent_at             timestamptz,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key           text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key           text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  album               text NOT NULL DEFAULT '',
  command             text,
  in_person           boolean NOT NULL DEFAULT false,
  details             jsonb,
  replies_to          uuid,
  edited_by           text,
  restarted           boolean NOT NULL DEFAULT false,
  -- The key includes the scope, so another scope's position is no conflict; it fails as a foreign key.
  UNIQUE (session_id, position, owner_id, agent_id, party),
  UNIQUE (id, session_id, route_id),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes (id, session_id) ON DELETE CASCADE,
  FOREIGN KEY (turn_id, session_id)
    REFERENCES discreet.turns (id, session_id)
    ON DELETE SET NULL (turn_id)
);
COMMENT ON COLUMN discreet.messages.state IS
  'inbound: waiting, taken by a turn, answered, failed (given up), context (overheard, never answered); outbound: always sent, its delivery state is in outbox';
COMMENT ON COLUMN discreet.messages.command IS
  'the command given to the program, or (outbound) the one it answers; not part of the conversation';
COMMENT ON COLUMN discreet.messages.in_person IS
  'said by the owner in place of the agent';
COMMENT ON COLUMN discreet.messages.details IS
  'content other than text: typed parts, a quote, where it was forwarded from; null: none';
COMMENT ON COLUMN discreet.messages.replies_to IS
  'the message of the same chat and scope that it replies to; no foreign key, because that message may be erased';
COMMENT ON COLUMN discreet.messages.edited_by IS
  'the platform''s id of the edit that its text came from';
COMMENT ON COLUMN discreet.messages.restarted IS
  'whether a turn with it restarted because of an edit; that happens once';
CREATE INDEX messages_waiting
  ON discreet.messages (session_id, position, owner_id, agent_id, party)
  WHERE state IN ('waiting', 'taken');
CREATE INDEX messages_turn
  ON discreet.messages (turn_id, owner_id, agent_id, party) WHERE turn_id IS NOT NULL;
CREATE INDEX messages_scope ON discreet.messages (owner_id, agent_id, contact_id, created_at);
-- A repeated delivery by the platform changes nothing.
CREATE UNIQUE INDEX messages_once
  ON discreet.messages (channel_id, chat_id, platform_message_id, owner_id)
  WHERE direction = 'in' AND owner_key IS NOT NULL;
CREATE INDEX messages_context
  ON discreet.messages (session_id, position, owner_id, agent_id, party) WHERE state = 'context';
CREATE INDEX messages_album
  ON discreet.messages (session_id, album, owner_id)
  WHERE album <> '' AND state IN ('waiting', 'context') AND owner_key IS NOT NULL;
-- How many messages there were each day, from the index alone.
CREATE INDEX messages_day
  ON discreet.messages (owner_id, created_at, direction, owner_key) WHERE owner_key IS NOT NULL;
-- What an address said in any conversation, for an erasure.
CREATE INDEX messages_sender
  ON discreet.messages (owner_id, sender_address)
  WHERE sender_address <> '' AND owner_key IS NOT NULL;
CREATE INDEX messages_among_others
  ON discreet.messages (agent_id, sender_contact_id)
  WHERE (contact_id IS NULL OR (sender_contact_id <> contact_id)) AND owner_key IS NOT NULL;
ALTER TABLE discreet.messages
  ALTER COLUMN text SET STATISTICS 0,
  ALTER COLUMN sender_address SET STATISTICS 0,
  ALTER COLUMN sender_name SET STATISTICS 0,
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN platform_message_id SET STATISTICS 0,
  ALTER COLUMN reply_to SET STATISTICS 0,
  ALTER COLUMN terms SET STATISTICS 0,
  ALTER COLUMN tokens SET STATISTICS 0,
  ALTER COLUMN embedder SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN album SET STATISTICS 0,
  ALTER COLUMN command SET STATISTICS 0,
  ALTER COLUMN details SET STATISTICS 0,
  ALTER COLUMN edited_by SET STATISTICS 0;
ALTER TABLE discreet.messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.messages FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.messages TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.messages TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.messages TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.messages TO discreet_gate USING (owner_key IS NOT NULL);
-- The gate's own notices reply to messages that are not stored.
CREATE TRIGGER validate_reply_target BEFORE INSERT ON discreet.messages
  FOR EACH ROW WHEN (NEW.direction = 'out'
    AND NEW.reply_to IS NOT NULL
    AND session_user IN ('discreet_contact', 'discreet_shared', 'discreet_owner'))
  EXECUTE FUNCTION gate.validate_reply_target();
-- What is only context doesn't count towards a limit.
CREATE TRIGGER prevent_undercounting BEFORE UPDATE OF state ON discreet.messages
  FOR EACH ROW WHEN (NEW.state = 'context' AND OLD.state <> 'context'
    AND session_user IN ('discreet_contact', 'discreet_shared'))
  EXECUTE FUNCTION gate.prevent_undercounting();
CREATE TRIGGER notify_waiting_clients AFTER UPDATE OF state ON discreet.messages
  FOR EACH ROW WHEN (NEW.direction = 'in'
    AND OLD.state IN ('waiting', 'taken')
    AND NEW.state <> 'taken'
    AND NEW.state <> OLD.state)
  EXECUTE FUNCTION gate.notify_state_changed();
CREATE TRIGGER record_message AFTER INSERT ON discreet.messages
  FOR EACH ROW EXECUTE FUNCTION gate.record_message();
CREATE TRIGGER record_outcome AFTER UPDATE OF state ON discreet.messages
  FOR EACH ROW WHEN (NEW.direction = 'in'
    AND NEW.state IN ('answered', 'failed')
    AND NEW.state <> OLD.state)
  EXECUTE FUNCTION gate.record_message();
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, position,
              direction, state, text, sender_contact_id, sender_address, sender_name,
              channel_id, chat_id, platform_message_id, reply_to, turn_id, attempts,
              not_before, terms, tokens, embedder, embedding, sent_at, created_at, album,
              command, in_person, details, replies_to,
              edited_by, restarted),
      INSERT (session_id, route_id, position, direction, state, text, reply_to, turn_id, terms,
              tokens, embedder, embedding, command),
      UPDATE (state, turn_id, attempts, not_before, terms, tokens, embedder, embedding)
  ON discreet.messages
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, position,
              direction, state, text, sender_contact_id, sender_address, sender_name,
              channel_id, chat_id, platform_message_id, reply_to, turn_id, attempts,
              not_before, terms, tokens, embedder, embedding, sent_at, created_at,
              scope_key, owner_key, album, command, in_person, details, replies_to,
              edited_by, restarted),
      INSERT (session_id, route_id, position, direction, state, text, reply_to, turn_id, terms,
              tokens, embedder, embedding, command),
      UPDATE (state, turn_id, attempts, not_before, terms, tokens, embedder, embedding)
  ON discreet.messages
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.messages TO discreet_gate;
