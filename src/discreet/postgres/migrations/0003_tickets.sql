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

-- The numbers that are policy, and what the gate itself says to senders. Both are written by the
-- program (gate.configure), which has the texts and the settings; one row, and one for each code.
CREATE TABLE gate.policy (
  one                      boolean PRIMARY KEY DEFAULT true CHECK (one),
  messages_a_minute        integer NOT NULL CHECK (messages_a_minute > 0),
  messages_waiting         integer NOT NULL CHECK (messages_waiting > 0),
  tokens_a_day             bigint NOT NULL CHECK (tokens_a_day > 0),
  waiting_silence_seconds  integer NOT NULL CHECK (waiting_silence_seconds > 0),
  pairings_pending         integer NOT NULL CHECK (pairings_pending > 0),
  pairing_codes_an_hour    integer NOT NULL CHECK (pairing_codes_an_hour > 0),
  pairing_code_seconds     integer NOT NULL CHECK (pairing_code_seconds > 0),
  messages_kept_aside      integer NOT NULL CHECK (messages_kept_aside > 0),
  wrong_codes_an_hour      integer NOT NULL CHECK (wrong_codes_an_hour > 0),
  owner_code_seconds       integer NOT NULL CHECK (owner_code_seconds > 0),
  link_code_seconds        integer NOT NULL CHECK (link_code_seconds > 0),
  memories_per_contact     integer NOT NULL CHECK (memories_per_contact > 0),
  context_lines            integer NOT NULL CHECK (context_lines > 0),
  album_seconds            integer NOT NULL CHECK (album_seconds >= 0),
  quarantine_retry_seconds integer NOT NULL CHECK (quarantine_retry_seconds > 0),
  quarantine_retry_max_seconds integer NOT NULL CHECK (quarantine_retry_max_seconds > 0)
);
CREATE TABLE gate.notices (
  code text PRIMARY KEY CHECK (code <> ''),
  text text NOT NULL CHECK (text <> '')
);
REVOKE ALL ON gate.policy, gate.notices FROM PUBLIC;

-- What is not named stays as it is.
CREATE FUNCTION gate.configure(numbers jsonb, texts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before gate.policy;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: configure', 0));
  DELETE FROM gate.policy p RETURNING p.* INTO before;
  before.one := true;
  INSERT INTO gate.policy SELECT (jsonb_populate_record(before, numbers)).*;
  INSERT INTO gate.notices (code, text) SELECT t.key, t.value FROM jsonb_each_text(texts) t
  ON CONFLICT (code) DO UPDATE SET text = excluded.text WHERE notices.text <> excluded.text;
END $$;

-- `party`: the contact; the agent in a shared scope; the owner in the owner's. `known`: the ticket holds.
CREATE TYPE gate.scope AS (
  owner_id uuid, agent_id uuid, contact_id uuid, party uuid, known boolean);

-- The scope of this transaction. A ticket that is missing, forged, cut, extended, made for another role
-- or connection, or older than the transaction by more than 30 seconds: all null, which matches no row.
-- It never raises: a policy that can fail would tell, by failing or not, what it was evaluated for.
-- plpgsql, because its plan is kept; an SQL function is planned anew at every call.
CREATE FUNCTION gate.scope() RETURNS gate.scope
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  ticket text := pg_catalog.current_setting('discreet.ticket', true);
  said   text;
  keys   gate.secrets;
  result gate.scope;
BEGIN
  IF ticket IS NULL OR ticket OPERATOR(pg_catalog.=) '' THEN
    RETURN result;
  END IF;
  said := pg_catalog.split_part(ticket, '#', 1);
  SELECT * INTO STRICT keys FROM gate.secrets;
  IF ticket OPERATOR(pg_catalog.<>) (said OPERATOR(pg_catalog.||) '#' OPERATOR(pg_catalog.||)
       pg_catalog.encode(
         pg_catalog.sha256(keys.outer_pad OPERATOR(pg_catalog.||) pg_catalog.sha256(
           keys.inner_pad OPERATOR(pg_catalog.||) pg_catalog.convert_to(
             session_user::text OPERATOR(pg_catalog.||) '|' OPERATOR(pg_catalog.||) said, 'UTF8'))),
         'hex')) THEN
    RETURN result;
  END IF;
  IF pg_catalog.split_part(said, '/', 4) OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()::text THEN
    RETURN result;
  END IF;
  -- The transaction's moment, not now: a long export keeps its scope.
  IF pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.-)
       pg_catalog.to_timestamp(
         pg_catalog.split_part(said, '/', 5)::float8 OPERATOR(pg_catalog./) 1000::float8)
     NOT BETWEEN '-30 seconds'::interval AND '30 seconds'::interval THEN
    RETURN result;
  END IF;
  result.known      := true;
  result.owner_id   := nullif(pg_catalog.split_part(said, '/', 1), '')::uuid;
  result.agent_id   := nullif(pg_catalog.split_part(said, '/', 2), '')::uuid;
  result.contact_id := nullif(pg_catalog.split_part(said, '/', 3), '')::uuid;
  result.party      := coalesce(
    result.contact_id,
    CASE WHEN session_user OPERATOR(pg_catalog.=) 'discreet_shared' THEN result.agent_id
         ELSE result.owner_id END);
  RETURN result;
END $$;

-- One short text for one or several ids: whose a row is, in a single column (discreet.let_see).
CREATE FUNCTION gate.key_of(ids bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(ids), 1, 18), 'base64')
$$;

-- The keys of all rows that this transaction may see, as the keys of an object; null where it may see
-- none. `owner_key` of its owner, `scope_key` of its party, its agent, and its contact.
CREATE FUNCTION gate.keys() RETURNS jsonb
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

-- Sets the ticket for this transaction, and refuses one that doesn't hold. The database's clock comes
-- back, in seconds since 1970, for the next ticket.
CREATE FUNCTION gate.open_scope(ticket text) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM pg_catalog.set_config('discreet.ticket', ticket, true);
  IF (gate.scope()).known IS NOT TRUE THEN
    RAISE EXCEPTION 'invalid_ticket' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN extract(epoch FROM pg_catalog.clock_timestamp());
END $$;

-- For functions that act as discreet_gate: the owner of this transaction, or an error.
CREATE FUNCTION gate.require_owner() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
  owner uuid := (gate.scope()).owner_id;
BEGIN
  IF owner IS NULL THEN
    RAISE EXCEPTION 'no_scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN owner;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.configure(jsonb, jsonb) TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.scope()
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner, discreet_intake,
     discreet_worker;
GRANT EXECUTE ON FUNCTION gate.keys(), gate.key_of(bytea)
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.open_scope(text)
  TO discreet_contact, discreet_shared, discreet_owner, discreet_worker;
RESET ROLE;
