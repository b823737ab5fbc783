-- Which tools of the owner's servers a session may use.
SET ROLE discreet_gate;

-- Return the tools that this scope may use with its agent, with the rights of now. What it may not use isn't
-- among them. The owner may use all but those for nobody; where several people speak, a tool must be
-- allowed for groups, and no labels count for an agent that everybody shares.
CREATE OR REPLACE FUNCTION gate.allowed_tools() RETURNS TABLE (
  server_id uuid, server text, tool text, called text, description text, schema jsonb,
  reads_only boolean, confirm text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here     gate.scope := gate.scope();
  login    text := split_part(session_user::text, '_', -1);
  is_group boolean;
BEGIN
  IF here.owner_id IS NULL OR here.agent_id IS NULL THEN
    RETURN;
  END IF;
  is_group := login = 'shared' OR EXISTS (
    SELECT FROM discreet.contacts c WHERE c.id = here.contact_id AND c.type = 'group');
  RETURN QUERY
  SELECT s.id, s.name, t.name, t.called, t.description, t.schema, t.reads_only, t.confirm
    FROM discreet.tool_servers s JOIN discreet.tools t ON t.server_id = s.id
   WHERE s.owner_id = here.owner_id AND s.agent_id = here.agent_id
     AND CASE
       WHEN login = 'owner' THEN t.allowed <> 'nobody'
       WHEN is_group AND NOT t.in_groups THEN false
       WHEN t.allowed = 'everybody' THEN true
       WHEN t.allowed = 'labels' THEN EXISTS (
         SELECT FROM discreet.contact_labels l
          WHERE l.contact_id = here.contact_id AND l.label = ANY (t.labels))
       ELSE false
     END
   ORDER BY s.name, t.name;
END $$;

REVOKE ALL ON FUNCTION gate.allowed_tools FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.allowed_tools TO discreet_contact, discreet_shared, discreet_owner;
