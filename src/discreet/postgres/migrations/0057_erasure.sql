-- Everything about one contact is removed, for good, and a receipt says how much that was.
GRANT DELETE ON queue.procrastinate_jobs TO discreet_gate;
GRANT SELECT, UPDATE (job_id) ON queue.procrastinate_periodic_defers TO discreet_gate;

SET ROLE discreet_schema;
-- A receipt: when, and how many rows of each kind. Nothing in it says who that was.
CREATE TABLE discreet.erasures (
  id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  counts    jsonb NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX erasures_owner ON discreet.erasures (owner_id, erased_at);
ALTER TABLE discreet.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.erasures FORCE ROW LEVEL SECURITY;
CALL discreet.let_see('erasures', 'owner', '{owner_id}', '{owner_id}');
CREATE POLICY gate ON discreet.erasures TO discreet_gate USING (true);
GRANT SELECT ON discreet.erasures TO discreet_owner;
GRANT SELECT, INSERT ON discreet.erasures TO discreet_gate;
-- Platforms tell late what was said, and twice: nothing that was said before its sender was erased is
-- taken afterwards. A keyed hash of an address for a week, which is as far back as platforms go.
CREATE TABLE discreet.erased_addresses (
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  digest    bytea NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (owner_id, digest)
);
ALTER TABLE discreet.erased_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.erased_addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY gate ON discreet.erased_addresses TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.erased_addresses TO discreet_gate;
GRANT DELETE ON discreet.sessions, discreet.routes, discreet.turns, discreet.outbox,
                discreet.attachments, discreet.memory_history, discreet.quarantine, discreet.limits,
                discreet.limit_hits, discreet.tokens TO discreet_gate;
GRANT UPDATE (prompt, steps) ON discreet.turns TO discreet_gate;
CALL discreet.keep_no_statistics();
RESET ROLE;

SET ROLE discreet_gate;
CREATE FUNCTION gate.digest_of(address text) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(k.outer_pad || convert_to('erased ' || address, 'UTF8')) FROM gate.secrets k
$$;

-- Whether this was said by somebody, or in a group, before they were erased.
CREATE FUNCTION gate.was_erased(owner uuid, written_at timestamptz, sender text, of_group text)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Where nobody was, which is nearly always, nothing is hashed.
  RETURN EXISTS (SELECT FROM discreet.erased_addresses e WHERE e.owner_id = owner)
    AND EXISTS (SELECT FROM discreet.erased_addresses e
                 WHERE e.owner_id = owner AND written_at <= e.erased_at
                   AND e.digest IN (gate.digest_of(sender), gate.digest_of(of_group)));
END $$;

-- Work that waits for these sessions; what is under way finds nothing any more, and ends.
CREATE FUNCTION gate.drop_jobs(sessions uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = queue, pg_temp AS $$
DECLARE
  dropped bigint;
BEGIN
  DELETE FROM procrastinate_jobs j
   WHERE j.status = 'todo' AND (
     (j.task_name = 'run_turn' AND (j.args->>'session_id')::uuid = ANY (sessions))
     OR (j.task_name = 'deliver' AND (j.args->>'route_id')::uuid IN (
           SELECT r.id FROM discreet.routes r WHERE r.session_id = ANY (sessions))));
  GET DIAGNOSTICS dropped = ROW_COUNT;
  RETURN dropped;
END $$;

-- Memories, whosever they are, with what they were before; the trigger's last copies too.
CREATE FUNCTION gate.erase_memories(ids uuid[], OUT memories bigint, OUT versions bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before bigint := (SELECT count(*) FROM discreet.memory_history h WHERE h.memory_id = ANY (ids));
BEGIN
  -- Words that only these held are not counted any more; who needs a count that is gone counts anew.
  DELETE FROM discreet.owner_words w USING discreet.memories m
   WHERE m.id = ANY (ids) AND w.owner_id = m.owner_id AND w.word = ANY (m.terms);
  DELETE FROM discreet.memories m WHERE m.id = ANY (ids);
  GET DIAGNOSTICS memories = ROW_COUNT;
  DELETE FROM discreet.memory_history h WHERE h.memory_id = ANY (ids);
  versions := before;
END $$;

-- The owner's turns that were shown something of these people. Whatever an owner's turn is shown of
-- somebody stands beside their address, or their id.
CREATE FUNCTION gate.turns_shown(owner uuid, gone uuid[], addresses text[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  called text := (
    SELECT '(^|[^[:alnum:]])(' || string_agg(regexp_replace(w, '([^[:alnum:]])', '\\\1', 'g'), '|')
             || ')($|[^[:alnum:]])'
      FROM unnest(addresses || gone::text[]) w);
BEGIN
  RETURN ARRAY(
    SELECT t.id FROM discreet.turns t
     WHERE t.owner_id = owner AND t.contact_id IS NULL AND NOT t.shared
       AND concat(t.prompt, t.steps) ~ called);
END $$;

-- Takes from these sessions what their turns were given, and the turns that run there; what those had
-- taken waits again. Returns how many turns had kept what they were given.
CREATE FUNCTION gate.empty_turns(sessions uuid[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  prompts bigint;
  waiting uuid;
BEGIN
  -- What a turn was given is kept for the owner to look at; it may quote anybody whom it could read.
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

-- What these people said where others speak too, or in a conversation that was joined with theirs for
-- a while; what it was answered with, and what was remembered of it there; and what the owner was
-- answered by turns that were shown something of theirs. Turns that run there have lost their session:
-- what they were given may hold it.
CREATE FUNCTION gate.erase_elsewhere(owner uuid, gone uuid[], addresses text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said     uuid[];
  sessions uuid[];
  turns    uuid[];
  shown    uuid[];
  memories uuid[];
  erased   record;
  messages bigint;
  prompts  bigint;
BEGIN
  -- With all sessions of these parties: what was said in one is found from the others.
  sessions := ARRAY(
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND (s.agent_id, s.party) IN (
       SELECT m.agent_id, m.party FROM discreet.messages m
        WHERE m.owner_id = owner AND NOT coalesce(m.contact_id = ANY (gone), false)
          AND (m.sender_contact_id = ANY (gone) OR m.sender_address = ANY (addresses))));
  shown := gate.turns_shown(owner, gone, addresses);
  sessions := sessions || ARRAY(
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND s.contact_id IS NULL AND NOT s.shared
       AND (s.current_turn IS NOT NULL OR s.id IN (
             SELECT t.session_id FROM discreet.turns t WHERE t.id = ANY (shown))));
  PERFORM 1 FROM discreet.sessions s WHERE s.id = ANY (sessions) ORDER BY s.id FOR UPDATE;
  SELECT coalesce(array_agg(m.id), '{}'),
         coalesce(array_agg(DISTINCT m.turn_id) FILTER (WHERE m.turn_id IS NOT NULL), '{}')
    INTO said, turns
    FROM discreet.messages m
   WHERE m.owner_id = owner AND NOT coalesce(m.contact_id = ANY (gone), false)
     AND (m.sender_contact_id = ANY (gone) OR m.sender_address = ANY (addresses));

  -- An answer that others asked for as well is theirs.
  said := said || ARRAY(
    SELECT o.id FROM discreet.messages o
     WHERE o.direction = 'out' AND (o.turn_id = ANY (shown) OR (
       o.turn_id = ANY (turns) AND NOT EXISTS (
         SELECT FROM discreet.messages i
          WHERE i.turn_id = o.turn_id AND i.direction = 'in' AND i.id <> ALL (said)))));
  memories := ARRAY(
    SELECT m.id FROM discreet.memories m
     WHERE m.owner_id = owner AND m.turn_id = ANY (turns)
     UNION SELECT h.memory_id FROM discreet.memory_history h
     WHERE h.owner_id = owner AND h.turn_id = ANY (turns)
     UNION SELECT s.summary_id FROM discreet.sessions s
     WHERE s.id = ANY (sessions) AND s.summary_id IS NOT NULL
       AND EXISTS (SELECT FROM discreet.messages m
                    WHERE m.session_id = s.id AND m.id = ANY (said)));
  UPDATE discreet.sessions s SET summary_id = NULL, compacted_to = 0
   WHERE s.id = ANY (sessions) AND s.summary_id = ANY (memories);
  SELECT * INTO erased FROM gate.erase_memories(memories);
  DELETE FROM discreet.idempotency_keys k WHERE k.made = ANY (said);
  DELETE FROM discreet.messages m WHERE m.id = ANY (said);
  GET DIAGNOSTICS messages = ROW_COUNT;
  -- A chat in which nothing was said is nobody's way to be answered any more.
  DELETE FROM discreet.routes r
   WHERE r.session_id = ANY (sessions) AND NOT EXISTS (
     SELECT FROM discreet.messages m WHERE m.session_id = r.session_id AND m.route_id = r.id);

  prompts := gate.empty_turns(sessions);
  RETURN jsonb_build_object(
    'messages_elsewhere', messages, 'memories_elsewhere', erased.memories,
    'memory_versions_elsewhere', erased.versions, 'prompts_elsewhere', prompts);
END $$;

-- What is nobody's row yet but says who sent it: messages in quarantine and kept aside, receipts that
-- came early, keys of requests.
CREATE FUNCTION gate.erase_unsorted(owner uuid, gone uuid[], addresses text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  many   bigint;
  counts jsonb := '{}';
BEGIN
  DELETE FROM discreet.quarantine q USING discreet.channels c
   WHERE c.id = q.channel_id AND c.owner_id = owner AND (
     q.inbound #>> '{sender,contact_id}' = ANY (gone::text[])
     OR (q.inbound #>> '{sender,address,platform}') || ':'
        || (q.inbound #>> '{sender,address,platform_id}') = ANY (addresses)
     OR (q.inbound #>> '{group,address,platform}') || ':'
        || (q.inbound #>> '{group,address,platform_id}') = ANY (addresses));
  GET DIAGNOSTICS many = ROW_COUNT;
  counts := counts || jsonb_build_object('quarantine', many);
  DELETE FROM discreet.kept_aside k
   WHERE k.owner_id = owner AND (
     (k.arrived->>'sender_platform') || ':' || (k.arrived->>'sender_id') = ANY (addresses)
     OR k.pairing_id IN (SELECT p.id FROM discreet.pairings p WHERE p.contact_id = ANY (gone)));
  GET DIAGNOSTICS many = ROW_COUNT;
  counts := counts || jsonb_build_object('kept_aside', many);
  -- Nobody knows yet whose these are, and what a platform calls a message may hold a number.
  DELETE FROM discreet.early_receipts e WHERE e.owner_id = owner;
  DELETE FROM discreet.wrong_codes w USING unnest(addresses) a
   WHERE w.owner_id = owner AND w.sender = gate.digest_of(a);
  DELETE FROM discreet.idempotency_keys k
   USING discreet.messages m WHERE k.made = m.id AND m.contact_id = ANY (gone);
  RETURN counts;
END $$;

-- Erases a contact, and those that were joined into it: rows, files, history, work that waits. Returns
-- the receipt. Who writes from one of its addresses afterwards is somebody new.
-- Errors: DS001 no such contact; DS003 it was joined with another one.
CREATE FUNCTION gate.erase_contact(contact uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner     uuid := gate.require_owner();
  into_whom uuid;
  gone      uuid[] := ARRAY[contact];
  addresses text[];
  sessions  uuid[];
  erased    record;
  of_table  text;
  many      bigint;
  counts    jsonb := '{}';
  result    uuid;
BEGIN
  SELECT c.joined_into INTO into_whom FROM discreet.contacts c
   WHERE c.id = contact AND c.owner_id = owner FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  ELSIF into_whom IS NOT NULL THEN
    RAISE EXCEPTION 'erase_joined' USING ERRCODE = 'DS003';
  END IF;
  WITH RECURSIVE of_it AS (
    SELECT contact AS id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN of_it o ON c.joined_into = o.id)
  SELECT array_agg(o.id) INTO gone FROM of_it o;
  PERFORM 1 FROM discreet.contacts c WHERE c.id = ANY (gone) ORDER BY c.id FOR UPDATE;
  -- Whoever stores a message holds the row of its session; turns and deliveries do too.
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s WHERE s.contact_id = ANY (gone) ORDER BY s.id FOR UPDATE) s;
  SELECT coalesce(array_agg(a.platform || ':' || a.platform_id), '{}') INTO addresses
    FROM discreet.addresses a WHERE a.contact_id = ANY (gone);

  counts := counts || gate.erase_elsewhere(owner, gone, addresses)
                   || jsonb_build_object('jobs', gate.drop_jobs(sessions));
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(
    SELECT m.id FROM discreet.memories m WHERE m.contact_id = ANY (gone)
    UNION SELECT h.memory_id FROM discreet.memory_history h WHERE h.contact_id = ANY (gone)));
  counts := counts || jsonb_build_object('memories', erased.memories, 'memory_versions', erased.versions);

  counts := counts || gate.erase_unsorted(owner, gone, addresses);

  -- In the order in which they refer to each other; what is left refers to contacts alone.
  FOREACH of_table IN ARRAY ARRAY['drafts', 'outbox', 'attachments', 'messages', 'turns', 'routes',
                                  'mcp_sessions', 'sessions', 'tokens', 'pairings', 'admissions',
                                  'limits', 'limit_hits', 'addresses'] LOOP
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.contact_id = ANY ($1)', of_table) USING gone;
    GET DIAGNOSTICS many = ROW_COUNT;
    counts := counts || jsonb_build_object(of_table, many);
  END LOOP;
  DELETE FROM discreet.contacts c WHERE c.id = ANY (gone);
  DELETE FROM discreet.erased_addresses e WHERE e.erased_at < clock_timestamp() - interval '7 days';
  INSERT INTO discreet.erased_addresses (owner_id, digest)
  SELECT owner, gate.digest_of(a) FROM unnest(addresses) a
  ON CONFLICT (owner_id, digest) DO UPDATE SET erased_at = excluded.erased_at;
  counts := counts || jsonb_build_object('contacts', cardinality(gone));
  INSERT INTO discreet.erasures (owner_id, counts) VALUES (owner, counts) RETURNING id INTO result;
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.digest_of(text), gate.was_erased(uuid, timestamptz, text, text),
  gate.drop_jobs(uuid[]), gate.erase_memories(uuid[]),
  gate.turns_shown(uuid, uuid[], text[]), gate.empty_turns(uuid[]),
  gate.erase_unsorted(uuid, uuid[], text[]),
  gate.erase_elsewhere(uuid, uuid[], text[]), gate.erase_contact(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.erase_contact(uuid) TO discreet_owner;
RESET ROLE;
