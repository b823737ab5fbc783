-- Firing a reminder stores one outgoing message, or one message for a turn, in the commit that sets when it is due
-- next. So it happens exactly once, whatever process dies.
SET ROLE discreet_gate;

-- Say why a reminder that is due can only be sent later: 'paused', or 'window' where WhatsApp forbids
-- to write because nobody has written there for 24 hours. Null: now.
CREATE OR REPLACE FUNCTION gate.reminder_delay_reason(due discreet.reminders) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN a.paused_at IS NOT NULL THEN 'paused'
                WHEN c.platform = 'whatsapp' AND NOT EXISTS (
                  SELECT FROM discreet.messages m
                   WHERE (m.owner_id, m.agent_id, m.party) = (due.owner_id, due.agent_id, due.party)
                     AND m.direction = 'in' AND (m.channel_id, m.chat_id) = (r.channel_id, r.chat_id)
                     AND m.sent_at > clock_timestamp() - interval '24 hours') THEN 'window' END
      FROM discreet.routes r
      JOIN discreet.channels c ON c.id = r.channel_id
      JOIN discreet.agents a ON a.id = r.agent_id
     WHERE r.id = due.route_id);
END $$;

-- Say why nothing may be sent where a reminder was made: 'gone' (the channel was closed, or leads to
-- another agent now), 'blocked', or 'denied'. Null: it may.
CREATE OR REPLACE FUNCTION gate.reminder_end_reason(due discreet.reminders) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN v.closed_at IS NOT NULL OR r.party <> due.party THEN 'gone'
                WHEN c.blocked_at IS NOT NULL THEN 'blocked'
                WHEN EXISTS (SELECT FROM discreet.pairings p
                              WHERE p.channel_id IN (v.id, v.parent_id) AND p.contact_id = c.id
                                AND p.state = 'denied') THEN 'denied'
                WHEN due.contact_id IS NULL AND NOT due.shared AND v.platform <> 'terminal'
                     AND NOT EXISTS (
                       SELECT FROM discreet.owner_chats o
                         JOIN discreet.addresses a
                           ON (a.owner_id, a.platform, a.platform_id)
                              = (o.owner_id, o.platform, o.platform_id) AND a.of_owner
                        WHERE o.owner_id = due.owner_id
                          AND (o.channel_id, o.chat_id) = (r.channel_id, r.chat_id)) THEN 'gone' END
      FROM discreet.routes r
      JOIN discreet.channels v ON v.id = r.channel_id
      LEFT JOIN discreet.contacts c ON c.id = due.contact_id
     WHERE r.id = due.route_id);
END $$;

-- Return the open session of a reminder's party in the chat where it was created, and its route. A group that has
-- moved on its platform is found under its newest id.
CREATE OR REPLACE FUNCTION gate.reminder_destination(
  due discreet.reminders, OUT here discreet.sessions, OUT route discreet.routes)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  original_route discreet.routes;
  chat           text;
  route_id       uuid;
BEGIN
  SELECT r.* INTO STRICT original_route FROM discreet.routes r WHERE r.id = due.route_id;
  chat := original_route.chat_id;
  SELECT newest.platform_id INTO chat
    FROM discreet.channels v
    JOIN discreet.contacts c ON c.id = due.contact_id AND c.type = 'group'
    JOIN discreet.addresses known
      ON known.contact_id = c.id AND known.platform = v.platform AND known.platform_id = original_route.chat_id
    JOIN discreet.addresses newest ON newest.contact_id = c.id AND newest.platform = v.platform
   WHERE v.id = original_route.channel_id ORDER BY newest.created_at DESC LIMIT 1;
  here := gate.find_or_create_session(
    due.owner_id, due.agent_id, due.contact_id, due.shared,
    (SELECT s.thread_key FROM discreet.sessions s WHERE s.id = due.session_id), false);
  route_id := gate.find_or_create_route(
    here, original_route.channel_id, coalesce(chat, original_route.chat_id), original_route.thread_id);
  SELECT r.* INTO STRICT route FROM discreet.routes r WHERE r.id = route_id;
END $$;

