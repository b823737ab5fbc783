-- A persistent identity with a name, a role, instructions, a model and a memory model.
SET ROLE discreet_schema;

CREATE TABLE discreet.agents (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  name         text NOT NULL CHECK (name <> ''),
  role         text NOT NULL DEFAULT '',
  instructions text NOT NULL DEFAULT '',
  model        text,
  memory_model text NOT NULL DEFAULT 'per_contact'
               CHECK (memory_model IN ('per_contact', 'shared')),
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  scope_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id) || uuid_send(id))) STORED,
  paused_at    timestamptz,
  context_tokens integer CHECK (context_tokens >= 1024),
  fallback_models text[] NOT NULL DEFAULT '{}',
  waits_for_person boolean NOT NULL DEFAULT true,
  person_minutes integer NOT NULL DEFAULT 60 CHECK (person_minutes > 0),
  holds_answers boolean NOT NULL DEFAULT false,
  unknown_reply text NOT NULL DEFAULT '',
  runs_reminders boolean NOT NULL DEFAULT false,
  UNIQUE (id, owner_id)
);
COMMENT ON COLUMN discreet.agents.paused_at IS
  'paused since then: messages are stored, and wait';
COMMENT ON COLUMN discreet.agents.context_tokens IS
  'size of its model''s context in tokens; null: as known or learned';
COMMENT ON COLUMN discreet.agents.fallback_models IS
  'models to try in this order when its model fails';
COMMENT ON COLUMN discreet.agents.waits_for_person IS
  'silent after a contact asked for a person; else it goes on answering';
COMMENT ON COLUMN discreet.agents.person_minutes IS
  'how long such a request holds, unless the owner answers before';
COMMENT ON COLUMN discreet.agents.holds_answers IS 'its answers wait for the owner''s approval';
COMMENT ON COLUMN discreet.agents.unknown_reply IS
  'what it says without a model where it knows nothing; empty: the usual words';
COMMENT ON COLUMN discreet.agents.runs_reminders IS
  'a reminder that is due starts a turn, in place of saying its text';
-- Indexes that no statement of a contact's role uses.
CREATE UNIQUE INDEX agents_name ON discreet.agents (owner_id, name) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.agents
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN role SET STATISTICS 0,
  ALTER COLUMN instructions SET STATISTICS 0,
  ALTER COLUMN model SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN fallback_models SET STATISTICS 0,
  ALTER COLUMN unknown_reply SET STATISTICS 0;
ALTER TABLE discreet.agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.agents FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.agents TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.agents TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.agents TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.agents TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER reject_open_shared_agent AFTER UPDATE OF memory_model ON discreet.agents
  FOR EACH ROW EXECUTE FUNCTION gate.reject_open_shared_agent();
CREATE TRIGGER record_agent AFTER UPDATE OF paused_at ON discreet.agents
  FOR EACH ROW WHEN ((OLD.paused_at IS NULL) <> (NEW.paused_at IS NULL))
  EXECUTE FUNCTION gate.record_agent();
GRANT SELECT (id, name, role, instructions, model, memory_model, context_tokens, fallback_models,
              unknown_reply)
  ON discreet.agents
  TO discreet_contact, discreet_shared;
GRANT SELECT (xmin, id, owner_id, name, role, instructions, model, memory_model, created_at,
              updated_at, owner_key, scope_key, paused_at, context_tokens, fallback_models,
              waits_for_person, person_minutes, holds_answers, unknown_reply,
              runs_reminders),
      INSERT (name, role, instructions, model, memory_model, context_tokens, fallback_models,
              waits_for_person, person_minutes, holds_answers, unknown_reply,
              runs_reminders),
      UPDATE (name, role, instructions, model, memory_model, updated_at, paused_at,
              context_tokens, fallback_models, waits_for_person, person_minutes, holds_answers, unknown_reply,
              runs_reminders)
  ON discreet.agents
  TO discreet_owner;
GRANT SELECT, DELETE ON discreet.agents TO discreet_gate;
