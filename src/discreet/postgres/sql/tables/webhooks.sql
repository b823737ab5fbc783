-- Where programs are told what happened, by signed calls, in order. The secret is encrypted like those of
-- channels.
SET ROLE discreet_schema;

CREATE TABLE discreet.webhooks (
  id            uuid PRIMARY KEY,
  owner_id      uuid NOT NULL DEFAULT (gate.scope()).owner_id
                REFERENCES discreet.owners ON DELETE CASCADE,
  url           text NOT NULL,
  kinds         text[] NOT NULL DEFAULT '{}',
  allow_private boolean NOT NULL DEFAULT false,
  sealed        bytea NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  disabled_at   timestamptz,
  failing_since timestamptz,
  last_error    text,
  attempts      integer NOT NULL DEFAULT 0,
  next_try_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  claimed_until timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_event_tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  last_event_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_event_id uuid NOT NULL DEFAULT gen_random_uuid(),
  owner_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  agent_id      uuid,
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.webhooks.kinds IS 'the kinds of events that are sent; empty: all';
COMMENT ON COLUMN discreet.webhooks.agent_id IS 'whose events are sent; null: of all agents, and of none';
COMMENT ON COLUMN discreet.webhooks.last_event_tx IS 'with last_event_at and last_event_id: the last event that was sent';
CREATE INDEX webhooks_owner ON discreet.webhooks (owner_id, created_at);
CREATE INDEX webhooks_agent ON discreet.webhooks (agent_id, owner_id);
ALTER TABLE discreet.webhooks
  ALTER COLUMN url SET STATISTICS 0,
  ALTER COLUMN kinds SET STATISTICS 0,
  ALTER COLUMN sealed SET STATISTICS 0,
  ALTER COLUMN last_error SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.webhooks FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.webhooks TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.webhooks TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, url, kinds, allow_private, sealed, created_at, disabled_at, failing_since,
              last_error, attempts, next_try_at, claimed_until, last_event_tx, last_event_at, last_event_id, owner_key,
              agent_id),
      INSERT (id, url, kinds, allow_private, sealed, agent_id),
      UPDATE (disabled_at, failing_since, last_error, attempts, next_try_at, claimed_until, last_event_tx,
              last_event_at, last_event_id),
      DELETE
  ON discreet.webhooks
  TO discreet_owner;
GRANT SELECT (id, owner_id, kinds, disabled_at, next_try_at, claimed_until, last_event_tx, last_event_at, last_event_id,
              owner_key, agent_id),
      UPDATE (claimed_until)
  ON discreet.webhooks
  TO discreet_gate;
