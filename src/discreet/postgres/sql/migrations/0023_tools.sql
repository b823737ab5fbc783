-- MCP servers of agents, their tools, and who may use them.
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
CREATE POLICY owner ON discreet.tool_servers TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.tool_servers FOR SELECT TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, name, url, command, shared, trusted, ports, readable,
              tells_addresses, sealed, offered, last_error, created_at, owner_key),
      INSERT (agent_id, name, url, command, shared, trusted, ports, readable, tells_addresses,
              sealed),
      UPDATE (offered, last_error, sealed),
      DELETE
  ON discreet.tool_servers
  TO discreet_owner;
GRANT SELECT (id, owner_id, agent_id, name, owner_key) ON discreet.tool_servers TO discreet_gate;
CREATE TABLE discreet.tools (
  server_id   uuid NOT NULL,
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  name        text NOT NULL CHECK (name <> ''),
  called      text NOT NULL CHECK (called ~ '^[A-Za-z0-9_-]{1,64}$'),
  description text NOT NULL DEFAULT '',
  schema      jsonb NOT NULL,
  reads_only  boolean NOT NULL DEFAULT false,
  allowed     text NOT NULL DEFAULT 'nobody'
              CHECK (allowed IN ('nobody', 'owner', 'labels', 'everybody')),
  labels      text[] NOT NULL DEFAULT '{}',
  in_groups   boolean NOT NULL DEFAULT false,
  confirm     text NOT NULL DEFAULT 'contact' CHECK (confirm IN ('never', 'contact', 'owner')),
  approved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (server_id, name, owner_id),
  UNIQUE (server_id, called, owner_id),
  CHECK ((allowed = 'labels') = (labels <> '{}')),
  FOREIGN KEY (server_id, owner_id) REFERENCES discreet.tool_servers (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.tools.called IS 'its name for the model';
COMMENT ON COLUMN discreet.tools.reads_only IS 'its server says that it changes nothing';
COMMENT ON COLUMN discreet.tools.confirm IS 'whose yes each call needs';
ALTER TABLE discreet.tools
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN called SET STATISTICS 0,
  ALTER COLUMN description SET STATISTICS 0,
  ALTER COLUMN schema SET STATISTICS 0,
  ALTER COLUMN allowed SET STATISTICS 0,
  ALTER COLUMN labels SET STATISTICS 0,
  ALTER COLUMN confirm SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.tools ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.tools FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.tools TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.tools FOR SELECT TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (server_id, owner_id, name, called, description, schema, reads_only, allowed, labels,
              in_groups, confirm, approved_at, owner_key),
      INSERT (server_id, name, called, description, schema, reads_only, confirm),
      UPDATE (called, description, schema, reads_only, allowed, labels, in_groups, confirm,
              approved_at),
      DELETE
  ON discreet.tools
  TO discreet_owner;
GRANT SELECT ON discreet.tools TO discreet_gate;
