SET ROLE discreet_gate;

-- Delete the draft of a turn of this scope. A function for the same reason as gate.forget_memory.
CREATE OR REPLACE FUNCTION gate.drop_draft(turn uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  DELETE FROM discreet.drafts d
   WHERE d.turn_id = turn AND d.owner_id = here.owner_id
     AND (session_user = 'discreet_owner'
          OR (d.agent_id = here.agent_id AND d.contact_id IS NOT DISTINCT FROM here.contact_id
              AND d.shared = (session_user = 'discreet_shared')));
END $$;

REVOKE ALL ON FUNCTION gate.drop_draft FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.drop_draft TO discreet_contact, discreet_shared, discreet_owner;
