-- Models that take over, the context of a model, and limits in money.
SET ROLE discreet_schema;
ALTER TABLE discreet.agents
  ADD COLUMN context_tokens integer CHECK (context_tokens >= 1024),
  ADD COLUMN fallback_models text[] NOT NULL DEFAULT '{}';
ALTER TABLE discreet.agents ALTER COLUMN fallback_models SET STATISTICS 0;
COMMENT ON COLUMN discreet.agents.context_tokens IS
  'how much the context of its model holds; null: as known or learned';
COMMENT ON COLUMN discreet.agents.fallback_models IS
  'models that take over where its model fails, in this order';
GRANT SELECT (context_tokens, fallback_models)
  ON discreet.agents TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (context_tokens, fallback_models), UPDATE (context_tokens, fallback_models)
  ON discreet.agents TO discreet_owner;

ALTER TABLE discreet.limits ADD COLUMN money_a_day numeric CHECK (money_a_day > 0);
GRANT SELECT (money_a_day), INSERT (money_a_day), UPDATE (money_a_day)
  ON discreet.limits TO discreet_owner;
ALTER TABLE discreet.limit_hits DROP CONSTRAINT limit_hits_kind_check;
ALTER TABLE discreet.limit_hits ADD CONSTRAINT limit_hits_kind_check
  CHECK (kind IN ('messages_a_minute', 'waiting', 'tokens_a_day', 'money_a_day'));

SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.limits_of(uuid, uuid);
DROP FUNCTION IF EXISTS gate.show_limits(uuid);
