SET ROLE discreet_gate;

-- The functions below are called by functions of the gate only, with their rights and search path.
-- Return a channel and its branches for the chat of a message, closed ones too.
CREATE OR REPLACE FUNCTION gate.channel_and_branches(via discreet.channels, said gate.inbound) RETURNS uuid[]
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

-- Return the contact who speaks, creating it if it is new; null: the owner. The sender kinds 'contact'
-- and 'owner' are for whoever runs the installation, at a terminal; on any other channel they are
-- refused. The group itself says only what isn't answered. Errors: DS001 no such contact; DS002 the sender can't be resolved.
CREATE OR REPLACE FUNCTION gate.resolve_speaker(owner uuid, via discreet.channels, said gate.inbound)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  result uuid;
BEGIN
  IF said.sender_kind = 'address' THEN
    RETURN gate.find_or_create_contact(
      owner, said.sender_platform, said.sender_id, 'external', said.sender_display);
  ELSIF said.sender_kind = 'group' AND said.group_id IS NOT NULL AND NOT said.addressed THEN
    RETURN gate.find_or_create_contact(
      owner, said.group_platform, said.group_id, 'group', said.group_name);
  ELSIF said.sender_kind = 'contact' AND via.platform = 'terminal' THEN
    SELECT c.id INTO result FROM discreet.contacts c
     WHERE c.id = said.sender_contact AND c.owner_id = owner AND c.merged_into IS NULL;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
    END IF;
    RETURN result;
  ELSIF said.sender_kind = 'owner' AND via.platform = 'terminal' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'no_sender' USING ERRCODE = 'DS002';
END $$;

-- Store a message in its session: as a row of its own, or as another part of a waiting album, which its
-- sender sees as one message. `wanted`: whether the agent has to look at it.
CREATE OR REPLACE FUNCTION gate.store_message(
  via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text,
  said gate.inbound, OUT message_id uuid, OUT wanted boolean)
LANGUAGE plpgsql AS $$
DECLARE
  album   discreet.messages;
  due     timestamptz;
  replied uuid := gate.find_replied_message(via, here, said.chat, said.in_reply_to);
BEGIN
  wanted := said.addressed;
  said.details := gate.details_to_store(said.details, replied);
  IF said.album_id <> '' THEN
    SELECT m.* INTO album FROM discreet.messages m
     WHERE m.session_id = here.id AND m.route_id = route AND m.album = said.album_id
       AND m.sender_contact_id IS NOT DISTINCT FROM speaker AND m.state IN ('waiting', 'context')
     ORDER BY m.position DESC LIMIT 1;
    -- Outside the INSERT, so that its plan can be reused for every message.
    due := clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second';
  END IF;
  IF album.id IS NOT NULL THEN
    message_id := album.id;
    wanted := wanted OR album.state = 'waiting';
    UPDATE discreet.messages m
       SET text = m.text || E'\n' || said.body, terms = NULL, tokens = NULL,
           details = gate.merge_details(m.text, m.details, said),
           state = CASE WHEN said.addressed THEN 'waiting' ELSE m.state END
     WHERE m.id = album.id;
  ELSE
    INSERT INTO discreet.messages (
      owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, text,
      sender_contact_id, sender_address, sender_name, channel_id, chat_id, platform_message_id,
      reply_to, replies_to, details, sent_at, album, state, not_before, command, edited_by)
    VALUES (
      here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route,
      here.last_position, 'in', said.body, speaker,
      CASE WHEN said.sender_kind = 'address' THEN said.sender_platform || ':' || said.sender_id
           ELSE '' END,
      said.sender_display, via.id, said.chat, said.platform_message, said.in_reply_to,
      replied, said.details, said.written_at, said.album_id, CASE WHEN wanted THEN 'waiting' ELSE 'context' END,
      due, command, CASE WHEN said.edit_of <> '' THEN said.platform_message END)
    RETURNING id INTO message_id;
  END IF;
  IF said.files <> '[]' THEN
    PERFORM gate.store_files(here, route, message_id, via.id, said);
  END IF;
END $$;

-- Store the files of a message after those that it already has.
CREATE OR REPLACE FUNCTION gate.store_files(
  here discreet.sessions, route uuid, message uuid, via uuid, said gate.inbound)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO discreet.attachments (
    owner_id, agent_id, contact_id, shared, session_id, route_id, message_id, position, kind,
    platform_file, name, media_type, size, channel_id, chat_id, platform_message_id)
  SELECT here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route, message,
         (SELECT count(*) FROM discreet.attachments f WHERE f.message_id = message) + file.nr,
         file.value->>'kind', file.value->>'platform_file', file.value->>'name',
         file.value->>'media_type', (file.value->>'size')::bigint, via, said.chat,
         said.platform_message
    FROM jsonb_array_elements(said.files) WITH ORDINALITY AS file(value, nr)
$$;

-- Return the details of an album with a message added; null if neither has any.
CREATE OR REPLACE FUNCTION gate.merge_details(before text, details jsonb, said gate.inbound)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN coalesce(details, said.details) IS NOT NULL THEN
    coalesce(said.details, '{}') || coalesce(details, '{}') || jsonb_build_object(
      'text', concat_ws(E'\n', coalesce(details->>'text', before),
                        coalesce(said.details->>'text', said.body)),
      'parts', coalesce(details->'parts', '[]') || coalesce(said.details->'parts', '[]')) END
$$;

-- Schedule a session to be looked at. Messages sent within a short time are taken together; commands
-- don't wait.
CREATE OR REPLACE FUNCTION gate.wake_for_message(
  via discreet.channels, session uuid, command text, said gate.inbound)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  wake_at timestamptz;
BEGIN
  IF command IS NULL AND via.platform <> 'terminal' THEN
    wake_at := clock_timestamp() + via.debounce;
  END IF;
  IF said.album_id <> '' THEN
    wake_at := greatest(wake_at, clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second');
  END IF;
  PERFORM gate.defer_turn(session, wake_at, via.platform = 'terminal' OR command IS NOT NULL);
END $$;

-- Keep only the newest of the messages that a session overheard.
CREATE OR REPLACE FUNCTION gate.trim_context(session uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM discreet.messages m
   WHERE m.session_id = session AND m.state = 'context'
     AND m.position <= (SELECT c.position FROM discreet.messages c
                         WHERE c.session_id = session AND c.state = 'context'
                         ORDER BY c.position DESC 
                        OFFSET (SELECT p.context_lines FROM gate.policy p) LIMIT 1);
END $$;

REVOKE ALL ON FUNCTION gate.channel_and_branches, gate.resolve_speaker, gate.store_message,
  gate.store_files, gate.merge_details, gate.wake_for_message, gate.trim_context FROM PUBLIC;
