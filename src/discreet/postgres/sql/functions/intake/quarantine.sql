SET ROLE discreet_gate;

-- What can't be given to a contact waits where only the owner sees it. Repeating it changes nothing.
CREATE OR REPLACE FUNCTION gate.quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text)
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
CREATE OR REPLACE FUNCTION gate.release_quarantined(ticket text, quarantined uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.quarantine q SET released_at = clock_timestamp()
   WHERE q.id = quarantined AND q.owner_id = owner AND q.released_at IS NULL;
END $$;

REVOKE ALL ON FUNCTION gate.quarantine_message, gate.release_quarantined FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.quarantine_message, gate.release_quarantined TO discreet_intake;
