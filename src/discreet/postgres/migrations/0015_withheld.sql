-- Who is not answered: the contacts that the owner has blocked, and everybody while an agent pauses.
SET ROLE discreet_schema;
ALTER TABLE discreet.agents ADD COLUMN paused_at timestamptz;
ALTER TABLE discreet.contacts ADD COLUMN blocked_at timestamptz;
COMMENT ON COLUMN discreet.agents.paused_at IS 'since then what is said to it is kept, and waits';
COMMENT ON COLUMN discreet.contacts.blocked_at IS 'since then nothing it says is taken';
GRANT UPDATE (paused_at) ON discreet.agents TO discreet_owner;
GRANT UPDATE (blocked_at) ON discreet.contacts TO discreet_owner;
RESET ROLE;

SET ROLE discreet_gate;
-- Why no turn may run or be saved in a session now: 'paused', 'blocked', or null.
CREATE FUNCTION gate.why_withheld(session uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN a.paused_at IS NOT NULL THEN 'paused'
              WHEN c.blocked_at IS NOT NULL THEN 'blocked' END
    FROM discreet.sessions s
    JOIN discreet.agents a ON a.id = s.agent_id
    LEFT JOIN discreet.contacts c ON c.id = s.contact_id
   WHERE s.id = session
$$;

-- Whether this scope's session has to wait; the scope isn't told why. Another's session is no session.
CREATE FUNCTION gate.is_withheld(session uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  RETURN gate.why_withheld(session) IS NOT NULL;
END $$;

-- As before, but a session that is withheld is left in peace; whoever ends that wakes it.
CREATE OR REPLACE FUNCTION gate.wake_stranded() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stranded record;
  woken    integer := 0;
BEGIN
  FOR stranded IN
    SELECT w.session_id
      FROM (SELECT DISTINCT m.session_id FROM discreet.messages m
             WHERE m.state IN ('waiting', 'taken')) w
     WHERE gate.why_withheld(w.session_id) IS NULL
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'turn:' || w.session_id AND j.status IN ('todo', 'doing'))
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE;
    PERFORM gate.defer_turn(stranded.session_id, NULL, false);
    woken := woken + 1;
  END LOOP;
  FOR stranded IN
    SELECT DISTINCT o.route_id, o.session_id FROM discreet.outbox o
     WHERE o.state IN ('pending', 'sending')
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'deliver:' || o.route_id AND j.status IN ('todo', 'doing'))
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE;
    PERFORM gate.defer_delivery(stranded.route_id, NULL);
    woken := woken + 1;
  END LOOP;
  RETURN woken;
END $$;

-- The contact behind an address, where there is one already.
CREATE FUNCTION gate.known_contact(owner uuid, of_platform text, of_id text) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.contact_id FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id
$$;

-- Why a message that has arrived is not taken: 'blocked', or null. Nothing is stored then.
CREATE FUNCTION gate.turned_away(owner uuid, via discreet.channels, shared boolean, arrived jsonb)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM discreet.contacts c
              WHERE c.owner_id = owner AND c.blocked_at IS NOT NULL AND c.id IN (
                (arrived->>'sender_contact')::uuid,
                gate.known_contact(owner, arrived->>'sender_platform', arrived->>'sender_id'),
                gate.known_contact(owner, arrived->>'group_platform', arrived->>'group_id'))) THEN
    RETURN 'blocked';
  END IF;
  RETURN NULL;
END $$;

-- Called by functions of the gate alone: a chat of a session, made if new.
CREATE FUNCTION gate.find_or_create_route(
  here discreet.sessions, channel uuid, chat text, platform_thread text)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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

