-- Answers that wait for the owner's approval; what is said where nothing is known.
SET ROLE discreet_schema;
ALTER TABLE discreet.agents ADD COLUMN holds_answers boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN discreet.agents.holds_answers IS 'its answers wait for the owner''s approval';
GRANT SELECT (holds_answers), INSERT (holds_answers), UPDATE (holds_answers)
  ON discreet.agents TO discreet_owner;
ALTER TABLE discreet.agents ADD COLUMN unknown_reply text NOT NULL DEFAULT '';
ALTER TABLE discreet.agents ALTER COLUMN unknown_reply SET STATISTICS 0;
COMMENT ON COLUMN discreet.agents.unknown_reply IS
  'what it says without a model where it knows nothing; empty: the usual words';
GRANT SELECT (unknown_reply) ON discreet.agents
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (unknown_reply), UPDATE (unknown_reply) ON discreet.agents TO discreet_owner;
ALTER TABLE discreet.contacts ADD COLUMN holds_answers boolean;
COMMENT ON COLUMN discreet.contacts.holds_answers IS
  'whether answers to it wait for the owner''s approval; null: as the agent says';
GRANT SELECT (holds_answers), UPDATE (holds_answers) ON discreet.contacts TO discreet_owner;
CREATE TABLE discreet.held_answers (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  session_id uuid NOT NULL,
  turn_id    uuid NOT NULL,
  text       text NOT NULL CHECK (text <> ''),
  state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'rejected')),
  edited     boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  decided_at timestamptz,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  FOREIGN KEY (turn_id, session_id) REFERENCES discreet.turns (id, session_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX held_answers_turn ON discreet.held_answers (turn_id);
CREATE INDEX held_answers_waiting
  ON discreet.held_answers (owner_id, created_at)
  WHERE state = 'waiting' AND owner_key IS NOT NULL;
ALTER TABLE discreet.held_answers
  ALTER COLUMN text SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.held_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.held_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.held_answers TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.held_answers TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, session_id, turn_id, text, state, edited, created_at, decided_at)
  ON discreet.held_answers
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.held_answers TO discreet_gate;
