-- Delete an agent. Its conversations and memories go with it, or to another agent; its contacts stay in
-- the address book, or those that only it knew are erased.
SET ROLE discreet_gate;

-- Say why an agent can't be deleted, as a code, or null. `successor`: the agent that gets its conversations.
CREATE OR REPLACE FUNCTION gate.deletion_blocker(owner uuid, agent uuid, successor uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN leaving.id IS NULL OR (successor IS NOT NULL AND other.id IS NULL) THEN 'no_such_agent'
    WHEN agent = successor THEN 'same_agent'
    WHEN NOT EXISTS (SELECT FROM discreet.agents a WHERE a.owner_id = owner AND a.id <> agent)
    THEN 'last_agent'
    WHEN other.memory_model <> leaving.memory_model THEN 'other_memory_model'
    WHEN successor IS NULL AND EXISTS (
      SELECT FROM discreet.channels c JOIN discreet.channels b ON b.parent_id = c.id
       WHERE c.agent_id = agent AND b.agent_id <> agent AND b.closed_at IS NULL) THEN 'has_branches'
    WHEN successor IS NULL AND EXISTS (
      SELECT FROM discreet.sessions s
       WHERE s.agent_id = agent AND gate.is_on_hold(s.contact_id)) THEN 'contact_on_hold'
    WHEN successor IS NULL AND EXISTS (
      SELECT FROM discreet.contacts c
       WHERE c.owner_id = owner AND c.on_hold_at IS NOT NULL
         AND (EXISTS (SELECT FROM discreet.sessions s
                       WHERE s.agent_id = agent
                         AND (s.contact_id = c.id OR s.shared))
              OR EXISTS (SELECT FROM discreet.memory_history h
                          WHERE h.agent_id = agent AND h.contact_id = c.id)
              OR EXISTS (SELECT FROM discreet.memories m
                          WHERE m.agent_id = agent AND m.contact_id = c.id))) THEN 'agent_on_hold'
    WHEN EXISTS (
      SELECT FROM discreet.outbox o JOIN discreet.sessions s ON s.id = o.session_id
       WHERE s.agent_id = agent AND o.state = 'sending') THEN 'answer_being_sent' END
    FROM (SELECT 1) one
    LEFT JOIN discreet.agents leaving ON leaving.id = agent AND leaving.owner_id = owner
    LEFT JOIN discreet.agents other ON other.id = successor AND other.owner_id = owner
$$;

-- Delete an agent and return the receipt. With a `successor`, that agent gets its conversations, memories
-- and channels; `erase`: contacts that no other agent knows are erased. Errors: DS001 no such agent;
-- DS003 it can't be done, or not now.
CREATE OR REPLACE FUNCTION gate.delete_agent(agent uuid, successor uuid, erase boolean) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner    uuid := gate.require_owner();
  reason   text := gate.deletion_blocker(owner, agent, successor);
  sessions uuid[];
  counts   jsonb := '{}';
  result   uuid;
BEGIN
  IF reason IS NOT NULL THEN
    RAISE EXCEPTION '%', reason USING ERRCODE = CASE WHEN reason = 'no_such_agent' THEN 'DS001' ELSE 'DS003' END;
  END IF;
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s WHERE s.agent_id = agent ORDER BY s.id FOR UPDATE) s;
  counts := jsonb_build_object('jobs', gate.delete_jobs(sessions));
  DELETE FROM discreet.drafts d WHERE d.agent_id = agent;
  DELETE FROM discreet.mcp_sessions m WHERE m.agent_id = agent;
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: decoys', 0));  -- they are made side by side
  DELETE FROM discreet.memories m WHERE m.agent_id = agent AND m.decoy;
  IF erase THEN
    counts := gate.add_counts(counts, gate.erase_exclusive_contacts(owner, agent));
  END IF;
  counts := gate.add_counts(counts, CASE WHEN successor IS NULL THEN gate.delete_agent_rows(owner, agent)
                                         ELSE gate.transfer_agent_rows(owner, agent, successor) END);
  counts := gate.add_counts(counts, gate.delete_agent_and_settings(agent));
  INSERT INTO discreet.erasures (owner_id, counts) VALUES (owner, counts) RETURNING id INTO result;
  RETURN result;
