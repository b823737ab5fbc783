-- What one contact may use of one agent: messages per minute, waiting messages, tokens and money (US
-- dollars) per day (UTC). A group is one contact. The owner, and whoever sits at the terminal, has no
-- limits.
SET ROLE discreet_gate;

-- Return the limits of a contact (null: of everybody who has none of their own).
CREATE OR REPLACE FUNCTION gate.contact_limits(
  of_owner uuid, contact uuid,
  OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint,
  OUT money_a_day numeric)
LANGUAGE sql STABLE AS $$
  SELECT coalesce(own.messages_a_minute, everybody.messages_a_minute, policy.messages_a_minute),
         coalesce(own.waiting, everybody.waiting, policy.messages_waiting),
         coalesce(own.tokens_a_day, everybody.tokens_a_day, policy.tokens_a_day),
         coalesce(own.money_a_day, everybody.money_a_day)
    FROM gate.policy
    LEFT JOIN discreet.limits own ON own.owner_id = of_owner AND own.contact_id = contact
    LEFT JOIN discreet.limits everybody
           ON everybody.owner_id = of_owner AND everybody.contact_id IS NULL
$$;

-- The same, for the owner to look at.
CREATE OR REPLACE FUNCTION gate.show_limits(
  contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint,
  OUT money_a_day numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.* FROM gate.contact_limits(gate.require_owner(), contact) l
$$;

-- Return the budgets that count for an agent (null: all), and what is used of them today (UTC).
CREATE OR REPLACE FUNCTION gate.budgets_today(of_owner uuid, agent uuid)
RETURNS TABLE (agent_id uuid, tokens_a_day bigint, money_a_day numeric, tokens bigint, money numeric)
LANGUAGE sql STABLE AS $$
  SELECT b.agent_id, b.tokens_a_day, b.money_a_day, used.tokens, used.money
    FROM discreet.budgets b
   CROSS JOIN LATERAL (
     SELECT coalesce(sum((t.usage->>'input_tokens')::bigint
                         + (t.usage->>'output_tokens')::bigint), 0)::bigint AS tokens,
            coalesce(sum((t.usage->>'cost')::numeric), 0) AS money
       FROM discreet.turns t
      WHERE t.owner_id = of_owner AND (b.agent_id IS NULL OR t.agent_id = b.agent_id)
        AND t.started_at >= date_trunc('day', statement_timestamp(), 'UTC')) used
   WHERE b.owner_id = of_owner AND (agent IS NULL OR b.agent_id IS NULL OR b.agent_id = agent)
$$;

-- Return whether a budget that counts for an agent is used up.
CREATE OR REPLACE FUNCTION gate.is_budget_exhausted(of_owner uuid, agent uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM gate.budgets_today(of_owner, agent) b
                  WHERE b.tokens >= b.tokens_a_day OR b.money >= b.money_a_day)
$$;

-- The same, for the owner to look at.
CREATE OR REPLACE FUNCTION gate.show_budgets()
RETURNS TABLE (agent_id uuid, tokens_a_day bigint, money_a_day numeric, tokens bigint, money numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT b.* FROM gate.budgets_today(gate.require_owner(), NULL) b
$$;

-- Return the limit that one more message of a contact would exceed, or null.
CREATE OR REPLACE FUNCTION gate.exceeded_limit(of_owner uuid, agent uuid, contact uuid, shared boolean)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  most    record;
  used    record;
  -- In a session that everybody shares, the speaker is counted.
  of_party uuid := CASE WHEN shared THEN agent ELSE contact END;
BEGIN
  SELECT * INTO most FROM gate.contact_limits(of_owner, contact);
  IF (SELECT count(*) FROM (
        SELECT 1 FROM discreet.messages m
         WHERE m.owner_id = of_owner AND m.agent_id = agent AND m.party = of_party
           AND m.created_at > statement_timestamp() - interval '1 minute'
           AND m.direction = 'in' AND m.state <> 'context'
           AND (NOT exceeded_limit.shared OR m.sender_contact_id = contact)
         LIMIT most.messages_a_minute) found) >= most.messages_a_minute THEN
    RETURN 'messages_a_minute';
  END IF;
  IF (SELECT count(*) FROM (
        SELECT 1 FROM discreet.sessions s JOIN discreet.messages m ON m.session_id = s.id
         WHERE s.owner_id = of_owner AND s.agent_id = agent
           AND s.party = of_party
           AND m.state IN ('waiting', 'taken')
           AND (NOT exceeded_limit.shared OR m.sender_contact_id = contact)
         LIMIT most.waiting) found) >= most.waiting THEN
    RETURN 'waiting';
  END IF;
  -- A turn that answers several people in a shared session counts for each of them.
  SELECT coalesce(sum((t.usage->>'input_tokens')::bigint
                      + (t.usage->>'output_tokens')::bigint), 0) AS tokens,
         coalesce(sum((t.usage->>'cost')::numeric), 0) AS money
    INTO used
    FROM discreet.turns t
   WHERE t.owner_id = of_owner AND t.agent_id = agent AND t.party = of_party
     AND t.started_at >= date_trunc('day', statement_timestamp(), 'UTC')
     AND (NOT exceeded_limit.shared OR EXISTS (
            SELECT FROM discreet.messages m
             WHERE m.turn_id = t.id AND m.direction = 'in' AND m.sender_contact_id = contact));
  RETURN CASE WHEN used.tokens >= most.tokens_a_day THEN 'tokens_a_day'
              WHEN used.money >= most.money_a_day THEN 'money_a_day'
              WHEN gate.is_budget_exhausted(of_owner, agent) THEN 'budget' END;
END $$;

-- Return 'limited' if a contact exceeded a limit. It is told once, then gets no answer until the window
-- ends.
CREATE OR REPLACE FUNCTION gate.enforce_limits(owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  contact uuid;
  now_is  timestamptz := clock_timestamp();
  beyond  text;
  is_new  boolean;
BEGIN
  IF (via.platform = 'terminal' AND NOT said.limited)
     OR NOT said.addressed THEN
    RETURN NULL;
  END IF;
  contact := CASE WHEN said.group_id IS NULL
    THEN coalesce(said.sender_contact,
                  gate.find_contact(owner, said.sender_platform, said.sender_id))
    ELSE gate.find_contact(owner, said.group_platform, said.group_id) END;
  IF contact IS NULL AND said.sender_kind = 'address'
     AND gate.is_budget_exhausted(owner, via.agent_id) THEN
    -- Without this, strangers could use more than any budget, one message each.
    contact := CASE WHEN said.group_id IS NULL
      THEN gate.find_or_create_contact(
        owner, said.sender_platform, said.sender_id, 'external', said.sender_display)
      ELSE gate.find_or_create_contact(
        owner, said.group_platform, said.group_id, 'group', said.group_name) END;
  END IF;
  IF contact IS NULL THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.limit_hits h SET refused = h.refused + 1
   WHERE h.agent_id = via.agent_id AND h.contact_id = contact AND h.until > now_is
     AND h.kind <> 'waiting';
  IF FOUND THEN
    RETURN 'limited';
  END IF;
  beyond := gate.exceeded_limit(owner, via.agent_id, contact, shared);
  IF beyond IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.limit_hits AS h (agent_id, contact_id, kind, owner_id, since, until)
  VALUES (via.agent_id, contact, beyond, owner, now_is,
          CASE beyond WHEN 'messages_a_minute' THEN now_is + interval '1 minute'
                      WHEN 'waiting' THEN
                        now_is + (SELECT p.waiting_silence_seconds FROM gate.policy p)
                                 * interval '1 second'
                      ELSE date_trunc('day', now_is, 'UTC') + interval '1 day' END)
  ON CONFLICT (agent_id, contact_id, kind) DO UPDATE SET
    refused = CASE WHEN h.until > now_is THEN h.refused + 1 ELSE 1 END,
    since = CASE WHEN h.until > now_is THEN h.since ELSE excluded.since END,
    until = CASE WHEN h.until > now_is THEN h.until ELSE excluded.until END
  RETURNING h.since = now_is INTO is_new;
  IF is_new THEN
    -- In a session of its own: the agent didn't say it, and in a shared session others would read it.
    PERFORM gate.send_notice(
      owner, via.agent_id, contact, 'notices', via.id, said.chat,
      said.platform_thread,
      'limit_' || beyond, NULL,
      said.platform_message);
  END IF;
  RETURN 'limited';
END $$;

REVOKE ALL ON FUNCTION gate.contact_limits, gate.show_limits, gate.budgets_today,
  gate.is_budget_exhausted, gate.show_budgets, gate.exceeded_limit, gate.enforce_limits
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.show_limits, gate.show_budgets TO discreet_owner;
