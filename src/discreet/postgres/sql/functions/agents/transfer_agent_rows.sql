SET ROLE discreet_gate;

-- Move the conversations, memories and channels of an agent to another one, with the same memory model.
-- A session ends where the other agent has one that is open, and a memory goes where it has the same. Of
-- two memories under one topic key, the other agent's keeps the key. Running turns lose their session.
CREATE OR REPLACE FUNCTION gate.transfer_agent_rows(owner uuid, agent uuid, successor uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  moved  bigint;
  counts jsonb;
BEGIN
  UPDATE discreet.sessions s SET ended_at = clock_timestamp()
   WHERE s.agent_id = agent AND s.ended_at IS NULL AND EXISTS (
     SELECT FROM discreet.sessions o
      WHERE o.owner_id = owner AND o.agent_id = successor AND o.thread_key = s.thread_key
        AND o.party = CASE WHEN s.shared THEN successor ELSE s.party END AND o.ended_at IS NULL);
  UPDATE discreet.turns t SET state = 'lost', finished_at = clock_timestamp()
   WHERE t.agent_id = agent AND t.state = 'running';
  UPDATE discreet.messages m SET state = 'waiting', turn_id = NULL
   WHERE m.agent_id = agent AND m.state = 'taken';
  -- One statement, because the foreign keys between these tables hold again at its end.
  WITH c AS (
    UPDATE discreet.channels c
       SET agent_id = successor,
           closed_at = CASE WHEN c.platform = 'terminal' THEN clock_timestamp() ELSE c.closed_at END
     WHERE c.agent_id = agent
  ), a AS (
    UPDATE discreet.admissions a SET agent_id = successor WHERE a.agent_id = agent
  ), p AS (
    UPDATE discreet.pairings p SET agent_id = successor WHERE p.agent_id = agent
  ), h AS (
    UPDATE discreet.owner_chats h SET agent_id = successor WHERE h.agent_id = agent
  ), r AS (
    UPDATE discreet.routes r SET agent_id = successor WHERE r.agent_id = agent
  ), t AS (
    UPDATE discreet.turns t SET agent_id = successor WHERE t.agent_id = agent
  ), m AS (
    UPDATE discreet.messages m SET agent_id = successor WHERE m.agent_id = agent
  ), o AS (
    UPDATE discreet.outbox o SET agent_id = successor WHERE o.agent_id = agent
  ), n AS (
    UPDATE discreet.reminders n SET agent_id = successor WHERE n.agent_id = agent
  ), f AS (
    UPDATE discreet.attachments f SET agent_id = successor WHERE f.agent_id = agent
  )
  UPDATE discreet.sessions s SET agent_id = successor, current_turn = NULL WHERE s.agent_id = agent;
  GET DIAGNOSTICS moved = ROW_COUNT;
  counts := jsonb_build_object('moved_sessions', moved)
            || gate.transfer_agent_memories(owner, agent, successor);
  PERFORM gate.defer_turn(w.session_id, NULL, false) FROM (
    SELECT DISTINCT m.session_id FROM discreet.messages m
     WHERE m.agent_id = successor AND m.state = 'waiting') w;
  PERFORM gate.defer_delivery(w.route_id, NULL) FROM (
    SELECT DISTINCT o.route_id FROM discreet.outbox o
     WHERE o.agent_id = successor AND o.state = 'pending') w;
  PERFORM gate.defer_reminder(n.id, n.session_id, n.due_at) FROM discreet.reminders n
   WHERE n.agent_id = successor;
  RETURN counts;
END $$;

CREATE OR REPLACE FUNCTION gate.transfer_agent_memories(owner uuid, agent uuid, successor uuid)
RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erased record;
  moved  bigint;
BEGIN
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(
    SELECT m.id FROM discreet.memories m JOIN discreet.memories k
        ON (k.owner_id, k.agent_id, k.digest) = (owner, successor, m.digest)
           AND k.party = CASE WHEN m.shared THEN successor ELSE m.party END
     WHERE m.agent_id = agent));
  UPDATE discreet.memories m
     SET agent_id = successor,
         topic_key = CASE WHEN NOT EXISTS (
           SELECT FROM discreet.memories k
            WHERE (k.owner_id, k.agent_id, k.topic_key) = (owner, successor, m.topic_key)
              AND k.party = CASE WHEN m.shared THEN successor ELSE m.party END) THEN m.topic_key END
   WHERE m.agent_id = agent;
  GET DIAGNOSTICS moved = ROW_COUNT;
  UPDATE discreet.memory_history h SET agent_id = successor WHERE h.agent_id = agent;
  RETURN jsonb_build_object('memories', erased.memories, 'memory_versions', erased.versions,
                            'moved_memories', moved);
END $$;

REVOKE ALL ON FUNCTION gate.transfer_agent_rows, gate.transfer_agent_memories FROM PUBLIC;
