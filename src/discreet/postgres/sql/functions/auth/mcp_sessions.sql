SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.begin_mcp_session(session_digest bytea, token uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO discreet.mcp_sessions (digest, token_id, owner_id)
    SELECT session_digest, t.id, t.owner_id FROM discreet.tokens t WHERE t.id = token;
END $$;

-- No row: there is no such session, or it was started with another token. The time of last use is
-- written at most once a day.
CREATE OR REPLACE FUNCTION gate.mcp_session(
  session_digest bytea, token uuid,
  OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET used_at = clock_timestamp()
   WHERE m.digest = session_digest AND m.token_id = token
     AND m.used_at < clock_timestamp() - interval '1 day';
  RETURN QUERY SELECT m.agent_id, m.contact_id, m.shared, m.session_id FROM discreet.mcp_sessions m
   WHERE m.digest = session_digest AND m.token_id = token;
END $$;

-- The same, with the ticket of its own transaction: one round trip.
CREATE OR REPLACE FUNCTION gate.mcp_session_with_ticket(
  ticket text, session_digest bytea, token uuid,
  OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.open_scope(ticket);
  RETURN QUERY SELECT m.* FROM gate.mcp_session(session_digest, token) m;
END $$;

-- Delete sessions that have not been used for that long. A client that returns starts a new one, which
-- is unbound.
CREATE OR REPLACE FUNCTION gate.purge_mcp_sessions(unused_for interval) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.used_at < clock_timestamp() - unused_for
$$;

-- Bind a session to the party of a conversation that its token may open. False: it may not, or the
-- session is already bound to another party. Of two concurrent calls, one loses.
CREATE OR REPLACE FUNCTION gate.bind_mcp_session(session_digest bytea, token uuid, session uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET
      agent_id = s.agent_id, contact_id = s.contact_id, shared = s.shared, session_id = s.id
    FROM discreet.sessions s, discreet.tokens t
   WHERE m.digest = session_digest AND m.token_id = token AND t.id = token AND s.id = session
     AND s.owner_id = t.owner_id
     AND (t.agent_id IS NULL OR s.agent_id = t.agent_id)
     AND (t.contact_id IS NULL OR s.contact_id = t.contact_id OR s.shared)
     AND (m.session_id IS NULL OR (m.agent_id = s.agent_id AND m.party = s.party));
  RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION gate.end_mcp_session(session_digest bytea, token uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.digest = session_digest AND m.token_id = token
$$;

REVOKE ALL ON FUNCTION gate.begin_mcp_session, gate.mcp_session, gate.mcp_session_with_ticket,
  gate.purge_mcp_sessions, gate.bind_mcp_session, gate.end_mcp_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.begin_mcp_session, gate.mcp_session, gate.mcp_session_with_ticket,
  gate.purge_mcp_sessions, gate.bind_mcp_session, gate.end_mcp_session TO discreet_worker;
