-- A platform that knows a person by several ids puts them into one message: they are addresses of one
-- contact then. Platforms give numbers to somebody else after a while, so this never joins two
-- contacts, and never makes an address the owner's.
SET ROLE discreet_gate;

-- main: the id that stays a person's; other: one that may change hands. True: one of them is new now.
CREATE OR REPLACE FUNCTION gate.link_alias(ticket text, of_platform text, main text, other text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter(ticket);
  known  discreet.addresses;
  person uuid;
BEGIN
  SELECT a.* INTO known FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (main, other);
  IF NOT FOUND OR known.contact_id IS NULL THEN
    RETURN false;
  END IF;
  -- Held until the end: of two messages that say so at a time, the second sees what the first did.
  SELECT c.id INTO person FROM discreet.contacts c
   WHERE c.id = known.contact_id AND c.owner_id = owner AND c.type <> 'group' FOR UPDATE;
  IF NOT FOUND OR (
    SELECT count(*) FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (main, other)) = 2
  THEN
    RETURN false;
  END IF;
  -- An id that changes hands, and belongs to whom the platform names otherwise, tells nothing.
  IF known.platform_id = other AND EXISTS (
    SELECT FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.contact_id = person
       AND a.platform_id <> other)
  THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, CASE WHEN known.platform_id = main THEN other ELSE main END, person)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.link_alias FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.link_alias TO discreet_intake;
