-- A ticket says whose rows a transaction may touch: 'owner/agent/contact/backend/moment#hmac', an empty
-- part where there is none. `backend` is the pg_backend_pid() of the connection, `moment` the database's
-- clock in milliseconds since 1970. The code is HMAC-SHA256 (RFC 2104) over the login role's name and all
-- that stands before it, so a ticket made for one role or connection says nothing to another. Only
-- discreet_gate can read the key.
SET ROLE discreet_gate;

CREATE TABLE gate.secrets (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  inner_pad bytea NOT NULL CHECK (octet_length(inner_pad) = 64),
  outer_pad bytea NOT NULL CHECK (octet_length(outer_pad) = 64)
);
REVOKE ALL ON gate.secrets FROM PUBLIC;
