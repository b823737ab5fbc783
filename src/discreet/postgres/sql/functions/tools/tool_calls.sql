-- Calls of tools that wait for a yes of the person in the conversation.
SET ROLE discreet_gate;

-- Store the call of a tool that this scope may use, to be shown to the person who wrote the newest message
-- of the turn; or, where the tool needs the owner's yes and it isn't the owner who asks, to the owner. An
-- earlier call that waits for the same one in this session is replaced. It waits ten minutes; for the owner, who
-- may not be there, a day.
CREATE OR REPLACE FUNCTION gate.request_call(
  session uuid, turn uuid, tool_called text, given jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  server       uuid;
  asker        text;
  decider_kind text;
  result       uuid;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT a.server_id,
         CASE WHEN a.confirm = 'owner' AND split_part(session_user::text, '_', -1) <> 'owner'
              THEN 'owner' ELSE 'contact' END
    INTO server, decider_kind FROM gate.allowed_tools() a WHERE a.called = tool_called;
  IF server IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT coalesce(m.sender_address, '') INTO STRICT asker FROM discreet.messages m
   WHERE m.turn_id = turn AND m.session_id = session AND m.direction = 'in'
   ORDER BY m.position DESC LIMIT 1;
  UPDATE discreet.tool_calls c SET state = 'replaced', decided_at = clock_timestamp()
   WHERE c.session_id = session AND c.state = 'waiting' AND c.decider = decider_kind;
  INSERT INTO discreet.tool_calls (
    owner_id, session_id, server_id, called, arguments, shown_to, expires_at, decider, route_id)
  SELECT s.owner_id, s.id, server, tool_called, given, asker,
         clock_timestamp() + CASE decider_kind WHEN 'owner' THEN interval '1 day' ELSE interval '10 minutes' END,
         decider_kind,
         (SELECT t.route_id FROM discreet.turns t WHERE t.id = turn AND t.session_id = session)
    FROM discreet.sessions s WHERE s.id = session
  RETURNING id INTO result;
  RETURN result;
END $$;

-- Let the only message of a turn answer the call that waits in its session, once. 'approved' or 'refused':
-- it does; 'interrupted': this message approved it in an earlier attempt, so it may have been made already;
-- null: no call waits here for whoever wrote it.
CREATE OR REPLACE FUNCTION gate.decide_call(
  session uuid, turn uuid, is_yes boolean,
  OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  answer discreet.messages;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT m.* INTO answer FROM discreet.messages m
   WHERE m.turn_id = turn AND m.session_id = session AND m.direction = 'in'
   ORDER BY m.position DESC LIMIT 1;
  SELECT CASE WHEN c.state = 'refused' THEN 'refused' ELSE 'interrupted' END, c.id, c.called, c.arguments
    INTO outcome, call, tool_called, given
    FROM discreet.tool_calls c WHERE c.session_id = session AND c.decided_by = answer.id;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  UPDATE discreet.tool_calls c
     SET state = CASE WHEN is_yes THEN 'approved' ELSE 'refused' END,
         decided_at = clock_timestamp(), decided_by = answer.id
   WHERE c.session_id = session AND c.state = 'waiting' AND c.expires_at > clock_timestamp()
     AND c.decider = 'contact' AND c.shown_to = coalesce(answer.sender_address, '')
  RETURNING c.state, c.id, c.called, c.arguments INTO outcome, call, tool_called, given;
END $$;

-- Let the owner answer a call that waits for them, once. Its session gets a turn of its own, which makes
-- exactly the stored call. False: it doesn't wait any more, or its contact is blocked.
CREATE OR REPLACE FUNCTION gate.decide_call_as_owner(call uuid, is_yes boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner            uuid := gate.require_owner();
  wanted           discreet.tool_calls;
  here             discreet.sessions;
  decision_message uuid := gen_random_uuid();
BEGIN
  UPDATE discreet.sessions s
     SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
    FROM discreet.tool_calls c
   WHERE c.id = call AND c.owner_id = owner AND s.id = c.session_id AND s.owner_id = owner
     AND gate.may_connect(s.contact_id)
  RETURNING s.* INTO here;
  UPDATE discreet.tool_calls c
     SET state = CASE WHEN is_yes THEN 'approved' ELSE 'refused' END,
         decided_at = clock_timestamp(), decided_by = decision_message
   WHERE c.id = call AND c.session_id = here.id AND c.decider = 'owner' AND c.state = 'waiting'
     AND c.expires_at > clock_timestamp()
  RETURNING c.* INTO wanted;
  IF wanted.id IS NULL THEN
    RETURN false;
  END IF;
  -- A command that nobody can type; its turn takes no other message.
  INSERT INTO discreet.messages (
    id, owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, state, text,
    sender_name, sender_address, channel_id, chat_id, command)
  SELECT decision_message, owner, here.agent_id, here.contact_id, here.shared, here.id, r.id, here.last_position,
         'in', 'waiting', 'The owner answered.', 'owner', 'owner:' || wanted.id, r.channel_id, r.chat_id,
         'decided'
    FROM discreet.routes r WHERE r.id = wanted.route_id AND r.session_id = here.id;
  PERFORM gate.defer_turn(here.id, NULL, true);
  RETURN true;
END $$;

-- Begin the call that the owner answered by the message of this turn: 'approved' or 'refused';
-- 'interrupted': it began in an earlier attempt, so it may have been made already; null: there is none.
CREATE OR REPLACE FUNCTION gate.begin_decided_call(
  session uuid, turn uuid,
  OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted discreet.tool_calls;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT c.* INTO wanted FROM discreet.tool_calls c
    JOIN discreet.messages m ON m.id = c.decided_by AND m.session_id = c.session_id
   WHERE c.session_id = session AND m.turn_id = turn AND c.decider = 'owner' FOR UPDATE OF c;
  IF wanted.id IS NULL THEN
    RETURN;
  END IF;
  UPDATE discreet.tool_calls c SET state = 'begun' WHERE c.id = wanted.id AND c.state = 'approved';
  outcome := CASE WHEN wanted.state IN ('approved', 'refused') THEN wanted.state ELSE 'interrupted' END;
  call := wanted.id;
  tool_called := wanted.called;
  given := wanted.arguments;
END $$;

-- Record that an approved call was made.
CREATE OR REPLACE FUNCTION gate.end_call(session uuid, call uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  UPDATE discreet.tool_calls c SET state = 'done'
   WHERE c.id = call AND c.session_id = session AND c.state IN ('approved', 'begun');
END $$;

REVOKE ALL ON FUNCTION gate.request_call, gate.decide_call, gate.decide_call_as_owner,
  gate.begin_decided_call, gate.end_call FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.request_call, gate.decide_call, gate.begin_decided_call, gate.end_call
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.decide_call_as_owner TO discreet_owner;
