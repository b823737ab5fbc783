-- MCP servers whose tools an agent may use: at a URL, or a command that is started. Headers and environment
-- variables are encrypted with the key of the credentials file, like the secrets of channels.
SET ROLE discreet_schema;

CREATE TABLE discreet.tool_servers (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id   uuid NOT NULL,
  name       text NOT NULL CHECK (name ~ '^[a-z][a-z0-9-]{0,31}$'),
  url        text,
  command    text[] NOT NULL DEFAULT '{}',
  shared     boolean NOT NULL DEFAULT false,
  trusted    boolean NOT NULL DEFAULT false,
  ports      integer[] NOT NULL DEFAULT '{}',
  readable   text[] NOT NULL DEFAULT '{}',
  tells_addresses boolean NOT NULL DEFAULT false,
  sealed     bytea,
  offered    jsonb,
  last_error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  signs_in   boolean NOT NULL DEFAULT false,
  CONSTRAINT accounts_apart CHECK (NOT (signs_in AND (shared OR url IS NULL))),
  UNIQUE (id, owner_id),
  CONSTRAINT url_or_command CHECK ((url IS NULL) = (command <> '{}')),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.tool_servers.shared IS
  'one session serves everybody: the owner says that it keeps nothing between calls';
COMMENT ON COLUMN discreet.tool_servers.trusted IS 'its command runs without a sandbox';
COMMENT ON COLUMN discreet.tool_servers.ports IS 'TCP ports that its command may connect to';
COMMENT ON COLUMN discreet.tool_servers.readable IS 'further files and folders that its command may read';
COMMENT ON COLUMN discreet.tool_servers.tells_addresses IS 'it is told the addresses of contacts';
COMMENT ON COLUMN discreet.tool_servers.signs_in IS
  'whoever uses it connects an account of their own there';
COMMENT ON COLUMN discreet.tool_servers.offered IS
  'what it offers now, where that differs from what the owner approved';
CREATE UNIQUE INDEX tool_servers_name
  ON discreet.tool_servers (owner_id, agent_id, name) WHERE owner_key IS NOT NULL;
CREATE INDEX tool_servers_agent ON discreet.tool_servers (agent_id);
ALTER TABLE discreet.tool_servers
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN url SET STATISTICS 0,
  ALTER COLUMN command SET STATISTICS 0,
  ALTER COLUMN ports SET STATISTICS 0,
  ALTER COLUMN readable SET STATISTICS 0,
  ALTER COLUMN sealed SET STATISTICS 0,
  ALTER COLUMN offered SET STATISTICS 0,
  ALTER COLUMN last_error SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.tool_servers ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.tool_servers FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.tool_servers TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.tool_servers FOR SELECT TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, name, url, command, shared, trusted, ports, readable,
              tells_addresses, sealed, offered, last_error, created_at, owner_key, signs_in),
      INSERT (agent_id, name, url, command, shared, trusted, ports, readable, tells_addresses,
              sealed, signs_in),
      UPDATE (offered, last_error, sealed),
      DELETE
  ON discreet.tool_servers
  TO discreet_owner;
GRANT SELECT (id, owner_id, agent_id, name, owner_key, url, signs_in) ON discreet.tool_servers TO discreet_gate;
