-- From a message to its row, in one round trip and one commit. The intake role may do nothing but
-- call these; it can read no message and no memory.
SET ROLE discreet_gate;

-- A message as a channel has read it. sender_kind: 'address' (sender_platform, sender_id), 'contact'
-- (sender_contact) or 'owner'. files: a list of objects; '[]' where there is none. What has to wait
-- outside of a session is kept as the JSON of this.
CREATE TYPE gate.inbound AS (
  channel          uuid,
  chat             text,
  platform_thread  text,
  platform_message text,
  written_at       timestamptz,
  sender_kind      text,
  sender_platform  text,
  sender_id        text,
  sender_contact   uuid,
  sender_display   text,
  group_platform   text,
  group_id         text,
  group_name       text,
  thread           text,
  force_new        boolean,
  body             text,
  in_reply_to      text,
  addressed        boolean,
  album_id         text,
  files            jsonb,
  limited          boolean
);

-- Takes the ticket along with the call, so that storing a message is one statement and one round trip.
CREATE FUNCTION gate.enter(ticket text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('discreet.ticket', ticket, true);
  RETURN gate.require_owner();
END $$;

-- These two are called by functions of the gate alone, with their rights and their search path.
-- The contact behind an address; made if new. Two that arrive at once: the unique key decides, the
-- loser takes the winner's. NULL: the address is the owner's own.
CREATE FUNCTION gate.find_or_create_contact(
  owner uuid, of_platform text, of_id text, kind text, display_name text)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  found_address discreet.addresses;
  made          uuid;
BEGIN
  LOOP
    SELECT a.* INTO found_address FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id;
    IF FOUND THEN
      IF (kind = 'group') <> coalesce((SELECT c.type = 'group' FROM discreet.contacts c
                                        WHERE c.id = found_address.contact_id), false) THEN
        RAISE EXCEPTION 'group_is_no_person' USING ERRCODE = 'DS002';
      END IF;
      RETURN found_address.contact_id;
    END IF;
    INSERT INTO discreet.contacts (owner_id, type, name)
      VALUES (owner, kind, display_name) RETURNING contacts.id INTO made;
    INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
      VALUES (owner, of_platform, of_id, made)
      ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
    IF FOUND THEN
      RETURN made;
    END IF;
    DELETE FROM discreet.contacts WHERE contacts.id = made;
  END LOOP;
END $$;

-- The open session of a party with an agent on a thread, its row locked; made if there is none.
CREATE FUNCTION gate.find_or_create_session(
  owner uuid, agent uuid, contact uuid, of_all boolean, thread text, force_new boolean)
RETURNS discreet.sessions LANGUAGE plpgsql
AS $$
DECLARE
  whose  uuid := coalesce(contact, CASE WHEN of_all THEN agent ELSE owner END);
  result discreet.sessions;
BEGIN
  IF force_new THEN
    UPDATE discreet.sessions s SET ended_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL;
  END IF;
  LOOP
    UPDATE discreet.sessions s
       SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL
     RETURNING s.* INTO result;
    IF FOUND THEN
      RETURN result;
    END IF;
    INSERT INTO discreet.sessions (owner_id, agent_id, contact_id, shared, thread_key)
      VALUES (owner, agent, contact, of_all, thread)
      ON CONFLICT (owner_id, agent_id, party, thread_key) WHERE ended_at IS NULL DO NOTHING;
  END LOOP;
END $$;

-- What can't be given to a contact waits where only the owner sees it. Repeating it changes nothing.
CREATE FUNCTION gate.quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter(ticket);
  policy gate.policy;
  result uuid;
BEGIN
  SELECT p.* INTO STRICT policy FROM gate.policy p;
  PERFORM 1 FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason, next_try_at)
    VALUES (owner, channel, dedupe, message, why, 
            clock_timestamp() + policy.quarantine_retry_seconds * interval '1 second')
    ON CONFLICT (channel_id, dedupe_key, owner_id) DO UPDATE SET
      attempts = quarantine.attempts + 1, reason = excluded.reason,
      next_try_at = clock_timestamp()
        + least(policy.quarantine_retry_max_seconds,
                policy.quarantine_retry_seconds * 2 ^ least(quarantine.attempts, 20)) * interval '1 second'
    RETURNING id INTO result;
  RETURN result;
END $$;

-- The message found its contact after all.
CREATE FUNCTION gate.release_quarantined(ticket text, quarantined uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.quarantine q SET released_at = clock_timestamp()
   WHERE q.id = quarantined AND q.owner_id = owner AND q.released_at IS NULL;
END $$;

REVOKE ALL ON FUNCTION
  gate.enter(text), gate.find_or_create_contact(uuid, text, text, text, text),
  gate.find_or_create_session(uuid, uuid, uuid, boolean, text, boolean),
  gate.quarantine_message(text, uuid, text, jsonb, text), gate.release_quarantined(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  gate.quarantine_message(text, uuid, text, jsonb, text), gate.release_quarantined(text, uuid)
  TO discreet_intake;
RESET ROLE;
