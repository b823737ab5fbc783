-- One run of an agent over the waiting messages of a session.
SET ROLE discreet_schema;

CREATE TABLE discreet.turns (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id    uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id  uuid DEFAULT (gate.scope()).contact_id,
  shared      boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party       uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id  uuid NOT NULL,
  route_id    uuid NOT NULL,
  state       text NOT NULL DEFAULT 'running'
              CHECK (state IN ('running', 'answered', 'failed', 'given_up', 'lost', 'stopped', 'restarted')),
  attempt     integer NOT NULL DEFAULT 1,
  model       text,
  prompt      jsonb,
  steps       jsonb,
  usage       jsonb,
  error       text,
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  scope_key   text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  acted       boolean NOT NULL DEFAULT false,
  read        uuid[] NOT NULL DEFAULT '{}',
  UNIQUE (id, session_id),
  UNIQUE (id, owner_id, agent_id, party),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes (id, session_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.turns.acted IS
  'whether it called a tool that changes something; then it must not restart';
COMMENT ON COLUMN discreet.turns.read IS
  'the contacts whose rows an owner''s turn has read, by way of earlier turns too; nil: an erased one';
CREATE INDEX turns_session ON discreet.turns (session_id, started_at, owner_id, agent_id, party);
CREATE INDEX turns_failed
  ON discreet.turns (owner_id, started_at)
  WHERE state IN ('failed', 'given_up', 'running', 'lost') AND owner_key IS NOT NULL;
-- For the sums of a day, which only the owner and the gate see.
CREATE INDEX turns_day ON discreet.turns (owner_id, started_at) WHERE owner_key IS NOT NULL;
CREATE INDEX turns_party ON discreet.turns (owner_id, agent_id, party, started_at);
ALTER TABLE discreet.turns
  ALTER COLUMN model SET STATISTICS 0,
  ALTER COLUMN prompt SET STATISTICS 0,
  ALTER COLUMN steps SET STATISTICS 0,
  ALTER COLUMN usage SET STATISTICS 0,
  ALTER COLUMN error SET STATISTICS 0,
  ALTER COLUMN read SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.turns FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.turns TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.turns TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.turns TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.turns TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER prevent_undercounting BEFORE UPDATE OF usage ON discreet.turns
  FOR EACH ROW WHEN (session_user IN ('discreet_contact', 'discreet_shared')
    AND (NOT gate.is_valid_usage(NEW.usage, OLD.usage)))
  EXECUTE FUNCTION gate.prevent_undercounting();
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, state,
              attempt, model, error, started_at, finished_at, acted),
      INSERT (session_id, route_id, attempt, model),
      UPDATE (state, model, prompt, steps, usage, error, finished_at, acted)
  ON discreet.turns
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, state,
              attempt, model, prompt, steps, usage, error, started_at, finished_at,
              scope_key, owner_key, acted, read),
      INSERT (session_id, route_id, attempt, model),
      UPDATE (state, model, prompt, steps, usage, error, finished_at, acted, read)
  ON discreet.turns
  TO discreet_owner;
GRANT SELECT,
      INSERT,
      UPDATE (contact_id, agent_id, state, prompt, steps, error, finished_at, read),
      DELETE
  ON discreet.turns
  TO discreet_gate;
