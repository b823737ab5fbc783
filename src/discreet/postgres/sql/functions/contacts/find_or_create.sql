SET ROLE discreet_gate;

-- These two are called by functions of the gate alone, with their rights and their search path.
-- The contact behind an address; made if new. Two that arrive at once: the unique key decides, the
-- loser takes the winner's. NULL: the address is the owner's own.
CREATE OR REPLACE FUNCTION gate.find_or_create_contact(
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

-- The contact behind an address, where there is one already. In plpgsql, which keeps its plan: every
-- message asks this.
CREATE OR REPLACE FUNCTION gate.known_contact(owner uuid, of_platform text, of_id text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT a.contact_id FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id);
END $$;

-- The contact behind an address; made if it is new and may be. Null: there is none, or the address
-- is the owner's own.
CREATE OR REPLACE FUNCTION gate.resolve_contact(
  platform text, platform_id text, kind text, display_name text, auto_create boolean)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF auto_create THEN
    RETURN gate.find_or_create_contact(owner, platform, platform_id, kind, display_name);
  END IF;
  RETURN (SELECT a.contact_id FROM discreet.addresses a
           WHERE a.owner_id = owner AND a.platform = resolve_contact.platform
             AND a.platform_id = resolve_contact.platform_id);
END $$;

REVOKE ALL ON FUNCTION gate.find_or_create_contact, gate.known_contact, gate.resolve_contact
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.resolve_contact TO discreet_owner;
