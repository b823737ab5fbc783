-- A secret that opens a scope: the owner's (no agent), an agent's, or one contact's with one agent. A
-- token is for programs ('api'), for metrics only ('metrics'), for a browser on the dashboard
-- ('dashboard'), or the one-time code that signs a browser in ('sign_in'); none works in place of
-- another. `minted_by`: the agent's token that created this one for a contact; it ends with that one.
-- Only its SHA-256 is stored: 256 random bits need no slow hash.
SET ROLE discreet_schema;

CREATE TABLE discreet.tokens (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id     uuid,
  contact_id   uuid,
  name         text NOT NULL DEFAULT '',
  prefix       text NOT NULL,
  digest       bytea NOT NULL CHECK (octet_length(digest) = 32) UNIQUE,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  purpose      text NOT NULL DEFAULT 'api' CHECK (purpose IN ('api', 'metrics', 'dashboard', 'sign_in')),
  minted_by    uuid REFERENCES discreet.tokens ON DELETE CASCADE,
  CHECK (contact_id IS NULL OR agent_id IS NOT NULL),
  CHECK (purpose = 'api' OR agent_id IS NULL),
  CHECK (purpose IN ('api', 'metrics') OR expires_at IS NOT NULL),
  CHECK (minted_by IS NULL OR (purpose = 'api' AND contact_id IS NOT NULL AND expires_at IS NOT NULL)),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE,
  UNIQUE (id, owner_id)
);
CREATE INDEX tokens_owner ON discreet.tokens (owner_id, created_at);
CREATE INDEX tokens_contact ON discreet.tokens (contact_id);
CREATE INDEX tokens_minted ON discreet.tokens (minted_by, contact_id);
ALTER TABLE discreet.tokens
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN prefix SET STATISTICS 0,
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.tokens FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.tokens TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
-- Any condition here would keep the gate from indexes whose operators aren't leakproof.
CREATE POLICY gate ON discreet.tokens TO discreet_gate USING (true);
CREATE TRIGGER notify_access_changed AFTER DELETE OR UPDATE OF revoked_at ON discreet.tokens FOR EACH STATEMENT
  EXECUTE FUNCTION gate.notify_access_changed();
GRANT SELECT (id, owner_id, agent_id, contact_id, name, prefix, created_at, expires_at,
              revoked_at, last_used_at, purpose, minted_by),
      INSERT (agent_id, contact_id, name, prefix, digest, expires_at, purpose),
      UPDATE (revoked_at)
  ON discreet.tokens
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (last_used_at, revoked_at), DELETE ON discreet.tokens TO discreet_gate;
