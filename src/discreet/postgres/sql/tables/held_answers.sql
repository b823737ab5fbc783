-- Answers that wait for the owner's approval. Only the owner sees them; what is approved becomes a
-- message of the session like any other.
SET ROLE discreet_schema;

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

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.held_answers TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.held_answers TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER record_held_answer AFTER INSERT ON discreet.held_answers
  FOR EACH ROW EXECUTE FUNCTION gate.record_held_answer();
CREATE TRIGGER record_decision AFTER UPDATE OF state ON discreet.held_answers
  FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION gate.record_held_answer();
GRANT SELECT (id, owner_id, session_id, turn_id, text, state, edited, created_at, decided_at)
  ON discreet.held_answers
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.held_answers TO discreet_gate;
