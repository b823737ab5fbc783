-- Who read a contact's conversation, and where an answer came from.
SET ROLE discreet_gate;

-- Record that a person read or changed something of these contacts. The same within `min_interval` is one row.
-- Unknown contacts are skipped.
CREATE OR REPLACE FUNCTION gate.record_access(contact_ids uuid[], action text, entry_point text, min_interval interval)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner           uuid := gate.require_owner();
  contact         uuid;
  number          integer;
  previous_digest text;
  written_at      timestamptz;
BEGIN
  FOR contact IN SELECT c.id FROM discreet.contacts c
              WHERE c.owner_id = owner AND c.id = ANY (contact_ids)
              ORDER BY c.id FOR NO KEY UPDATE LOOP
    IF EXISTS (SELECT FROM discreet.access_log l
                WHERE l.contact_id = contact AND l.did = action AND l.place = entry_point
                  AND l.noted_at > clock_timestamp() - min_interval) THEN
      CONTINUE;
    END IF;
    SELECT l.number, l.digest INTO number, previous_digest FROM discreet.access_log l
     WHERE l.contact_id = contact ORDER BY l.number DESC LIMIT 1;
    number := coalesce(number, 0) + 1;
    written_at := clock_timestamp();
    INSERT INTO discreet.access_log (owner_id, contact_id, number, did, place, noted_at, digest)
    VALUES (owner, contact, number, action, entry_point, written_at, encode(sha256(convert_to(
      concat_ws('|', coalesce(previous_digest, ''), contact, number, action, entry_point,
                (extract(epoch FROM written_at) * 1000000)::bigint), 'UTF8')), 'hex'));
  END LOOP;
END $$;

-- List the accesses recorded for the contact of this scope and for those merged into it.
CREATE OR REPLACE FUNCTION gate.list_access()
RETURNS TABLE (contact_id uuid, number integer, did text, place text, noted_at timestamptz, digest text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  RETURN QUERY
  WITH RECURSIVE merged AS (
    SELECT c.id FROM discreet.contacts c WHERE c.owner_id = here.owner_id AND c.id = here.contact_id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN merged o ON c.merged_into = o.id)
  SELECT l.contact_id, l.number, l.did, l.place, l.noted_at, l.digest
    FROM discreet.access_log l JOIN merged o ON o.id = l.contact_id
   ORDER BY l.noted_at DESC, l.contact_id, l.number DESC;
END $$;

-- Return what the last answer in this scope was based on: its model, the memories and texts found, and the tools
-- called. Null: nothing was answered yet.
CREATE OR REPLACE FUNCTION gate.explain_last_answer() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  RETURN (
    SELECT jsonb_build_object(
             'model', t.model, 'answered_at', t.finished_at,
             'found', coalesce((SELECT jsonb_agg(jsonb_build_object('kind', f.one->>'kind',
                                                                    'text', f.one->>'text'))
                                  FROM jsonb_array_elements(t.prompt->'found') f (one)), '[]'),
             'lines', coalesce(jsonb_array_length(t.prompt->'messages'), 0),
             'tools', coalesce((SELECT jsonb_agg(DISTINCT s.one->>'tool')
                                  FROM jsonb_array_elements(t.steps) s (one)
                                 WHERE s.one ? 'tool'), '[]'))
      FROM discreet.turns t
     WHERE t.owner_id = here.owner_id AND t.agent_id = here.agent_id AND t.party = here.party
       AND t.contact_id IS NOT DISTINCT FROM here.contact_id
       AND t.shared = (session_user = 'discreet_shared')
       AND t.state = 'answered' AND t.model NOT LIKE '/%'
       AND EXISTS (SELECT FROM discreet.messages m WHERE m.turn_id = t.id AND m.direction = 'out')
     ORDER BY t.started_at DESC LIMIT 1);
END $$;

REVOKE ALL ON FUNCTION gate.record_access, gate.list_access, gate.explain_last_answer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.record_access TO discreet_owner;
GRANT EXECUTE ON FUNCTION gate.list_access TO discreet_contact;
GRANT EXECUTE ON FUNCTION gate.explain_last_answer TO discreet_contact, discreet_shared;
