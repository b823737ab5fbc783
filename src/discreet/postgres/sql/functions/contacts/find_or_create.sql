SET ROLE discreet_gate;

-- These two are called by functions of the gate only, with their rights and search path. Return the
-- contact behind an address, creating it if it is new. Of two concurrent calls, the unique key lets one
-- win and the other takes its contact. NULL: the address is the owner's own.
CREATE OR REPLACE FUNCTION gate.find_or_create_contact(
  owner uuid, of_platform text, of_id text, kind text, display_name text)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  found_address discreet.addresses;
  new_contact   uuid;
BEGIN
  LOOP
    SELECT a.* INTO found_address FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id;
    IF FOUND THEN
      IF (kind = 'group') <> coalesce((SELECT c.type = 'group' FROM discreet.contacts c
                                        WHERE c.id = found_address.contact_id), false) THEN
        RAISE EXCEPTION 'group_is_no_person' USING ERRCODE = 'DS002';
      END IF;
      IF display_name <> '' AND found_address.name <> display_name THEN
        PERFORM gate.update_display_name(found_address, display_name);
      END IF;
      RETURN found_address.contact_id;
    END IF;
    INSERT INTO discreet.contacts (owner_id, type, name)
      VALUES (owner, kind, display_name) RETURNING contacts.id INTO new_contact;
    INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id, name)
      VALUES (owner, of_platform, of_id, new_contact, display_name)
      ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
    IF FOUND THEN
      RETURN new_contact;
    END IF;
    DELETE FROM discreet.contacts WHERE contacts.id = new_contact;
  END LOOP;
END $$;

-- Store a person's or group's new name on a platform. A contact that the owner has renamed keeps the owner's
-- name.
CREATE OR REPLACE FUNCTION gate.update_display_name(address discreet.addresses, display_name text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE discreet.addresses a SET name = display_name
   WHERE a.owner_id = address.owner_id AND a.platform = address.platform
     AND a.platform_id = address.platform_id;
  UPDATE discreet.contacts c SET name = display_name
   WHERE c.id = address.contact_id AND c.name IN (address.name, '') AND c.name <> display_name;
END $$;

-- Return the contact behind an address, if there is one. In plpgsql, which keeps its plan: this runs
-- for every message.
CREATE OR REPLACE FUNCTION gate.find_contact(owner uuid, of_platform text, of_id text) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT a.contact_id FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id);
END $$;

-- Return the contact behind an address, creating it if it is new and may be created. Null: there is
-- none, or the address is the owner's own.
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

REVOKE ALL ON FUNCTION gate.find_or_create_contact, gate.update_display_name, gate.find_contact, gate.resolve_contact
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.resolve_contact TO discreet_owner;
