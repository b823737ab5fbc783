-- A contact asked for a person, themselves or through the agent: until when the agent waits for the owner.
SET ROLE discreet_schema;

CREATE TABLE discreet.person_requests (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL,
  session_id  uuid NOT NULL REFERENCES discreet.sessions ON DELETE CASCADE,
  turn_id     uuid,
  reason      text NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  ends_at     timestamptz NOT NULL,
  is_awaited  boolean NOT NULL,
  answered_at timestamptz,
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
COMMENT ON COLUMN discreet.person_requests.turn_id IS
  'the turn in which it was asked: it may still answer';
COMMENT ON COLUMN discreet.person_requests.is_awaited IS
  'the agent is silent until it is answered or ends';
CREATE INDEX person_requests_session ON discreet.person_requests (session_id)
  WHERE owner_key IS NOT NULL;
CREATE INDEX person_requests_open
  ON discreet.person_requests (owner_id, created_at)
  WHERE answered_at IS NULL AND owner_key IS NOT NULL;
ALTER TABLE discreet.person_requests
  ALTER COLUMN reason SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.person_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.person_requests FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.person_requests TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.person_requests TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER record_person_request AFTER INSERT ON discreet.person_requests
  FOR EACH ROW EXECUTE FUNCTION gate.record_person_request();
CREATE TRIGGER record_answer AFTER UPDATE OF answered_at ON discreet.person_requests
  FOR EACH ROW WHEN (OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL)
  EXECUTE FUNCTION gate.record_person_request();
GRANT SELECT (id, owner_id, session_id, turn_id, reason, created_at, ends_at, is_awaited,
              answered_at)
  ON discreet.person_requests
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.person_requests TO discreet_gate;
