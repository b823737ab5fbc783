-- Which rows are past their retention period. Excluded: everything of a contact on hold, also in groups, and what
-- still waits for an answer or for delivery.
SET ROLE discreet_gate;

-- Return, for each channel of each agent of an owner, the time before which rows of a kind are deleted;
-- with `by_agent`, for each agent. The narrowest rule counts. A day has 24 hours: PostgreSQL's own days depend on the
-- time zone of the connection when summer time begins or ends.
CREATE OR REPLACE FUNCTION gate.retention_cutoffs(owner uuid, row_kind text, by_agent boolean)
RETURNS TABLE (agent_id uuid, channel_id uuid, cutoff timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM discreet.retention r
                  WHERE r.owner_id = owner AND r.kind = row_kind AND r.days IS NOT NULL) THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT p.agent, p.channel, clock_timestamp() - make_interval(hours => 24 * n.days)
    FROM (SELECT a.id AS agent, NULL::uuid AS channel FROM discreet.agents a
           WHERE a.owner_id = owner AND by_agent
          UNION ALL
          SELECT c.agent_id, c.id FROM discreet.channels c
           WHERE c.owner_id = owner AND NOT by_agent) p
   CROSS JOIN LATERAL (
     SELECT r.days FROM discreet.retention r
      WHERE r.owner_id = owner AND r.kind = row_kind
        AND (r.channel_id = p.channel
             OR (r.channel_id IS NULL AND coalesce(r.agent_id = p.agent, true)))
      ORDER BY r.channel_id IS NULL, r.agent_id IS NULL LIMIT 1) n
   WHERE n.days IS NOT NULL;
END $$;

CREATE OR REPLACE FUNCTION gate.is_on_hold(contact uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM discreet.contacts c WHERE c.id = contact AND c.on_hold_at IS NOT NULL)
$$;

-- `max_rows` null: all of them.
CREATE OR REPLACE FUNCTION gate.expired_messages(owner uuid, max_rows integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.id
    FROM gate.retention_cutoffs(owner, 'messages', false) h
    JOIN discreet.routes r ON r.channel_id = h.channel_id
    JOIN discreet.messages m ON m.session_id = r.session_id AND m.route_id = r.id
    JOIN discreet.sessions s ON s.id = m.session_id AND s.current_turn IS NULL
   WHERE m.owner_id = owner AND m.created_at < h.cutoff AND m.state NOT IN ('waiting', 'taken')
     AND NOT EXISTS (SELECT FROM discreet.outbox o
                      WHERE o.message_id = m.id AND o.state IN ('pending', 'sending'))
     AND NOT gate.is_on_hold(m.contact_id) AND NOT gate.is_on_hold(m.sender_contact_id)
   LIMIT max_rows
$$;

CREATE OR REPLACE FUNCTION gate.expired_files(owner uuid, max_rows integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT f.id
    FROM gate.retention_cutoffs(owner, 'files', false) h
    JOIN discreet.routes r ON r.channel_id = h.channel_id
    JOIN discreet.attachments f ON f.session_id = r.session_id AND f.route_id = r.id
    JOIN discreet.messages m ON m.id = f.message_id
   WHERE f.owner_id = owner AND f.created_at < h.cutoff AND m.state NOT IN ('waiting', 'taken')
     AND NOT gate.is_on_hold(m.contact_id) AND NOT gate.is_on_hold(m.sender_contact_id)
   LIMIT max_rows
$$;

-- A summary of a conversation goes with the messages that it covers.
CREATE OR REPLACE FUNCTION gate.expired_memories(owner uuid, max_rows integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.id
    FROM gate.retention_cutoffs(owner, 'memories', true) h
    JOIN discreet.memories m ON m.owner_id = owner AND m.agent_id = h.agent_id
   WHERE m.updated_at < h.cutoff AND NOT m.decoy AND NOT gate.is_on_hold(m.contact_id)
     AND NOT EXISTS (SELECT FROM discreet.sessions s
                      WHERE (s.owner_id, s.agent_id, s.party) = (m.owner_id, m.agent_id, m.party)
                        AND s.summary_id = m.id)
   LIMIT max_rows
$$;

-- Older versions, by the time at which they were replaced.
CREATE OR REPLACE FUNCTION gate.expired_versions(owner uuid, max_rows integer)
RETURNS TABLE (memory_id uuid, version integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.memory_id, v.version
    FROM gate.retention_cutoffs(owner, 'memories', true) h
    JOIN discreet.memory_history v ON v.owner_id = owner AND v.agent_id = h.agent_id
   WHERE v.archived_at < h.cutoff AND NOT gate.is_on_hold(v.contact_id)
   LIMIT max_rows
$$;

REVOKE ALL ON FUNCTION gate.retention_cutoffs, gate.is_on_hold, gate.expired_messages, gate.expired_files,
  gate.expired_memories, gate.expired_versions FROM PUBLIC;
