-- What all contacts together may use in a day.
SET ROLE discreet_schema;
CREATE TABLE discreet.budgets (
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id     uuid,
  tokens_a_day bigint CHECK (tokens_a_day > 0),
  money_a_day  numeric CHECK (money_a_day > 0),
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE NULLS NOT DISTINCT (owner_id, agent_id),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id) ON DELETE CASCADE
);
ALTER TABLE discreet.budgets
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.budgets ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.budgets FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.budgets TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.budgets TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, agent_id, tokens_a_day, money_a_day, owner_key),
      INSERT (agent_id, tokens_a_day, money_a_day),
      UPDATE (tokens_a_day, money_a_day),
      DELETE
  ON discreet.budgets
  TO discreet_owner;
GRANT SELECT ON discreet.budgets TO discreet_gate;

-- Today's turns of an owner, for the sums.
CREATE INDEX turns_day ON discreet.turns (owner_id, started_at) WHERE owner_key IS NOT NULL;

ALTER TABLE discreet.limit_hits DROP CONSTRAINT limit_hits_kind_check;
ALTER TABLE discreet.limit_hits ADD CONSTRAINT limit_hits_kind_check
  CHECK (kind IN ('messages_a_minute', 'waiting', 'tokens_a_day', 'money_a_day', 'budget'));
