-- Store messages in one round trip and one commit.
SET ROLE discreet_gate;

-- Store messages in order. Each has its own outcome, one row each: that of gate.accept_message, or
-- 'failed' with the error's code and subject. A failed message leaves nothing behind, and the others
-- stay.
CREATE OR REPLACE FUNCTION gate.accept_messages(ticket text, messages gate.inbound[])
RETURNS TABLE (outcome text, message_id uuid, session_id uuid, contact_id uuid, code text, about text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
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
      -- The text of an error of the database itself may quote a row.
      about := CASE WHEN starts_with(SQLSTATE, 'DS') THEN SQLERRM END;
    END;
    RETURN NEXT;
  END LOOP;
END $$;

-- outcome: 'accepted', 'duplicate', 'erased' (sent before its sender was erased), or why it was refused
-- (gate.message_refusal). Errors: DS001 no such channel; as for gate.ingest_message.
CREATE OR REPLACE FUNCTION gate.accept_message(
  owner uuid, said gate.inbound,
  OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  via    discreet.channels;
  one_of uuid[];
  shared boolean;
  is_new boolean;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = said.channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  one_of := gate.channel_and_branches(via, said);
  IF cardinality(one_of) > 1 THEN
    -- If two branches match, take the one for the chat itself.
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
  IF gate.predates_erasure(owner, said.written_at, said.sender_platform || ':' || said.sender_id,
                     said.group_platform || ':' || said.group_id) THEN
    outcome := 'erased';
    RETURN;
  END IF;
  SELECT a.memory_model = 'shared' INTO STRICT shared FROM discreet.agents a
   WHERE a.id = via.agent_id;
  outcome := gate.message_refusal(owner, via, shared, said);
  IF outcome IS NULL THEN
    outcome := 'accepted';
    is_new := via.contact_labels <> '{}' AND via.admission = 'open'
              AND gate.is_new_contact(owner, via, said);
    SELECT t.message_id, t.session_id, t.contact_id INTO message_id, session_id, contact_id
      FROM gate.ingest_message(owner, via, shared, said) t;
    IF is_new AND contact_id IS NOT NULL THEN
      PERFORM gate.apply_channel_labels(via, contact_id);
    END IF;
  END IF;
END $$;

-- Store the message of an admitted sender: contact, session, route, row and wake job. Errors: as for
-- gate.resolve_speaker; serialization_failure: look again.
CREATE OR REPLACE FUNCTION gate.ingest_message(
  owner uuid, via discreet.channels, of_all boolean, said gate.inbound,
  OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  speaker uuid := gate.resolve_speaker(owner, via, said);
  here    discreet.sessions;
  route   uuid;
  command text;
  wanted  boolean;
  is_edit boolean := coalesce(said.edit_of, '') <> '';
BEGIN
  contact_id := speaker;
  IF said.group_id IS NOT NULL THEN
    contact_id := gate.find_or_create_contact(
      owner, said.group_platform, said.group_id, 'group', said.group_name);
  END IF;
  IF speaker IS NULL AND said.group_id IS NULL AND said.sender_kind = 'address' THEN
    PERFORM gate.record_owner_chat(owner, via, said);
    -- What only the owner may ask for isn't said where everybody reads it.
    of_all := of_all AND NOT (gate.parse_command(said.body, true) IS NOT NULL
                              AND gate.parse_command(said.body, false) IS NULL);
  END IF;
  IF of_all THEN
    contact_id := NULL;
  END IF;
  IF speaker IS DISTINCT FROM contact_id AND speaker IS NOT NULL THEN
    -- No foreign key leads from a message to its speaker in a group; one who is being erased must not
    -- come back.
    PERFORM 1 FROM discreet.contacts c WHERE c.id = speaker FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'sender_erased' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;

  IF is_edit THEN
    here := gate.find_or_create_session(owner, via.agent_id, contact_id, of_all, said.thread, false);
    message_id := gate.apply_edit(via, here, speaker, contact_id IS NULL AND NOT of_all, said);
    session_id := here.id;
    IF message_id IS NOT NULL THEN
      RETURN;
    END IF;
    said := gate.edit_as_context(said);
  END IF;
  IF said.group_id IS NOT NULL AND said.addressed AND starts_with(ltrim(said.body), '@') THEN
    said := gate.strip_agent_name(said, (SELECT a.name FROM discreet.agents a WHERE a.id = via.agent_id));
  END IF;
  IF said.addressed AND said.album_id = '' AND said.files = '[]' THEN
    command := gate.message_command(said, contact_id, of_all);
  END IF;
  here := gate.find_or_create_session(
    owner, via.agent_id, contact_id, of_all, said.thread,
    said.force_new OR command IS NOT DISTINCT FROM 'new');
  session_id := here.id;
  IF contact_id IS NULL AND NOT of_all THEN
    command := gate.owner_command(here, command, said, is_edit);
    said.addressed := said.addressed OR command IS NOT NULL;
  END IF;
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

REVOKE ALL ON FUNCTION gate.accept_messages, gate.accept_message, gate.ingest_message FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.accept_messages TO discreet_intake;
