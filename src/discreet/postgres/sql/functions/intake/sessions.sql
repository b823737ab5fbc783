SET ROLE discreet_gate;

-- Return the open session of a party with an agent on a thread, its row locked; create it if there is
-- none.
CREATE OR REPLACE FUNCTION gate.find_or_create_session(
  owner uuid, agent uuid, contact uuid, of_all boolean, thread text, force_new boolean)
RETURNS discreet.sessions LANGUAGE plpgsql
AS $$
DECLARE
  whose  uuid := coalesce(contact, CASE WHEN of_all THEN agent ELSE owner END);
  result discreet.sessions;
BEGIN
  IF force_new THEN
    UPDATE discreet.sessions s SET ended_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL;
  END IF;
  LOOP
    UPDATE discreet.sessions s
       SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL
     RETURNING s.* INTO result;
    IF FOUND THEN
      RETURN result;
    END IF;
    INSERT INTO discreet.sessions (owner_id, agent_id, contact_id, shared, thread_key)
      VALUES (owner, agent, contact, of_all, thread)
      ON CONFLICT (owner_id, agent_id, party, thread_key) WHERE ended_at IS NULL DO NOTHING;
  END LOOP;
END $$;

-- Return the route of a session to a chat, creating it if it is new. Called by functions of the gate
-- only.
CREATE OR REPLACE FUNCTION gate.find_or_create_route(
  here discreet.sessions, channel uuid, chat text, platform_thread text)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  result uuid;
BEGIN
  SELECT r.id INTO result FROM discreet.routes r
   WHERE r.session_id = here.id AND r.channel_id = channel AND r.chat_id = chat
     AND r.thread_id = platform_thread;
  IF NOT FOUND THEN
    INSERT INTO discreet.routes
      (owner_id, agent_id, contact_id, shared, session_id, channel_id, chat_id, thread_id)
      VALUES (here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, channel, chat,
              platform_thread)
      RETURNING id INTO result;
  END IF;
  RETURN result;
END $$;

-- Return the open session of this scope on a thread; create it if there is none.
CREATE OR REPLACE FUNCTION gate.open_session(thread text, force_new boolean) RETURNS uuid
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

REVOKE ALL ON FUNCTION gate.find_or_create_session, gate.find_or_create_route, gate.open_session
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.open_session TO discreet_contact, discreet_shared, discreet_owner;
