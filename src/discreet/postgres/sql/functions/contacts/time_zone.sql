SET ROLE discreet_gate;

-- Set the time zone that the contact of this scope said it is in.
CREATE OR REPLACE FUNCTION gate.set_time_zone(zone_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  UPDATE discreet.contacts c SET time_zone = zone_name
   WHERE c.owner_id = owner AND c.id = (gate.scope()).contact_id;
END $$;

REVOKE ALL ON FUNCTION gate.set_time_zone FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.set_time_zone TO discreet_contact;
