-- One conversation of a party with an agent, on a thread.
--
-- Null contact_id means the owner; or, in a row that is `shared`, everybody who talks to an agent with
-- shared memory. Which of them a row belongs to is decided when it is created, and doesn't change with
-- the agent. A composite foreign key with a null column checks nothing, so scoped tables carry `party`:
-- the contact, else the agent of a shared row, else the owner. It is never null, and foreign keys
-- between scoped tables go through it, so no row can refer to another scope's row. A scoped row leads
-- to its owner through its session, agent or contact: with a foreign key of its own, every message of
-- everybody would lock the same row.
SET ROLE discreet_schema;

CREATE TABLE discreet.sessions (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id        uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id        uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id      uuid DEFAULT (gate.scope()).contact_id,
  shared          boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party           uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  thread_key      text NOT NULL DEFAULT '',
  last_position   bigint NOT NULL DEFAULT 0,
  last_message_at timestamptz,
  current_turn    uuid,
  created_at      timestamptz NOT NULL DEFAULT now(),
  ended_at        timestamptz,
  scope_key       text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key       text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  compacted_to    bigint NOT NULL DEFAULT 0,
  summary_id      uuid,
  takeover_contact_id uuid,
  seen_at         timestamptz,
  active_hour     integer GENERATED ALWAYS AS (
    floor(extract(epoch FROM last_message_at - timestamptz '1970-01-01 00:00:00+00') / 3600)) STORED,
  UNIQUE (id, owner_id, agent_id, party),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id),
  CHECK (takeover_contact_id IS NULL OR (contact_id IS NULL AND NOT shared)),
  FOREIGN KEY (takeover_contact_id, owner_id)
    REFERENCES discreet.contacts (id, owner_id)
    ON DELETE SET NULL (takeover_contact_id)
) WITH (fillfactor = 85);
COMMENT ON COLUMN discreet.sessions.current_turn IS
  'the turn that holds this session; a turn that is not named here may not save';
COMMENT ON COLUMN discreet.sessions.compacted_to IS
  'the last message that the summary covers; the messages themselves stay';
COMMENT ON COLUMN discreet.sessions.summary_id IS
  'a memory of the same party, otherwise ignored; no foreign key, because that would show which ids exist';
COMMENT ON COLUMN discreet.sessions.takeover_contact_id IS
  'a contact that the owner answers in person here: what they write goes to it';
COMMENT ON COLUMN discreet.sessions.seen_at IS
  'when the owner last looked at it; what was said since then is unread';
COMMENT ON COLUMN discreet.sessions.active_hour IS
  'the hour of the last message, since 1970. Indexed in its place: a message writes no index as long as the hour is the same';
CREATE INDEX sessions_speaking
  ON discreet.sessions (takeover_contact_id, owner_id)
  WHERE takeover_contact_id IS NOT NULL AND owner_key IS NOT NULL;
CREATE UNIQUE INDEX sessions_open
  ON discreet.sessions (owner_id, agent_id, party, thread_key) WHERE ended_at IS NULL;
-- Whom an agent knows: who has a session with it, and who spoke to it in a group.
CREATE INDEX sessions_party ON discreet.sessions (owner_id, agent_id, party);
-- Who wrote last, for the owner's inbox.
CREATE INDEX sessions_recent
  ON discreet.sessions (owner_id, active_hour) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.sessions
  ALTER COLUMN thread_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.sessions FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.sessions TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.sessions TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.sessions TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.sessions TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER reject_merged_contact BEFORE INSERT ON discreet.sessions
  FOR EACH ROW WHEN (NEW.contact_id IS NOT NULL) EXECUTE FUNCTION gate.reject_merged_contact();
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, thread_key, last_position,
              last_message_at, current_turn, created_at, ended_at, compacted_to,
              summary_id),
      UPDATE (last_position, last_message_at, current_turn, ended_at, compacted_to, summary_id)
  ON discreet.sessions
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, thread_key, last_position,
              last_message_at, current_turn, created_at, ended_at, scope_key, owner_key,
              compacted_to, summary_id, takeover_contact_id, seen_at, active_hour),
      UPDATE (last_position, last_message_at, current_turn, ended_at, compacted_to, summary_id,
              takeover_contact_id, seen_at)
  ON discreet.sessions
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.sessions TO discreet_gate;