-- Fire a reminder of this scope that was due at `expected_due`. `next_due` null: it isn't due again. Returns
-- 'fired'; 'waits', with nothing changed; why it ended, with nothing sent; or 'past': another process was first.
CREATE OR REPLACE FUNCTION gate.fire_reminder(
  reminder uuid, expected_due timestamptz, next_due timestamptz, body text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due     discreet.reminders;
  session uuid := gate.reminder_session(reminder);
  outcome text;
BEGIN
  -- A reminder of another scope looks like one that is gone.
  IF session IS NULL THEN
    RETURN 'past';
  END IF;
  PERFORM gate.lock_session(session);
  SELECT r.* INTO due FROM discreet.reminders r WHERE r.id = reminder FOR UPDATE;
  IF due.id IS NULL OR due.due_at <> expected_due OR expected_due > clock_timestamp() THEN
    RETURN 'past';
  END IF;
  outcome := gate.reminder_end_reason(due);
  IF outcome IS NULL AND gate.reminder_delay_reason(due) IS NOT NULL THEN
    RETURN 'waits';
  END IF;
  IF next_due IS NULL OR outcome = 'gone' THEN
    DELETE FROM discreet.reminders r WHERE r.id = reminder;
  ELSE
    UPDATE discreet.reminders r SET due_at = next_due WHERE r.id = reminder;
    PERFORM gate.defer_reminder(reminder, due.session_id, next_due);
  END IF;
  IF outcome IS NULL THEN
    PERFORM gate.send_reminder(due, body);
  END IF;
  RETURN coalesce(outcome, 'fired');
END $$;

-- Send a reminder or, if the agent's reminders start turns, store it as a message to the agent.
CREATE OR REPLACE FUNCTION gate.send_reminder(due discreet.reminders, body text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  destination record;
  message     uuid;
  starts_turn boolean := (SELECT a.runs_reminders FROM discreet.agents a WHERE a.id = due.agent_id);
BEGIN
  SELECT p.* INTO destination FROM gate.reminder_destination(due) p;
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, state, text,
    sender_contact_id, sender_name, sender_address, channel_id, chat_id)
  VALUES (
    due.owner_id, due.agent_id, due.contact_id, due.shared, (destination.here).id, (destination.route).id,
    (destination.here).last_position, CASE WHEN starts_turn THEN 'in' ELSE 'out' END,
    CASE WHEN starts_turn THEN 'waiting' ELSE 'sent' END, body,
    CASE WHEN starts_turn THEN due.contact_id END,
    CASE WHEN starts_turn AND due.shared THEN 'reminder' ELSE '' END,
    -- Everybody's: without an address the line would look like the owner's.
    CASE WHEN starts_turn AND due.shared THEN 'reminder:' || due.id ELSE '' END,
    CASE WHEN starts_turn THEN (destination.route).channel_id END,
    CASE WHEN starts_turn THEN (destination.route).chat_id END)
  RETURNING id INTO message;
  IF starts_turn THEN
    PERFORM gate.defer_turn((destination.here).id, NULL, true);
  ELSE
    INSERT INTO discreet.outbox (
      message_id, owner_id, agent_id, contact_id, shared, session_id, route_id)
    VALUES (message, due.owner_id, due.agent_id, due.contact_id, due.shared, (destination.here).id,
            (destination.route).id);
  END IF;
END $$;

-- Look again at reminders that are due and that no job looks at: those that waited, and those whose
-- worker died. Returns how many.
CREATE OR REPLACE FUNCTION gate.wake_reminders() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due   discreet.reminders;
  woken integer := 0;
BEGIN
  FOR due IN
    SELECT r.* FROM discreet.reminders r
     WHERE r.due_at <= clock_timestamp()
       AND NOT EXISTS (SELECT FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'remind:' || r.id AND j.status IN ('todo', 'doing'))
       AND NOT gate.is_backing_off('remind:' || r.id)
     ORDER BY r.due_at LIMIT 1000
  LOOP
    IF gate.reminder_delay_reason(due) IS NULL OR gate.reminder_end_reason(due) IS NOT NULL THEN
      PERFORM gate.defer_reminder(due.id, due.session_id, NULL);
      woken := woken + 1;
    END IF;
  END LOOP;
  RETURN woken;
END $$;

REVOKE ALL ON FUNCTION gate.reminder_delay_reason, gate.reminder_end_reason, gate.reminder_destination,
  gate.fire_reminder, gate.send_reminder, gate.wake_reminders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.fire_reminder TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.wake_reminders TO discreet_worker;
