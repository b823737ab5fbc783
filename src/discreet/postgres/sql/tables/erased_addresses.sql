-- Platforms deliver messages late and twice; those that an erased sender wrote before the erasure must
-- not come back. A keyed hash of the address, kept for a week, which is as far back as platforms
-- deliver.
SET ROLE discreet_schema;

CREATE TABLE discreet.erased_addresses (
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  digest    bytea NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (owner_id, digest)
);
ALTER TABLE discreet.erased_addresses
  ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE discreet.erased_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.erased_addresses FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.erased_addresses TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.erased_addresses TO discreet_gate;
