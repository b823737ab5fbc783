-- Connecting an account: a link in the direct chat, a browser that opens it and comes back, and a code
-- that has to be sent in that chat. What a browser brings is compared by its hash.
SET ROLE discreet_gate;

-- Offer a link to connect an account at a server of this scope's agent, for ten minutes. It replaces an
-- earlier one. A contact gets it for itself, and only if it is one person; the owner for themselves, or for a group.
-- Outcome: 'offered', 'group' (a group gets no link, because anybody in it could open it), 'nobody'.
CREATE OR REPLACE FUNCTION gate.offer_connection(
  server uuid, group_contact uuid, link_digest bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner         uuid := gate.require_owner();
  here          gate.scope := gate.scope();
  account_party uuid := gate.connecting_party(group_contact);
  agent         uuid;
BEGIN
  IF here.contact_id IS NOT NULL AND gate.current_person() IS NULL THEN
    RETURN 'group';
  END IF;
  SELECT s.agent_id INTO agent FROM discreet.tool_servers s
   WHERE s.id = server AND s.owner_id = owner AND s.agent_id = here.agent_id AND s.signs_in;
  IF agent IS NULL OR account_party IS NULL THEN
    RETURN 'nobody';
  END IF;
  PERFORM gate.lock_connections(account_party);
  DELETE FROM discreet.connections c
   WHERE c.server_id = server AND c.party = account_party AND c.state NOT IN ('signed_in', 'connected');
  PERFORM gate.expire_sign_ins(ARRAY(
    SELECT c.id FROM discreet.connections c WHERE c.server_id = server AND c.party = account_party));
  INSERT INTO discreet.connections (owner_id, agent_id, contact_id, server_id, link_hash, expires_at)
  VALUES (owner, agent, nullif(account_party, owner), server, link_digest,
          clock_timestamp() + interval '10 minutes');
  RETURN 'offered';
END $$;

-- Return whose account is being connected: this scope's contact; for the owner, their own or a group's.
CREATE OR REPLACE FUNCTION gate.connecting_party(group_contact uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  IF here.contact_id IS NOT NULL THEN
    RETURN here.contact_id;
  ELSIF group_contact IS NULL THEN
    RETURN here.owner_id;
  END IF;
  RETURN (SELECT c.id FROM discreet.contacts c
           WHERE c.id = group_contact AND c.owner_id = here.owner_id AND c.type = 'group');
END $$;

CREATE OR REPLACE FUNCTION gate.lock_connections(party uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('discreet: connections ' || party, 0))
$$;

-- End sign-ins whose code wasn't sent. Their tokens are revoked when they are deleted.
CREATE OR REPLACE FUNCTION gate.expire_sign_ins(connections uuid[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  UPDATE discreet.connections c SET expires_at = least(c.expires_at, clock_timestamp())
   WHERE c.id = ANY (connections) AND c.state = 'signed_in'
$$;

-- Return whether a contact may still connect an account.
CREATE OR REPLACE FUNCTION gate.may_connect(contact uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT contact IS NULL OR EXISTS (
    SELECT FROM discreet.contacts c
     WHERE c.id = contact AND c.blocked_at IS NULL AND c.merged_into IS NULL)
$$;

-- Find what a link would connect, and change nothing. No row: it is unknown, used or expired.
CREATE OR REPLACE FUNCTION gate.find_connection_by_link(link_digest bytea)
RETURNS TABLE (id uuid, owner_id uuid, agent_id uuid, contact_id uuid, server_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id, c.owner_id, c.agent_id, c.contact_id, c.server_id FROM discreet.connections c
   WHERE c.link_hash = link_digest AND c.state = 'offered' AND c.expires_at > clock_timestamp()
     AND gate.may_connect(c.contact_id)
$$;

-- Use up a link, for one browser.
CREATE OR REPLACE FUNCTION gate.redeem_connection_link(link_digest bytea, browser_digest bytea)
RETURNS TABLE (id uuid, owner_id uuid, agent_id uuid, contact_id uuid, server_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE discreet.connections c SET state = 'opened', browser_hash = browser_digest
   WHERE c.link_hash = link_digest AND c.state = 'offered' AND c.expires_at > clock_timestamp()
     AND gate.may_connect(c.contact_id)
  RETURNING c.id, c.owner_id, c.agent_id, c.contact_id, c.server_id
$$;

-- Store what is needed when that browser comes back.
CREATE OR REPLACE FUNCTION gate.begin_sign_in(
  link_digest bytea, browser_digest bytea, state_digest bytea, sealed_state bytea, valid_for interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.connections c
     SET state_hash = state_digest, sealed = sealed_state, expires_at = clock_timestamp() + valid_for
   WHERE c.link_hash = link_digest AND c.browser_hash = browser_digest AND c.state = 'opened'
     AND c.state_hash IS NULL AND c.expires_at > clock_timestamp();
  RETURN FOUND;
END $$;

-- Let a browser come back, once: the one that opened the link, with the value that it was sent with.
CREATE OR REPLACE FUNCTION gate.resume_sign_in(state_digest bytea, browser_digest bytea)
RETURNS TABLE (id uuid, owner_id uuid, agent_id uuid, contact_id uuid, server_id uuid, sealed bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE discreet.connections c SET state = 'returned'
   WHERE c.state_hash = state_digest AND c.browser_hash = browser_digest AND c.state = 'opened'
     AND c.expires_at > clock_timestamp() AND gate.may_connect(c.contact_id)
  RETURNING c.id, c.owner_id, c.agent_id, c.contact_id, c.server_id, c.sealed
$$;

-- Store the tokens, which aren't used before the code is sent in the chat.
CREATE OR REPLACE FUNCTION gate.finish_sign_in(
  state_digest bytea, browser_digest bytea, sealed_tokens bytea, code_digest bytea, valid_for interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.connections c
     SET state = 'signed_in', sealed = sealed_tokens, code_hash = code_digest, expires_at = clock_timestamp() + valid_for
   WHERE c.state_hash = state_digest AND c.browser_hash = browser_digest AND c.state = 'returned'
     AND c.expires_at > clock_timestamp() AND gate.may_connect(c.contact_id);
  RETURN FOUND;
END $$;

-- Try a code that was sent in the chat of whoever connects an account; see gate.offer_connection.
-- Outcome: 'connected' (`server` names the server), 'wrong', or 'none' (no code is waited for here). After
-- five wrong codes, the sign-in is thrown away.
CREATE OR REPLACE FUNCTION gate.enter_connection_code(
  code_digest bytea, group_contact uuid, OUT outcome text, OUT server uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner         uuid := gate.require_owner();
  agent         uuid := (gate.scope()).agent_id;
  account_party uuid := gate.connecting_party(group_contact);
  match         discreet.connections;
BEGIN
  PERFORM gate.lock_connections(account_party);
  SELECT c.* INTO match FROM discreet.connections c
   WHERE c.owner_id = owner AND c.agent_id = agent AND c.party = account_party AND c.state = 'signed_in'
     AND c.expires_at > clock_timestamp() AND c.code_hash = code_digest FOR UPDATE;
  IF FOUND THEN
    DELETE FROM discreet.connections c
     WHERE c.server_id = match.server_id AND c.party = account_party AND c.id <> match.id;
    UPDATE discreet.connections c
       SET state = 'connected', connected_at = clock_timestamp(), expires_at = NULL, code_hash = NULL,
           browser_hash = NULL, state_hash = NULL
     WHERE c.id = match.id;
    outcome := 'connected';
    server := match.server_id;
    RETURN;
  END IF;
  UPDATE discreet.connections c SET wrong_codes = c.wrong_codes + 1
   WHERE c.owner_id = owner AND c.agent_id = agent AND c.party = account_party AND c.state = 'signed_in'
     AND c.expires_at > clock_timestamp();
  outcome := CASE WHEN FOUND THEN 'wrong' ELSE 'none' END;
  PERFORM gate.expire_sign_ins(ARRAY(
    SELECT c.id FROM discreet.connections c
     WHERE c.owner_id = owner AND c.agent_id = agent AND c.party = account_party AND c.wrong_codes >= 5));
END $$;

-- Say whether a connection is one of this scope's.
CREATE OR REPLACE FUNCTION gate.is_own_connection(c discreet.connections) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (c.owner_id, c.agent_id, c.party)
       = (SELECT h.owner_id, h.agent_id, h.party FROM gate.scope() h)
$$;

-- Let this process renew the tokens of a connection of this scope, if they are still `current_tokens` and no
-- other process is renewing them, which may take half a minute.
CREATE OR REPLACE FUNCTION gate.claim_token_renewal(connection uuid, current_tokens bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.connections c SET renewing_until = clock_timestamp() + interval '30 seconds'
   WHERE c.id = connection AND gate.is_own_connection(c) AND c.state = 'connected' AND c.sealed = current_tokens
     AND coalesce(c.renewing_until < clock_timestamp(), true);
  RETURN FOUND;
END $$;

-- Store renewed tokens, or, with null, let others try.
CREATE OR REPLACE FUNCTION gate.store_tokens(connection uuid, sealed_tokens bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.connections c SET sealed = coalesce(sealed_tokens, c.sealed), renewing_until = NULL
   WHERE c.id = connection AND gate.is_own_connection(c) AND c.state = 'connected';
  RETURN FOUND;
END $$;

-- Delete a connection of this scope, or a sign-in that has begun, with its tokens.
CREATE OR REPLACE FUNCTION gate.end_connection(connection uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM discreet.connections c WHERE c.id = connection AND gate.is_own_connection(c);
  RETURN FOUND;
END $$;

-- Delete sign-ins that nobody finished in time. Those that have tokens wait an hour, so that a server
-- can revoke them.
CREATE OR REPLACE FUNCTION gate.delete_expired_connections() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.connections c
   WHERE c.expires_at <= clock_timestamp() - CASE c.state WHEN 'signed_in' THEN interval '1 hour'
                                                          ELSE interval '0' END
$$;

-- Delete expired sign-ins that have tokens, and return these for the server to revoke them.
CREATE OR REPLACE FUNCTION gate.take_expired_sign_ins(max_rows integer)
RETURNS TABLE (id uuid, owner_id uuid, server_id uuid, sealed bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.connections c
   WHERE c.id IN (SELECT t.id FROM discreet.connections t
                   WHERE t.state = 'signed_in' AND t.expires_at <= clock_timestamp()
                   ORDER BY t.expires_at, t.id LIMIT max_rows FOR UPDATE SKIP LOCKED)
  RETURNING c.id, c.owner_id, c.server_id, c.sealed
$$;

-- Return the servers of tools that a contact may connect accounts at, with the tools that it may use.
CREATE OR REPLACE FUNCTION gate.connectable_servers() RETURNS TABLE (server_id uuid, name text, url text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.id, s.name, s.url FROM discreet.tool_servers s
   WHERE s.signs_in AND (s.owner_id, s.agent_id) = (SELECT h.owner_id, h.agent_id FROM gate.scope() h)
     AND (s.id IN (SELECT a.server_id FROM gate.allowed_tools() a)
          OR s.id IN (SELECT c.server_id FROM discreet.connections c
                       WHERE (c.owner_id, c.agent_id, c.party)
                           = (SELECT h.owner_id, h.agent_id, h.party FROM gate.scope() h)))
   ORDER BY s.name
$$;

REVOKE ALL ON FUNCTION gate.offer_connection, gate.connecting_party, gate.lock_connections,
  gate.may_connect, gate.find_connection_by_link, gate.redeem_connection_link, gate.begin_sign_in,
  gate.resume_sign_in, gate.finish_sign_in, gate.enter_connection_code, gate.is_own_connection,
  gate.claim_token_renewal, gate.store_tokens, gate.end_connection,
  gate.delete_expired_connections, gate.expire_sign_ins, gate.take_expired_sign_ins,
  gate.connectable_servers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.offer_connection, gate.enter_connection_code, gate.connectable_servers,
  gate.claim_token_renewal, gate.store_tokens, gate.end_connection
  TO discreet_contact, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.find_connection_by_link, gate.redeem_connection_link, gate.begin_sign_in,
  gate.resume_sign_in, gate.finish_sign_in, gate.delete_expired_connections,
  gate.take_expired_sign_ins TO discreet_worker;
