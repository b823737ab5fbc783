-- Several ids of one person on a platform. A message that names them makes them addresses of one
-- contact. Platforms give numbers to other people after a while, so this never merges two contacts, and
-- never makes an address the owner's.
SET ROLE discreet_gate;

-- Make two ids of one person addresses of the same contact. `stable_id` stays with the person, `other_id` may
-- be given to somebody else. True: one of them is new.
CREATE OR REPLACE FUNCTION gate.link_alias(ticket text, of_platform text, stable_id text, other_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter_scope(ticket);
  known  discreet.addresses;
  person uuid;
BEGIN
  SELECT a.* INTO known FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (stable_id, other_id);
  IF NOT FOUND OR known.contact_id IS NULL THEN
    RETURN false;
  END IF;
  -- Locked until the end of the transaction: of two concurrent messages, the second sees what the first
  -- did.
  SELECT c.id INTO person FROM discreet.contacts c
   WHERE c.id = known.contact_id AND c.owner_id = owner AND c.type <> 'group' FOR UPDATE;
  IF NOT FOUND OR (
    SELECT count(*) FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (stable_id, other_id)) = 2
  THEN
    RETURN false;
  END IF;
  -- An id that may change hands proves nothing about a contact that has another id on this platform.
  IF known.platform_id = other_id AND EXISTS (
    SELECT FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.contact_id = person
       AND a.platform_id <> other_id)
  THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, CASE WHEN known.platform_id = stable_id THEN other_id ELSE stable_id END, person)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.link_alias FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.link_alias TO discreet_intake;
