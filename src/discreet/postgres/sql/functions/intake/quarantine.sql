SET ROLE discreet_gate;

-- Store a message that can't be assigned to a contact, where only the owner sees it. Repeating it
-- changes nothing. tell: whom to tell that the message could not be read, as the JSON of a
-- gate.inbound; or null.
CREATE OR REPLACE FUNCTION gate.quarantine_message(
  ticket text, channel uuid, dedupe text, message jsonb, why text, tell jsonb)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter_scope(ticket);
  policy gate.policy;
  result uuid;
  is_new boolean;
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
    RETURNING id, attempts = 1 INTO result, is_new;
  IF is_new AND tell IS NOT NULL THEN
    PERFORM gate.notify_unreadable(owner, jsonb_populate_record(NULL::gate.inbound, tell));
  END IF;
  RETURN result;
END $$;

-- Tell an admitted sender that their message could not be read, at most once a minute.
CREATE OR REPLACE FUNCTION gate.notify_unreadable(owner uuid, said gate.inbound) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  via     discreet.channels;
  shared  boolean;
  contact uuid;
BEGIN
  SELECT c.* INTO STRICT via FROM discreet.channels c WHERE c.id = said.channel AND c.owner_id = owner;
  SELECT a.memory_model = 'shared' INTO STRICT shared FROM discreet.agents a
   WHERE a.id = via.agent_id;
  IF gate.message_refusal(owner, via, shared, said) IS NOT NULL THEN
    RETURN;
  END IF;
  contact := gate.resolve_speaker(owner, via, said);
  IF EXISTS (
    SELECT FROM discreet.messages m
      JOIN gate.notices n ON n.code = 'unreadable' AND n.text = m.text
     WHERE m.owner_id = owner AND m.agent_id = via.agent_id
       AND m.contact_id IS NOT DISTINCT FROM contact AND m.command = 'notice'
       AND m.created_at > statement_timestamp() - interval '1 minute') THEN
    RETURN;
  END IF;
  PERFORM gate.send_notice(owner, via.agent_id, contact, 'notices', via.id, said.chat,
                           said.platform_thread, 'unreadable', NULL, NULL);
END $$;

-- Release a message whose contact was found.
CREATE OR REPLACE FUNCTION gate.release_quarantined(ticket text, quarantined uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  UPDATE discreet.quarantine q SET released_at = clock_timestamp()
   WHERE q.id = quarantined AND q.owner_id = owner AND q.released_at IS NULL;
END $$;

REVOKE ALL ON FUNCTION gate.quarantine_message, gate.notify_unreadable,
  gate.release_quarantined FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.quarantine_message, gate.release_quarantined TO discreet_intake;