END $$;

-- Add two objects of numbers.
CREATE OR REPLACE FUNCTION gate.add_counts(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(t.key, t.total), '{}') FROM (
    SELECT e.key, sum(e.value::bigint) AS total
      FROM (SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)) e
     GROUP BY e.key) t
$$;

-- Erase the contacts that no other agent knows.
CREATE OR REPLACE FUNCTION gate.erase_exclusive_contacts(owner uuid, agent uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  contact uuid;
  receipt uuid;
  counts  jsonb := '{}';
BEGIN
  FOR contact IN
    WITH known (contact_id, agent_id) AS (
      SELECT s.contact_id, s.agent_id FROM discreet.sessions s WHERE s.owner_id = owner
      UNION SELECT m.contact_id, m.agent_id FROM discreet.memories m WHERE m.owner_id = owner
      UNION SELECT a.contact_id, a.agent_id FROM discreet.admissions a WHERE a.owner_id = owner)
    SELECT k.contact_id FROM known k JOIN discreet.contacts c ON c.id = k.contact_id
     WHERE c.merged_into IS NULL GROUP BY k.contact_id HAVING bool_and(k.agent_id = agent)
  LOOP
    receipt := gate.erase_contact(contact);
    counts := gate.add_counts(counts, (SELECT e.counts FROM discreet.erasures e WHERE e.id = receipt));
  END LOOP;
  RETURN counts;
END $$;

-- Delete the conversations, memories and channels of an agent.
CREATE OR REPLACE FUNCTION gate.delete_agent_rows(owner uuid, agent uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  channels   uuid[] := ARRAY(SELECT c.id FROM discreet.channels c WHERE c.agent_id = agent);
  erased     record;
  table_name text;
  row_count  bigint;
  counts     jsonb := '{}';
BEGIN
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(
    SELECT m.id FROM discreet.memories m WHERE m.agent_id = agent
    UNION SELECT h.memory_id FROM discreet.memory_history h WHERE h.agent_id = agent));
  counts := jsonb_build_object('memories', erased.memories, 'memory_versions', erased.versions);
  DELETE FROM discreet.idempotency_keys k
   USING discreet.messages m WHERE k.result_id = m.id AND m.agent_id = agent;
  DELETE FROM discreet.quarantine q WHERE q.channel_id = ANY (channels);
  DELETE FROM discreet.early_receipts e WHERE e.channel_id = ANY (channels);
  DELETE FROM discreet.held_messages h WHERE h.channel_id = ANY (channels);
  -- In the order of the foreign keys.
  FOREACH table_name IN ARRAY ARRAY['reminders', 'outbox', 'attachments', 'messages', 'turns', 'routes',
                                  'sessions', 'pairings', 'admissions', 'owner_chats'] LOOP
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.agent_id = $1', table_name) USING agent;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    counts := counts || jsonb_build_object(table_name, row_count);
  END LOOP;
  DELETE FROM discreet.channels c WHERE c.agent_id = agent AND c.parent_id IS NOT NULL;
  DELETE FROM discreet.channels c WHERE c.agent_id = agent;
  RETURN counts || jsonb_build_object('channels', cardinality(channels));
END $$;

-- Delete what belongs to an agent whoever gets its conversations, and the agent. The caller has deleted
-- its reference texts.
CREATE OR REPLACE FUNCTION gate.delete_agent_and_settings(agent uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  table_name text;
  row_count  bigint;
  counts     jsonb := '{}';
BEGIN
  FOREACH table_name IN ARRAY ARRAY['tokens', 'limit_hits', 'events'] LOOP
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.agent_id = $1', table_name) USING agent;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    counts := counts || jsonb_build_object(table_name, row_count);
  END LOOP;
  DELETE FROM discreet.agents a WHERE a.id = agent;
  RETURN counts || jsonb_build_object('agents', 1);
END $$;

REVOKE ALL ON FUNCTION gate.deletion_blocker, gate.delete_agent, gate.add_counts,
  gate.erase_exclusive_contacts, gate.delete_agent_rows, gate.delete_agent_and_settings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.delete_agent TO discreet_owner;
