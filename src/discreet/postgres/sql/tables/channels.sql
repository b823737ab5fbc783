-- A connection to a platform that leads to one agent. Every agent has its own terminal.
SET ROLE discreet_schema;

CREATE TABLE discreet.channels (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id    uuid NOT NULL,
  platform    text NOT NULL,
  account     text NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL DEFAULT now(),
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  name        text NOT NULL DEFAULT '',
  closed_at   timestamptz,
  parent_id   uuid,
  only_chat   text CHECK (only_chat <> ''),
  admission   text NOT NULL DEFAULT 'pairing' CHECK (admission IN ('open', 'pairing', 'allowlist')),
  debounce      interval NOT NULL DEFAULT interval '1.5 seconds'
              CHECK (debounce >= interval '0' AND debounce <= interval '1 minute'),
  received_through timestamptz NOT NULL DEFAULT now(),
  last_error     text NOT NULL DEFAULT '',
  contact_labels text[] NOT NULL DEFAULT '{}',
  UNIQUE (id, owner_id, agent_id),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  UNIQUE (id, owner_id, platform, account),
  CHECK ((parent_id IS NULL) = (only_chat IS NULL)),
  FOREIGN KEY (parent_id, owner_id, platform, account)
    REFERENCES discreet.channels (id, owner_id, platform, account)
);
COMMENT ON COLUMN discreet.channels.only_chat IS
  'the platform''s id of the chat, or of the group or direct sender in it; null: every chat without a branch';
COMMENT ON COLUMN discreet.channels.debounce IS
  'how long the first message waits for more; a terminal doesn''t wait';
COMMENT ON COLUMN discreet.channels.contact_labels IS
  'the labels that a contact gets when it is admitted here';
CREATE UNIQUE INDEX channels_open
  ON discreet.channels (owner_id, platform, account, only_chat) NULLS NOT DISTINCT
  WHERE closed_at IS NULL;
CREATE INDEX channels_branches
  ON discreet.channels (parent_id, only_chat, owner_id) WHERE parent_id IS NOT NULL;
ALTER TABLE discreet.channels
  ALTER COLUMN account SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN only_chat SET STATISTICS 0,
  ALTER COLUMN last_error SET STATISTICS 0,
  ALTER COLUMN contact_labels SET STATISTICS 0;
ALTER TABLE discreet.channels ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.channels FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.channels TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.channels TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER reject_open_shared_agent AFTER INSERT OR UPDATE OF admission, agent_id ON discreet.channels
  FOR EACH ROW EXECUTE FUNCTION gate.reject_open_shared_agent();
CREATE TRIGGER notify_channels_changed AFTER INSERT OR DELETE OR UPDATE OF closed_at ON discreet.channels
  FOR EACH STATEMENT EXECUTE FUNCTION gate.notify_channels_changed();
GRANT SELECT (id, owner_id, agent_id, platform, account, created_at, owner_key, name, closed_at,
              parent_id, only_chat, admission, debounce, received_through, last_error,
              contact_labels),
      INSERT (agent_id, platform, account, name, parent_id, only_chat, admission),
      UPDATE (name, closed_at, admission, debounce, contact_labels)
  ON discreet.channels
  TO discreet_owner;
GRANT SELECT,
      INSERT,
      UPDATE (only_chat, received_through, last_error, agent_id, closed_at),
      DELETE
  ON discreet.channels
  TO discreet_gate;
