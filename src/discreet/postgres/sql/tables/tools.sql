-- The tools of an owner's servers, as the owner approved them, and who may use each. A contact reads them
-- only through gate.allowed_tools.
SET ROLE discreet_schema;

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

-- after functions
SET ROLE discreet_schema;
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
