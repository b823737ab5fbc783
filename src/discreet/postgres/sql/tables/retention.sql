-- How long rows are kept, by kind: of a channel, else of an agent, else of everything of an owner. Null
-- days: kept for good, whatever a wider rule says. No rule: kept for good.
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

-- after functions
SET ROLE discreet_schema;
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
