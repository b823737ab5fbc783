-- Null contact_id means the owner; or, in a row that is `shared`, everybody who talks to an agent
-- that shares its memory. What a row is was decided when it was made, whatever becomes of the agent.
-- Because a composite foreign key with a null column checks nothing, scoped tables carry `party`: the
-- contact, else the agent of a shared row, else the owner. It is never null, and foreign keys between
-- scoped tables go through it, so no row can refer to another scope's row. A scoped row leads to its
-- owner through its session, agent or contact: a foreign key of its own would have every message of
-- everybody lock the same row.
SET ROLE discreet_schema;

CREATE TABLE discreet.owners (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE discreet.agents (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  name         text NOT NULL CHECK (name <> ''),
  role         text NOT NULL DEFAULT '',
  instructions text NOT NULL DEFAULT '',
  model        text,
  memory_model text NOT NULL DEFAULT 'per_contact' CHECK (memory_model IN ('per_contact', 'shared')),
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (id, owner_id)
);

CREATE TABLE discreet.contacts (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  type       text NOT NULL DEFAULT 'external' CHECK (type IN ('external', 'group', 'personal')),
  name       text NOT NULL DEFAULT '',
  aliases    text[] NOT NULL DEFAULT '{}',
  note       text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (id, owner_id)
);

-- A platform identity. It leads to one contact, or to the owner.
CREATE TABLE discreet.addresses (
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  platform    text NOT NULL,
  platform_id text NOT NULL CHECK (platform_id <> ''),
  contact_id  uuid,
  of_owner    boolean NOT NULL DEFAULT false,
  created_at  timestamptz NOT NULL DEFAULT now(),
  CHECK (of_owner = (contact_id IS NULL)),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX addresses_contact ON discreet.addresses (contact_id, owner_id);

-- A connection to a platform that leads to one agent. Every agent has a terminal of its own.
CREATE TABLE discreet.channels (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id   uuid NOT NULL,
  platform   text NOT NULL,
  account    text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (owner_id, platform, account),
  UNIQUE (id, owner_id, agent_id),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id)
);

CREATE TABLE discreet.sessions (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id      uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id      uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id    uuid DEFAULT (gate.scope()).contact_id,
  shared        boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party         uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  thread_key    text NOT NULL DEFAULT '',
  last_position bigint NOT NULL DEFAULT 0,
  last_message_at timestamptz,
  current_turn  uuid,
  created_at    timestamptz NOT NULL DEFAULT now(),
  ended_at      timestamptz,
  UNIQUE (id, owner_id, agent_id, party),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
COMMENT ON COLUMN discreet.sessions.current_turn IS
  'the turn that holds this session; a turn that is no longer named here may not save';
CREATE UNIQUE INDEX sessions_open ON discreet.sessions (owner_id, agent_id, party, thread_key)
  WHERE ended_at IS NULL;

-- Where messages of a session come from and answers go back to. Written by intake alone, and bound
-- to its session, so an answer can leave by no other way.
CREATE TABLE discreet.routes (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  contact_id uuid,
  shared     boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id uuid NOT NULL,
  channel_id uuid NOT NULL,
  chat_id    text NOT NULL CHECK (chat_id <> ''),
  thread_id  text NOT NULL DEFAULT '',
  UNIQUE (session_id, channel_id, chat_id, thread_id, owner_id, agent_id, party),
  UNIQUE (id, session_id),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (channel_id, owner_id, agent_id) REFERENCES discreet.channels (id, owner_id, agent_id)
);

CREATE TABLE discreet.turns (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id     uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id   uuid DEFAULT (gate.scope()).contact_id,
  shared       boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party        uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id   uuid NOT NULL,
  route_id     uuid NOT NULL,
  state        text NOT NULL DEFAULT 'running'
               CHECK (state IN ('running', 'answered', 'failed', 'given_up', 'lost')),
  attempt      integer NOT NULL DEFAULT 1,
  model        text,
  prompt       jsonb,
  steps        jsonb,
  usage        jsonb,
  error        text,
  started_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  UNIQUE (id, session_id),
  UNIQUE (id, owner_id, agent_id, party),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes (id, session_id) ON DELETE CASCADE
);
CREATE INDEX turns_session ON discreet.turns (session_id, started_at, owner_id, agent_id, party);

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
                      CHECK (state IN ('waiting', 'taken', 'answered', 'failed', 'sent')),
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
  -- With party in it, another scope's position is no conflict; it fails as a foreign key.
  UNIQUE (session_id, position, owner_id, agent_id, party),
  UNIQUE (id, session_id, route_id),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes (id, session_id) ON DELETE CASCADE,
  FOREIGN KEY (turn_id, session_id) REFERENCES discreet.turns (id, session_id)
    ON DELETE SET NULL (turn_id)
);
COMMENT ON COLUMN discreet.messages.state IS
  'inbound: waiting, taken by a turn, answered, failed (given up); outbound: always sent, its delivery is in outbox';
CREATE INDEX messages_waiting ON discreet.messages (session_id, position, owner_id, agent_id, party)
  WHERE state IN ('waiting', 'taken');
CREATE INDEX messages_turn ON discreet.messages (turn_id, owner_id, agent_id, party)
  WHERE turn_id IS NOT NULL;
CREATE INDEX messages_scope
  ON discreet.messages (owner_id, agent_id, contact_id, created_at);

CREATE TABLE discreet.outbox (
  message_id  uuid NOT NULL,
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id    uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id  uuid DEFAULT (gate.scope()).contact_id,
  shared      boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party       uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id  uuid NOT NULL,
  route_id    uuid NOT NULL,
  state       text NOT NULL DEFAULT 'pending'
              CHECK (state IN ('pending', 'sending', 'sent', 'failed')),
  attempts    integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  error       text,
  platform_messages text[] NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  sent_at     timestamptz,
  -- Since when nobody knows whether who is sending it lives.
  doubted_at  timestamptz,
  PRIMARY KEY (message_id, owner_id, agent_id, party),
  -- First the scope, then the message: checked in this order, so that another scope's ids fail as
  -- ids that do not exist.
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (message_id, session_id, route_id)
    REFERENCES discreet.messages (id, session_id, route_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.outbox.platform_messages IS
  'what the platform calls the messages that it took, a long answer takes several; in their order';
CREATE INDEX outbox_due ON discreet.outbox (route_id, created_at, owner_id, agent_id, party)
  WHERE state IN ('pending', 'sending');

-- What the model has written so far of an answer, for who waits at a terminal.
CREATE TABLE discreet.drafts (
  turn_id     uuid NOT NULL,
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id    uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id  uuid DEFAULT (gate.scope()).contact_id,
  shared      boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party       uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  text        text NOT NULL,
  PRIMARY KEY (turn_id, owner_id, agent_id, party),
  FOREIGN KEY (turn_id, owner_id, agent_id, party)
    REFERENCES discreet.turns (id, owner_id, agent_id, party) ON DELETE CASCADE
);

CREATE TABLE discreet.memories (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id   uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id uuid DEFAULT (gate.scope()).contact_id,
  shared     boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  content    text NOT NULL CHECK (content <> ''),
  digest     text NOT NULL GENERATED ALWAYS AS (md5(content)) STORED,
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
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
COMMENT ON COLUMN discreet.memories.turn_id IS
  'the turn that wrote it; no foreign key, for that would tell which ids exist';
CREATE UNIQUE INDEX memories_once ON discreet.memories (owner_id, agent_id, party, digest);
CREATE INDEX memories_scope ON discreet.memories (owner_id, agent_id, contact_id, created_at);

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
  PRIMARY KEY (memory_id, version),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
CREATE INDEX memory_history_scope
  ON discreet.memory_history (owner_id, agent_id, contact_id, archived_at);

-- Reference texts: published by the owner to everybody who talks to the agent, never memories.
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
  UNIQUE (agent_id, title, position, owner_id),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id)
);

-- What came in and could not be given to a contact. It waits here, where only the owner sees it.
CREATE TABLE discreet.quarantine (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  channel_id  uuid NOT NULL REFERENCES discreet.channels,
  dedupe_key  text NOT NULL,
  inbound     jsonb NOT NULL,
  reason      text NOT NULL,
  attempts    integer NOT NULL DEFAULT 1,
  next_try_at timestamptz NOT NULL DEFAULT now(),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  released_at timestamptz,
  UNIQUE (channel_id, dedupe_key, owner_id)
);
CREATE INDEX quarantine_waiting ON discreet.quarantine (next_try_at, owner_id) WHERE released_at IS NULL;

-- EXPLAIN tells everybody what the statistics of a column hold, whatever row-level security says: how
-- often a text occurs, and by "<" where it stands among the others. So there are none of what people
-- say, are called, or are reached at; small sets of words (a state, a salience) may be counted. Every
-- migration that adds a column of such a type calls this again.
CREATE PROCEDURE discreet.keep_no_statistics()
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told record;
BEGIN
  FOR told IN
    SELECT a.attrelid::regclass AS of_table, a.attname
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'
       AND a.attnum > 0 AND NOT a.attisdropped
       AND a.atttypid IN ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype,
                          'bytea'::regtype, 'public.vector'::regtype)
       AND a.attname NOT IN ('state', 'direction', 'salience', 'type', 'memory_model', 'change',
                             'platform', 'kind', 'admission')
  LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', told.of_table, told.attname);
  END LOOP;
END $$;
REVOKE ALL ON PROCEDURE discreet.keep_no_statistics() FROM PUBLIC;
CALL discreet.keep_no_statistics();

RESET ROLE;
