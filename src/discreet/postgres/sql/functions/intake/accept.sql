-- Store messages in one round trip and one commit.
SET ROLE discreet_gate;

-- Store messages in order. Each has its own outcome, one row each: that of gate.decide_message, or
-- 'failed' with the error's code and subject. A failed message leaves nothing behind, and the others
-- stay.
CREATE OR REPLACE FUNCTION gate.accept_messages(ticket text, messages gate.inbound[])
RETURNS TABLE (outcome text, message_id uuid, session_id uuid, contact_id uuid, code text, about text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
  said  gate.inbound;
BEGIN
  IF cardinality(messages) > 1 THEN
    BEGIN
      RETURN QUERY SELECT t.*, NULL::text, NULL::text FROM gate.accept_together(owner, messages) t;
      RETURN;
    EXCEPTION WHEN OTHERS THEN
      NULL;  -- Nothing of any of them is left. Whichever failed fails alone below.
    END;
  END IF;
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

-- Store messages as gate.accept_message stores one after the other: decide about each, and write as many as
-- possible in one statement. Errors: whatever fails for one of them; nothing is stored then.
CREATE OR REPLACE FUNCTION gate.accept_together(owner uuid, messages gate.inbound[])
RETURNS TABLE (outcome text, message_id uuid, session_id uuid, contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  said      gate.inbound;
  decided   record;
  unwritten discreet.messages[] := '{}';
  wake_at   timestamptz[] := '{}';
  is_urgent boolean[] := '{}';
  chats     text[] := '{}';
  people    uuid[] := '{}';
BEGIN
  FOREACH said IN ARRAY messages LOOP
    IF chats <> '{}' AND gate.depends_on_written(owner, said, chats, people) THEN
      PERFORM gate.write_messages(unwritten, wake_at, is_urgent);
      unwritten := '{}';
      wake_at := '{}';
      is_urgent := '{}';
      chats := '{}';
      people := '{}';
    END IF;
    decided := gate.decide_message(owner, said);
    outcome := decided.outcome;
    message_id := (decided.message).id;
    session_id := (decided.message).session_id;
    contact_id := (decided.message).contact_id;
    RETURN NEXT;
    IF decided.is_unwritten THEN
      unwritten := unwritten || decided.message;
      wake_at := wake_at || decided.wake_at;
      is_urgent := is_urgent || decided.is_urgent;
      chats := chats || said.chat;
      people := people || ARRAY[contact_id, (decided.message).sender_contact_id];
    END IF;
  END LOOP;
  IF chats <> '{}' THEN
    PERFORM gate.write_messages(unwritten, wake_at, is_urgent);
  END IF;
END $$;

-- Say whether the decision about a message may depend on earlier messages of its call: of the same chat (a
-- duplicate, an edit, an album), of the same contact (a limit), or of anybody (a command, the owner's words).
-- `chats` and `people`: of the messages that are not written yet.
CREATE OR REPLACE FUNCTION gate.depends_on_written(owner uuid, said gate.inbound, chats text[], people uuid[])
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  sender uuid;
BEGIN
  IF said.chat = ANY (chats) OR said.edit_of <> '' OR said.album_id <> '' OR said.in_reply_to IS NOT NULL
     OR starts_with(said.body, '/') IS NOT FALSE
     -- In a group, the agent's name may stand before a command.
     OR (said.group_id IS NOT NULL AND starts_with(ltrim(said.body), '@')) THEN
    RETURN true;
  END IF;
  sender := CASE said.sender_kind
    WHEN 'address' THEN gate.find_contact(owner, said.sender_platform, said.sender_id)
    WHEN 'contact' THEN said.sender_contact END;
  RETURN sender IS NULL OR sender = ANY (people)
    OR (said.group_id IS NOT NULL
        AND gate.find_contact(owner, said.group_platform, said.group_id) = ANY (people));
END $$;

-- Store one message. Outcome and errors: as gate.decide_message.
CREATE OR REPLACE FUNCTION gate.accept_message(
  owner uuid, said gate.inbound,
  OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  decided record := gate.decide_message(owner, said);
BEGIN
  IF decided.is_unwritten THEN
    PERFORM gate.write_messages(ARRAY[decided.message], ARRAY[decided.wake_at], ARRAY[decided.is_urgent]);
  END IF;
  outcome := decided.outcome;
  message_id := (decided.message).id;
  session_id := (decided.message).session_id;
  contact_id := (decided.message).contact_id;
END $$;

-- Decide about a message. `message`: it, or the one that it repeats or edits; at least its id, session_id and
-- contact_id. It is stored, unless `is_unwritten`: then it remains to call gate.write_messages with it, wake_at
-- and is_urgent.
-- outcome: 'accepted', 'duplicate', 'erased' (sent before its sender was erased), or why it was refused
-- (gate.message_refusal). Errors: DS001 no such channel; as for gate.ingest_message.
CREATE OR REPLACE FUNCTION gate.decide_message(
  owner uuid, said gate.inbound,
  OUT outcome text, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamptz,
  OUT is_urgent boolean)
LANGUAGE plpgsql AS $$
DECLARE
  via        discreet.channels;
  one_of     uuid[];
  shared     boolean;
  any_erased boolean;
  is_new     boolean;
  ingested   record;
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
  message := gate.find_duplicate(said, one_of);
  IF message.id IS NOT NULL THEN
    outcome := 'duplicate';
    RETURN;
  END IF;
  -- Nearly always nobody was erased.
  SELECT a.memory_model = 'shared', EXISTS (SELECT FROM discreet.erased_addresses e WHERE e.owner_id = owner)
    INTO STRICT shared, any_erased
    FROM discreet.agents a WHERE a.id = via.agent_id;
  IF any_erased AND gate.predates_erasure(owner, said.written_at, said.sender_platform || ':' || said.sender_id,
                                          said.group_platform || ':' || said.group_id) THEN
    outcome := 'erased';
    RETURN;
  END IF;
  outcome := gate.message_refusal(owner, via, shared, said);
  IF outcome IS NULL THEN
    outcome := 'accepted';
    is_new := via.contact_labels <> '{}' AND via.admission = 'open'
              AND gate.is_new_contact(owner, via, said);
    ingested := gate.ingest_message(owner, via, shared, said);
    message := ingested.message;
    is_unwritten := ingested.is_unwritten;
    wake_at := ingested.wake_at;
    is_urgent := ingested.is_urgent;
    IF is_new AND message.contact_id IS NOT NULL THEN
      PERFORM gate.apply_channel_labels(via, message.contact_id);
    END IF;
  END IF;
END $$;

-- Find a message that was stored before, on one of these channels: its id, session_id and contact_id.
CREATE OR REPLACE FUNCTION gate.find_duplicate(said gate.inbound, one_of uuid[]) RETURNS discreet.messages
LANGUAGE plpgsql STABLE AS $$
DECLARE
  result discreet.messages;
BEGIN
  -- On the channel itself first: with = ANY, PostgreSQL makes a new plan for each message.
  SELECT m.id, m.session_id, m.contact_id INTO result.id, result.session_id, result.contact_id
    FROM discreet.messages m
   WHERE m.channel_id = said.channel AND m.chat_id = said.chat
     AND m.platform_message_id = said.platform_message AND m.direction = 'in';
  IF NOT FOUND AND cardinality(one_of) > 1 THEN
    SELECT m.id, m.session_id, m.contact_id INTO result.id, result.session_id, result.contact_id
      FROM discreet.messages m
     WHERE m.channel_id = ANY (one_of) AND m.chat_id = said.chat
       AND m.platform_message_id = said.platform_message AND m.direction = 'in';
  END IF;
  IF result.id IS NULL AND said.files <> '[]' THEN
    SELECT f.message_id, f.session_id, f.contact_id INTO result.id, result.session_id, result.contact_id
      FROM discreet.attachments f
     WHERE f.channel_id = ANY (one_of) AND f.chat_id = said.chat
       AND f.platform_message_id = said.platform_message
     LIMIT 1;
  END IF;
  RETURN result;
END $$;

-- Find or create what the message of an admitted sender belongs to: contact, session and route. What is
-- returned, and what remains to be written: as for gate.decide_message. Errors: as for gate.resolve_speaker;
-- serialization_failure: look again.
CREATE OR REPLACE FUNCTION gate.ingest_message(
  owner uuid, via discreet.channels, of_all boolean, said gate.inbound,
  OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamptz, OUT is_urgent boolean)
LANGUAGE plpgsql AS $$
DECLARE
  speaker    uuid := gate.resolve_speaker(owner, via, said);
  contact_id uuid := speaker;
  here       discreet.sessions;
  route      uuid;
  command    text;
  is_edit    boolean := coalesce(said.edit_of, '') <> '';
BEGIN
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
    message.id := gate.apply_edit(via, here, speaker, contact_id IS NULL AND NOT of_all, said);
    message.session_id := here.id;
    message.contact_id := contact_id;
    IF message.id IS NOT NULL THEN
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
  IF contact_id IS NULL AND NOT of_all THEN
    command := gate.owner_command(here, command, said, is_edit);
    said.addressed := said.addressed OR command IS NOT NULL;
  END IF;
  IF command = 'stop' THEN
    PERFORM gate.stop_turn(here.id);
  END IF;
  route := gate.find_or_create_route(here, via.id, said.chat, said.platform_thread);
  message := gate.message_row(via, here, route, speaker, command, said);
  wake_at := gate.wake_time(via, command, said);
  is_urgent := via.platform = 'terminal' OR command IS NOT NULL;
  -- What is overheard, has files or may belong to an album can't wait for others.
  is_unwritten := said.addressed AND said.album_id = '' AND said.files = '[]';
  IF NOT is_unwritten THEN
    message.id := gate.store_message(message, via, here, wake_at, is_urgent, said);
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.accept_messages, gate.accept_together, gate.depends_on_written, gate.accept_message,
  gate.decide_message, gate.find_duplicate, gate.ingest_message FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.accept_messages TO discreet_intake;
