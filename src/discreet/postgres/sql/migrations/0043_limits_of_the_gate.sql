-- How often and how long a code may be tried, and how long a question or a link is open, was the caller's choice. The
-- functions decide it now. A parameter can't be removed in place.
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.confirm_erasure(text, interval, integer);
DROP FUNCTION IF EXISTS gate.enter_connection_code(bytea, uuid, integer);
DROP FUNCTION IF EXISTS gate.offer_connection(uuid, uuid, bytea, interval);
DROP FUNCTION IF EXISTS gate.request_call(uuid, uuid, text, jsonb, interval);
DROP FUNCTION IF EXISTS gate.claim_token_renewal(uuid, bytea, interval);
