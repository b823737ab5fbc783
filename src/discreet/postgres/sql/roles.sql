-- The schemas: discreet (the tables), gate (functions that act for a scope, and the secret that tickets
-- are checked against), queue (procrastinate's own). postgres/roles.py creates the roles, because it
-- knows their passwords. discreet_schema and discreet_gate own everything here and can't log in;
-- discreet_contact, discreet_shared, discreet_owner, discreet_intake and discreet_worker log in and own
-- nothing.
CREATE SCHEMA discreet AUTHORIZATION discreet_schema;
CREATE SCHEMA gate AUTHORIZATION discreet_gate;
CREATE SCHEMA queue AUTHORIZATION discreet_schema;

GRANT USAGE ON SCHEMA discreet, gate
  TO discreet_contact, discreet_shared, discreet_owner, discreet_intake, discreet_worker;
GRANT USAGE ON SCHEMA discreet, queue TO discreet_gate;
GRANT USAGE ON SCHEMA gate TO discreet_schema;
GRANT USAGE ON SCHEMA queue TO discreet_worker;
