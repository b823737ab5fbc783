-- Reference texts: published by the owner to everybody who talks to the agent, never memories.
SET ROLE discreet_schema;

CREATE TABLE discreet.passages (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id   uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  title      text NOT NULL,
  position   integer NOT NULL,
  content    text NOT NULL CHECK (content <> ''),
  terms      text[] NOT NULL DEFAULT '{}',
  tokens     bytea,
  embedder   text,
  embedding  public.vector,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  scope_key  text
             GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id) || uuid_send(agent_id))) STORED,
  UNIQUE (agent_id, title, "position", owner_id),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id)
);
ALTER TABLE discreet.passages
  ALTER COLUMN title SET STATISTICS 0,
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN terms SET STATISTICS 0,
  ALTER COLUMN tokens SET STATISTICS 0,
  ALTER COLUMN embedder SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE discreet.passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.passages FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.passages TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.passages TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.passages TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
GRANT SELECT (id, owner_id, agent_id, title, position, content, terms, tokens, embedder,
              embedding, created_at)
  ON discreet.passages
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, title, position, content, terms, tokens, embedder,
              embedding, created_at, owner_key, scope_key),
      INSERT (agent_id, title, position, content, terms, tokens, embedder, embedding),
      UPDATE (terms, tokens, embedder, embedding),
      DELETE
  ON discreet.passages
  TO discreet_owner;
