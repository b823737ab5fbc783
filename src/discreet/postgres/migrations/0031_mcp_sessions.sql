-- What an MCP connection was bound to by start_session. It stays here, so that it survives a reconnect
-- and holds in every process. Nobody but the gate reads it.
SET ROLE discreet_schema;

CREATE TABLE discreet.mcp_sessions (
  digest     bytea PRIMARY KEY,
  token_id   uuid NOT NULL REFERENCES discreet.tokens ON DELETE CASCADE,
  owner_id   uuid NOT NULL,
  agent_id   uuid,
  contact_id uuid,
  shared     boolean NOT NULL DEFAULT false,
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (session_id IS NULL OR agent_id IS NOT NULL),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party) ON DELETE CASCADE
);
CALL discreet.keep_no_statistics();

ALTER TABLE discreet.mcp_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.mcp_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY gate ON discreet.mcp_sessions TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.mcp_sessions TO discreet_gate;
RESET ROLE;

SET ROLE discreet_gate;
CREATE FUNCTION gate.begin_mcp_session(shown bytea, token uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO discreet.mcp_sessions (digest, token_id, owner_id)
    SELECT shown, t.id, t.owner_id FROM discreet.tokens t WHERE t.id = token;
END $$;

-- No row: there is no such connection, or it began with another token. When it was last used is
-- written at most once a day.
CREATE FUNCTION gate.mcp_session(
  shown bytea, token uuid,
  OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET used_at = clock_timestamp()
   WHERE m.digest = shown AND m.token_id = token
     AND m.used_at < clock_timestamp() - interval '1 day';
  RETURN QUERY SELECT m.agent_id, m.contact_id, m.shared, m.session_id FROM discreet.mcp_sessions m
   WHERE m.digest = shown AND m.token_id = token;
END $$;

-- Connections that nobody used for so long are forgotten. Whoever comes back begins a new one, which
-- is nobody's.
CREATE FUNCTION gate.purge_mcp_sessions(unused interval) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.used_at < clock_timestamp() - unused
$$;

-- Binds a connection to the party of a session that its token may open. False: it may not, or the
-- connection is bound to somebody else already; two that bind at once, one of them loses.
CREATE FUNCTION gate.bind_mcp_session(shown bytea, token uuid, session uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET
      agent_id = s.agent_id, contact_id = s.contact_id, shared = s.shared, session_id = s.id
    FROM discreet.sessions s, discreet.tokens t
   WHERE m.digest = shown AND m.token_id = token AND t.id = token AND s.id = session
     AND s.owner_id = t.owner_id
     AND (t.agent_id IS NULL OR s.agent_id = t.agent_id)
     AND (t.contact_id IS NULL OR s.contact_id = t.contact_id OR s.shared)
     AND (m.session_id IS NULL OR (m.agent_id = s.agent_id AND m.party = s.party));
  RETURN FOUND;
END $$;

CREATE FUNCTION gate.end_mcp_session(shown bytea, token uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.digest = shown AND m.token_id = token
$$;

-- The open session of this scope on a thread; made if there is none.
CREATE FUNCTION gate.open_session(thread text, force_new boolean) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  scope gate.scope := gate.scope();
BEGIN
  IF scope.agent_id IS NULL THEN
    RAISE EXCEPTION 'no_agent' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN (gate.find_or_create_session(
    owner, scope.agent_id, scope.contact_id, session_user = 'discreet_shared', thread, force_new)).id;
END $$;

-- The contact behind an address; made if it is new and may be. Null: there is none, or the address
-- is the owner's own.
CREATE FUNCTION gate.resolve_contact(
  platform text, platform_id text, kind text, display_name text, auto_create boolean)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF auto_create THEN
    RETURN gate.find_or_create_contact(owner, platform, platform_id, kind, display_name);
  END IF;
  RETURN (SELECT a.contact_id FROM discreet.addresses a
           WHERE a.owner_id = owner AND a.platform = resolve_contact.platform
             AND a.platform_id = resolve_contact.platform_id);
END $$;

REVOKE ALL ON FUNCTION gate.begin_mcp_session(bytea, uuid), gate.mcp_session(bytea, uuid),
  gate.bind_mcp_session(bytea, uuid, uuid), gate.end_mcp_session(bytea, uuid),
  gate.purge_mcp_sessions(interval), gate.open_session(text, boolean), gate.resolve_contact(text, text, text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.begin_mcp_session(bytea, uuid), gate.mcp_session(bytea, uuid),
  gate.bind_mcp_session(bytea, uuid, uuid), gate.end_mcp_session(bytea, uuid),
  gate.purge_mcp_sessions(interval) TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.open_session(text, boolean)
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.resolve_contact(text, text, text, text, boolean) TO discreet_owner;
RESET ROLE;
