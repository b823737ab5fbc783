-- Messages of strangers who wait to be admitted, as they arrived. They belong to no contact until then.
SET ROLE discreet_schema;

CREATE TABLE discreet.held_messages (
  channel_id       uuid NOT NULL,
  chat_id          text NOT NULL,
  platform_message text NOT NULL,
  owner_id         uuid NOT NULL,
  pairing_id       uuid NOT NULL,
  arrived          jsonb NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key        text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (channel_id, chat_id, platform_message, owner_id),
  FOREIGN KEY (pairing_id, owner_id) REFERENCES discreet.pairings (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX held_messages_pairing ON discreet.held_messages (pairing_id, created_at, owner_id);
ALTER TABLE discreet.held_messages
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN platform_message SET STATISTICS 0,
  ALTER COLUMN arrived SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.held_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.held_messages FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.held_messages TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.held_messages TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived, created_at,
              owner_key)
  ON discreet.held_messages
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.held_messages TO discreet_gate;
