-- Where the owner is told something: the direct chat in which they wrote last from an account that is
-- proven to be theirs.
SET ROLE discreet_gate;

-- Called by functions of the gate alone, for a direct message from an address of the owner.
CREATE OR REPLACE FUNCTION gate.record_owner_chat(owner uuid, via discreet.channels, said gate.inbound)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO discreet.owner_chats AS c
    (owner_id, platform, platform_id, agent_id, channel_id, chat_id)
  VALUES (owner, said.sender_platform, said.sender_id, via.agent_id, via.id, said.chat)
  ON CONFLICT (owner_id, platform, platform_id) DO UPDATE SET
    agent_id = excluded.agent_id, channel_id = excluded.channel_id, chat_id = excluded.chat_id,
    used_at = excluded.used_at;
END $$;

-- The chat, if there is one: of an account that is still the owner's, on a channel that is open.
CREATE OR REPLACE FUNCTION gate.owner_chat(owner uuid) RETURNS discreet.owner_chats
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c FROM discreet.owner_chats c
    JOIN discreet.addresses a
      ON (a.owner_id, a.platform, a.platform_id) = (c.owner_id, c.platform, c.platform_id)
         AND a.of_owner
    JOIN discreet.channels v ON v.id = c.channel_id AND v.closed_at IS NULL
   WHERE c.owner_id = owner ORDER BY c.used_at DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION gate.owners_to_notify() RETURNS TABLE (owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT c.owner_id FROM discreet.owner_chats c
$$;

-- Since when the owner has had a chat to be told something in; null: there is none, or another process
-- is telling them at this moment. Until the transaction ends nobody else does.
CREATE OR REPLACE FUNCTION gate.begin_owner_notices() RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF pg_try_advisory_xact_lock(hashtextextended('discreet: owner notices ' || owner, 0)) THEN
    RETURN (gate.owner_chat(owner)).created_at;
  END IF;
  RETURN NULL;
END $$;

-- Tells the owner: a line of their session that is no part of the conversation, on its way to their
-- chat, or, where `session` is given, to the chat in which they answer a contact there. `told`: what it
-- is about, each with kind, key and contact_id. Null: they can't be told now.
CREATE OR REPLACE FUNCTION gate.notify_owner(told jsonb, body text, session uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  chat   discreet.owner_chats := gate.owner_chat(owner);
  here   discreet.sessions;
  route  uuid;
  result uuid;
BEGIN
  IF session IS NOT NULL THEN
    SELECT m.route_id INTO route FROM discreet.messages m
      JOIN discreet.owner_chats c
        ON c.owner_id = owner AND (c.channel_id, c.chat_id) = (m.channel_id, m.chat_id)
      JOIN discreet.addresses a
        ON (a.owner_id, a.platform, a.platform_id) = (c.owner_id, c.platform, c.platform_id)
           AND a.of_owner
     WHERE m.session_id = session AND m.owner_id = owner AND m.direction = 'in'
     ORDER BY m.position DESC LIMIT 1;
    UPDATE discreet.sessions s
       SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
     WHERE s.id = session AND s.owner_id = owner AND s.takeover_contact_id IS NOT NULL
       AND route IS NOT NULL
     RETURNING s.* INTO here;
  ELSIF chat.channel_id IS NOT NULL THEN
    here := gate.find_or_create_session(owner, chat.agent_id, NULL, false, '', false);
    route := gate.find_or_create_route(here, chat.channel_id, chat.chat_id, '');
  END IF;
  IF here.id IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.messages (
    owner_id, agent_id, shared, session_id, route_id, position, direction, state, text, command)
  VALUES (owner, here.agent_id, false, here.id, route, here.last_position, 'out', 'sent', body,
          'owner_notice')
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, shared, session_id, route_id)
  VALUES (result, owner, here.agent_id, false, here.id, route);
  INSERT INTO discreet.owner_notices (owner_id, kind, key, contact_id, message_id)
  SELECT owner, t.kind, t.key, t.contact_id, result
    FROM jsonb_to_recordset(told) t (kind text, key text, contact_id uuid);
  DELETE FROM discreet.owner_notices n
   WHERE n.owner_id = owner AND n.kind NOT IN ('stranger', 'draft', 'call')
     AND n.told_at < clock_timestamp() - interval '30 days';
  RETURN result;
END $$;

-- An account isn't the owner's any more: whoever writes from it is somebody new. What waits to be sent
-- there isn't, and what was written there goes to no contact any more. False: it wasn't the owner's.
CREATE OR REPLACE FUNCTION gate.unlink_owner(of_platform text, of_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  chats uuid[];
BEGIN
  DELETE FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id AND a.of_owner;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  chats := ARRAY(
    SELECT DISTINCT m.route_id FROM discreet.messages m
     WHERE m.owner_id = owner AND m.contact_id IS NULL AND NOT m.shared AND m.direction = 'in'
       AND m.sender_address = of_platform || ':' || of_id);
  chats := chats || ARRAY(
    SELECT r.id FROM discreet.routes r
      JOIN discreet.owner_chats c ON (c.channel_id, c.chat_id) = (r.channel_id, r.chat_id)
     WHERE r.owner_id = owner AND r.contact_id IS NULL AND NOT r.shared
       AND c.owner_id = owner AND c.platform = of_platform AND c.platform_id = of_id);
  DELETE FROM discreet.owner_chats c
   WHERE c.owner_id = owner AND c.platform = of_platform AND c.platform_id = of_id;
  UPDATE discreet.sessions s SET takeover_contact_id = NULL
   WHERE s.takeover_contact_id IS NOT NULL AND s.owner_id = owner AND s.id IN (
     SELECT r.session_id FROM discreet.routes r WHERE r.id = ANY (chats));
  UPDATE discreet.outbox o SET state = 'failed', error = 'this account was unlinked'
   WHERE o.route_id = ANY (chats) AND o.owner_id = owner AND o.state = 'pending';
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION gate.record_owner_chat, gate.owner_chat, gate.owners_to_notify,
  gate.begin_owner_notices, gate.notify_owner, gate.unlink_owner FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.owners_to_notify TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.begin_owner_notices, gate.notify_owner, gate.unlink_owner
  TO discreet_owner;
