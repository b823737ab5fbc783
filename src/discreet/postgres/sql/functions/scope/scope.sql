SET ROLE discreet_gate;

-- Return the scope of this transaction. A ticket that is missing, forged, truncated, extended, made for
-- another role or connection, or older than the transaction by more than 30 seconds gives nulls, which
-- match no row. It never raises: a policy that can fail would show, by failing or not, on which rows it
-- was evaluated. In plpgsql, which keeps its plan; an SQL function is planned at every call.
CREATE OR REPLACE FUNCTION gate.scope() RETURNS gate.scope
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  ticket  text := pg_catalog.current_setting('discreet.ticket', true);
  -- A ticket names the role as the default installation does, whatever this one is called.
  login   text := 'discreet_' OPERATOR(pg_catalog.||)
                 pg_catalog.split_part(session_user::text, '_', -1);
  payload text;
  secrets gate.secrets;
  result  gate.scope;
BEGIN
  IF ticket IS NULL OR ticket OPERATOR(pg_catalog.=) '' THEN
    RETURN result;
  END IF;
  payload := pg_catalog.split_part(ticket, '#', 1);
  SELECT * INTO STRICT secrets FROM gate.secrets;
  IF ticket OPERATOR(pg_catalog.<>) (payload OPERATOR(pg_catalog.||) '#' OPERATOR(pg_catalog.||)
       pg_catalog.encode(
         pg_catalog.sha256(secrets.outer_pad OPERATOR(pg_catalog.||) pg_catalog.sha256(
           secrets.inner_pad OPERATOR(pg_catalog.||) pg_catalog.convert_to(
             login OPERATOR(pg_catalog.||) '|' OPERATOR(pg_catalog.||) payload, 'UTF8'))),
         'hex')) THEN
    RETURN result;
  END IF;
  IF pg_catalog.split_part(payload, '/', 4) OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()::text THEN
    RETURN result;
  END IF;
  -- Compared with the start of the transaction, not with now: a long export keeps its scope.
  IF pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.-)
       pg_catalog.to_timestamp(
         pg_catalog.split_part(payload, '/', 5)::float8 OPERATOR(pg_catalog./) 1000::float8)
     NOT BETWEEN '-30 seconds'::interval AND '30 seconds'::interval THEN
    RETURN result;
  END IF;
  result.known      := true;
  result.owner_id   := nullif(pg_catalog.split_part(payload, '/', 1), '')::uuid;
  result.agent_id   := nullif(pg_catalog.split_part(payload, '/', 2), '')::uuid;
  result.contact_id := nullif(pg_catalog.split_part(payload, '/', 3), '')::uuid;
  result.party      := coalesce(
    result.contact_id,
    CASE WHEN session_user OPERATOR(pg_catalog.=) 'discreet_shared' THEN result.agent_id
         ELSE result.owner_id END);
  RETURN result;
END $$;

-- Hash one or several ids into one short text, which says whose a row is (owner_key, scope_key). In
-- plpgsql, which caches its plans; an SQL function would be planned again by every statement.
CREATE OR REPLACE FUNCTION gate.key_of(ids bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(ids), 1, 18), 'base64');
END $$;

-- Return the keys of all rows that this transaction may see, as the keys of an object; null if it may
-- see none. They are the `owner_key` of its owner, or the `scope_key` of its party, its agent and its
-- contact.
CREATE OR REPLACE FUNCTION gate.keys() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  here  gate.scope := gate.scope();
  owner bytea := pg_catalog.uuid_send(here.owner_id);
  agent bytea := pg_catalog.uuid_send(here.agent_id);
  party bytea := pg_catalog.uuid_send(here.party);
BEGIN
  IF owner IS NULL THEN
    RETURN NULL;
  ELSIF session_user OPERATOR(pg_catalog.=) 'discreet_owner' THEN
    RETURN pg_catalog.jsonb_build_object(gate.key_of(owner), 1);
  ELSIF agent IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN pg_catalog.jsonb_build_object(
    gate.key_of(owner OPERATOR(pg_catalog.||) agent OPERATOR(pg_catalog.||) party), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) agent), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) party), 1);
END $$;

-- Set the ticket for this transaction, and refuse an invalid one. Returns the database's clock, in
-- seconds since 1970, for the next ticket.
CREATE OR REPLACE FUNCTION gate.open_scope(ticket text) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM pg_catalog.set_config('discreet.ticket', ticket, true);
  IF (gate.scope()).known IS NOT TRUE THEN
    RAISE EXCEPTION 'invalid_ticket' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN extract(epoch FROM pg_catalog.clock_timestamp());
END $$;

-- For functions that run as discreet_gate: the owner of this transaction, or an error.
CREATE OR REPLACE FUNCTION gate.require_owner() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
  owner uuid := (gate.scope()).owner_id;
BEGIN
  IF owner IS NULL THEN
    RAISE EXCEPTION 'no_scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN owner;
END $$;

-- Set the ticket within the call, so that storing a message is one statement and one round trip.
CREATE OR REPLACE FUNCTION gate.enter_scope(ticket text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('discreet.ticket', ticket, true);
  RETURN gate.require_owner();
END $$;

-- Reset what a transaction may leave to the next user of its connection: settings, held cursors, channels
-- and advisory locks. Return whether statements prepared in SQL remain, which can't be told apart from the
-- driver's when they are dropped. It runs with the caller's rights, and does what the pool's CLEAN does, in
-- one statement that a pipeline can hold and whose plan is kept.
CREATE OR REPLACE FUNCTION gate.clean_connection() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  RESET ALL;
  EXECUTE 'CLOSE ALL';  -- in plpgsql itself, CLOSE means one of its variables
  UNLISTEN *;
  PERFORM pg_catalog.pg_advisory_unlock_all();
  RETURN EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql);
END $$;

REVOKE ALL ON FUNCTION gate.scope, gate.key_of, gate.keys, gate.open_scope, gate.require_owner,
  gate.enter_scope, gate.clean_connection FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.clean_connection
  TO discreet_contact, discreet_shared, discreet_owner, discreet_worker;
GRANT EXECUTE ON FUNCTION gate.scope
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner, discreet_intake, discreet_worker;
GRANT EXECUTE ON FUNCTION gate.key_of, gate.keys
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.open_scope
  TO discreet_contact, discreet_shared, discreet_owner, discreet_worker;
