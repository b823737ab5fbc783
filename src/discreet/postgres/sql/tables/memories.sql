-- What an agent remembers; every older version is in memory_history.
SET ROLE discreet_schema;

CREATE TABLE discreet.memories (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id   uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id uuid DEFAULT (gate.scope()).contact_id,
  shared     boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  content    text NOT NULL CHECK (content <> ''),
  digest     text NOT NULL GENERATED ALWAYS AS (md5(gate.normalize_text(content))) STORED,
  summary    text NOT NULL DEFAULT '',
  topic_key  text,
  topics     text[] NOT NULL DEFAULT '{}',
  salience   text NOT NULL DEFAULT 'medium'
             CHECK (salience IN ('low', 'medium', 'high', 'critical')),
  source     text NOT NULL DEFAULT 'agent',
  metadata   jsonb NOT NULL DEFAULT '{}',
  expires_at timestamptz,
  version    integer NOT NULL DEFAULT 1,
  terms      text[] NOT NULL DEFAULT '{}',
  tokens     bytea,
  embedder   text,
  embedding  public.vector,
  turn_id    uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key  text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  used_at    timestamptz,
  decoy      boolean NOT NULL DEFAULT false,
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id),
  CONSTRAINT memories_topic_key CHECK (topic_key <> '' AND (length(topic_key) <= 200))
);
COMMENT ON COLUMN discreet.memories.turn_id IS
  'the turn that wrote it; no foreign key, because that would show which ids exist';
COMMENT ON COLUMN discreet.memories.used_at IS
  'about when a turn of its scope last found it, to the day';
COMMENT ON COLUMN discreet.memories.decoy IS
  'a random secret of a decoy, which nobody has a reason to read; the owner isn''t shown it';
CREATE INDEX memories_scope ON discreet.memories (owner_id, agent_id, contact_id, created_at);
-- Of everybody, for the owner: the newest, and how many there are of each agent.
CREATE INDEX memories_recent
  ON discreet.memories (owner_id, created_at, id)
  INCLUDE (agent_id, owner_key) WHERE owner_key IS NOT NULL AND NOT decoy;
CREATE INDEX memories_decoys
  ON discreet.memories (owner_id, agent_id) WHERE decoy AND owner_key IS NOT NULL;
-- Memories still to be embedded; the server embeds them in the owner's scope.
CREATE INDEX memories_unindexed
  ON discreet.memories (owner_id, created_at, id) WHERE embedder IS NULL AND owner_key IS NOT NULL;
CREATE UNIQUE INDEX memories_once ON discreet.memories (owner_id, agent_id, party, digest);
CREATE UNIQUE INDEX memories_topic
  ON discreet.memories (owner_id, agent_id, party, topic_key) WHERE topic_key IS NOT NULL;
CREATE INDEX memories_knowledge
  ON discreet.memories (owner_id, agent_id, party) WHERE salience IN ('critical', 'high');
CREATE INDEX memories_expiry
  ON discreet.memories (expires_at, owner_id)
  WHERE expires_at IS NOT NULL AND owner_key IS NOT NULL;
CREATE INDEX memories_terms ON discreet.memories USING gin (terms) WHERE owner_key IS NOT NULL;
CREATE INDEX memories_near_1666d36c1f5b
  ON discreet.memories USING hnsw (((embedding)::halfvec(256)) halfvec_cosine_ops)
  WHERE embedder = 'wordllama-l2-supercat-256' AND owner_key IS NOT NULL;
CREATE INDEX memories_near_c4bb918bbab8
  ON discreet.memories USING hnsw (((embedding)::halfvec(512)) halfvec_cosine_ops)
  WHERE embedder = 'universal-sentence-encoder-multilingual-3' AND owner_key IS NOT NULL;
ALTER TABLE discreet.memories
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN digest SET STATISTICS 0,
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
ALTER TABLE discreet.memories ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.memories FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.memories TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.memories TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.memories TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s) AND NOT decoy)
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
-- Any condition here would keep the gate from indexes whose operators aren't leakproof.
CREATE POLICY gate ON discreet.memories TO discreet_gate USING (true);
CREATE TRIGGER archive_memory BEFORE DELETE OR UPDATE ON discreet.memories
  FOR EACH ROW EXECUTE FUNCTION gate.archive_memory();
CREATE TRIGGER reject_merged_contact BEFORE INSERT ON discreet.memories
  FOR EACH ROW WHEN (NEW.contact_id IS NOT NULL) EXECUTE FUNCTION gate.reject_merged_contact();
CREATE TRIGGER enforce_memory_limit AFTER INSERT ON discreet.memories REFERENCING NEW TABLE AS added FOR EACH STATEMENT WHEN (session_user IN ('discreet_contact', 'discreet_shared', 'discreet_owner'))
  EXECUTE FUNCTION gate.enforce_memory_limit();
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, content, digest, summary,
              topic_key, topics, salience, source, metadata, expires_at, version, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, used_at),
      INSERT (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, tokens, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              version, terms, tokens, embedder, embedding, turn_id, updated_at, used_at)
  ON discreet.memories
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, content, digest, summary,
              topic_key, topics, salience, source, metadata, expires_at, version, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, scope_key,
              owner_key, used_at, decoy),
      INSERT (agent_id, content, summary, topic_key, topics, salience, source, metadata,
              expires_at, terms, tokens, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              version, terms, tokens, embedder, embedding, turn_id, updated_at, used_at),
      DELETE
  ON discreet.memories
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.memories TO discreet_gate;
