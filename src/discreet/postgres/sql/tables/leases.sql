-- What only one process does at a time, and which processes serve: fixed names and ids of channels.
SET ROLE discreet_schema;

CREATE TABLE queue.leases (
  what         text PRIMARY KEY,
  holder       uuid NOT NULL,
  leased_until timestamptz NOT NULL
);
ALTER TABLE queue.leases SET (autovacuum_analyze_threshold = 5000);

-- after functions
SET ROLE discreet_schema;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue.leases TO discreet_worker;
