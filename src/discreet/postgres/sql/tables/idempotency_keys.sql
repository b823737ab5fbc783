-- Requests that were made with an Idempotency-Key, so that repeating one doesn't do it twice. Holds
-- digests and the id of the result, no text and no name. Kept for a day.
SET ROLE discreet_schema;

CREATE TABLE discreet.idempotency_keys (
  token_id     uuid NOT NULL REFERENCES discreet.tokens ON DELETE CASCADE,
  digest       bytea NOT NULL,
  owner_id     uuid NOT NULL,
  request_digest bytea NOT NULL,
  result_id    uuid,
  lease        uuid NOT NULL DEFAULT gen_random_uuid(),
  leased_until timestamptz NOT NULL DEFAULT '-infinity'::timestamp with time zone,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (token_id, digest)
);
CREATE INDEX idempotency_keys_age ON discreet.idempotency_keys (created_at);
ALTER TABLE discreet.idempotency_keys
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN request_digest SET STATISTICS 0;
ALTER TABLE discreet.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.idempotency_keys FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.idempotency_keys TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.idempotency_keys TO discreet_gate;
