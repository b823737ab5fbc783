-- Accounts at the servers of tools: each belongs to a contact (or group, or the owner), an agent and a
-- server. A row begins as a link that is offered, and is used only once its contact has sent back the code
-- that the browser showed. Tokens are encrypted with the key of the credentials file.
SET ROLE discreet_schema;

CREATE TABLE discreet.connections (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL,
  agent_id     uuid NOT NULL,
  contact_id   uuid,
  shared       boolean NOT NULL DEFAULT false,
  party        uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  server_id    uuid NOT NULL,
  state        text NOT NULL DEFAULT 'offered'
               CHECK (state IN ('offered', 'opened', 'returned', 'signed_in', 'connected')),
  link_hash    bytea NOT NULL,
  browser_hash bytea,
  state_hash   bytea,
  code_hash    bytea,
  wrong_codes  integer NOT NULL DEFAULT 0,
  sealed       bytea,
  renewing_until timestamptz,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz,
  connected_at timestamptz,
  scope_key    text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  FOREIGN KEY (server_id, owner_id) REFERENCES discreet.tool_servers (id, owner_id) ON DELETE CASCADE,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
COMMENT ON COLUMN discreet.connections.contact_id IS 'null: the owner';
COMMENT ON COLUMN discreet.connections.shared IS 'never: nobody''s account serves everybody';
COMMENT ON COLUMN discreet.connections.state IS
  'offered: its link may be opened; opened: a browser did; returned: it came back from signing in;'
  ' signed_in: its code has to be sent in the chat; connected: it is used';
COMMENT ON COLUMN discreet.connections.browser_hash IS 'of the cookie of the browser that opened the link';
COMMENT ON COLUMN discreet.connections.state_hash IS 'of the value that the browser has to bring back';
COMMENT ON COLUMN discreet.connections.renewing_until IS
  'a process gets a new token until then; others wait for it';
COMMENT ON COLUMN discreet.connections.expires_at IS 'null: it is connected';
CREATE INDEX connections_link ON discreet.connections (link_hash) WHERE owner_key IS NOT NULL;
CREATE INDEX connections_state ON discreet.connections (state_hash) WHERE owner_key IS NOT NULL;
CREATE INDEX connections_party ON discreet.connections (owner_id, agent_id, party, server_id);
CREATE INDEX connections_server ON discreet.connections (server_id, owner_id) WHERE owner_key IS NOT NULL;
CREATE INDEX connections_contact ON discreet.connections (contact_id, owner_id) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.connections
  ALTER COLUMN state SET STATISTICS 0,
  ALTER COLUMN link_hash SET STATISTICS 0,
  ALTER COLUMN browser_hash SET STATISTICS 0,
  ALTER COLUMN state_hash SET STATISTICS 0,
  ALTER COLUMN code_hash SET STATISTICS 0,
  ALTER COLUMN sealed SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.connections FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.connections TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.connections TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.connections TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, party, server_id, state, sealed, renewing_until,
              created_at, expires_at, connected_at)
  ON discreet.connections
  TO discreet_contact;
GRANT SELECT (id, owner_id, agent_id, contact_id, party, server_id, state, sealed, renewing_until,
              created_at, expires_at, connected_at, scope_key, owner_key)
  ON discreet.connections
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.connections TO discreet_gate;
