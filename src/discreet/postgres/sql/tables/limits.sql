-- Null contact_id: everybody without a row of their own. A null number: the number for everybody, or
-- else the default. There is no default limit in money (US dollars).
SET ROLE discreet_schema;

CREATE TABLE discreet.limits (
  id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id          uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  contact_id        uuid,
  messages_a_minute integer CHECK (messages_a_minute > 0),
  waiting           integer CHECK (waiting > 0),
  tokens_a_day      bigint CHECK (tokens_a_day > 0),
  owner_key         text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  money_a_day       numeric CHECK (money_a_day > 0),
  UNIQUE NULLS NOT DISTINCT (owner_id, contact_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
ALTER TABLE discreet.limits
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.limits FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.limits TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.limits TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, contact_id, messages_a_minute, waiting, tokens_a_day, owner_key,
              money_a_day),
      INSERT (contact_id, messages_a_minute, waiting, tokens_a_day, money_a_day),
      UPDATE (messages_a_minute, waiting, tokens_a_day, money_a_day),
      DELETE
  ON discreet.limits
  TO discreet_owner;
GRANT SELECT, DELETE ON discreet.limits TO discreet_gate;
