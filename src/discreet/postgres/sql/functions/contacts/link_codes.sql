SET ROLE discreet_gate;

-- Return the contact of this scope if it is one person; null in a group, in the owner's or a shared
-- scope, and for a merged contact.
CREATE OR REPLACE FUNCTION gate.current_person() RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  RETURN (SELECT c.id FROM discreet.contacts c
           WHERE c.id = here.contact_id AND c.owner_id = here.owner_id AND c.type <> 'group'
             AND c.merged_into IS NULL);
END $$;

-- Create a code to be typed from the person's other account. It replaces the previous one. Null: this
-- scope isn't one person's.
CREATE OR REPLACE FUNCTION gate.create_link_code() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  person uuid := gate.current_person();
  code   text := gate.generate_code();
BEGIN
  IF person IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.link_requests AS r (owner_id, contact_id, digest, expires_at)
  VALUES (owner, person, sha256(convert_to(owner || code, 'UTF8')), clock_timestamp() + (SELECT p.link_code_seconds FROM gate.policy p) * interval '1 second')
  ON CONFLICT (contact_id) DO UPDATE SET
    digest = excluded.digest, other_id = NULL, back_digest = NULL, expires_at = excluded.expires_at;
  RETURN left(code, 4) || '-' || right(code, 4);
END $$;

-- Try a code that was typed. outcome: 'answered' (the code was created by another contact: `code` has
-- to be typed there, and `other` names that contact), 'linked' (it was the return code), 'own' (it has
-- to be typed from the other account), 'wrong', 'locked' (too many wrong codes), 'nobody' (this scope
-- isn't one person's), or the code of the reason why not.
CREATE OR REPLACE FUNCTION gate.redeem_link_code(typed text, OUT outcome text, OUT code text, OUT other text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner   uuid := gate.require_owner();
  person  uuid := gate.current_person();
  entered text := gate.parse_code(typed);
  request discreet.link_requests;
BEGIN
  IF person IS NULL THEN
    outcome := 'nobody';
    RETURN;
  END IF;
  -- Concurrent tries are counted one after the other.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: link codes ' || person, 0));
  IF (SELECT count(*) FROM discreet.wrong_codes w
       WHERE w.contact_id = person AND w.tried_at > clock_timestamp() - interval '1 hour')
     >= (SELECT p.wrong_codes_an_hour FROM gate.policy p) THEN
    outcome := 'locked';
    RETURN;
  END IF;
  SELECT r.* INTO request FROM discreet.link_requests r
   WHERE r.contact_id = person AND r.expires_at > clock_timestamp() FOR UPDATE;
  IF request.digest = sha256(convert_to(owner || entered, 'UTF8')) AND request.other_id IS NULL THEN
    outcome := 'own';
  ELSIF request.back_digest = sha256(convert_to(request.id || entered, 'UTF8')) THEN
    BEGIN
      PERFORM gate.merge_contacts(owner, person, request.other_id, 'codes');
      outcome := 'linked';
    EXCEPTION WHEN SQLSTATE 'DS003' THEN
      -- Nothing was changed, and the code stays valid until it expires.
      outcome := SQLERRM;
    END;
  ELSE
    UPDATE discreet.link_requests r
       SET other_id = person, back_digest = sha256(convert_to(r.id || c.new, 'UTF8')),
           expires_at = clock_timestamp()
             + (SELECT p.link_code_seconds FROM gate.policy p) * interval '1 second'
      FROM (SELECT gate.generate_code() AS new) c
     WHERE r.owner_id = owner AND r.digest = sha256(convert_to(owner || entered, 'UTF8'))
       AND r.contact_id <> person AND r.other_id IS NULL AND r.expires_at > clock_timestamp()
    RETURNING left(c.new, 4) || '-' || right(c.new, 4),
      (SELECT concat_ws(' ', nullif(k.name, ''), (
          SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a
           WHERE a.contact_id = k.id ORDER BY a.created_at LIMIT 1))
         FROM discreet.contacts k WHERE k.id = r.contact_id)
      INTO code, other;
    outcome := CASE WHEN FOUND THEN 'answered' ELSE 'wrong' END;
  END IF;
  IF outcome = 'wrong' THEN
    INSERT INTO discreet.wrong_codes (owner_id, contact_id) VALUES (owner, person);
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.current_person, gate.create_link_code, gate.redeem_link_code FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.create_link_code, gate.redeem_link_code TO discreet_contact;
