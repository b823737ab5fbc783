-- The party that start_session bound an MCP session to. Stored here, so that it survives a reconnect
-- and holds in every process. Only the gate reads it.
SET ROLE discreet_schema;

CREATE TABLE discreet.mcp_sessions (
  digest     bytea PRIMARY KEY,
  token_id   uuid NOT NULL REFERENCES discreet.tokens ON DELETE CASCADE,
  owner_id   uuid NOT NULL,
  agent_id   uuid,
  contact_id uuid,
  shared     boolean NOT NULL DEFAULT false,
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (session_id IS NULL OR agent_id IS NOT NULL),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE
);
ALTER TABLE discreet.mcp_sessions
  ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE discreet.mcp_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.mcp_sessions FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.mcp_sessions TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.mcp_sessions TO discreet_gate;
