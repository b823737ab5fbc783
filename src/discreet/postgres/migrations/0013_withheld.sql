-- Who is not answered by the agent: contacts that the owner has blocked or talks to in person, and
-- everybody while an agent pauses.
SET ROLE discreet_schema;
ALTER TABLE discreet.agents ADD COLUMN paused_at timestamptz;
ALTER TABLE discreet.contacts ADD COLUMN blocked_at timestamptz;
ALTER TABLE discreet.contacts ADD COLUMN taken_over_at timestamptz;
COMMENT ON COLUMN discreet.agents.paused_at IS 'since then what is said to it is kept, and waits';
COMMENT ON COLUMN discreet.contacts.blocked_at IS 'since then nothing it says is taken';
COMMENT ON COLUMN discreet.contacts.taken_over_at IS
  'since then the owner answers it in person, and the agent is silent';
GRANT UPDATE (paused_at) ON discreet.agents TO discreet_owner;
GRANT UPDATE (blocked_at, taken_over_at) ON discreet.contacts TO discreet_owner;
RESET ROLE;

SET ROLE discreet_gate;
-- Why no turn may run or be saved in a session now: 'paused', 'blocked', 'taken over', or null.
CREATE FUNCTION gate.why_withheld(session uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN a.paused_at IS NOT NULL THEN 'paused'
              WHEN c.blocked_at IS NOT NULL THEN 'blocked'
              WHEN c.taken_over_at IS NOT NULL THEN 'taken over' END
    FROM discreet.sessions s
    JOIN discreet.agents a ON a.id = s.agent_id
    LEFT JOIN discreet.contacts c ON c.id = s.contact_id
   WHERE s.id = session
$$;

-- Whether this scope's session has to wait; the scope isn't told why. Another's session is no session.
CREATE FUNCTION gate.is_withheld(session uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  RETURN gate.why_withheld(session) IS NOT NULL;
END $$;

-- What waits although nobody was told to look at it (a worker died, a job failed): looked at again.
-- A session that is withheld is left in peace; whoever ends that wakes it.
CREATE FUNCTION gate.wake_stranded() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stranded record;
  woken    integer := 0;
BEGIN
  FOR stranded IN
    SELECT w.session_id
      FROM (SELECT DISTINCT m.session_id FROM discreet.messages m
             WHERE m.state IN ('waiting', 'taken')) w
     WHERE gate.why_withheld(w.session_id) IS NULL
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'turn:' || w.session_id AND j.status IN ('todo', 'doing'))
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE;
    PERFORM gate.defer_turn(stranded.session_id, NULL, false);
    woken := woken + 1;
  END LOOP;
  FOR stranded IN
    SELECT DISTINCT o.route_id, o.session_id FROM discreet.outbox o
     WHERE o.state IN ('pending', 'sending')
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'deliver:' || o.route_id AND j.status IN ('todo', 'doing'))
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE;
    PERFORM gate.defer_delivery(stranded.route_id, NULL);
    woken := woken + 1;
  END LOOP;
  RETURN woken;
END $$;

-- The contact behind an address, where there is one already. In plpgsql, which keeps its plan: every
-- message asks this.
CREATE FUNCTION gate.known_contact(owner uuid, of_platform text, of_id text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT a.contact_id FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id);
END $$;

-- Called by functions of the gate alone: a chat of a session, made if new.
CREATE FUNCTION gate.find_or_create_route(
  here discreet.sessions, channel uuid, chat text, platform_thread text)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result uuid;
BEGIN
  SELECT r.id INTO result FROM discreet.routes r
   WHERE r.session_id = here.id AND r.channel_id = channel AND r.chat_id = chat
     AND r.thread_id = platform_thread;
  IF NOT FOUND THEN
    INSERT INTO discreet.routes
      (owner_id, agent_id, contact_id, shared, session_id, channel_id, chat_id, thread_id)
      VALUES (here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, channel, chat,
              platform_thread)
      RETURNING id INTO result;
  END IF;
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.why_withheld(uuid), gate.is_withheld(uuid), gate.wake_stranded(),
  gate.known_contact(uuid, text, text),
  gate.find_or_create_route(discreet.sessions, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.is_withheld(uuid)
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.wake_stranded() TO discreet_worker;
RESET ROLE;
