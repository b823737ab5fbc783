-- What else comes in from a platform: files, albums, lines that are only overheard, and groups whose
-- chat gets another id.
SET ROLE discreet_schema;

ALTER TABLE discreet.messages DROP CONSTRAINT messages_state_check;
ALTER TABLE discreet.messages ADD CONSTRAINT messages_state_check
  CHECK (state IN ('waiting', 'taken', 'answered', 'failed', 'context', 'sent'));
COMMENT ON COLUMN discreet.messages.state IS
  'inbound: waiting, taken by a turn, answered, failed (given up), context (overheard, never answered); outbound: always sent, its delivery is in outbox';
ALTER TABLE discreet.messages ADD COLUMN album text NOT NULL DEFAULT '';
CREATE INDEX messages_context ON discreet.messages (session_id, position) WHERE state = 'context';
CREATE INDEX messages_album ON discreet.messages (session_id, album)
  WHERE album <> '' AND state IN ('waiting', 'context');

-- A file that came with a message. What the platform calls it is kept at once, its bytes are fetched
-- before the turn that needs them.
CREATE TABLE discreet.attachments (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id            uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id            uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id          uuid DEFAULT (gate.scope()).contact_id,
  shared              boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party               uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id          uuid NOT NULL,
  route_id            uuid NOT NULL,
  message_id          uuid NOT NULL,
  position            integer NOT NULL,
  kind                text NOT NULL
                      CHECK (kind IN ('photo', 'voice', 'audio', 'video', 'document')),
  platform_file       text NOT NULL CHECK (platform_file <> ''),
  name                text NOT NULL DEFAULT '',
  media_type          text NOT NULL DEFAULT '',
  size                bigint,
  channel_id          uuid NOT NULL,
  chat_id             text NOT NULL,
  platform_message_id text NOT NULL,
  state               text NOT NULL DEFAULT 'remote' CHECK (state IN ('remote', 'kept', 'refused')),
  refusal             text NOT NULL DEFAULT '',
  content             bytea,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (message_id, position),
  CHECK ((state = 'kept') = (content IS NOT NULL)),
  FOREIGN KEY (message_id, session_id, route_id)
    REFERENCES discreet.messages (id, session_id, route_id) ON DELETE CASCADE,
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE DEFERRABLE
);
COMMENT ON COLUMN discreet.attachments.state IS
  'remote: not fetched yet; kept: here; refused: too large, gone, or of a kind that is not taken';
-- A part of an album that is delivered again changes nothing.
CREATE INDEX attachments_part ON discreet.attachments (channel_id, chat_id, platform_message_id);

ALTER TABLE discreet.attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.attachments FORCE ROW LEVEL SECURITY;
CREATE POLICY contact ON discreet.attachments TO discreet_contact USING (
  (owner_id, agent_id, contact_id)
    = (SELECT s.owner_id, s.agent_id, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.attachments TO discreet_shared USING (
  shared AND contact_id IS NULL
  AND (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.attachments TO discreet_owner USING (
  owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.attachments TO discreet_gate USING (true);
GRANT SELECT, UPDATE (state, refusal, content, media_type, size) ON discreet.attachments
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT SELECT, INSERT ON discreet.attachments TO discreet_gate;
GRANT DELETE ON discreet.messages TO discreet_gate;
RESET ROLE;

SET ROLE discreet_gate;
-- How many overheard lines a session keeps.
CREATE FUNCTION gate.most_context_lines() RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 100';
-- How long the parts of an album are waited for; a platform delivers them one by one.
CREATE FUNCTION gate.album_time() RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT interval '1 second' $$;

DROP FUNCTION gate.accept_message(text, uuid, text, text, text, timestamptz, text, text, text, uuid,
                                  text, text, text, text, text, boolean, text, text);

-- sender_kind: 'address' (platform, platform_id), 'contact' (named by id), 'owner'. The last two are
-- for whoever runs the installation, at a terminal; on any other channel they are refused.
-- Errors: DS001 no such channel or contact; DS002 the sender can't be resolved.
CREATE FUNCTION gate.accept_message(
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
  SELECT r.id INTO route FROM discreet.routes r
   WHERE r.session_id = here.id AND r.channel_id = channel AND r.chat_id = chat
     AND r.thread_id = platform_thread;
  IF NOT FOUND THEN
    INSERT INTO discreet.routes
      (owner_id, agent_id, contact_id, shared, session_id, channel_id, chat_id, thread_id)
      VALUES (owner, via.agent_id, party, here.shared, here.id, channel, chat, platform_thread)
      RETURNING id INTO route;
  END IF;

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


-- The platform says that a group's chat has another id now: it stays the same contact. False: the
-- group isn't known, or the new id is somebody's already; then nothing changes.
CREATE FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  SELECT a.owner_id, a.platform, new_id, a.contact_id
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = old_id
     AND c.type = 'group'
  ON CONFLICT (owner_id, platform, platform_id) DO NOTHING;
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.most_context_lines(), gate.album_time(),
  gate.accept_message(text, uuid, text, text, text, timestamptz, text, text, text, uuid, text,
                      text, text, text, text, boolean, text, text, boolean, text, jsonb),
  gate.move_group(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  gate.accept_message(text, uuid, text, text, text, timestamptz, text, text, text, uuid, text,
                      text, text, text, text, boolean, text, text, boolean, text, jsonb),
  gate.move_group(text, text, text, text)
  TO discreet_intake;
RESET ROLE;
