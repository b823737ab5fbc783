-- Three schemas: discreet (the tables), gate (functions that act for a scope, and the secret that
-- tickets are checked against), queue (procrastinate's own schema, put there by the runner).
CREATE SCHEMA discreet AUTHORIZATION discreet_schema;
CREATE SCHEMA gate AUTHORIZATION discreet_gate;
CREATE SCHEMA queue AUTHORIZATION discreet_schema;

GRANT USAGE ON SCHEMA discreet, gate
  TO discreet_contact, discreet_shared, discreet_owner, discreet_intake, discreet_worker;
GRANT USAGE ON SCHEMA discreet, queue TO discreet_gate;
GRANT USAGE ON SCHEMA gate TO discreet_schema;
GRANT USAGE ON SCHEMA queue TO discreet_worker;
