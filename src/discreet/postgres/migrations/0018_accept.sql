-- From messages to rows, in one round trip and one commit.
SET ROLE discreet_gate;
-- Why a message is not taken, or null: first whether its sender may come in, then how much they may
-- use.
CREATE FUNCTION gate.turned_away(
  owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce(gate.not_admitted(owner, via, shared, said),
                  gate.over_limit(owner, via, shared, said));
END $$;

-- The functions below are called by functions of the gate alone, with their rights and their search
-- path.

-- A channel and its branches for the chat of a message, closed ones too.
CREATE FUNCTION gate.channels_for(via discreet.channels, said gate.inbound) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF via.platform = 'terminal' THEN
    RETURN ARRAY[via.id];
  END IF;
  RETURN via.id || ARRAY(
    SELECT c.id FROM discreet.channels c
     WHERE c.parent_id = via.id
       AND c.only_chat IN (said.chat, coalesce(said.group_id, said.sender_id)));
END $$;

-- The contact who speaks, made if new; null: the owner. 'contact' and 'owner' are for whoever runs
-- the installation, at a terminal; on any other channel they are refused.
-- Errors: DS001 no such contact; DS002 the sender can't be resolved.
CREATE FUNCTION gate.speaker_of(owner uuid, via discreet.channels, said gate.inbound)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  result uuid;
BEGIN
  IF said.sender_kind = 'address' THEN
    RETURN gate.find_or_create_contact(
      owner, said.sender_platform, said.sender_id, 'external', said.sender_display);
  ELSIF said.sender_kind = 'contact' AND via.platform = 'terminal' THEN
    SELECT c.id INTO result FROM discreet.contacts c
     WHERE c.id = said.sender_contact AND c.owner_id = owner AND c.joined_into IS NULL;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
    END IF;
    RETURN result;
  ELSIF said.sender_kind = 'owner' AND via.platform = 'terminal' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'no_sender' USING ERRCODE = 'DS002';
END $$;

-- Stores a message in its session: as a row of its own, or as a further part of an album that still
-- waits, which its sender sees as one message. `wanted`: whether the agent has to look at it.
CREATE FUNCTION gate.store_message(
  via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text,
  said gate.inbound, OUT message_id uuid, OUT wanted boolean)
LANGUAGE plpgsql AS $$
DECLARE
  album discreet.messages;
BEGIN
  wanted := said.addressed;
  IF said.album_id <> '' THEN
    SELECT m.* INTO album FROM discreet.messages m
     WHERE m.session_id = here.id AND m.route_id = route AND m.album = said.album_id
       AND m.sender_contact_id IS NOT DISTINCT FROM speaker AND m.state IN ('waiting', 'context')
     ORDER BY m.position DESC LIMIT 1;
  END IF;
  IF album.id IS NOT NULL THEN
    message_id := album.id;
    wanted := wanted OR album.state = 'waiting';
    UPDATE discreet.messages m
       SET text = m.text || E'\n' || said.body, terms = NULL, tokens = NULL,
           state = CASE WHEN said.addressed THEN 'waiting' ELSE m.state END
     WHERE m.id = album.id;
  ELSE
    INSERT INTO discreet.messages (
      owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, text,
      sender_contact_id, sender_address, sender_name, channel_id, chat_id, platform_message_id,
      reply_to, sent_at, album, state, not_before, command)
    VALUES (
      here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route,
      here.last_position, 'in', said.body, speaker,
      CASE WHEN said.sender_kind = 'address' THEN said.sender_platform || ':' || said.sender_id
           ELSE '' END,
      said.sender_display, via.id, said.chat, said.platform_message, said.in_reply_to,
      said.written_at, said.album_id, CASE WHEN wanted THEN 'waiting' ELSE 'context' END,
      CASE WHEN said.album_id <> '' THEN clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second' END, command)
    RETURNING id INTO message_id;
  END IF;
  IF said.files <> '[]' THEN
    INSERT INTO discreet.attachments (
      owner_id, agent_id, contact_id, shared, session_id, route_id, message_id, position, kind,
      platform_file, name, media_type, size, channel_id, chat_id, platform_message_id)
    SELECT here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route,
           store_message.message_id,
           (SELECT count(*) FROM discreet.attachments f
             WHERE f.message_id = store_message.message_id) + file.nr,
           file.value->>'kind', file.value->>'platform_file', file.value->>'name',
           file.value->>'media_type', (file.value->>'size')::bigint, via.id, said.chat,
           said.platform_message
      FROM jsonb_array_elements(said.files) WITH ORDINALITY AS file(value, nr);
  END IF;
END $$;

-- Has a session looked at. What the same people write within a short time is taken together;
-- commands don't wait.
CREATE FUNCTION gate.wake_for_message(
  via discreet.channels, session uuid, command text, said gate.inbound)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  wake_at timestamptz;
BEGIN
  IF command IS NULL AND via.platform <> 'terminal' THEN
    wake_at := clock_timestamp() + via.gather;
  END IF;
  IF said.album_id <> '' THEN
    wake_at := greatest(wake_at, clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second');
  END IF;
  PERFORM gate.defer_turn(session, wake_at, via.platform = 'terminal' OR command IS NOT NULL);
END $$;

-- Of the lines that a session only overheard, the newest stay.
CREATE FUNCTION gate.trim_context(session uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM discreet.messages m
   WHERE m.session_id = session AND m.state = 'context'
     AND m.position <= (SELECT c.position FROM discreet.messages c
                         WHERE c.session_id = session AND c.state = 'context'
                         ORDER BY c.position DESC 
                        OFFSET (SELECT p.context_lines FROM gate.policy p) LIMIT 1);
END $$;

-- Stores the message of a sender who may come in: contact, session, route, row and wake job.
-- Errors: as for gate.speaker_of; serialization_failure: look again.
CREATE FUNCTION gate.take_message(
  owner uuid, via discreet.channels, of_all boolean, said gate.inbound,
  OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  speaker uuid := gate.speaker_of(owner, via, said);
  here    discreet.sessions;
  route   uuid;
  command text;
  wanted  boolean;
BEGIN
  contact_id := speaker;
  IF said.group_id IS NOT NULL THEN
    contact_id := gate.find_or_create_contact(
      owner, said.group_platform, said.group_id, 'group', said.group_name);
  END IF;
  IF of_all THEN
    contact_id := NULL;
  END IF;
  IF speaker IS DISTINCT FROM contact_id AND speaker IS NOT NULL THEN
    -- No key leads from a line to who spoke among others; one who is erased just now must not come back.
    PERFORM 1 FROM discreet.contacts c WHERE c.id = speaker FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'sender_erased' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;

  IF said.addressed AND said.album_id = '' AND said.files = '[]' AND starts_with(said.body, '/') THEN
    command := gate.command_of(said.body, contact_id IS NULL AND NOT of_all);
  END IF;
  here := gate.find_or_create_session(
    owner, via.agent_id, contact_id, of_all, said.thread,
    said.force_new OR command IS NOT DISTINCT FROM 'new');
  session_id := here.id;
  IF command = 'stop' THEN
    PERFORM gate.stop_turn(here.id);
  END IF;
  route := gate.find_or_create_route(here, via.id, said.chat, said.platform_thread);
  SELECT s.message_id, s.wanted INTO message_id, wanted
    FROM gate.store_message(via, here, route, speaker, command, said) s;
  IF wanted THEN
    PERFORM gate.wake_for_message(via, here.id, command, said);
  ELSE
    PERFORM gate.trim_context(here.id);
  END IF;
END $$;

-- outcome: 'accepted', 'duplicate', 'erased' (said before its sender was erased), or why it was not
-- taken (gate.turned_away). Errors: DS001 no such channel; as for gate.take_message.
CREATE FUNCTION gate.accept_message(
  owner uuid, said gate.inbound,
  OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  via    discreet.channels;
  one_of uuid[];
  shared boolean;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = said.channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  one_of := gate.channels_for(via, said);
  IF cardinality(one_of) > 1 THEN
    -- Of two branches that fit, the one for the chat itself.
    SELECT c.* INTO via FROM discreet.channels c
     WHERE c.id = ANY (one_of) AND (c.id = said.channel OR c.closed_at IS NULL)
     ORDER BY c.parent_id IS NULL, c.only_chat <> said.chat LIMIT 1;
  END IF;
  SELECT 'duplicate', m.id, m.session_id, m.contact_id
    INTO outcome, message_id, session_id, contact_id
    FROM discreet.messages m
   WHERE m.channel_id = ANY (one_of) AND m.chat_id = said.chat
     AND m.platform_message_id = said.platform_message AND m.direction = 'in';
  IF NOT FOUND AND said.files <> '[]' THEN
    SELECT 'duplicate', f.message_id, f.session_id, f.contact_id
      INTO outcome, message_id, session_id, contact_id
      FROM discreet.attachments f
     WHERE f.channel_id = ANY (one_of) AND f.chat_id = said.chat
       AND f.platform_message_id = said.platform_message
     LIMIT 1;
  END IF;
  IF message_id IS NOT NULL THEN
    RETURN;
  END IF;
  IF gate.was_erased(owner, said.written_at, said.sender_platform || ':' || said.sender_id,
                     said.group_platform || ':' || said.group_id) THEN
    outcome := 'erased';
    RETURN;
  END IF;
  SELECT a.memory_model = 'shared' INTO STRICT shared FROM discreet.agents a
   WHERE a.id = via.agent_id;
  outcome := gate.turned_away(owner, via, shared, said);
  IF outcome IS NULL THEN
    outcome := 'accepted';
    SELECT t.message_id, t.session_id, t.contact_id INTO message_id, session_id, contact_id
      FROM gate.take_message(owner, via, shared, said) t;
  END IF;
END $$;

-- Stores messages in their order. Each has an outcome of its own, in one row: that of
-- gate.accept_message, or 'failed' with the error's code and what it is about; such a message leaves
-- nothing, and the others stay.
CREATE FUNCTION gate.accept_messages(ticket text, messages gate.inbound[])
RETURNS TABLE (outcome text, message_id uuid, session_id uuid, contact_id uuid, code text, about text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
  said  gate.inbound;
BEGIN
  FOREACH said IN ARRAY messages LOOP
    code := NULL;
    about := NULL;
    BEGIN
      SELECT a.* INTO outcome, message_id, session_id, contact_id
        FROM gate.accept_message(owner, said) a;
    EXCEPTION WHEN OTHERS THEN
      outcome := 'failed';
      message_id := NULL;
      session_id := NULL;
      contact_id := NULL;
      code := SQLSTATE;
      -- Of an error of the database itself the text may quote a row.
      about := CASE WHEN starts_with(SQLSTATE, 'DS') THEN SQLERRM END;
    END;
    RETURN NEXT;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION gate.turned_away(uuid, discreet.channels, boolean, gate.inbound),
  gate.channels_for(discreet.channels, gate.inbound), gate.speaker_of(uuid, discreet.channels, gate.inbound),
  gate.store_message(discreet.channels, discreet.sessions, uuid, uuid, text, gate.inbound),
  gate.wake_for_message(discreet.channels, uuid, text, gate.inbound), gate.trim_context(uuid),
  gate.take_message(uuid, discreet.channels, boolean, gate.inbound),
  gate.accept_message(uuid, gate.inbound), gate.accept_messages(text, gate.inbound[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.accept_messages(text, gate.inbound[]) TO discreet_intake;
RESET ROLE;
