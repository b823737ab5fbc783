SET ROLE discreet_gate;

-- Erase what these people said in groups, or in conversations that were merged with theirs for a while;
-- the answers to it and the memories made of it there; and the owner's answers from turns that were
-- shown something of theirs. Running turns there lose their session, because what they were given may
-- contain it.
CREATE OR REPLACE FUNCTION gate.erase_from_other_sessions(owner uuid, contact_ids uuid[], addresses text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  message_ids    uuid[];
  sessions       uuid[];
  turns          uuid[];
  turns_showing  uuid[] := gate.owner_turns_showing(owner, contact_ids, addresses);
  owner_messages uuid[] := gate.owner_messages_about(contact_ids, turns_showing);
  memories       uuid[];
  erased         record;
  messages       bigint;
BEGIN
  -- Includes all sessions of these parties: what was said in one is found from the others.
  sessions := ARRAY(
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND (s.agent_id, s.party) IN (
       SELECT m.agent_id, m.party FROM discreet.messages m
        WHERE m.id IN (SELECT e.id FROM gate.messages_in_other_sessions(owner, contact_ids, addresses) e (id))));
  sessions := sessions || ARRAY(
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND s.agent_id = ANY (gate.agent_ids(owner)) AND s.party = owner
       AND s.contact_id IS NULL AND NOT s.shared
       AND (s.current_turn IS NOT NULL OR s.id IN (
             SELECT t.session_id FROM discreet.turns t WHERE t.id = ANY (turns_showing))
             OR s.id IN (SELECT m.session_id FROM discreet.messages m WHERE m.id = ANY (owner_messages))));
  PERFORM 1 FROM discreet.sessions s WHERE s.id = ANY (sessions) ORDER BY s.id FOR UPDATE;
  SELECT coalesce(array_agg(m.id), '{}'),
         coalesce(array_agg(DISTINCT m.turn_id) FILTER (WHERE m.turn_id IS NOT NULL), '{}')
    INTO message_ids, turns
    FROM discreet.messages m
   WHERE m.id IN (SELECT e.id FROM gate.messages_in_other_sessions(owner, contact_ids, addresses) e (id));

  -- An answer to messages of others as well is kept for them.
  message_ids := message_ids || owner_messages || ARRAY(
    SELECT o.id FROM discreet.messages o
     WHERE o.direction = 'out' AND (o.turn_id = ANY (turns_showing) OR (
       o.turn_id = ANY (turns) AND NOT EXISTS (
         SELECT FROM discreet.messages i
          WHERE i.turn_id = o.turn_id AND i.direction = 'in' AND i.id <> ALL (message_ids)))));
  memories := ARRAY(
    SELECT m.id FROM discreet.memories m
     WHERE m.owner_id = owner AND m.turn_id = ANY (turns)
     UNION SELECT h.memory_id FROM discreet.memory_history h
     WHERE h.owner_id = owner AND h.turn_id = ANY (turns)
     UNION SELECT gate.own_summary(s) FROM discreet.sessions s
     WHERE s.id = ANY (sessions) AND gate.own_summary(s) IS NOT NULL
       AND EXISTS (SELECT FROM discreet.messages m
                    WHERE m.session_id = s.id AND m.id = ANY (message_ids)));
  UPDATE discreet.sessions s SET summary_id = NULL, compacted_to = 0
   WHERE s.id = ANY (sessions) AND s.summary_id = ANY (memories);
  SELECT * INTO erased FROM gate.erase_memories(memories);
  DELETE FROM discreet.idempotency_keys k WHERE k.result_id = ANY (message_ids);
  PERFORM gate.erase_quotes(sessions, message_ids, addresses);
  DELETE FROM discreet.events e WHERE e.message_id = ANY (message_ids);
  DELETE FROM discreet.messages m WHERE m.id = ANY (message_ids);
  GET DIAGNOSTICS messages = ROW_COUNT;
  -- A chat without messages is nobody's route any more.
  DELETE FROM discreet.routes r
   WHERE r.session_id = ANY (sessions) AND NOT EXISTS (
     SELECT FROM discreet.messages m WHERE m.session_id = r.session_id AND m.route_id = r.id);

  PERFORM gate.anonymize_turn_reads(owner, contact_ids);
  RETURN jsonb_build_object(
    'messages_elsewhere', messages, 'memories_elsewhere', erased.memories,
    'memory_versions_elsewhere', erased.versions, 'prompts_elsewhere', gate.clear_turns(sessions));
END $$;

-- Return what these people said, or what came from their addresses, outside of their own conversations.
-- Written so that each part is served by an index: among others' messages there are many.
CREATE OR REPLACE FUNCTION gate.messages_in_other_sessions(owner uuid, contact_ids uuid[], addresses text[])
RETURNS SETOF uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.id FROM discreet.messages m
   WHERE m.owner_key IS NOT NULL AND m.owner_id = owner
     AND m.agent_id = ANY (ARRAY(SELECT a.id FROM discreet.agents a WHERE a.owner_id = owner))
     AND m.sender_contact_id = ANY (contact_ids)
     AND (m.contact_id IS NULL OR m.sender_contact_id <> m.contact_id)
     AND NOT coalesce(m.contact_id = ANY (contact_ids), false)
   UNION
  SELECT m.id FROM discreet.messages m
   WHERE m.owner_key IS NOT NULL AND m.owner_id = owner
     AND m.sender_address <> '' AND m.sender_address = ANY (addresses)
     AND NOT coalesce(m.contact_id = ANY (contact_ids), false)
$$;

-- Keep the fact that a turn read a contact's rows, without the contact's id.
CREATE OR REPLACE FUNCTION gate.anonymize_turn_reads(owner uuid, contact_ids uuid[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  UPDATE discreet.turns t
     SET read = ARRAY(SELECT DISTINCT CASE WHEN r.id = ANY (contact_ids)
                        THEN '00000000-0000-0000-0000-000000000000' ELSE r.id END
                        FROM unnest(t.read) r(id))
   WHERE t.owner_id = owner AND t.agent_id = ANY (gate.agent_ids(owner))
     AND t.party = ANY (owner || gate.agent_ids(owner)) AND t.contact_id IS NULL AND t.read && contact_ids
$$;

-- Return the agents of an owner: with a party, they lead to the index of what is stored for it.
CREATE OR REPLACE FUNCTION gate.agent_ids(owner uuid) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY(SELECT a.id FROM discreet.agents a WHERE a.owner_id = owner)
$$;

-- Return the notices about these people in the owner's own chat, and what the owner sent them from there.
CREATE OR REPLACE FUNCTION gate.owner_messages_about(contact_ids uuid[], turns uuid[]) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY(
  SELECT n.message_id FROM discreet.owner_notices n WHERE n.contact_id = ANY (contact_ids)
   UNION
  SELECT m.id FROM discreet.messages m WHERE m.turn_id = ANY (turns) AND m.command = 'passed')
$$;

-- Remove quotations of these messages, and of these people, from messages of others.
CREATE OR REPLACE FUNCTION gate.erase_quotes(sessions uuid[], message_ids uuid[], addresses text[])
RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  UPDATE discreet.messages m SET details = m.details - 'quote'
   WHERE m.session_id = ANY (sessions)
     AND (m.replies_to = ANY (message_ids) OR m.details->'quote'->>'address' = ANY (addresses))
$$;

-- Find the owner's turns that were shown something of these people. An owner's turn shows everything of
-- a contact beside its address or id.
CREATE OR REPLACE FUNCTION gate.owner_turns_showing(owner uuid, contact_ids uuid[], addresses text[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pattern text := (
    SELECT '(^|[^[:alnum:]])(' || string_agg(regexp_replace(w, '([^[:alnum:]])', '\\\1', 'g'), '|')
             || ')($|[^[:alnum:]])'
      FROM unnest(addresses || contact_ids::text[]) w);
BEGIN
  RETURN ARRAY(
    SELECT t.id FROM discreet.turns t
     WHERE t.owner_id = owner AND t.agent_id = ANY (gate.agent_ids(owner)) AND t.party = owner
       AND t.contact_id IS NULL AND NOT t.shared
       AND concat(t.prompt, t.steps) ~ pattern);
END $$;

-- Delete the prompts kept for these sessions, and end the turns that run there; their messages wait
-- again. Returns how many turns had a prompt.
CREATE OR REPLACE FUNCTION gate.clear_turns(sessions uuid[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  prompts bigint;
  waiting uuid;
BEGIN
  -- The prompt is kept for the owner to look at, and may quote anybody whom the turn could read.
  UPDATE discreet.turns t SET prompt = NULL, steps = NULL
   WHERE t.session_id = ANY (sessions) AND (t.prompt IS NOT NULL OR t.steps IS NOT NULL);
  GET DIAGNOSTICS prompts = ROW_COUNT;
  DELETE FROM discreet.drafts d USING discreet.turns t
   WHERE t.id = d.turn_id AND t.session_id = ANY (sessions);
  UPDATE discreet.turns t
     SET state = 'lost', finished_at = clock_timestamp(), error = 'erased_meanwhile'
   WHERE t.session_id = ANY (sessions) AND t.state = 'running';
  UPDATE discreet.messages m SET state = 'waiting', turn_id = NULL
   WHERE m.session_id = ANY (sessions) AND m.state = 'taken';
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = ANY (sessions);
  FOR waiting IN SELECT DISTINCT m.session_id FROM discreet.messages m
                  WHERE m.session_id = ANY (sessions) AND m.state = 'waiting' LOOP
    PERFORM gate.defer_turn(waiting, NULL, false);
  END LOOP;
  RETURN prompts;
END $$;

REVOKE ALL ON FUNCTION gate.erase_from_other_sessions, gate.owner_messages_about, gate.erase_quotes,
  gate.owner_turns_showing, gate.clear_turns, gate.anonymize_turn_reads, gate.messages_in_other_sessions,
  gate.agent_ids FROM PUBLIC;
