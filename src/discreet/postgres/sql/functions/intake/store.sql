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

-- Return the row of a message in its session. gate.write_messages writes it.
CREATE OR REPLACE FUNCTION gate.message_row(
  via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text, said gate.inbound)
RETURNS discreet.messages LANGUAGE plpgsql AS $$
DECLARE
  result  discreet.messages;
  replied uuid := gate.find_replied_message(via, here, said.chat, said.in_reply_to);
BEGIN
  SELECT gen_random_uuid(), clock_timestamp(), here.owner_id, here.agent_id, here.contact_id, here.shared,
         here.id, route, here.last_position, said.body, speaker,
         CASE WHEN said.sender_kind = 'address' THEN said.sender_platform || ':' || said.sender_id ELSE '' END,
         said.sender_display, via.id, said.chat, said.platform_message, said.in_reply_to, replied,
         CASE WHEN said.details IS NOT NULL THEN gate.details_to_store(said.details, replied) END,
         said.written_at, said.album_id, CASE WHEN said.addressed THEN 'waiting' ELSE 'context' END, command,
         CASE WHEN said.edit_of <> '' THEN said.platform_message END
    INTO result.id, result.created_at, result.owner_id, result.agent_id, result.contact_id, result.shared,
         result.session_id, result.route_id, result.position, result.text, result.sender_contact_id,
         result.sender_address,
         result.sender_name, result.channel_id, result.chat_id, result.platform_message_id, result.reply_to,
         result.replies_to, result.details,
         result.sent_at, result.album, result.state, result.command, result.edited_by;
  IF said.album_id <> '' THEN
    result.not_before := clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second';
  END IF;
  RETURN result;
END $$;

-- Write messages and the jobs that wake their sessions, in their order. The rows of the sessions are locked.
CREATE OR REPLACE FUNCTION gate.write_messages(
  unwritten discreet.messages[], wake_at timestamptz[], is_urgent boolean[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO discreet.messages (
    id, owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, text,
    sender_contact_id, sender_address, sender_name, channel_id, chat_id, platform_message_id,
    reply_to, replies_to, details, sent_at, created_at, album, state, not_before, command, edited_by)
  SELECT m.id, m.owner_id, m.agent_id, m.contact_id, m.shared, m.session_id, m.route_id, m.position, 'in', m.text,
         m.sender_contact_id, m.sender_address, m.sender_name, m.channel_id, m.chat_id, m.platform_message_id,
         m.reply_to, m.replies_to, m.details, m.sent_at, m.created_at, m.album, m.state, m.not_before, m.command,
         m.edited_by
    FROM unnest(unwritten) m;
  FOR i IN 1..cardinality(is_urgent) LOOP
    PERFORM gate.defer_turn(unwritten[i].session_id, wake_at[i], is_urgent[i]);
  END LOOP;
END $$;

-- Store a message that can't wait for others: with files, overheard, or a part of an album, which its sender sees
-- as one message. Returns the message.
CREATE OR REPLACE FUNCTION gate.store_message(
  row_to_write discreet.messages, via discreet.channels, here discreet.sessions, wake_at timestamptz,
  is_urgent boolean, said gate.inbound)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  album  discreet.messages;
  wanted boolean := said.addressed;
BEGIN
  IF said.album_id <> '' THEN
    SELECT m.* INTO album FROM discreet.messages m
     WHERE m.session_id = here.id AND m.route_id = row_to_write.route_id AND m.album = said.album_id
       AND m.sender_contact_id IS NOT DISTINCT FROM row_to_write.sender_contact_id
       AND m.state IN ('waiting', 'context')
     ORDER BY m.position DESC LIMIT 1;
  END IF;
  IF album.id IS NOT NULL THEN
    wanted := wanted OR album.state = 'waiting';
    said.details := row_to_write.details;
    UPDATE discreet.messages m
       SET text = m.text || E'\n' || said.body, terms = NULL, tokens = NULL,
           details = gate.merge_details(m.text, m.details, said),
           state = CASE WHEN said.addressed THEN 'waiting' ELSE m.state END
     WHERE m.id = album.id;
    row_to_write.id := album.id;
  ELSE
    PERFORM gate.write_messages(ARRAY[row_to_write], '{}', '{}');
  END IF;
  IF said.files <> '[]' THEN
    PERFORM gate.store_files(here, row_to_write.route_id, row_to_write.id, via.id, said);
  END IF;
  IF wanted THEN
    PERFORM gate.defer_turn(here.id, wake_at, is_urgent);
  ELSE
    PERFORM gate.trim_context(here.id);
  END IF;
  RETURN row_to_write.id;
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

-- Return when a session is to be looked at; null: at once. Messages sent within a short time are taken together;
-- commands don't wait.
CREATE OR REPLACE FUNCTION gate.wake_time(via discreet.channels, command text, said gate.inbound)
RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
  result timestamptz;
BEGIN
  IF command IS NULL AND via.platform <> 'terminal' THEN
    result := clock_timestamp() + via.debounce;
  END IF;
  IF said.album_id <> '' THEN
    result := greatest(result, clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second');
  END IF;
  RETURN result;
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

REVOKE ALL ON FUNCTION gate.channel_and_branches, gate.resolve_speaker, gate.message_row, gate.write_messages,
  gate.store_message, gate.store_files, gate.merge_details, gate.wake_time, gate.trim_context FROM PUBLIC;
