-- Reminders, and whether they start turns.
SET ROLE discreet_gate;
ALTER TABLE gate.policy
  ADD COLUMN reminders_per_contact integer NOT NULL DEFAULT 50 CHECK (reminders_per_contact > 0);
ALTER TABLE gate.policy ALTER COLUMN reminders_per_contact DROP DEFAULT;
SET ROLE discreet_schema;
ALTER TABLE discreet.agents ADD COLUMN runs_reminders boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN discreet.agents.runs_reminders IS
  'a reminder that is due starts a turn, in place of saying its text';
GRANT SELECT (runs_reminders), INSERT (runs_reminders), UPDATE (runs_reminders)
  ON discreet.agents TO discreet_owner;
CREATE TABLE discreet.reminders (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  contact_id uuid,
  shared     boolean NOT NULL,
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id uuid NOT NULL,
  route_id   uuid NOT NULL,
  text       text NOT NULL CHECK (text <> '' AND length(text) <= 1000),
  rule       text NOT NULL DEFAULT '' CHECK (length(rule) <= 200),
  starts_at  timestamp NOT NULL,
  zone       text NOT NULL CHECK (length(zone) <= 64),
  due_at     timestamptz NOT NULL,
  asked_by   uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key  text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes (id, session_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.reminders.rule IS
  'the recurrence as in RFC 5545, without its start; empty: once';
COMMENT ON COLUMN discreet.reminders.starts_at IS
  'the first time on the clock of the zone; the clock''s time stays when daylight saving begins or ends';
COMMENT ON COLUMN discreet.reminders.asked_by IS
  'the contact that wrote it; in a group a member; no foreign key, because that would show which ids exist';
CREATE INDEX reminders_due ON discreet.reminders (due_at, owner_id, agent_id, party);
CREATE INDEX reminders_party ON discreet.reminders (owner_id, agent_id, party, due_at);
CREATE INDEX reminders_session ON discreet.reminders (session_id, owner_id, agent_id, party);
ALTER TABLE discreet.reminders
  ALTER COLUMN text SET STATISTICS 0,
  ALTER COLUMN rule SET STATISTICS 0,
  ALTER COLUMN zone SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.reminders ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.reminders FORCE ROW LEVEL SECURITY;
CREATE POLICY contact ON discreet.reminders TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.reminders TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.reminders TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.reminders TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, text, rule,
              starts_at, zone, due_at, created_at)
  ON discreet.reminders
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, text, rule,
              starts_at, zone, due_at, asked_by, created_at, scope_key, owner_key)
  ON discreet.reminders
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (agent_id, contact_id, due_at), DELETE ON discreet.reminders TO discreet_gate;
