-- Direct chats in which the owner writes from accounts of their own: the only places where the owner
-- gets notices. Written by intake only.
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

-- after functions
SET ROLE discreet_schema;
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
