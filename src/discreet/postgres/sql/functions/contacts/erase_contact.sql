-- Erase everything about one contact, and leave a receipt with the counts.
SET ROLE discreet_gate;

-- Erase a contact and those that were merged into it: rows, files, history, waiting work. Returns the
-- receipt. Whoever writes from one of its addresses afterwards is a new contact. Errors: DS001 no such
-- contact; DS003 it was merged into another one.
CREATE OR REPLACE FUNCTION gate.erase_contact(contact uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner       uuid := gate.require_owner();
  survivor    uuid;
  contact_ids uuid[] := ARRAY[contact];
  addresses   text[];
  sessions    uuid[];
  erased      record;
  counts      jsonb := '{}';
  result      uuid := coalesce((SELECT e.receipt FROM discreet.self_erasures e
                                WHERE e.contact_id = contact), gen_random_uuid());
BEGIN
  SELECT c.merged_into INTO survivor FROM discreet.contacts c
   WHERE c.id = contact AND c.owner_id = owner FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  ELSIF survivor IS NOT NULL THEN
    RAISE EXCEPTION 'erase_merged' USING ERRCODE = 'DS003';
  END IF;
  WITH RECURSIVE merged AS (
    SELECT contact AS id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN merged o ON c.merged_into = o.id)
  SELECT array_agg(o.id) INTO contact_ids FROM merged o;
  PERFORM 1 FROM discreet.contacts c WHERE c.id = ANY (contact_ids) ORDER BY c.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.contacts c WHERE c.id = ANY (contact_ids) AND c.on_hold_at IS NOT NULL) THEN
    RAISE EXCEPTION 'erase_on_hold' USING ERRCODE = 'DS003';
  END IF;
  -- Storing a message locks the row of its session; so do turns and deliveries.
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND s.agent_id = ANY (gate.agent_ids(owner)) AND s.party = ANY (contact_ids)
       AND s.contact_id = ANY (contact_ids) ORDER BY s.id FOR UPDATE) s;
  SELECT coalesce(array_agg(a.platform || ':' || a.platform_id), '{}') INTO addresses
    FROM discreet.addresses a WHERE a.contact_id = ANY (contact_ids);

  counts := counts || gate.erase_from_other_sessions(owner, contact_ids, addresses)
                   || jsonb_build_object('jobs', gate.delete_jobs(sessions));
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(
    SELECT m.id FROM discreet.memories m WHERE m.contact_id = ANY (contact_ids)
    UNION SELECT h.memory_id FROM discreet.memory_history h WHERE h.contact_id = ANY (contact_ids)));
  counts := counts || jsonb_build_object('memories', erased.memories, 'memory_versions', erased.versions);

  counts := counts || gate.erase_unassigned(owner, contact_ids, addresses);

  counts := counts || gate.erase_rows(owner, contact_ids, sessions);
  DELETE FROM discreet.contacts c WHERE c.id = ANY (contact_ids);
  DELETE FROM discreet.erased_addresses e WHERE e.erased_at < clock_timestamp() - interval '7 days';
  INSERT INTO discreet.erased_addresses (owner_id, digest)
  SELECT owner, gate.keyed_digest(a) FROM unnest(addresses) a
  ON CONFLICT (owner_id, digest) DO UPDATE SET erased_at = excluded.erased_at;
  counts := counts || jsonb_build_object('contacts', cardinality(contact_ids));
  INSERT INTO discreet.erasures (id, owner_id, counts, digests)
  VALUES (result, owner, counts,
          ARRAY(SELECT gate.contact_digest(g.id) FROM unnest(contact_ids) g (id)));
  RETURN result;
END $$;

