-- The owner's chats, what they were told there, and whom they answer in person.
SET ROLE discreet_schema;
CREATE TABLE discreet.owner_chats (
  owner_id    uuid NOT NULL REFERENCES discreet.owners,
  platform    text NOT NULL,
  platform_id text NOT NULL,
  agent_id    uuid NOT NULL,
  channel_id  uuid NOT NULL,
  chat_id     text NOT NULL CHECK (chat_id <> ''),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (owner_id, platform, platform_id),
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
    ON DELETE CASCADE
);
CREATE INDEX owner_chats_channel ON discreet.owner_chats (channel_id, owner_id, agent_id);
ALTER TABLE discreet.owner_chats
  ALTER COLUMN platform_id SET STATISTICS 0,
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owner_chats ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_chats FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.owner_chats TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owner_chats TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, platform, platform_id, agent_id, channel_id, chat_id, created_at, used_at)
  ON discreet.owner_chats
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.owner_chats TO discreet_gate;

CREATE TABLE discreet.owner_notices (
  owner_id   uuid NOT NULL REFERENCES discreet.owners,
  kind       text NOT NULL CHECK (kind IN (
    'stranger', 'person', 'draft', 'said', 'failure', 'limit', 'undelivered', 'channel')),
  key        text NOT NULL,
  contact_id uuid,
  message_id uuid NOT NULL,
  told_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (owner_id, kind, key),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.owner_notices.key IS
  'which one of its kind: the id of a request, a turn, a message, or a limit and its day';
COMMENT ON COLUMN discreet.owner_notices.message_id IS
  'the line in the owner''s session; no key, for that line may be erased';
CREATE INDEX owner_notices_message ON discreet.owner_notices (message_id);
CREATE INDEX owner_notices_contact ON discreet.owner_notices (contact_id, owner_id);
ALTER TABLE discreet.owner_notices
  ALTER COLUMN key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owner_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_notices FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.owner_notices TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owner_notices TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, kind, key, contact_id, message_id, told_at)
  ON discreet.owner_notices
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.owner_notices TO discreet_gate;

ALTER TABLE discreet.sessions
  ADD COLUMN speaks_to uuid,
  ADD CHECK (speaks_to IS NULL OR (contact_id IS NULL AND NOT shared)),
  ADD FOREIGN KEY (speaks_to, owner_id)
    REFERENCES discreet.contacts (id, owner_id)
    ON DELETE SET NULL (speaks_to);
COMMENT ON COLUMN discreet.sessions.speaks_to IS
  'a contact that the owner answers in person here: what they write goes to it';
CREATE INDEX sessions_speaking
  ON discreet.sessions (speaks_to, owner_id) WHERE speaks_to IS NOT NULL AND owner_key IS NOT NULL;
GRANT SELECT (speaks_to), UPDATE (speaks_to) ON discreet.sessions TO discreet_owner;

-- Where the owner wrote last from each of their accounts.
SET ROLE discreet_gate;
INSERT INTO discreet.owner_chats (owner_id, platform, platform_id, agent_id, channel_id, chat_id)
SELECT DISTINCT ON (a.owner_id, a.platform, a.platform_id)
       a.owner_id, a.platform, a.platform_id, m.agent_id, m.channel_id, m.chat_id
  FROM discreet.addresses a
  JOIN discreet.messages m
    ON m.owner_id = a.owner_id AND m.contact_id IS NULL AND NOT m.shared AND m.direction = 'in'
       AND m.sender_address = a.platform || ':' || a.platform_id
  JOIN discreet.channels c ON c.id = m.channel_id AND c.platform = a.platform
 WHERE a.of_owner
 ORDER BY a.owner_id, a.platform, a.platform_id, m.created_at DESC;
