-- A ticket says whose rows a transaction may touch: 'owner/agent/contact/backend/moment#hmac', with
-- empty parts where there are none. `backend` is the pg_backend_pid() of the connection, `moment` the
-- database's clock in milliseconds since 1970. The code is HMAC-SHA256 (RFC 2104) over the name of the
-- login role in the default installation and everything before the code, so a ticket for one role or
-- connection is invalid on any other. Only discreet_gate can read the key.
SET ROLE discreet_gate;

CREATE TABLE gate.secrets (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  inner_pad bytea NOT NULL CHECK (octet_length(inner_pad) = 64),
  outer_pad bytea NOT NULL CHECK (octet_length(outer_pad) = 64)
);
REVOKE ALL ON gate.secrets FROM PUBLIC;
