-- Calls of tools that wait for a yes: exactly what will be called. They belong to their session, and end
-- with it. Only functions of the gate change them.
SET ROLE discreet_schema;

CREATE TABLE discreet.tool_calls (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  session_id uuid NOT NULL REFERENCES discreet.sessions ON DELETE CASCADE,
  server_id  uuid NOT NULL REFERENCES discreet.tool_servers ON DELETE CASCADE,
  called     text NOT NULL,
  arguments  jsonb NOT NULL,
  shown_to   text NOT NULL,
  state      text NOT NULL DEFAULT 'waiting'
             CHECK (state IN ('waiting', 'approved', 'begun', 'refused', 'replaced', 'done')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  decided_at timestamptz,
  decided_by uuid,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  decider    text NOT NULL DEFAULT 'contact' CHECK (decider IN ('contact', 'owner')),
  route_id   uuid
);
COMMENT ON COLUMN discreet.tool_calls.shown_to IS
  'address of the person who was asked, and may answer; empty: the owner';
COMMENT ON COLUMN discreet.tool_calls.decided_by IS 'the message that answered';
COMMENT ON COLUMN discreet.tool_calls.decider IS 'whose yes it needs';
COMMENT ON COLUMN discreet.tool_calls.route_id IS
  'where its turn answered, and where the call is made; no foreign key, it ends with the session''s';
CREATE INDEX tool_calls_session ON discreet.tool_calls (session_id)
  WHERE owner_key IS NOT NULL;
CREATE INDEX tool_calls_server ON discreet.tool_calls (server_id) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.tool_calls
  ALTER COLUMN called SET STATISTICS 0,
  ALTER COLUMN arguments SET STATISTICS 0,
  ALTER COLUMN shown_to SET STATISTICS 0,
  ALTER COLUMN state SET STATISTICS 0,
  ALTER COLUMN decider SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.tool_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.tool_calls FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.tool_calls TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.tool_calls TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, session_id, server_id, called, arguments, shown_to, state, created_at,
              expires_at, decided_at, decided_by, decider, route_id)
  ON discreet.tool_calls
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.tool_calls TO discreet_gate;
