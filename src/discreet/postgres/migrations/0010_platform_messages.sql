-- What else comes in from a platform: files, albums, lines that are only overheard, and groups whose
-- chat gets another id.
SET ROLE discreet_schema;

ALTER TABLE discreet.messages DROP CONSTRAINT messages_state_check;
ALTER TABLE discreet.messages ADD CONSTRAINT messages_state_check
  CHECK (state IN ('waiting', 'taken', 'answered', 'failed', 'context', 'sent'));
COMMENT ON COLUMN discreet.messages.state IS
  'inbound: waiting, taken by a turn, answered, failed (given up), context (overheard, never answered); outbound: always sent, its delivery is in outbox';
ALTER TABLE discreet.messages ADD COLUMN album text NOT NULL DEFAULT '';
ALTER TABLE discreet.messages ADD COLUMN command text;
COMMENT ON COLUMN discreet.messages.command IS
  'what the machine was asked for, or (outbound) what it answers; no part of the conversation';
GRANT INSERT (command) ON discreet.messages TO discreet_contact, discreet_shared, discreet_owner;
CREATE INDEX messages_context ON discreet.messages (session_id, position, owner_id, agent_id, party)
  WHERE state = 'context';
CREATE INDEX messages_album ON discreet.messages (session_id, album, owner_id)
  WHERE album <> '' AND state IN ('waiting', 'context') AND owner_key IS NOT NULL;

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
    ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.attachments.state IS
  'remote: not fetched yet; kept: here; refused: too large, gone, or of a kind that is not taken';

ALTER TABLE discreet.attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.attachments FORCE ROW LEVEL SECURITY;
CALL discreet.let_see(
  'attachments', 'contact', '{owner_id,agent_id,party}', '{owner_id,agent_id,party}');
CALL discreet.let_see(
  'attachments', 'shared', '{owner_id,agent_id,party}', '{owner_id,agent_id,party}');
CALL discreet.let_see('attachments', 'owner', '{owner_id}', '{owner_id}');
-- A part of an album that is delivered again changes nothing.
CREATE INDEX attachments_part ON discreet.attachments (channel_id, chat_id, platform_message_id, owner_id)
  WHERE owner_key IS NOT NULL;
CREATE POLICY gate ON discreet.attachments TO discreet_gate USING (true);
GRANT SELECT, UPDATE (state, refusal, content, media_type, size) ON discreet.attachments
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT SELECT, INSERT ON discreet.attachments TO discreet_gate;
GRANT DELETE ON discreet.messages TO discreet_gate;
CALL discreet.keep_no_statistics();
RESET ROLE;

SET ROLE discreet_gate;
-- The platform says that a group's chat has another id now: it stays the same contact, also where the
-- new id was heard of before that. False: the group isn't known, or there was nothing left to do.
CREATE FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
  stays uuid;
BEGIN
  SELECT a.contact_id INTO stays
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = old_id
     AND c.type = 'group'
   FOR UPDATE OF a;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE discreet.channels c SET only_chat = new_id
   WHERE c.owner_id = owner AND c.platform = of_platform AND c.only_chat = old_id
     AND c.closed_at IS NULL AND NOT EXISTS (
       SELECT FROM discreet.channels o
        WHERE o.parent_id = c.parent_id AND o.only_chat = new_id AND o.closed_at IS NULL);
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, new_id, stays)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND OR gate.join_group(owner, of_platform, new_id, stays);
END $$;

REVOKE ALL ON FUNCTION gate.move_group(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  gate.move_group(text, text, text, text)
  TO discreet_intake;
RESET ROLE;
