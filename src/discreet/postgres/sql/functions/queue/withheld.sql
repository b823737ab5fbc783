-- Contacts that the agent doesn't answer: those that the owner has blocked or taken over, those who wait
-- for a person, and everybody while an agent is paused.
SET ROLE discreet_gate;

-- Say why a turn may not run or be saved in a session now: 'paused', 'blocked', 'taken over',
-- 'asked for a person', or null. `turn`: a turn that runs there; null: one that is to begin. A command
-- starts no agent. So commands, the owner's and senders', are obeyed while the agent is paused and while
-- a person answers or is waited for.
CREATE OR REPLACE FUNCTION gate.withheld_reason(session uuid, turn uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN c.blocked_at IS NOT NULL THEN 'blocked'
              WHEN obeys.one THEN NULL
              WHEN a.paused_at IS NOT NULL THEN 'paused'
              WHEN c.taken_over_at IS NOT NULL THEN 'taken over'
              WHEN s.contact_id IS NOT NULL AND gate.awaits_person(s) THEN 'asked for a person' END
    FROM discreet.sessions s
    JOIN discreet.agents a ON a.id = s.agent_id
    LEFT JOIN discreet.contacts c ON c.id = s.contact_id,
    LATERAL (SELECT EXISTS (
      SELECT FROM discreet.messages m
       WHERE m.session_id = s.id AND m.state IN ('waiting', 'taken') AND m.command IS NOT NULL
         AND (turn IS NULL OR m.turn_id = turn))) obeys (one)
   WHERE s.id = session
$$;

REVOKE ALL ON FUNCTION gate.withheld_reason FROM PUBLIC;
