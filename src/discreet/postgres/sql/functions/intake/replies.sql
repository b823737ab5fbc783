SET ROLE discreet_gate;

-- Find the message that a message replies to: in the same chat, of the same agent and party, or none. A
-- platform's id from another chat or scope leads nowhere. At a terminal a program names the message itself, so one
-- of another scope is an error there, the same as for one that doesn't exist: DS001.
CREATE OR REPLACE FUNCTION gate.find_replied_message(
  via discreet.channels, here discreet.sessions, chat text, platform_message text)
RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
  result uuid;
BEGIN
  IF platform_message IS NULL THEN
    RETURN NULL;
  END IF;
  IF via.platform = 'terminal' AND pg_input_is_valid(platform_message, 'uuid') THEN
    SELECT m.id INTO result FROM discreet.messages m
     WHERE m.id = platform_message::uuid
       AND m.owner_id = here.owner_id AND m.agent_id = here.agent_id AND m.party = here.party;
    IF result IS NULL THEN
      RAISE EXCEPTION 'no_such_message' USING ERRCODE = 'DS001';
    END IF;
    RETURN result;
  END IF;
  SELECT m.id INTO result FROM discreet.messages m
   WHERE m.channel_id = via.id AND m.chat_id = find_replied_message.chat
     AND m.platform_message_id = platform_message AND m.direction = 'in'
     AND m.owner_id = here.owner_id AND m.agent_id = here.agent_id AND m.party = here.party;
  IF NOT FOUND THEN
    SELECT m.id INTO result
      FROM gate.find_answer_by_platform_id(here.owner_id, via.id, ARRAY[find_replied_message.chat], platform_message) o
      JOIN discreet.messages m ON m.id = o.message_id
     WHERE m.owner_id = here.owner_id AND m.agent_id = here.agent_id AND m.party = here.party;
  END IF;
  RETURN result;
END $$;

-- Select the details to store. Text that is stored in a message already isn't stored again, unless it
-- is an excerpt that the sender picked.
CREATE OR REPLACE FUNCTION gate.details_to_store(details jsonb, replies_to uuid) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN replies_to IS NOT NULL AND NOT coalesce((details->'quote'->>'is_part')::boolean, false)
              THEN nullif(details - 'quote', jsonb_build_object('text', details->'text'))
              ELSE details END
$$;

REVOKE ALL ON FUNCTION gate.find_replied_message, gate.details_to_store FROM PUBLIC;
