SET ROLE discreet_gate;

-- Delete a memory of this scope if it is at the expected version (null: any). Returns whether it was
-- deleted. A function, because the right to delete from a table is also the right to lock it.
CREATE OR REPLACE FUNCTION gate.forget_memory(memory uuid, expected_version integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  DELETE FROM discreet.memories m
   WHERE m.id = memory AND m.version = coalesce(expected_version, m.version) AND m.owner_id = here.owner_id
     AND (session_user = 'discreet_owner'
          OR (m.agent_id = here.agent_id AND m.contact_id IS NOT DISTINCT FROM here.contact_id
              AND m.shared = (session_user = 'discreet_shared')));
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.forget_memory FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.forget_memory TO discreet_contact, discreet_shared, discreet_owner;
