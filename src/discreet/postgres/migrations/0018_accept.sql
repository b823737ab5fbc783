-- From a message to its row, in one round trip and one commit.
SET ROLE discreet_gate;
-- Why a message that has arrived is not taken, or null: first whether somebody may come in, then how
-- much they may use.
CREATE FUNCTION gate.turned_away(
  owner uuid, via discreet.channels, shared boolean, arrived jsonb)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce(gate.not_admitted(owner, via, shared, arrived),
                  gate.over_limit(owner, via, shared, arrived));
END $$;

-- sender_kind: 'address' (platform, platform_id), 'contact' (named by id), 'owner'. The last two are
-- for whoever runs the installation, at a terminal; on any other channel they are refused.
-- outcome: 'accepted', 'duplicate', or why it was not taken (gate.turned_away).
-- Errors: DS001 no such channel or contact; DS002 the sender can't be resolved.
CREATE FUNCTION gate.accept_message(
  ticket text, channel uuid, chat text, platform_thread text, platform_message text, written_at timestamptz,
  sender_kind text, sender_platform text, sender_id text, sender_contact uuid, sender_display text,
  group_platform text, group_id text, group_name text, thread text, force_new boolean, body text, in_reply_to text,
  addressed boolean, album_id text, files jsonb, limited boolean,
  OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner   uuid := gate.enter(ticket);
  via     discreet.channels;
  -- This channel, and its branches for this chat, also those that were closed.
  one_of  uuid[] := ARRAY[channel];
  shared  boolean;
  speaker uuid;
  party   uuid;
  here    discreet.sessions;
  route   uuid;
  joined  discreet.messages;
  command text;
  wake_at timestamptz;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such channel' USING ERRCODE = 'DS001';
  END IF;
  IF via.platform <> 'terminal' THEN
    SELECT one_of || coalesce(array_agg(c.id), '{}') INTO one_of FROM discreet.channels c
     WHERE c.parent_id = channel AND c.only_chat IN (chat, coalesce(group_id, sender_id));
    IF cardinality(one_of) > 1 THEN
      -- Of two that fit, the one for the chat itself.
      SELECT c.* INTO via FROM discreet.channels c
       WHERE c.id = ANY (one_of) AND (c.id = channel OR c.closed_at IS NULL)
       ORDER BY c.parent_id IS NULL, c.only_chat <> chat LIMIT 1;
    END IF;
  END IF;
  SELECT a.memory_model = 'shared' INTO STRICT shared FROM discreet.agents a
   WHERE a.id = via.agent_id;

  SELECT 'duplicate', m.id, m.session_id, m.contact_id
    INTO outcome, message_id, session_id, contact_id
    FROM discreet.messages m
   WHERE m.channel_id = ANY (one_of) AND m.chat_id = chat
     AND m.platform_message_id = platform_message AND m.direction = 'in';
  IF NOT FOUND AND files <> '[]' THEN
    SELECT 'duplicate', f.message_id, f.session_id, f.contact_id
      INTO outcome, message_id, session_id, contact_id
      FROM discreet.attachments f
     WHERE f.channel_id = ANY (one_of) AND f.chat_id = chat
       AND f.platform_message_id = platform_message
     LIMIT 1;
  END IF;
  IF message_id IS NOT NULL THEN
    RETURN;
  END IF;
  IF gate.was_erased(owner, written_at, sender_platform || ':' || sender_id,
                     group_platform || ':' || group_id) THEN
    outcome := 'erased';
    RETURN;
  END IF;

  outcome := gate.turned_away(owner, via, shared, jsonb_build_object(
    'chat', chat, 'platform_thread', platform_thread, 'platform_message', platform_message,
    'written_at', written_at, 'sender_kind', sender_kind, 'sender_platform', sender_platform,
    'sender_id', sender_id, 'sender_contact', sender_contact, 'sender_display', sender_display,
    'group_platform', group_platform, 'group_id', group_id, 'group_name', group_name,
    'thread', thread, 'force_new', force_new, 'body', body, 'in_reply_to', in_reply_to,
    'addressed', addressed, 'album_id', album_id, 'files', files,
    'limited', limited));
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;

  IF sender_kind = 'address' THEN
    speaker := gate.find_or_create_contact(
      owner, sender_platform, sender_id, 'external', sender_display);
  ELSIF sender_kind = 'contact' AND via.platform = 'terminal' THEN
    SELECT c.id INTO speaker FROM discreet.contacts c
     WHERE c.id = sender_contact AND c.owner_id = owner AND c.joined_into IS NULL;
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
  IF speaker IS DISTINCT FROM party AND speaker IS NOT NULL THEN
    -- No key leads from a line to who spoke among others; one who is erased just now must not come back.
    PERFORM 1 FROM discreet.contacts c WHERE c.id = speaker FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the sender was erased' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;

  IF addressed AND album_id = '' AND files = '[]' AND starts_with(body, '/') THEN
    command := gate.command_of(body, party IS NULL AND NOT shared);
  END IF;
  here := gate.find_or_create_session(
    owner, via.agent_id, party, shared, thread, force_new OR command IS NOT DISTINCT FROM 'new');
  IF command = 'stop' THEN
    PERFORM gate.stop_turn(here.id);
  END IF;
  route := gate.find_or_create_route(here, via.id, chat, platform_thread);

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
      reply_to, sent_at, album, state, not_before, command)
    VALUES (
      owner, via.agent_id, party, here.shared, here.id, route, here.last_position, 'in', body,
      speaker, CASE WHEN sender_kind = 'address' THEN sender_platform || ':' || sender_id ELSE '' END,
      sender_display, via.id, chat, platform_message, in_reply_to, written_at, album_id,
      CASE WHEN addressed THEN 'waiting' ELSE 'context' END,
      CASE WHEN album_id <> '' THEN clock_timestamp() + gate.album_time() END, command)
    RETURNING id INTO message_id;
  END IF;
  IF files <> '[]' THEN
    INSERT INTO discreet.attachments (
      owner_id, agent_id, contact_id, shared, session_id, route_id, message_id, position, kind,
      platform_file, name, media_type, size, channel_id, chat_id, platform_message_id)
    SELECT owner, via.agent_id, party, here.shared, here.id, route, accept_message.message_id,
           (SELECT count(*) FROM discreet.attachments f
             WHERE f.message_id = accept_message.message_id) + file.nr,
           file.value->>'kind', file.value->>'platform_file', file.value->>'name',
           file.value->>'media_type', (file.value->>'size')::bigint, via.id, chat, platform_message
      FROM jsonb_array_elements(files) WITH ORDINALITY AS file(value, nr);
  END IF;

  IF addressed THEN
    -- What the same people write within a short time is taken together; commands don't wait.
    IF command IS NULL AND via.platform <> 'terminal' THEN
      wake_at := clock_timestamp() + via.gather;
    END IF;
    IF album_id <> '' THEN
      wake_at := greatest(wake_at, clock_timestamp() + gate.album_time());
    END IF;
    PERFORM gate.defer_turn(here.id, wake_at, via.platform = 'terminal' OR command IS NOT NULL);
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

REVOKE ALL ON FUNCTION gate.turned_away(uuid, discreet.channels, boolean, jsonb),
  gate.accept_message(text, uuid, text, text, text, timestamptz, text, text, text, uuid, text,
                      text, text, text, text, boolean, text, text, boolean, text, jsonb, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  gate.accept_message(text, uuid, text, text, text, timestamptz, text, text, text, uuid, text,
                      text, text, text, text, boolean, text, text, boolean, text, jsonb, boolean)
  TO discreet_intake;
RESET ROLE;
