-- Delete what is past its retention period, in batches, with everything derived from it.
SET ROLE discreet_gate;

-- Count what would be deleted now.
CREATE OR REPLACE FUNCTION gate.preview_retention() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  RETURN jsonb_build_object(
    'messages', (SELECT count(*) FROM gate.expired_messages(owner, NULL)),
    'files', (SELECT count(*) FROM gate.expired_files(owner, NULL)),
    'memories', (SELECT count(*) FROM gate.expired_memories(owner, NULL)),
    'memory_versions', (SELECT count(*) FROM gate.expired_versions(owner, NULL)));
END $$;

-- Delete at most `max_rows` rows of each kind, and return how many that were. All zero: nothing is left, or
-- what is left is in use.
CREATE OR REPLACE FUNCTION gate.apply_retention(max_rows integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner    uuid := gate.require_owner();
  files    bigint;
  versions bigint;
  erased   record;
  counts   jsonb;
BEGIN
  DELETE FROM discreet.attachments f WHERE f.id IN (SELECT gate.expired_files(owner, max_rows));
  GET DIAGNOSTICS files = ROW_COUNT;
  counts := gate.expire_messages(owner, max_rows) || gate.expire_unassigned(owner);
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(SELECT gate.expired_memories(owner, max_rows)));
  DELETE FROM discreet.memory_history v
   WHERE (v.memory_id, v.version) IN (SELECT e.memory_id, e.version
                                        FROM gate.expired_versions(owner, max_rows) e);
  GET DIAGNOSTICS versions = ROW_COUNT;
  RETURN counts || jsonb_build_object(
    'files', files, 'memories', erased.memories, 'memory_versions', erased.versions + versions);
END $$;

-- Delete messages, with their files, quotations and summaries; and empty the prompts and steps of their
-- conversations, which may quote them.
CREATE OR REPLACE FUNCTION gate.expire_messages(owner uuid, max_rows integer) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  message_ids   uuid[] := ARRAY(SELECT gate.expired_messages(owner, max_rows));
  sessions      uuid[];
  summaries     uuid[];
  message_count bigint;
  prompt_count  bigint;
BEGIN
  -- A conversation in use is left for the next run. Storing a message locks the row of its session.
  sessions := ARRAY(
    SELECT s.id FROM discreet.sessions s
     WHERE s.id IN (SELECT m.session_id FROM discreet.messages m WHERE m.id = ANY (message_ids))
       AND s.current_turn IS NULL
     ORDER BY s.id FOR UPDATE SKIP LOCKED);
  message_ids := ARRAY(
    SELECT m.id FROM discreet.messages m
     WHERE m.id = ANY (message_ids) AND m.session_id = ANY (sessions) AND m.state NOT IN ('waiting', 'taken'));
  summaries := ARRAY(
    SELECT gate.own_summary(s) FROM discreet.sessions s
     WHERE s.id = ANY (sessions) AND gate.own_summary(s) IS NOT NULL
       AND EXISTS (SELECT FROM discreet.messages m
                    WHERE m.session_id = s.id AND m.id = ANY (message_ids)
                      AND m.position <= s.compacted_to));
  UPDATE discreet.sessions s SET summary_id = NULL, compacted_to = 0
   WHERE s.id = ANY (sessions) AND s.summary_id = ANY (summaries);
  PERFORM gate.erase_memories(summaries);
  DELETE FROM discreet.idempotency_keys k WHERE k.result_id = ANY (message_ids);
  PERFORM gate.erase_quotes(sessions, message_ids, '{}');
  DELETE FROM discreet.messages m WHERE m.id = ANY (message_ids);
  GET DIAGNOSTICS message_count = ROW_COUNT;
  UPDATE discreet.turns t SET prompt = NULL, steps = NULL
   WHERE t.session_id = ANY (sessions) AND t.state <> 'running'
     AND (t.prompt IS NOT NULL OR t.steps IS NOT NULL);
  GET DIAGNOSTICS prompt_count = ROW_COUNT;
  DELETE FROM discreet.held_answers a
   WHERE a.session_id = ANY (sessions) AND a.state <> 'waiting';
  DELETE FROM discreet.tool_calls c
   WHERE c.session_id = ANY (sessions)
     AND (c.state <> 'waiting' OR c.expires_at < clock_timestamp());
  DELETE FROM discreet.person_requests p
   WHERE p.session_id = ANY (sessions)
     AND (p.answered_at IS NOT NULL OR p.ends_at < clock_timestamp());
  RETURN jsonb_build_object('messages', message_count, 'prompts', prompt_count, 'summaries', cardinality(summaries));
END $$;

-- Delete what never became a message of a contact: quarantined ones, and those of strangers who wait.
CREATE OR REPLACE FUNCTION gate.expire_unassigned(owner uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  quarantined bigint;
  held        bigint;
BEGIN
  DELETE FROM discreet.quarantine q USING gate.retention_cutoffs(owner, 'messages', false) h
   WHERE q.channel_id = h.channel_id AND q.created_at < h.cutoff;
  GET DIAGNOSTICS quarantined = ROW_COUNT;
  DELETE FROM discreet.held_messages k USING gate.retention_cutoffs(owner, 'messages', false) h
   WHERE k.channel_id = h.channel_id AND k.created_at < h.cutoff;
  GET DIAGNOSTICS held = ROW_COUNT;
  RETURN jsonb_build_object('quarantine', quarantined, 'held_messages', held);
END $$;

REVOKE ALL ON FUNCTION gate.preview_retention, gate.apply_retention, gate.expire_messages,
  gate.expire_unassigned FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.preview_retention, gate.apply_retention TO discreet_owner;
