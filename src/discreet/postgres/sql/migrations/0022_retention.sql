-- How long rows are kept, receipts of what was deleted, and contacts on hold.
SET ROLE discreet_schema;
CREATE TABLE discreet.retention (
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id   uuid,
  channel_id uuid,
  kind       text NOT NULL CHECK (kind IN ('messages', 'files', 'memories')),
  days       integer CHECK (days > 0),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  CHECK (channel_id IS NULL OR (agent_id IS NOT NULL AND kind <> 'memories')),
  UNIQUE NULLS NOT DISTINCT (owner_id, agent_id, channel_id, kind),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id) ON DELETE CASCADE,
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
    ON DELETE CASCADE
);
ALTER TABLE discreet.retention
  ALTER COLUMN kind SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.retention ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.retention FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.retention TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.retention TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, agent_id, channel_id, kind, days, owner_key),
      INSERT (agent_id, channel_id, kind, days),
      UPDATE (days),
      DELETE
  ON discreet.retention
  TO discreet_owner;
GRANT SELECT ON discreet.retention TO discreet_gate;

CREATE TABLE discreet.retention_runs (
  id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id  uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  counts    jsonb NOT NULL,
  began_at  timestamptz NOT NULL,
  ended_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
CREATE INDEX retention_runs_owner ON discreet.retention_runs (owner_id, ended_at);
ALTER TABLE discreet.retention_runs
  ALTER COLUMN counts SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.retention_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.retention_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.retention_runs TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
GRANT SELECT (id, owner_id, counts, began_at, ended_at, owner_key),
      INSERT (counts, began_at),
      DELETE
  ON discreet.retention_runs
  TO discreet_owner;

ALTER TABLE discreet.contacts ADD COLUMN on_hold_at timestamptz;
COMMENT ON COLUMN discreet.contacts.on_hold_at IS
  'on hold since then: neither retention nor an erasure deletes anything of it';
GRANT SELECT (on_hold_at), UPDATE (on_hold_at) ON discreet.contacts TO discreet_owner;
