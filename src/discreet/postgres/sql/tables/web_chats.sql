-- Chats on the owner's own sites: which agent answers, on whose pages, and how visitors prove who they are.
-- The secret is encrypted like those of channels; a public key isn't secret.
SET ROLE discreet_schema;

CREATE TABLE discreet.web_chats (
  id         uuid PRIMARY KEY,
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id   uuid NOT NULL,
  name       text NOT NULL CHECK (name <> ''),
  origins    text[] NOT NULL,
  sealed     bytea,
  public_key text,
  minter_id  uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  CHECK ((sealed IS NULL) <> (public_key IS NULL)),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id) ON DELETE CASCADE,
  FOREIGN KEY (minter_id, owner_id) REFERENCES discreet.tokens (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.web_chats.minter_id IS
  'the agent''s token by which visitors get theirs; without it there is no chat';
CREATE UNIQUE INDEX web_chats_name ON discreet.web_chats (owner_id, name) WHERE owner_key IS NOT NULL;
CREATE INDEX web_chats_agent ON discreet.web_chats (agent_id, owner_id);
CREATE INDEX web_chats_minter ON discreet.web_chats (minter_id);
ALTER TABLE discreet.web_chats
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN origins SET STATISTICS 0,
  ALTER COLUMN sealed SET STATISTICS 0,
  ALTER COLUMN public_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.web_chats ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.web_chats FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.web_chats TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
GRANT SELECT (id, owner_id, agent_id, name, origins, sealed, public_key, minter_id, created_at,
              owner_key),
      INSERT (id, agent_id, name, origins, sealed, public_key, minter_id),
      UPDATE (agent_id, minter_id),
      DELETE
  ON discreet.web_chats
  TO discreet_owner;