-- Delete the rows of these contacts and their sessions, in the order of the foreign keys; the remaining
-- rows refer to contacts only. Returns how many there were in each table.
CREATE OR REPLACE FUNCTION gate.erase_rows(owner uuid, contact_ids uuid[], sessions uuid[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  table_name text;
  row_count  bigint;
  counts     jsonb := '{}';
BEGIN
  FOREACH table_name IN ARRAY ARRAY['connections', 'reminders', 'drafts', 'outbox', 'attachments', 'messages', 'turns', 'routes',
                                  'mcp_sessions', 'sessions', 'tokens', 'pairings', 'admissions',
                                  'limits', 'limit_hits', 'contact_labels', 'addresses', 'events'] LOOP
    -- Where there are many rows, the index of parties or of sessions leads to those of one contact.
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.contact_id = ANY ($1)', table_name)
         || CASE WHEN table_name IN ('turns', 'sessions')
                 THEN ' AND t.owner_id = $2 AND t.agent_id = ANY ($3) AND t.party = ANY ($1)'
                 WHEN table_name IN ('outbox', 'attachments', 'routes')
                 THEN ' AND t.session_id = ANY ($4)' ELSE '' END
      USING contact_ids, owner, gate.agent_ids(owner), sessions;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    counts := counts || jsonb_build_object(table_name, row_count);
  END LOOP;
  RETURN counts;
END $$;

-- Delete rows that belong to no contact yet but name the sender: messages in quarantine or held, early
-- receipts, idempotency keys; and what they asked to be reminded of, or to be done, in groups.
CREATE OR REPLACE FUNCTION gate.erase_unassigned(owner uuid, contact_ids uuid[], addresses text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  row_count bigint;
  counts    jsonb := '{}';
BEGIN
  DELETE FROM discreet.quarantine q USING discreet.channels c
   WHERE c.id = q.channel_id AND c.owner_id = owner AND (
     q.inbound #>> '{sender,contact_id}' = ANY (contact_ids::text[])
     OR (q.inbound #>> '{sender,address,platform}') || ':'
        || (q.inbound #>> '{sender,address,platform_id}') = ANY (addresses)
     OR (q.inbound #>> '{group,address,platform}') || ':'
        || (q.inbound #>> '{group,address,platform_id}') = ANY (addresses));
  GET DIAGNOSTICS row_count = ROW_COUNT;
  counts := counts || jsonb_build_object('quarantine', row_count);
  DELETE FROM discreet.held_messages k
   WHERE k.owner_id = owner AND (
     (k.arrived->>'sender_platform') || ':' || (k.arrived->>'sender_id') = ANY (addresses)
     OR k.pairing_id IN (SELECT p.id FROM discreet.pairings p WHERE p.contact_id = ANY (contact_ids)));
  GET DIAGNOSTICS row_count = ROW_COUNT;
  counts := counts || jsonb_build_object('held_messages', row_count);
  -- The contact of these isn't known yet, and a platform's id of a message may contain a phone number.
  DELETE FROM discreet.early_receipts e WHERE e.owner_id = owner;
  DELETE FROM discreet.wrong_codes w USING unnest(addresses) a
   WHERE w.owner_id = owner AND w.sender = gate.keyed_digest(a);
  DELETE FROM discreet.reminders r WHERE r.owner_id = owner AND r.asked_by = ANY (contact_ids);
  DELETE FROM discreet.tool_calls c WHERE c.owner_id = owner AND c.shown_to = ANY (addresses);
  DELETE FROM discreet.idempotency_keys k
   USING discreet.messages m WHERE k.result_id = m.id AND m.contact_id = ANY (contact_ids);
  -- It goes with its contact.
  RETURN counts || jsonb_build_object('access_log', (
    SELECT count(*) FROM discreet.access_log l WHERE l.contact_id = ANY (contact_ids)));
END $$;

-- Drop waiting jobs of these sessions. Running ones find nothing any more, and end.
CREATE OR REPLACE FUNCTION gate.delete_jobs(sessions uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = queue, pg_temp AS $$
DECLARE
  row_count bigint;
BEGIN
  DELETE FROM failures f
   WHERE f.lock = ANY (SELECT 'turn:' || unnest(sessions)
                       UNION ALL
                       SELECT 'deliver:' || r.id FROM discreet.routes r
                        WHERE r.session_id = ANY (sessions)
                       UNION ALL
                       SELECT 'remind:' || r.id FROM discreet.reminders r
                        WHERE r.session_id = ANY (sessions));
  DELETE FROM procrastinate_jobs j
   WHERE j.status = 'todo' AND (
     (j.task_name IN ('run_turn', 'remind') AND (j.args->>'session_id')::uuid = ANY (sessions))
     OR (j.task_name = 'deliver' AND (j.args->>'route_id')::uuid IN (
           SELECT r.id FROM discreet.routes r WHERE r.session_id = ANY (sessions))));
  GET DIAGNOSTICS row_count = ROW_COUNT;
  RETURN row_count;
END $$;

-- Delete memories with their older versions, including the copies that the trigger has just made.
CREATE OR REPLACE FUNCTION gate.erase_memories(ids uuid[], OUT memories bigint, OUT versions bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before bigint := (SELECT count(*) FROM discreet.memory_history h WHERE h.memory_id = ANY (ids));
BEGIN
  -- Words that only these memories held are no longer counted. A missing count is computed again when
  -- it is needed.
  DELETE FROM discreet.owner_term_stats w USING discreet.memories m
   WHERE m.id = ANY (ids) AND w.owner_id = m.owner_id AND w.word = ANY (m.terms);
  DELETE FROM discreet.memories m WHERE m.id = ANY (ids);
  GET DIAGNOSTICS memories = ROW_COUNT;
  DELETE FROM discreet.memory_history h WHERE h.memory_id = ANY (ids);
  versions := before;
END $$;

-- Return the summary of a conversation, or its older versions' id, if it is a memory of the same party. A
-- sender writes `summary_id`, and could name anybody's memory there.
CREATE OR REPLACE FUNCTION gate.own_summary(s discreet.sessions) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.id FROM discreet.memories m
   WHERE m.id = s.summary_id AND (m.owner_id, m.agent_id, m.party) = (s.owner_id, s.agent_id, s.party)
  UNION
  SELECT h.memory_id FROM discreet.memory_history h
   WHERE h.memory_id = s.summary_id AND (h.owner_id, h.agent_id, h.party) = (s.owner_id, s.agent_id, s.party)
$$;

CREATE OR REPLACE FUNCTION gate.keyed_digest(address text) RETURNS bytea
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT sha256(k.outer_pad || convert_to('erased ' || address, 'UTF8')) FROM gate.secrets k);
END $$;

-- Say whether a message was sent, by a person or in a group, before their erasure.
CREATE OR REPLACE FUNCTION gate.predates_erasure(owner uuid, written_at timestamptz, sender text, of_group text)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM discreet.erased_addresses e
                 WHERE e.owner_id = owner AND written_at <= e.erased_at
                   AND e.digest IN (gate.keyed_digest(sender), gate.keyed_digest(of_group)));
END $$;

REVOKE ALL ON FUNCTION gate.erase_contact, gate.erase_rows, gate.erase_unassigned, gate.delete_jobs,
  gate.erase_memories, gate.own_summary, gate.keyed_digest, gate.predates_erasure FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.erase_contact TO discreet_owner;