-- sender_kind: 'address' (platform, platform_id), 'contact' (named by id), 'owner'. The last two are
-- for whoever runs the installation, at a terminal; on any other channel they are refused.
-- outcome: 'accepted', 'duplicate', or why it was not taken (gate.turned_away).
-- Errors: DS001 no such channel or contact; DS002 the sender can't be resolved.
CREATE OR REPLACE FUNCTION gate.accept_message(
  ticket text, channel uuid, chat text, platform_thread text, platform_message text, written_at timestamptz,
  sender_kind text, sender_platform text, sender_id text, sender_contact uuid, sender_display text,
  group_platform text, group_id text, group_name text, thread text, force_new boolean, body text, in_reply_to text,
  addressed boolean, album_id text, files jsonb,
  OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner   uuid := gate.enter(ticket);
  via     discreet.channels;
  shared  boolean;
  speaker uuid;
  party   uuid;
  here    discreet.sessions;
  route   uuid;
  joined  discreet.messages;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such channel' USING ERRCODE = 'DS001';
  END IF;
  SELECT a.memory_model = 'shared' INTO STRICT shared FROM discreet.agents a
   WHERE a.id = via.agent_id;

  SELECT 'duplicate', m.id, m.session_id, m.contact_id
    INTO outcome, message_id, session_id, contact_id
    FROM discreet.messages m
   WHERE m.channel_id = channel AND m.chat_id = chat AND m.platform_message_id = platform_message
     AND m.direction = 'in';
  IF NOT FOUND AND files <> '[]' THEN
    SELECT 'duplicate', f.message_id, f.session_id, f.contact_id
      INTO outcome, message_id, session_id, contact_id
      FROM discreet.attachments f
     WHERE f.channel_id = channel AND f.chat_id = chat AND f.platform_message_id = platform_message
     LIMIT 1;
  END IF;
  IF message_id IS NOT NULL THEN
    RETURN;
  END IF;

  outcome := gate.turned_away(owner, via, shared, jsonb_build_object(
    'chat', chat, 'platform_thread', platform_thread, 'platform_message', platform_message,
    'written_at', written_at, 'sender_kind', sender_kind, 'sender_platform', sender_platform,
    'sender_id', sender_id, 'sender_contact', sender_contact, 'sender_display', sender_display,
    'group_platform', group_platform, 'group_id', group_id, 'group_name', group_name,
    'thread', thread, 'force_new', force_new, 'body', body, 'in_reply_to', in_reply_to,
    'addressed', addressed, 'album_id', album_id, 'files', files));
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;

  IF sender_kind = 'address' THEN
    speaker := gate.find_or_create_contact(
      owner, sender_platform, sender_id, 'external', sender_display);
  ELSIF sender_kind = 'contact' AND via.platform = 'terminal' THEN
    SELECT c.id INTO speaker FROM discreet.contacts c
     WHERE c.id = sender_contact AND c.owner_id = owner;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no such contact' USING ERRCODE = 'DS001';
    END IF;
  ELSIF sender_kind = 'owner' AND via.platform = 'terminal' THEN
    speaker := NULL;
  ELSE
    RAISE EXCEPTION 'the sender is missing' USING ERRCODE = 'DS002';
  END IF;

  IF group_id IS NOT NULL THEN
    party := gate.find_or_create_contact(owner, group_platform, group_id, 'group', group_name);
  ELSE
    party := speaker;
  END IF;
  IF shared THEN
    party := NULL;
  END IF;

  here := gate.find_or_create_session(owner, via.agent_id, party, shared, thread, force_new);
  route := gate.find_or_create_route(here, channel, chat, platform_thread);

  IF album_id <> '' THEN
    SELECT m.* INTO joined FROM discreet.messages m
     WHERE m.session_id = here.id AND m.route_id = route AND m.album = album_id
       AND m.sender_contact_id IS NOT DISTINCT FROM speaker AND m.state IN ('waiting', 'context')
     ORDER BY m.position DESC LIMIT 1;
  END IF;
  IF joined.id IS NOT NULL THEN
    -- A part of an album that still waits: its sender sees one message, and so does the agent.
    UPDATE discreet.messages m
       SET text = m.text || E'\n' || body, terms = NULL,
           state = CASE WHEN addressed THEN 'waiting' ELSE m.state END
     WHERE m.id = joined.id;
    message_id := joined.id;
    addressed := addressed OR joined.state = 'waiting';
  ELSE
    INSERT INTO discreet.messages (
      owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, text,
      sender_contact_id, sender_address, sender_name, channel_id, chat_id, platform_message_id,
      reply_to, sent_at, album, state, not_before)
    VALUES (
      owner, via.agent_id, party, here.shared, here.id, route, here.last_position, 'in', body,
      speaker, CASE WHEN sender_kind = 'address' THEN sender_platform || ':' || sender_id ELSE '' END,
      sender_display, channel, chat, platform_message, in_reply_to, written_at, album_id,
      CASE WHEN addressed THEN 'waiting' ELSE 'context' END,
      CASE WHEN album_id <> '' THEN clock_timestamp() + gate.album_time() END)
    RETURNING id INTO message_id;
  END IF;
  INSERT INTO discreet.attachments (
    owner_id, agent_id, contact_id, shared, session_id, route_id, message_id, position, kind,
    platform_file, name, media_type, size, channel_id, chat_id, platform_message_id)
  SELECT owner, via.agent_id, party, here.shared, here.id, route, accept_message.message_id,
         (SELECT count(*) FROM discreet.attachments f
           WHERE f.message_id = accept_message.message_id) + file.nr,
         file.value->>'kind', file.value->>'platform_file', file.value->>'name',
         file.value->>'media_type', (file.value->>'size')::bigint, channel, chat, platform_message
    FROM jsonb_array_elements(files) WITH ORDINALITY AS file(value, nr);

  IF addressed THEN
    PERFORM gate.defer_turn(
      here.id, CASE WHEN album_id <> '' THEN clock_timestamp() + gate.album_time() END,
      via.platform = 'terminal');
  ELSE
    DELETE FROM discreet.messages m
     WHERE m.session_id = here.id AND m.state = 'context'
       AND m.position <= (SELECT c.position FROM discreet.messages c
                           WHERE c.session_id = here.id AND c.state = 'context'
                           ORDER BY c.position DESC OFFSET gate.most_context_lines() LIMIT 1);
  END IF;
  outcome := 'accepted';
  session_id := here.id;
  contact_id := party;
END $$;

REVOKE ALL ON FUNCTION gate.why_withheld(uuid), gate.is_withheld(uuid),
  gate.known_contact(uuid, text, text),
  gate.turned_away(uuid, discreet.channels, boolean, jsonb),
  gate.find_or_create_route(discreet.sessions, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.is_withheld(uuid)
  TO discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;
