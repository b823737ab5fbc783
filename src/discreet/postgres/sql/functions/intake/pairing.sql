SET ROLE discreet_gate;

-- Handle a message of a stranger on a pairing channel: 'aside' if it is held, 'stranger' if not. One
-- line with a code is sent per hour; other messages get no answer.
CREATE OR REPLACE FUNCTION gate.request_pairing(owner uuid, via discreet.channels, said gate.inbound, stranger uuid)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked  discreet.pairings;
  policy gate.policy;
BEGIN
  SELECT p.* INTO STRICT policy FROM gate.policy p;
  -- Serialised per channel, so that strangers are counted correctly.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: pairing ' || via.id, 0));
  SELECT p.* INTO asked FROM discreet.pairings p
   WHERE p.channel_id = via.id AND p.contact_id = stranger;
  IF asked.state = 'denied' THEN
    RETURN 'stranger';
  END IF;
  IF asked.id IS NULL OR asked.state <> 'pending' OR asked.expires_at <= clock_timestamp() THEN
    IF (SELECT count(*) FROM discreet.pairings p
         WHERE p.channel_id = via.id AND p.state = 'pending' AND p.expires_at > clock_timestamp())
         >= policy.pairings_pending
       OR (SELECT count(*) FROM discreet.pairings p
            WHERE p.channel_id = via.id AND p.issued_at > clock_timestamp() - interval '1 hour')
         >= policy.pairing_codes_an_hour THEN
      RETURN 'stranger';
    END IF;
    IF stranger IS NULL THEN
      IF said.group_id IS NOT NULL THEN
        stranger := gate.find_or_create_contact(
          owner, said.group_platform, said.group_id, 'group', said.group_name);
      ELSE
        stranger := gate.find_or_create_contact(
          owner, said.sender_platform, said.sender_id, 'external',
          said.sender_display);
      END IF;
    END IF;
    INSERT INTO discreet.pairings (owner_id, agent_id, channel_id, contact_id, code, expires_at)
    VALUES (owner, via.agent_id, via.id, stranger, gate.generate_code(),
            clock_timestamp() + policy.pairing_code_seconds * interval '1 second')
    ON CONFLICT (channel_id, contact_id) DO UPDATE SET
      code = excluded.code, state = 'pending', issued_at = excluded.issued_at,
      expires_at = excluded.expires_at
    RETURNING * INTO asked;
    -- In a session of its own, even if the agent is shared: nobody else reads the code, and a later
    -- conversation doesn't begin with it.
    PERFORM gate.send_notice(
      owner, via.agent_id, stranger, 'pairing', via.id, said.chat,
      said.platform_thread,
      'pairing', left(asked.code, 4) || '-' || right(asked.code, 4),
      said.platform_message);
  END IF;
  IF (SELECT count(*) FROM discreet.held_messages k WHERE k.pairing_id = asked.id)
       >= policy.messages_held THEN
    RETURN 'stranger';
  END IF;
  INSERT INTO discreet.held_messages
    (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived)
  VALUES (via.id, said.chat, said.platform_message, owner, asked.id, to_jsonb(said))
  ON CONFLICT DO NOTHING;
  RETURN 'aside';
END $$;

-- Find the pairing for a code. Wrong codes are counted: 'locked' if there were too many.
CREATE OR REPLACE FUNCTION gate.find_pairing(typed text, OUT pairing uuid, OUT locked boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  -- Concurrent tries are counted one after the other.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: codes ' || owner, 0));
  locked := (SELECT count(*) FROM discreet.wrong_codes w
              WHERE w.owner_id = owner AND w.contact_id IS NULL AND w.sender IS NULL AND w.tried_at > clock_timestamp() - interval '1 hour')
            >= (SELECT p.wrong_codes_an_hour FROM gate.policy p);
  IF locked THEN
    RETURN;
  END IF;
  SELECT p.id INTO pairing FROM discreet.pairings p
   WHERE p.owner_id = owner AND p.code = gate.parse_code(typed) AND p.state = 'pending'
     AND p.expires_at > clock_timestamp();
  IF NOT FOUND THEN
    INSERT INTO discreet.wrong_codes (owner_id) VALUES (owner);
  END IF;
END $$;

-- Process the held messages as if they had just arrived.
CREATE OR REPLACE FUNCTION gate.replay_held_messages(owner uuid, channel uuid, kept jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said gate.inbound := jsonb_populate_record(NULL::gate.inbound, kept);
BEGIN
  said.channel := channel;
  PERFORM gate.accept_message(owner, said);
END $$;

-- Admit a stranger or deny them. Held messages are processed as if they had just arrived, or deleted.
-- Returns how many there were.
CREATE OR REPLACE FUNCTION gate.decide_pairing(pairing uuid, let_in boolean) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  asked discreet.pairings;
  kept  record;
  said  jsonb;
  all_said jsonb := '[]';
BEGIN
  UPDATE discreet.pairings p SET state = CASE WHEN let_in THEN 'approved' ELSE 'denied' END
   WHERE p.id = pairing AND p.owner_id = owner
   RETURNING p.* INTO asked;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_pairing' USING ERRCODE = 'DS001';
  END IF;
  IF let_in THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (asked.channel_id, asked.contact_id, owner, asked.agent_id)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
      PERFORM gate.apply_channel_labels(c, asked.contact_id)
         FROM discreet.channels c WHERE c.id = asked.channel_id;
    END IF;
  ELSE
    DELETE FROM discreet.admissions a
     WHERE a.channel_id = asked.channel_id AND a.contact_id = asked.contact_id;
  END IF;
  FOR kept IN
    DELETE FROM discreet.held_messages k WHERE k.pairing_id = pairing
    RETURNING k.arrived, k.created_at
  LOOP
    all_said := all_said || jsonb_build_array(
      kept.arrived || jsonb_build_object('kept_at', kept.created_at));
  END LOOP;
  IF let_in THEN
    FOR said IN SELECT j.value FROM jsonb_array_elements(all_said) j
                 ORDER BY (j.value->>'kept_at')::timestamptz LOOP
      PERFORM gate.replay_held_messages(owner, asked.channel_id, said);
    END LOOP;
  END IF;
  RETURN jsonb_array_length(all_said);
END $$;

REVOKE ALL ON FUNCTION gate.request_pairing, gate.find_pairing, gate.replay_held_messages,
  gate.decide_pairing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.find_pairing, gate.decide_pairing TO discreet_owner;
