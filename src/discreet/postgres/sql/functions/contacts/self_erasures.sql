-- A contact erases itself: it asks, repeats a code, and is erased once the confirmation has been delivered.
SET ROLE discreet_gate;

-- Record that the contact of this scope wants to be erased. False: it may not, for example a member of a group. A
-- new code replaces the previous one.
CREATE OR REPLACE FUNCTION gate.ask_for_erasure(code text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = here.contact_id AND c.owner_id = gate.require_owner() AND c.type <> 'group'
      AND c.merged_into IS NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.self_erasures AS e (contact_id, owner_id, digest)
  VALUES (here.contact_id, here.owner_id, encode(gate.keyed_digest(code), 'hex'))
  ON CONFLICT (contact_id) DO UPDATE
     SET digest = excluded.digest, tries = 0, asked_at = clock_timestamp()
   WHERE e.confirmed_at IS NULL;
  RETURN true;
END $$;

-- Return the receipt of an erasure that is now decided, or null: the code is wrong, older than ten minutes,
-- or was tried five times. A repeated code has the same receipt.
CREATE OR REPLACE FUNCTION gate.confirm_erasure(code text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  here   gate.scope := gate.scope();
  result uuid;
BEGIN
  -- Not while it is merged: nobody would erase an empty shell, and its rows are the survivor's.
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = here.contact_id AND c.owner_id = owner AND c.merged_into IS NULL FOR SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.self_erasures e
     SET tries = e.tries + 1,
         confirmed_at = CASE WHEN e.tries < 5 AND e.asked_at > clock_timestamp() - interval '10 minutes'
                                  AND e.digest = encode(gate.keyed_digest(code), 'hex')
                             THEN coalesce(e.confirmed_at, clock_timestamp())
                             ELSE e.confirmed_at END
   WHERE e.contact_id = here.contact_id AND e.owner_id = owner
  RETURNING CASE WHEN e.confirmed_at IS NOT NULL
                      AND e.digest = encode(gate.keyed_digest(code), 'hex') THEN e.receipt END
       INTO result;
  RETURN result;
END $$;

-- List contacts that are to be erased now: their last answers are sent, or have had their time.
CREATE OR REPLACE FUNCTION gate.due_erasures(max_wait interval)
RETURNS TABLE (owner_id uuid, contact_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.owner_id, e.contact_id
    FROM discreet.self_erasures e JOIN discreet.contacts c ON c.id = e.contact_id
   WHERE e.confirmed_at IS NOT NULL AND c.merged_into IS NULL
     AND (e.confirmed_at < clock_timestamp() - max_wait
          OR NOT EXISTS (SELECT FROM discreet.outbox o
                          WHERE o.owner_id = e.owner_id AND o.contact_id = e.contact_id
                            AND o.state IN ('pending', 'sending'))
             AND NOT EXISTS (SELECT FROM discreet.sessions s
                              WHERE s.owner_id = e.owner_id AND s.contact_id = e.contact_id
                                AND s.current_turn IS NOT NULL))
   ORDER BY e.confirmed_at LIMIT 20
$$;

REVOKE ALL ON FUNCTION gate.ask_for_erasure, gate.confirm_erasure, gate.due_erasures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.ask_for_erasure, gate.confirm_erasure TO discreet_contact;
GRANT EXECUTE ON FUNCTION gate.due_erasures TO discreet_worker;
