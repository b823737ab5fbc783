-- A ticket says whose rows a transaction may touch: 'owner/agent/contact#hmac', an empty part where
-- there is none. The code is HMAC-SHA256 (RFC 2104) over the login role's name and the ids, so a
-- ticket made for one role says nothing to another. Only discreet_gate can read the key.
SET ROLE discreet_gate;

CREATE TABLE gate.secrets (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  inner_pad bytea NOT NULL CHECK (octet_length(inner_pad) = 64),
  outer_pad bytea NOT NULL CHECK (octet_length(outer_pad) = 64)
);
REVOKE ALL ON gate.secrets FROM PUBLIC;

CREATE TYPE gate.scope AS (owner_id uuid, agent_id uuid, contact_id uuid);

-- The scope of this transaction. No ticket: all null, which matches no row. A ticket that is forged,
-- cut or made for another role: an error. plpgsql, because its plan is kept; an SQL function is
-- planned anew at every call.
CREATE FUNCTION gate.scope() RETURNS gate.scope
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  ticket text := pg_catalog.current_setting('discreet.ticket', true);
  ids    text;
  code   text;
  keys   gate.secrets;
  result gate.scope;
BEGIN
  IF ticket IS NULL OR ticket OPERATOR(pg_catalog.=) '' THEN
    RETURN result;
  END IF;
  ids  := pg_catalog.split_part(ticket, '#', 1);
  code := pg_catalog.split_part(ticket, '#', 2);
  SELECT * INTO STRICT keys FROM gate.secrets;
  IF code OPERATOR(pg_catalog.<>) pg_catalog.encode(
       pg_catalog.sha256(keys.outer_pad OPERATOR(pg_catalog.||) pg_catalog.sha256(
         keys.inner_pad OPERATOR(pg_catalog.||) pg_catalog.convert_to(
           session_user::text OPERATOR(pg_catalog.||) '|' OPERATOR(pg_catalog.||) ids, 'UTF8'))),
       'hex') THEN
    RAISE EXCEPTION 'this ticket is not valid' USING ERRCODE = 'insufficient_privilege';
  END IF;
  result.owner_id   := nullif(pg_catalog.split_part(ids, '/', 1), '')::uuid;
  result.agent_id   := nullif(pg_catalog.split_part(ids, '/', 2), '')::uuid;
  result.contact_id := nullif(pg_catalog.split_part(ids, '/', 3), '')::uuid;
  RETURN result;
END $$;

-- For functions that act as discreet_gate: the owner of this transaction, or an error.
CREATE FUNCTION gate.require_owner() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
  owner uuid := (gate.scope()).owner_id;
BEGIN
  IF owner IS NULL THEN
    RAISE EXCEPTION 'no scope was given' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN owner;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.scope()
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner, discreet_intake,
     discreet_worker;
RESET ROLE;
