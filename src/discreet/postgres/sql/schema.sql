-- SCHEMA discreet
CREATE SCHEMA discreet;


ALTER SCHEMA discreet OWNER TO discreet_schema;

-- SCHEMA gate
CREATE SCHEMA gate;


ALTER SCHEMA gate OWNER TO discreet_gate;

-- SCHEMA queue
CREATE SCHEMA queue;


ALTER SCHEMA queue OWNER TO discreet_schema;

-- TYPE inbound
CREATE TYPE gate.inbound AS (
	channel uuid,
	chat text,
	platform_thread text,
	platform_message text,
	written_at timestamp with time zone,
	sender_kind text,
	sender_platform text,
	sender_id text,
	sender_contact uuid,
	sender_display text,
	group_platform text,
	group_id text,
	group_name text,
	thread text,
	force_new boolean,
	body text,
	in_reply_to text,
	addressed boolean,
	album_id text,
	files jsonb,
	limited boolean,
	details jsonb,
	edit_of text
);


ALTER TYPE gate.inbound OWNER TO discreet_gate;

-- TYPE scope
CREATE TYPE gate.scope AS (
	owner_id uuid,
	agent_id uuid,
	contact_id uuid,
	party uuid,
	known boolean
);


ALTER TYPE gate.scope OWNER TO discreet_gate;

-- TYPE procrastinate_job_event_type
CREATE TYPE queue.procrastinate_job_event_type AS ENUM (
    'deferred',
    'started',
    'deferred_for_retry',
    'failed',
    'succeeded',
    'cancelled',
    'abort_requested',
    'aborted',
    'scheduled',
    'retried'
);


ALTER TYPE queue.procrastinate_job_event_type OWNER TO discreet_schema;

-- TYPE procrastinate_job_status
CREATE TYPE queue.procrastinate_job_status AS ENUM (
    'todo',
    'doing',
    'succeeded',
    'failed',
    'cancelled',
    'aborting',
    'aborted'
);


ALTER TYPE queue.procrastinate_job_status OWNER TO discreet_schema;

-- TYPE procrastinate_job_to_defer_v1
CREATE TYPE queue.procrastinate_job_to_defer_v1 AS (
	queue_name character varying,
	task_name character varying,
	priority integer,
	lock text,
	queueing_lock text,
	args jsonb,
	scheduled_at timestamp with time zone
);


ALTER TYPE queue.procrastinate_job_to_defer_v1 OWNER TO discreet_schema;

-- FUNCTION index_vectors(text, integer)
CREATE FUNCTION discreet.index_vectors(of_embedder text, dimensions integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
  -- An index holds half-precision vectors up to this length; longer ones are found by words only.
  IF dimensions BETWEEN 1 AND 4000 THEN
    EXECUTE format(
      'CREATE INDEX IF NOT EXISTS %I ON discreet.memories USING hnsw '
      '((embedding::halfvec(%s)) halfvec_cosine_ops) WHERE embedder = %L AND owner_key IS NOT NULL',
      'memories_near_' || left(md5(of_embedder), 12), dimensions, of_embedder);
  END IF;
END $$;


ALTER FUNCTION discreet.index_vectors(of_embedder text, dimensions integer) OWNER TO discreet_schema;

-- FUNCTION accept_message(uuid, gate.inbound)
CREATE FUNCTION gate.accept_message(owner uuid, said gate.inbound, OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  decided record := gate.decide_message(owner, said);
BEGIN
  IF decided.is_unwritten THEN
    PERFORM gate.write_messages(ARRAY[decided.message], ARRAY[decided.wake_at], ARRAY[decided.is_urgent]);
  END IF;
  outcome := decided.outcome;
  message_id := (decided.message).id;
  session_id := (decided.message).session_id;
  contact_id := (decided.message).contact_id;
END $$;


ALTER FUNCTION gate.accept_message(owner uuid, said gate.inbound, OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid) OWNER TO discreet_gate;

-- FUNCTION accept_messages(text, gate.inbound[])
CREATE FUNCTION gate.accept_messages(ticket text, messages gate.inbound[]) RETURNS TABLE(outcome text, message_id uuid, session_id uuid, contact_id uuid, code text, about text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
  said  gate.inbound;
BEGIN
  IF cardinality(messages) > 1 THEN
    BEGIN
      RETURN QUERY SELECT t.*, NULL::text, NULL::text FROM gate.accept_together(owner, messages) t;
      RETURN;
    EXCEPTION WHEN OTHERS THEN
      NULL;  -- Nothing of any of them is left. Whichever failed fails alone below.
    END;
  END IF;
  FOREACH said IN ARRAY messages LOOP
    code := NULL;
    about := NULL;
    BEGIN
      SELECT a.* INTO outcome, message_id, session_id, contact_id
        FROM gate.accept_message(owner, said) a;
    EXCEPTION WHEN OTHERS THEN
      outcome := 'failed';
      message_id := NULL;
      session_id := NULL;
      contact_id := NULL;
      code := SQLSTATE;
      -- The text of an error of the database itself may quote a row.
      about := CASE WHEN starts_with(SQLSTATE, 'DS') THEN SQLERRM END;
    END;
    RETURN NEXT;
  END LOOP;
END $$;


ALTER FUNCTION gate.accept_messages(ticket text, messages gate.inbound[]) OWNER TO discreet_gate;

-- FUNCTION accept_together(uuid, gate.inbound[])
CREATE FUNCTION gate.accept_together(owner uuid, messages gate.inbound[]) RETURNS TABLE(outcome text, message_id uuid, session_id uuid, contact_id uuid)
    LANGUAGE plpgsql
    AS $$
DECLARE
  said      gate.inbound;
  decided   record;
  unwritten discreet.messages[] := '{}';
  wake_at   timestamptz[] := '{}';
  is_urgent boolean[] := '{}';
  chats     text[] := '{}';
  people    uuid[] := '{}';
BEGIN
  FOREACH said IN ARRAY messages LOOP
    IF chats <> '{}' AND gate.depends_on_written(owner, said, chats, people) THEN
      PERFORM gate.write_messages(unwritten, wake_at, is_urgent);
      unwritten := '{}';
      wake_at := '{}';
      is_urgent := '{}';
      chats := '{}';
      people := '{}';
    END IF;
    decided := gate.decide_message(owner, said);
    outcome := decided.outcome;
    message_id := (decided.message).id;
    session_id := (decided.message).session_id;
    contact_id := (decided.message).contact_id;
    RETURN NEXT;
    IF decided.is_unwritten THEN
      unwritten := unwritten || decided.message;
      wake_at := wake_at || decided.wake_at;
      is_urgent := is_urgent || decided.is_urgent;
      chats := chats || said.chat;
      people := people || ARRAY[contact_id, (decided.message).sender_contact_id];
    END IF;
  END LOOP;
  IF chats <> '{}' THEN
    PERFORM gate.write_messages(unwritten, wake_at, is_urgent);
  END IF;
END $$;


ALTER FUNCTION gate.accept_together(owner uuid, messages gate.inbound[]) OWNER TO discreet_gate;

-- FUNCTION add_counts(jsonb, jsonb)
CREATE FUNCTION gate.add_counts(one jsonb, other jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(jsonb_object_agg(t.key, t.total), '{}') FROM (
    SELECT e.key, sum(e.value::bigint) AS total
      FROM (SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)) e
     GROUP BY e.key) t
$$;


ALTER FUNCTION gate.add_counts(one jsonb, other jsonb) OWNER TO discreet_gate;

-- FUNCTION add_reminder(uuid, uuid, text, text, timestamp without time zone, text, timestamp with time zone)
CREATE FUNCTION gate.add_reminder(session uuid, turn uuid, body text, recurrence text, first_local timestamp without time zone, zone_name text, first_due timestamp with time zone) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here   discreet.sessions;
  route  uuid;
  result uuid;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT s.* INTO STRICT here FROM discreet.sessions s WHERE s.id = session;
  SELECT t.route_id INTO route FROM discreet.turns t WHERE t.id = turn AND t.session_id = session;
  IF route IS NULL THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
  -- Several sessions of one party are counted one after the other.
  PERFORM pg_advisory_xact_lock(
    hashtextextended('discreet: reminders ' || here.agent_id || here.party, 0));
  IF (SELECT count(*) FROM discreet.reminders r
       WHERE (r.owner_id, r.agent_id, r.party) = (here.owner_id, here.agent_id, here.party))
       >= (SELECT p.reminders_per_contact FROM gate.policy p) THEN
    RAISE EXCEPTION 'too_many_reminders' USING ERRCODE = 'DS003';
  END IF;
  INSERT INTO discreet.reminders (
    owner_id, agent_id, contact_id, shared, session_id, route_id, text, rule, starts_at, zone, due_at,
    asked_by)
  VALUES (here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route, body,
          recurrence, first_local, zone_name, first_due,
          (SELECT m.sender_contact_id FROM discreet.messages m
            WHERE m.turn_id = turn AND m.direction = 'in' ORDER BY m.position DESC LIMIT 1))
  RETURNING id INTO result;
  PERFORM gate.defer_reminder(result, session, first_due);
  RETURN result;
END $$;


ALTER FUNCTION gate.add_reminder(session uuid, turn uuid, body text, recurrence text, first_local timestamp without time zone, zone_name text, first_due timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION key_of(bytea)
CREATE FUNCTION gate.key_of(ids bytea) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
  RETURN pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(ids), 1, 18), 'base64');
END $$;


ALTER FUNCTION gate.key_of(ids bytea) OWNER TO discreet_gate;

-- FUNCTION scope()
CREATE FUNCTION gate.scope() RETURNS gate.scope
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    AS $$
DECLARE
  ticket  text := pg_catalog.current_setting('discreet.ticket', true);
  -- A ticket names the role as the default installation does, whatever this one is called.
  login   text := 'discreet_' OPERATOR(pg_catalog.||)
                 pg_catalog.split_part(session_user::text, '_', -1);
  payload text;
  secrets gate.secrets;
  result  gate.scope;
BEGIN
  IF ticket IS NULL OR ticket OPERATOR(pg_catalog.=) '' THEN
    RETURN result;
  END IF;
  payload := pg_catalog.split_part(ticket, '#', 1);
  SELECT * INTO STRICT secrets FROM gate.secrets;
  IF ticket OPERATOR(pg_catalog.<>) (payload OPERATOR(pg_catalog.||) '#' OPERATOR(pg_catalog.||)
       pg_catalog.encode(
         pg_catalog.sha256(secrets.outer_pad OPERATOR(pg_catalog.||) pg_catalog.sha256(
           secrets.inner_pad OPERATOR(pg_catalog.||) pg_catalog.convert_to(
             login OPERATOR(pg_catalog.||) '|' OPERATOR(pg_catalog.||) payload, 'UTF8'))),
         'hex')) THEN
    RETURN result;
  END IF;
  IF pg_catalog.split_part(payload, '/', 4) OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()::text THEN
    RETURN result;
  END IF;
  -- Compared with the start of the transaction, not with now: a long export keeps its scope.
  IF pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.-)
       pg_catalog.to_timestamp(
         pg_catalog.split_part(payload, '/', 5)::float8 OPERATOR(pg_catalog./) 1000::float8)
     NOT BETWEEN '-30 seconds'::interval AND '30 seconds'::interval THEN
    RETURN result;
  END IF;
  result.known      := true;
  result.owner_id   := nullif(pg_catalog.split_part(payload, '/', 1), '')::uuid;
  result.agent_id   := nullif(pg_catalog.split_part(payload, '/', 2), '')::uuid;
  result.contact_id := nullif(pg_catalog.split_part(payload, '/', 3), '')::uuid;
  result.party      := coalesce(
    result.contact_id,
    CASE WHEN session_user OPERATOR(pg_catalog.=) 'discreet_shared' THEN result.agent_id
         ELSE result.owner_id END);
  RETURN result;
END $$;


ALTER FUNCTION gate.scope() OWNER TO discreet_gate;

SET default_tablespace = '';

SET default_table_access_method = heap;

-- TABLE channels
CREATE TABLE discreet.channels (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid NOT NULL,
    platform text NOT NULL,
    account text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    name text DEFAULT ''::text NOT NULL,
    closed_at timestamp with time zone,
    parent_id uuid,
    only_chat text,
    admission text DEFAULT 'pairing'::text NOT NULL,
    debounce interval DEFAULT '00:00:01.5'::interval NOT NULL,
    received_through timestamp with time zone DEFAULT now() NOT NULL,
    last_error text DEFAULT ''::text NOT NULL,
    contact_labels text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT channels_admission_check CHECK ((admission = ANY (ARRAY['open'::text, 'pairing'::text, 'allowlist'::text]))),
    CONSTRAINT channels_check CHECK (((parent_id IS NULL) = (only_chat IS NULL))),
    CONSTRAINT channels_debounce_check CHECK (((debounce >= '00:00:00'::interval) AND (debounce <= '00:01:00'::interval))),
    CONSTRAINT channels_only_chat_check CHECK ((only_chat <> ''::text))
);
ALTER TABLE ONLY discreet.channels ALTER COLUMN account SET STATISTICS 0;
ALTER TABLE ONLY discreet.channels ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.channels ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.channels ALTER COLUMN only_chat SET STATISTICS 0;
ALTER TABLE ONLY discreet.channels ALTER COLUMN last_error SET STATISTICS 0;
ALTER TABLE ONLY discreet.channels ALTER COLUMN contact_labels SET STATISTICS 0;

ALTER TABLE ONLY discreet.channels FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.channels OWNER TO discreet_schema;

-- COMMENT COLUMN channels.only_chat
COMMENT ON COLUMN discreet.channels.only_chat IS 'the platform''s id of the chat, or of the group or direct sender in it; null: every chat without a branch';

-- COMMENT COLUMN channels.debounce
COMMENT ON COLUMN discreet.channels.debounce IS 'how long the first message waits for more; a terminal doesn''t wait';

-- COMMENT COLUMN channels.contact_labels
COMMENT ON COLUMN discreet.channels.contact_labels IS 'the labels that a contact gets when it is admitted here';

-- FUNCTION admission_refusal(uuid, discreet.channels, boolean, gate.inbound)
CREATE FUNCTION gate.admission_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
  sender  uuid := gate.find_contact(owner, said.sender_platform, said.sender_id);
  a_group uuid := CASE WHEN said.group_id IS NOT NULL
    THEN gate.find_contact(owner, said.group_platform, said.group_id) END;
  party   uuid := CASE WHEN said.group_id IS NULL THEN sender ELSE a_group END;
BEGIN
  IF EXISTS (SELECT 1 FROM discreet.contacts c
              WHERE c.owner_id = owner AND c.blocked_at IS NOT NULL
                AND c.id IN (said.sender_contact, sender, a_group)) THEN
    RETURN 'blocked';
  END IF;
  IF via.platform = 'terminal' OR said.sender_kind NOT IN ('address', 'group') THEN
    RETURN NULL;
  END IF;
  IF gate.redeem_owner_code(owner, via, said) THEN
    RETURN 'linked';
  END IF;
  IF (via.admission = 'open'
      AND NOT EXISTS (SELECT 1 FROM discreet.pairings p
                       WHERE p.channel_id IN (via.id, via.parent_id) AND p.contact_id = party
                         AND p.state = 'denied'))
     OR EXISTS (SELECT 1 FROM discreet.admissions a
                 WHERE a.channel_id IN (via.id, via.parent_id) AND a.contact_id = party)
     OR (said.group_id IS NULL
         AND EXISTS (SELECT 1 FROM discreet.addresses a
                      WHERE a.owner_id = owner AND a.platform = said.sender_platform
                        AND a.platform_id = said.sender_id AND a.of_owner)) THEN
    RETURN NULL;
  END IF;
  IF via.admission = 'pairing' AND said.addressed THEN
    RETURN gate.request_pairing(owner, via, said, party);
  END IF;
  RETURN 'stranger';
END $$;


ALTER FUNCTION gate.admission_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION admit_sender(uuid, text, text, text)
CREATE FUNCTION gate.admit_sender(channel uuid, of_platform text, of_id text, kind text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.require_owner();
  via    discreet.channels;
  result uuid;
  asked  uuid;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  result := gate.find_or_create_contact(owner, of_platform, of_id, kind, '');
  IF result IS NOT NULL THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (channel, result, owner, via.agent_id) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      PERFORM gate.apply_channel_labels(via, result);
    END IF;
    SELECT p.id INTO asked FROM discreet.pairings p
     WHERE p.channel_id = channel AND p.contact_id = result;
    IF FOUND THEN
      PERFORM gate.decide_pairing(asked, true);
    END IF;
  END IF;
  RETURN result;
END $$;


ALTER FUNCTION gate.admit_sender(channel uuid, of_platform text, of_id text, kind text) OWNER TO discreet_gate;

-- FUNCTION advance_receive_cursor(text, uuid, timestamp with time zone)
CREATE FUNCTION gate.advance_receive_cursor(ticket text, channel uuid, until timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  UPDATE discreet.channels c SET received_through = greatest(c.received_through, until)
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.advance_receive_cursor(ticket text, channel uuid, until timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION agent_ids(uuid)
CREATE FUNCTION gate.agent_ids(owner uuid) RETURNS uuid[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT ARRAY(SELECT a.id FROM discreet.agents a WHERE a.owner_id = owner)
$$;


ALTER FUNCTION gate.agent_ids(owner uuid) OWNER TO discreet_gate;

-- FUNCTION allowed_tools()
CREATE FUNCTION gate.allowed_tools() RETURNS TABLE(server_id uuid, server text, tool text, called text, description text, schema jsonb, reads_only boolean, confirm text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here     gate.scope := gate.scope();
  login    text := split_part(session_user::text, '_', -1);
  is_group boolean;
BEGIN
  IF here.owner_id IS NULL OR here.agent_id IS NULL THEN
    RETURN;
  END IF;
  is_group := login = 'shared' OR EXISTS (
    SELECT FROM discreet.contacts c WHERE c.id = here.contact_id AND c.type = 'group');
  RETURN QUERY
  SELECT s.id, s.name, t.name, t.called, t.description, t.schema, t.reads_only, t.confirm
    FROM discreet.tool_servers s JOIN discreet.tools t ON t.server_id = s.id
   WHERE s.owner_id = here.owner_id AND s.agent_id = here.agent_id
     AND CASE
       WHEN login = 'owner' THEN t.allowed <> 'nobody'
       WHEN is_group AND NOT t.in_groups THEN false
       WHEN t.allowed = 'everybody' THEN true
       WHEN t.allowed = 'labels' THEN EXISTS (
         SELECT FROM discreet.contact_labels l
          WHERE l.contact_id = here.contact_id AND l.label = ANY (t.labels))
       ELSE false
     END
   ORDER BY s.name, t.name;
END $$;


ALTER FUNCTION gate.allowed_tools() OWNER TO discreet_gate;

-- FUNCTION anonymize_turn_reads(uuid, uuid[])
CREATE FUNCTION gate.anonymize_turn_reads(owner uuid, contact_ids uuid[]) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE discreet.turns t
     SET read = ARRAY(SELECT DISTINCT CASE WHEN r.id = ANY (contact_ids)
                        THEN '00000000-0000-0000-0000-000000000000' ELSE r.id END
                        FROM unnest(t.read) r(id))
   WHERE t.owner_id = owner AND t.agent_id = ANY (gate.agent_ids(owner))
     AND t.party = ANY (owner || gate.agent_ids(owner)) AND t.contact_id IS NULL AND t.read && contact_ids
$$;


ALTER FUNCTION gate.anonymize_turn_reads(owner uuid, contact_ids uuid[]) OWNER TO discreet_gate;

-- FUNCTION apply_channel_labels(discreet.channels, uuid)
CREATE FUNCTION gate.apply_channel_labels(via discreet.channels, contact uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label)
  SELECT via.owner_id, contact, l.label FROM unnest(via.contact_labels) AS l (label)
  ON CONFLICT DO NOTHING;
END $$;


ALTER FUNCTION gate.apply_channel_labels(via discreet.channels, contact uuid) OWNER TO discreet_gate;

-- FUNCTION apply_early_receipts()
CREATE FUNCTION gate.apply_early_receipts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  told discreet.early_receipts;
BEGIN
  FOR told IN
    WITH early AS (
      DELETE FROM discreet.early_receipts e
       USING discreet.routes r, discreet.channels c
       WHERE r.id = NEW.route_id AND c.id = r.channel_id AND e.channel_id IN (c.id, c.parent_id)
         AND e.owner_id = NEW.owner_id AND e.platform_message = ANY (NEW.platform_messages)
         AND gate.is_same_chat(NEW.owner_id, c.platform, r.chat_id, e.chats)
      RETURNING e.*)
    SELECT * FROM early ORDER BY at
  LOOP
    PERFORM gate.apply_receipt(NEW, told.platform_message, told.stage, told.at, told.why);
  END LOOP;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.apply_early_receipts() OWNER TO discreet_gate;

-- TABLE sessions
CREATE TABLE discreet.sessions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    contact_id uuid DEFAULT (gate.scope()).contact_id,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    thread_key text DEFAULT ''::text NOT NULL,
    last_position bigint DEFAULT 0 NOT NULL,
    last_message_at timestamp with time zone,
    current_turn uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    compacted_to bigint DEFAULT 0 NOT NULL,
    summary_id uuid,
    takeover_contact_id uuid,
    seen_at timestamp with time zone,
    active_hour integer GENERATED ALWAYS AS (floor((EXTRACT(epoch FROM (last_message_at - '1970-01-01 00:00:00+00'::timestamp with time zone)) / (3600)::numeric))) STORED,
    CONSTRAINT sessions_check CHECK (((takeover_contact_id IS NULL) OR ((contact_id IS NULL) AND (NOT shared))))
)
WITH (fillfactor='85');
ALTER TABLE ONLY discreet.sessions ALTER COLUMN thread_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.sessions ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.sessions ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.sessions FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.sessions OWNER TO discreet_schema;

-- COMMENT COLUMN sessions.current_turn
COMMENT ON COLUMN discreet.sessions.current_turn IS 'the turn that holds this session; a turn that is not named here may not save';

-- COMMENT COLUMN sessions.compacted_to
COMMENT ON COLUMN discreet.sessions.compacted_to IS 'the last message that the summary covers; the messages themselves stay';

-- COMMENT COLUMN sessions.summary_id
COMMENT ON COLUMN discreet.sessions.summary_id IS 'a memory of the same party, otherwise ignored; no foreign key, because that would show which ids exist';

-- COMMENT COLUMN sessions.takeover_contact_id
COMMENT ON COLUMN discreet.sessions.takeover_contact_id IS 'a contact that the owner answers in person here: what they write goes to it';

-- COMMENT COLUMN sessions.seen_at
COMMENT ON COLUMN discreet.sessions.seen_at IS 'when the owner last looked at it; what was said since then is unread';

-- COMMENT COLUMN sessions.active_hour
COMMENT ON COLUMN discreet.sessions.active_hour IS 'the hour of the last message, since 1970. Indexed in its place: a message writes no index as long as the hour is the same';

-- FUNCTION apply_edit(discreet.channels, discreet.sessions, uuid, boolean, gate.inbound)
CREATE FUNCTION gate.apply_edit(via discreet.channels, here discreet.sessions, speaker uuid, of_owner boolean, said gate.inbound) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  found_line discreet.messages;
BEGIN
  SELECT m.* INTO found_line FROM discreet.messages m
   WHERE m.channel_id = via.id AND m.chat_id = said.chat AND m.platform_message_id = said.edit_of
     AND m.owner_id = here.owner_id AND m.direction = 'in' AND m.session_id = here.id
     AND m.sender_contact_id IS NOT DISTINCT FROM speaker;
  IF NOT FOUND THEN
    RETURN NULL;
  ELSIF found_line.edited_by = said.platform_message THEN
    RETURN found_line.id;
  ELSIF found_line.state = 'taken' THEN
    IF found_line.restarted OR found_line.command IS NOT NULL OR NOT gate.restart_turn(here.id) THEN
      RETURN NULL;
    END IF;
  ELSIF found_line.state <> 'waiting' OR found_line.command IN ('passed', 'unsent') THEN
    RETURN NULL;
  END IF;
  IF found_line.album <> '' THEN
    -- Its text was joined from several messages.
    said.body := found_line.text || E'\n[edited] ' || said.body;
    said.details := NULL;
  ELSIF said.files <> '[]' THEN
    DELETE FROM discreet.attachments f WHERE f.message_id = found_line.id;
    PERFORM gate.store_files(here, found_line.route_id, found_line.id, via.id, said);
  END IF;
  UPDATE discreet.messages m
     SET text = said.body, details = said.details, edited_by = said.platform_message,
         command = gate.waiting_command(said, of_owner),
         terms = NULL, tokens = NULL, embedder = NULL, embedding = NULL
   WHERE m.id = found_line.id;
  RETURN found_line.id;
END $$;


ALTER FUNCTION gate.apply_edit(via discreet.channels, here discreet.sessions, speaker uuid, of_owner boolean, said gate.inbound) OWNER TO discreet_gate;

-- TABLE outbox
CREATE TABLE discreet.outbox (
    message_id uuid NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    contact_id uuid DEFAULT (gate.scope()).contact_id,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    session_id uuid NOT NULL,
    route_id uuid NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_try_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    error text,
    platform_messages text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sent_at timestamp with time zone,
    uncertain_since timestamp with time zone,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    parts_sent integer DEFAULT 0 NOT NULL,
    delivered_at timestamp with time zone,
    read_at timestamp with time zone,
    CONSTRAINT outbox_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'sending'::text, 'sent'::text, 'failed'::text])))
);
ALTER TABLE ONLY discreet.outbox ALTER COLUMN error SET STATISTICS 0;
ALTER TABLE ONLY discreet.outbox ALTER COLUMN platform_messages SET STATISTICS 0;
ALTER TABLE ONLY discreet.outbox ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.outbox ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.outbox FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.outbox OWNER TO discreet_schema;

-- COMMENT COLUMN outbox.platform_messages
COMMENT ON COLUMN discreet.outbox.platform_messages IS 'the platform''s ids of the messages sent, in order; a long answer takes several';

-- FUNCTION apply_receipt(discreet.outbox, text, text, timestamp with time zone, text)
CREATE FUNCTION gate.apply_receipt(answer discreet.outbox, platform_message text, stage text, at timestamp with time zone, why text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF stage = 'failed' THEN
    UPDATE discreet.outbox o SET state = 'failed', error = why
     WHERE o.message_id = answer.message_id AND o.delivered_at IS NULL;
  ELSIF answer.platform_messages[cardinality(answer.platform_messages)] = platform_message THEN
    UPDATE discreet.outbox o
       SET delivered_at = coalesce(o.delivered_at, at),
           read_at = CASE WHEN stage = 'read' THEN coalesce(o.read_at, at) ELSE o.read_at END
     WHERE o.message_id = answer.message_id;
  END IF;
END $$;


ALTER FUNCTION gate.apply_receipt(answer discreet.outbox, platform_message text, stage text, at timestamp with time zone, why text) OWNER TO discreet_gate;

-- FUNCTION apply_retention(integer)
CREATE FUNCTION gate.apply_retention(max_rows integer) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.apply_retention(max_rows integer) OWNER TO discreet_gate;

-- FUNCTION archive_memory()
CREATE FUNCTION gate.archive_memory() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
  -- A link of two contacts moves memories; only the gate may write that column.
  IF TG_OP = 'UPDATE' AND NEW.contact_id IS DISTINCT FROM OLD.contact_id THEN
    RETURN NEW;
  END IF;
  IF OLD.decoy AND TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  -- Another vector or other terms for the same text is not a new version.
  IF TG_OP = 'UPDATE' AND NEW.version = OLD.version
     AND (NEW.content, NEW.summary, NEW.topic_key, NEW.topics, NEW.salience, NEW.metadata,
          NEW.expires_at, NEW.source) IS NOT DISTINCT FROM
         (OLD.content, OLD.summary, OLD.topic_key, OLD.topics, OLD.salience, OLD.metadata,
          OLD.expires_at, OLD.source) THEN
    RETURN NEW;
  END IF;
  INSERT INTO discreet.memory_history (
    memory_id, version, owner_id, agent_id, contact_id, shared, content, summary, topic_key, topics,
    salience, source, metadata, expires_at, terms, tokens, embedder, embedding, turn_id, created_at,
    updated_at, change)
  VALUES (
    OLD.id, OLD.version, OLD.owner_id, OLD.agent_id, OLD.contact_id, OLD.shared, OLD.content, OLD.summary,
    OLD.topic_key, OLD.topics, OLD.salience, OLD.source, OLD.metadata, OLD.expires_at, OLD.terms,
    OLD.tokens, OLD.embedder, OLD.embedding, OLD.turn_id, OLD.created_at, OLD.updated_at,
    -- The worker deletes only expired memories.
    CASE WHEN TG_OP = 'DELETE' AND session_user = 'discreet_worker' THEN 'expire'
         ELSE lower(TG_OP) END);
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  NEW.version := OLD.version + 1;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;


ALTER FUNCTION gate.archive_memory() OWNER TO discreet_gate;

-- FUNCTION are_answers_held(discreet.sessions)
CREATE FUNCTION gate.are_answers_held(here discreet.sessions) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF here.contact_id IS NULL AND NOT here.shared THEN
    RETURN false;
  END IF;
  RETURN coalesce(
    (SELECT c.holds_answers FROM discreet.contacts c WHERE c.id = here.contact_id),
    (SELECT a.holds_answers FROM discreet.agents a WHERE a.id = here.agent_id), false);
END $$;


ALTER FUNCTION gate.are_answers_held(here discreet.sessions) OWNER TO discreet_gate;

-- FUNCTION ask_for_erasure(text)
CREATE FUNCTION gate.ask_for_erasure(code text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = here.contact_id AND c.owner_id = gate.require_owner() AND c.type <> 'group'
      AND c.merged_into IS NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.self_erasures AS e (contact_id, owner_id, digest)
  VALUES (here.contact_id, here.owner_id, encode(gate.keyed_digest(code), 'hex'))
  ON CONFLICT (contact_id) DO UPDATE
     SET digest = excluded.digest, tries = 0, asked_at = clock_timestamp()
   WHERE e.confirmed_at IS NULL;
  RETURN true;
END $$;


ALTER FUNCTION gate.ask_for_erasure(code text) OWNER TO discreet_gate;

-- FUNCTION ask_for_person(uuid, uuid, text)
CREATE FUNCTION gate.ask_for_person(session uuid, turn uuid, reason_given text, OUT outcome text, OUT minutes integer) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here  discreet.sessions;
  agent discreet.agents;
BEGIN
  PERFORM gate.lock_session(session);
  SELECT s.* INTO STRICT here FROM discreet.sessions s WHERE s.id = session;
  IF here.contact_id IS NULL AND NOT here.shared THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  END IF;
  SELECT a.* INTO STRICT agent FROM discreet.agents a WHERE a.id = here.agent_id;
  minutes := agent.person_minutes;
  outcome := CASE WHEN agent.waits_for_person AND NOT here.shared THEN 'waits' ELSE 'goes_on' END;
  IF EXISTS (SELECT FROM discreet.sessions s JOIN discreet.person_requests r ON r.session_id = s.id
              WHERE (s.owner_id, s.agent_id, s.party) = (here.owner_id, here.agent_id, here.party)
                AND r.answered_at IS NULL AND r.ends_at > clock_timestamp()
                AND r.turn_id IS DISTINCT FROM turn) THEN
    outcome := 'asked';
    RETURN;
  END IF;
  -- The same turn asks once, also where it begins anew.
  IF NOT EXISTS (SELECT FROM discreet.person_requests r
                  WHERE r.session_id = here.id AND r.turn_id = turn) THEN
    INSERT INTO discreet.person_requests (owner_id, session_id, turn_id, reason, ends_at, is_awaited)
    VALUES (here.owner_id, here.id, turn, left(reason_given, 500),
            clock_timestamp() + agent.person_minutes * interval '1 minute',
            outcome = 'waits');
  END IF;
END $$;


ALTER FUNCTION gate.ask_for_person(session uuid, turn uuid, reason_given text, OUT outcome text, OUT minutes integer) OWNER TO discreet_gate;

-- FUNCTION awaits_person(discreet.sessions)
CREATE FUNCTION gate.awaits_person(here discreet.sessions) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM discreet.sessions s JOIN discreet.person_requests r ON r.session_id = s.id
     WHERE (s.owner_id, s.agent_id, s.party) = (here.owner_id, here.agent_id, here.party)
       AND r.is_awaited AND r.answered_at IS NULL AND r.ends_at > clock_timestamp()
       AND r.turn_id IS DISTINCT FROM here.current_turn);
END $$;


ALTER FUNCTION gate.awaits_person(here discreet.sessions) OWNER TO discreet_gate;

-- FUNCTION begin_audit()
CREATE FUNCTION gate.begin_audit() RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  result uuid;
BEGIN
  INSERT INTO discreet.owners (name) VALUES ('sb audit') RETURNING id INTO result;
  RETURN result;
END $$;


ALTER FUNCTION gate.begin_audit() OWNER TO discreet_gate;

-- FUNCTION begin_decided_call(uuid, uuid)
CREATE FUNCTION gate.begin_decided_call(session uuid, turn uuid, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.begin_decided_call(session uuid, turn uuid, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) OWNER TO discreet_gate;

-- FUNCTION begin_mcp_session(bytea, uuid)
CREATE FUNCTION gate.begin_mcp_session(session_digest bytea, token uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO discreet.mcp_sessions (digest, token_id, owner_id)
    SELECT session_digest, t.id, t.owner_id FROM discreet.tokens t WHERE t.id = token;
END $$;


ALTER FUNCTION gate.begin_mcp_session(session_digest bytea, token uuid) OWNER TO discreet_gate;

-- FUNCTION begin_owner_notices()
CREATE FUNCTION gate.begin_owner_notices() RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF pg_try_advisory_xact_lock(hashtextextended('discreet: owner notices ' || owner, 0)) THEN
    RETURN (gate.owner_chat(owner)).created_at;
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.begin_owner_notices() OWNER TO discreet_gate;

-- FUNCTION begin_sign_in(bytea, bytea, bytea, bytea, interval)
CREATE FUNCTION gate.begin_sign_in(link_digest bytea, browser_digest bytea, state_digest bytea, sealed_state bytea, valid_for interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.connections c
     SET state_hash = state_digest, sealed = sealed_state, expires_at = clock_timestamp() + valid_for
   WHERE c.link_hash = link_digest AND c.browser_hash = browser_digest AND c.state = 'opened'
     AND c.state_hash IS NULL AND c.expires_at > clock_timestamp();
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.begin_sign_in(link_digest bytea, browser_digest bytea, state_digest bytea, sealed_state bytea, valid_for interval) OWNER TO discreet_gate;

-- FUNCTION begin_turn(uuid, integer)
CREATE FUNCTION gate.begin_turn(session uuid, max_messages integer, OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean, OUT not_before timestamp with time zone, OUT is_local boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here          discreet.sessions;
  first_message record;
BEGIN
  IF NOT gate.try_lock_session(session) THEN
    RETURN;
  END IF;
  SELECT s.* INTO STRICT here FROM discreet.sessions s WHERE s.id = session;
  IF gate.withheld_reason(session, NULL) IS NOT NULL THEN
    RETURN;
  END IF;
  IF here.current_turn IS NOT NULL THEN
    PERFORM gate.mark_turn_lost(session, here.current_turn);
  END IF;
  -- Commands don't wait for earlier messages.
  SELECT m.id, m.route_id, m.attempts, m.command, m.not_before INTO first_message
    FROM discreet.messages m WHERE m.session_id = session AND m.state = 'waiting'
   ORDER BY m.command IS NULL, m.position LIMIT 1;
  IF NOT FOUND THEN
    UPDATE discreet.sessions s SET current_turn = NULL
     WHERE s.id = session AND s.current_turn IS NOT NULL;
    RETURN;
  ELSIF first_message.not_before > clock_timestamp() THEN
    not_before := first_message.not_before;
    RETURN;
  END IF;
  route_id := first_message.route_id;
  attempt := first_message.attempts + 1;
  command := first_message.command;
  INSERT INTO discreet.turns (owner_id, agent_id, contact_id, shared, session_id, route_id, attempt)
  VALUES (here.owner_id, here.agent_id, here.contact_id, here.shared, session, first_message.route_id,
          first_message.attempts + 1)
  RETURNING id INTO turn_id;
  UPDATE discreet.messages m
     SET state = 'taken', turn_id = begin_turn.turn_id, attempts = m.attempts + 1
   WHERE m.id IN (SELECT w.id FROM discreet.messages w
                   WHERE w.session_id = session AND w.route_id = first_message.route_id AND w.state = 'waiting'
                     AND CASE WHEN first_message.command IS NOT NULL THEN w.id = first_message.id
                              ELSE w.command IS NULL END
                   ORDER BY w.position LIMIT max_messages);
  UPDATE discreet.sessions s SET current_turn = begin_turn.turn_id WHERE s.id = session;
  is_held := gate.are_answers_held(here);
  SELECT c.platform = 'terminal' INTO STRICT is_local
    FROM discreet.routes r JOIN discreet.channels c ON c.id = r.channel_id WHERE r.id = first_message.route_id;
END $$;


ALTER FUNCTION gate.begin_turn(session uuid, max_messages integer, OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean, OUT not_before timestamp with time zone, OUT is_local boolean) OWNER TO discreet_gate;

-- FUNCTION bind_mcp_session(bytea, uuid, uuid)
CREATE FUNCTION gate.bind_mcp_session(session_digest bytea, token uuid, session uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET
      agent_id = s.agent_id, contact_id = s.contact_id, shared = s.shared, session_id = s.id
    FROM discreet.sessions s, discreet.tokens t
   WHERE m.digest = session_digest AND m.token_id = token AND t.id = token AND s.id = session
     AND s.owner_id = t.owner_id
     AND (t.agent_id IS NULL OR s.agent_id = t.agent_id)
     AND (t.contact_id IS NULL OR s.contact_id = t.contact_id OR s.shared)
     AND (m.session_id IS NULL OR (m.agent_id = s.agent_id AND m.party = s.party));
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.bind_mcp_session(session_digest bytea, token uuid, session uuid) OWNER TO discreet_gate;

-- FUNCTION budgets_today(uuid, uuid)
CREATE FUNCTION gate.budgets_today(of_owner uuid, agent uuid) RETURNS TABLE(agent_id uuid, tokens_a_day bigint, money_a_day numeric, tokens bigint, money numeric)
    LANGUAGE sql STABLE
    AS $$
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


ALTER FUNCTION gate.budgets_today(of_owner uuid, agent uuid) OWNER TO discreet_gate;

-- FUNCTION cancel_reminder(uuid)
CREATE FUNCTION gate.cancel_reminder(reminder uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM discreet.reminders r
   WHERE r.id = reminder AND gate.reminder_session(reminder) IS NOT NULL;
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.cancel_reminder(reminder uuid) OWNER TO discreet_gate;

-- FUNCTION channel_and_branches(discreet.channels, gate.inbound)
CREATE FUNCTION gate.channel_and_branches(via discreet.channels, said gate.inbound) RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  IF via.platform = 'terminal' THEN
    RETURN ARRAY[via.id];
  END IF;
  RETURN via.id || ARRAY(
    SELECT c.id FROM discreet.channels c
     WHERE c.parent_id = via.id
       AND c.only_chat IN (said.chat, coalesce(said.group_id, said.sender_id)));
END $$;


ALTER FUNCTION gate.channel_and_branches(via discreet.channels, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION claim_idempotency_key(uuid, bytea, bytea, interval)
CREATE FUNCTION gate.claim_idempotency_key(token uuid, key_digest bytea, request_digest bytea, lease_duration interval, OUT state text, OUT result uuid, OUT lease uuid) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  existing discreet.idempotency_keys;
BEGIN
  DELETE FROM discreet.idempotency_keys k WHERE k.created_at < statement_timestamp() - interval '1 day';
  lease := gen_random_uuid();
  INSERT INTO discreet.idempotency_keys (token_id, digest, owner_id, request_digest, lease, leased_until)
    SELECT t.id, key_digest, t.owner_id, request_digest, lease, clock_timestamp() + lease_duration
      FROM discreet.tokens t WHERE t.id = token
    ON CONFLICT DO NOTHING;
  IF FOUND THEN
    state := 'new';
    RETURN;
  END IF;
  SELECT k.* INTO existing FROM discreet.idempotency_keys k
   WHERE k.token_id = token AND k.digest = key_digest FOR UPDATE;
  IF existing.request_digest <> request_digest THEN
    state := 'other';
  ELSIF existing.result_id IS NOT NULL THEN
    state := 'done';
    result := existing.result_id;
  ELSIF existing.leased_until < clock_timestamp() THEN
    UPDATE discreet.idempotency_keys k
       SET lease = claim_idempotency_key.lease, leased_until = clock_timestamp() + lease_duration
     WHERE k.token_id = token AND k.digest = key_digest;
    state := 'new';
  ELSE
    state := 'busy';
  END IF;
END $$;


ALTER FUNCTION gate.claim_idempotency_key(token uuid, key_digest bytea, request_digest bytea, lease_duration interval, OUT state text, OUT result uuid, OUT lease uuid) OWNER TO discreet_gate;

-- FUNCTION claim_token_renewal(uuid, bytea)
CREATE FUNCTION gate.claim_token_renewal(connection uuid, current_tokens bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.connections c SET renewing_until = clock_timestamp() + interval '30 seconds'
   WHERE c.id = connection AND gate.is_own_connection(c) AND c.state = 'connected' AND c.sealed = current_tokens
     AND coalesce(c.renewing_until < clock_timestamp(), true);
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.claim_token_renewal(connection uuid, current_tokens bytea) OWNER TO discreet_gate;

-- FUNCTION claim_webhooks(interval)
CREATE FUNCTION gate.claim_webhooks(lease interval) RETURNS TABLE(owner_id uuid, webhook_id uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE discreet.webhooks w SET claimed_until = clock_timestamp() + lease
   WHERE w.id IN (
     SELECT d.id FROM discreet.webhooks d
      WHERE d.disabled_at IS NULL AND d.next_try_at <= clock_timestamp()
        AND d.claimed_until <= clock_timestamp()
        AND EXISTS (
          SELECT FROM discreet.events e
           WHERE e.owner_id = d.owner_id AND (d.kinds = '{}' OR e.kind = ANY (d.kinds))
             AND (d.agent_id IS NULL OR e.agent_id = d.agent_id)
             -- After a restore, the transactions of another cluster are still to come here.
             AND (d.last_event_tx >= pg_snapshot_xmax(pg_current_snapshot())
                  OR (e.tx, e.created_at, e.id) > (d.last_event_tx, d.last_event_at, d.last_event_id))
             -- As in services/events.py.
             AND (e.tx < pg_snapshot_xmin(pg_current_snapshot())
                  OR e.created_at < statement_timestamp() - interval '10 seconds'))
      ORDER BY d.next_try_at LIMIT 20 FOR UPDATE SKIP LOCKED)
  RETURNING w.owner_id, w.id
$$;


ALTER FUNCTION gate.claim_webhooks(lease interval) OWNER TO discreet_gate;

-- FUNCTION clean_connection()
CREATE FUNCTION gate.clean_connection() RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
  RESET ALL;
  EXECUTE 'CLOSE ALL';  -- in plpgsql itself, CLOSE means one of its variables
  UNLISTEN *;
  PERFORM pg_catalog.pg_advisory_unlock_all();
  RETURN EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql);
END $$;


ALTER FUNCTION gate.clean_connection() OWNER TO discreet_gate;

-- FUNCTION clear_failures()
CREATE FUNCTION gate.clear_failures() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM queue.failures f
   WHERE CASE split_part(f.lock, ':', 1)
           WHEN 'turn' THEN NOT EXISTS (
             SELECT FROM discreet.messages m
              WHERE m.session_id = split_part(f.lock, ':', 2)::uuid
                AND m.state IN ('waiting', 'taken'))
           WHEN 'deliver' THEN NOT EXISTS (
             SELECT FROM discreet.outbox o
              WHERE o.route_id = split_part(f.lock, ':', 2)::uuid
                AND o.state IN ('pending', 'sending'))
           WHEN 'remind' THEN NOT EXISTS (
             SELECT FROM discreet.reminders r
              WHERE r.id = split_part(f.lock, ':', 2)::uuid AND r.due_at <= clock_timestamp())
           ELSE false END;
END $$;


ALTER FUNCTION gate.clear_failures() OWNER TO discreet_gate;

-- FUNCTION clear_turns(uuid[])
CREATE FUNCTION gate.clear_turns(sessions uuid[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.clear_turns(sessions uuid[]) OWNER TO discreet_gate;

-- FUNCTION configure(jsonb, jsonb)
CREATE FUNCTION gate.configure(numbers jsonb, texts jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  before gate.policy;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: configure', 0));
  DELETE FROM gate.policy p RETURNING p.* INTO before;
  before.one := true;
  INSERT INTO gate.policy SELECT (jsonb_populate_record(before, numbers)).*;
  INSERT INTO gate.notices (code, text) SELECT t.key, t.value FROM jsonb_each_text(texts) t
  ON CONFLICT (code) DO UPDATE SET text = excluded.text WHERE notices.text <> excluded.text;
END $$;


ALTER FUNCTION gate.configure(numbers jsonb, texts jsonb) OWNER TO discreet_gate;

-- FUNCTION confirm_erasure(text)
CREATE FUNCTION gate.confirm_erasure(code text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.require_owner();
  here   gate.scope := gate.scope();
  result uuid;
BEGIN
  -- Not while it is merged: nobody would erase an empty shell, and its rows are the survivor's.
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = here.contact_id AND c.owner_id = owner AND c.merged_into IS NULL FOR SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.self_erasures e
     SET tries = e.tries + 1,
         confirmed_at = CASE WHEN e.tries < 5 AND e.asked_at > clock_timestamp() - interval '10 minutes'
                                  AND e.digest = encode(gate.keyed_digest(code), 'hex')
                             THEN coalesce(e.confirmed_at, clock_timestamp())
                             ELSE e.confirmed_at END
   WHERE e.contact_id = here.contact_id AND e.owner_id = owner
  RETURNING CASE WHEN e.confirmed_at IS NOT NULL
                      AND e.digest = encode(gate.keyed_digest(code), 'hex') THEN e.receipt END
       INTO result;
  RETURN result;
END $$;


ALTER FUNCTION gate.confirm_erasure(code text) OWNER TO discreet_gate;

-- FUNCTION connectable_servers()
CREATE FUNCTION gate.connectable_servers() RETURNS TABLE(server_id uuid, name text, url text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT s.id, s.name, s.url FROM discreet.tool_servers s
   WHERE s.signs_in AND (s.owner_id, s.agent_id) = (SELECT h.owner_id, h.agent_id FROM gate.scope() h)
     AND (s.id IN (SELECT a.server_id FROM gate.allowed_tools() a)
          OR s.id IN (SELECT c.server_id FROM discreet.connections c
                       WHERE (c.owner_id, c.agent_id, c.party)
                           = (SELECT h.owner_id, h.agent_id, h.party FROM gate.scope() h)))
   ORDER BY s.name
$$;


ALTER FUNCTION gate.connectable_servers() OWNER TO discreet_gate;

-- FUNCTION connecting_party(uuid)
CREATE FUNCTION gate.connecting_party(group_contact uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  IF here.contact_id IS NOT NULL THEN
    RETURN here.contact_id;
  ELSIF group_contact IS NULL THEN
    RETURN here.owner_id;
  END IF;
  RETURN (SELECT c.id FROM discreet.contacts c
           WHERE c.id = group_contact AND c.owner_id = here.owner_id AND c.type = 'group');
END $$;


ALTER FUNCTION gate.connecting_party(group_contact uuid) OWNER TO discreet_gate;

-- FUNCTION contact_digest(uuid)
CREATE FUNCTION gate.contact_digest(contact uuid) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT encode(sha256(convert_to('erased contact ' || contact::text, 'UTF8')), 'hex')
$$;


ALTER FUNCTION gate.contact_digest(contact uuid) OWNER TO discreet_gate;

-- FUNCTION contact_limits(uuid, uuid)
CREATE FUNCTION gate.contact_limits(of_owner uuid, contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric) RETURNS record
    LANGUAGE sql STABLE
    AS $$
  SELECT coalesce(own.messages_a_minute, everybody.messages_a_minute, policy.messages_a_minute),
         coalesce(own.waiting, everybody.waiting, policy.messages_waiting),
         coalesce(own.tokens_a_day, everybody.tokens_a_day, policy.tokens_a_day),
         coalesce(own.money_a_day, everybody.money_a_day)
    FROM gate.policy
    LEFT JOIN discreet.limits own ON own.owner_id = of_owner AND own.contact_id = contact
    LEFT JOIN discreet.limits everybody
           ON everybody.owner_id = of_owner AND everybody.contact_id IS NULL
$$;


ALTER FUNCTION gate.contact_limits(of_owner uuid, contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric) OWNER TO discreet_gate;

-- FUNCTION contact_with_merged(uuid)
CREATE FUNCTION gate.contact_with_merged(contact uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH RECURSIVE merged AS (
    SELECT contact AS id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN merged o ON c.merged_into = o.id)
  SELECT o.id FROM merged o
$$;


ALTER FUNCTION gate.contact_with_merged(contact uuid) OWNER TO discreet_gate;

-- FUNCTION contacts_with_digests(text[])
CREATE FUNCTION gate.contacts_with_digests(wanted_digests text[]) RETURNS TABLE(owner_id uuid, contact_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT c.owner_id, c.id FROM discreet.contacts c
   WHERE gate.contact_digest(c.id) = ANY (wanted_digests) ORDER BY c.owner_id, c.id
$$;


ALTER FUNCTION gate.contacts_with_digests(wanted_digests text[]) OWNER TO discreet_gate;

-- FUNCTION count_dry_run(uuid, text, jsonb, interval)
CREATE FUNCTION gate.count_dry_run(agent uuid, of_model text, used jsonb, took interval) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner   uuid := gate.require_owner();
  channel uuid;
  here    discreet.sessions;
BEGIN
  SELECT c.id INTO channel FROM discreet.channels c
   WHERE c.owner_id = owner AND c.agent_id = agent AND c.platform = 'terminal'
     AND c.closed_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_agent' USING ERRCODE = 'DS001';
  END IF;
  here := gate.find_or_create_session(owner, agent, NULL, false, 'dry runs', false);
  INSERT INTO discreet.turns (
    owner_id, agent_id, shared, session_id, route_id, state, model, usage, started_at, finished_at)
  VALUES (owner, agent, false, here.id,
          gate.find_or_create_route(here, channel, 'dry runs', ''), 'answered',
          nullif(of_model, ''), used, clock_timestamp() - took, clock_timestamp());
END $$;


ALTER FUNCTION gate.count_dry_run(agent uuid, of_model text, used jsonb, took interval) OWNER TO discreet_gate;

-- FUNCTION count_owner_terms(bigint)
CREATE FUNCTION gate.count_owner_terms(many bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  in_table real := (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'discreet.memories'::regclass);
  percent  real := least(100, 100.0 * 100000 / greatest(in_table, 1));
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('discreet: words', 0)) THEN
    RETURN;  -- another process is counting
  END IF;
  DELETE FROM discreet.owner_term_stats;
  IF in_table < many THEN
    RETURN;
  END IF;
  INSERT INTO discreet.owner_term_stats (owner_id, word, document_frequency)
  WITH sampled AS MATERIALIZED (
    SELECT m.owner_id, m.terms FROM discreet.memories m TABLESAMPLE SYSTEM (percent)
     WHERE NOT m.decoy
  ), owners AS (
    SELECT s.owner_id, count(*) AS memories, sum(cardinality(s.terms)) AS words FROM sampled s
     GROUP BY s.owner_id HAVING count(*) * 100 / percent >= many
  )
  SELECT o.owner_id, '', round(o.memories * 100 / percent) FROM owners o
   UNION ALL
  SELECT o.owner_id, '#', round(o.words * 100 / percent) FROM owners o
   UNION ALL
  SELECT w.owner_id, w.word, round(count(*) * 100 / percent)
    FROM (SELECT DISTINCT s.owner_id, s.ctid_, t.word
            FROM (SELECT row_number() OVER () AS ctid_, s.* FROM sampled s) s
            JOIN owners o USING (owner_id), unnest(s.terms) AS t (word)) w
   GROUP BY w.owner_id, w.word HAVING count(*) > 1;
END $$;


ALTER FUNCTION gate.count_owner_terms(many bigint) OWNER TO discreet_gate;

-- FUNCTION create_link_code()
CREATE FUNCTION gate.create_link_code() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.require_owner();
  person uuid := gate.current_person();
  code   text := gate.generate_code();
BEGIN
  IF person IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.link_requests AS r (owner_id, contact_id, digest, expires_at)
  VALUES (owner, person, sha256(convert_to(owner || code, 'UTF8')), clock_timestamp() + (SELECT p.link_code_seconds FROM gate.policy p) * interval '1 second')
  ON CONFLICT (contact_id) DO UPDATE SET
    digest = excluded.digest, other_id = NULL, back_digest = NULL, expires_at = excluded.expires_at;
  RETURN left(code, 4) || '-' || right(code, 4);
END $$;


ALTER FUNCTION gate.create_link_code() OWNER TO discreet_gate;

-- FUNCTION current_person()
CREATE FUNCTION gate.current_person() RETURNS uuid
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  RETURN (SELECT c.id FROM discreet.contacts c
           WHERE c.id = here.contact_id AND c.owner_id = here.owner_id AND c.type <> 'group'
             AND c.merged_into IS NULL);
END $$;


ALTER FUNCTION gate.current_person() OWNER TO discreet_gate;

-- FUNCTION current_policy()
CREATE FUNCTION gate.current_policy() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT to_jsonb(p) - 'one' FROM gate.policy p
$$;


ALTER FUNCTION gate.current_policy() OWNER TO discreet_gate;

-- FUNCTION dashboard_session(bytea)
CREATE FUNCTION gate.dashboard_session(session_digest bytea, OUT session_id uuid, OUT owner_id uuid) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  found discreet.tokens;
BEGIN
  SELECT t.* INTO found FROM discreet.tokens t
   WHERE t.digest = session_digest AND t.purpose = 'dashboard' AND t.revoked_at IS NULL
     AND t.expires_at > clock_timestamp();
  IF found.id IS NULL THEN
    RETURN;
  END IF;
  IF found.last_used_at IS NULL OR found.last_used_at < clock_timestamp() - interval '1 minute' THEN
    UPDATE discreet.tokens t SET last_used_at = clock_timestamp()
     WHERE t.id = (SELECT o.id FROM discreet.tokens o WHERE o.id = found.id FOR UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY SELECT found.id, found.owner_id;
END $$;


ALTER FUNCTION gate.dashboard_session(session_digest bytea, OUT session_id uuid, OUT owner_id uuid) OWNER TO discreet_gate;

-- FUNCTION decide_answer(uuid, text)
CREATE FUNCTION gate.decide_answer(answer uuid, body text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.require_owner();
  held   discreet.held_answers;
  here   discreet.sessions;
  route  uuid;
  result uuid;
BEGIN
  UPDATE discreet.sessions s
     SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
    FROM discreet.held_answers h
   WHERE h.id = answer AND h.owner_id = owner AND s.id = h.session_id
  RETURNING s.* INTO here;
  UPDATE discreet.held_answers h
     SET state = CASE WHEN body IS NULL THEN 'rejected' ELSE 'approved' END,
         edited = coalesce(h.text <> body, false), decided_at = clock_timestamp(),
         text = coalesce(body, h.text)
   WHERE h.id = answer AND h.owner_id = owner AND h.state = 'waiting'
  RETURNING h.* INTO held;
  IF held.id IS NULL OR body IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT t.route_id INTO STRICT route FROM discreet.turns t WHERE t.id = held.turn_id;
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, state, text,
    turn_id, reply_to)
  VALUES (
    owner, here.agent_id, here.contact_id, here.shared, here.id, route, here.last_position, 'out',
    'sent', body, held.turn_id,
    (SELECT m.platform_message_id FROM discreet.messages m
      WHERE m.turn_id = held.turn_id AND m.direction = 'in' ORDER BY m.position DESC LIMIT 1))
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (
    message_id, owner_id, agent_id, contact_id, shared, session_id, route_id)
  VALUES (result, owner, here.agent_id, here.contact_id, here.shared, here.id, route);
  RETURN result;
END $$;


ALTER FUNCTION gate.decide_answer(answer uuid, body text) OWNER TO discreet_gate;

-- FUNCTION decide_call(uuid, uuid, boolean)
CREATE FUNCTION gate.decide_call(session uuid, turn uuid, is_yes boolean, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.decide_call(session uuid, turn uuid, is_yes boolean, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) OWNER TO discreet_gate;

-- FUNCTION decide_call_as_owner(uuid, boolean)
CREATE FUNCTION gate.decide_call_as_owner(call uuid, is_yes boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.decide_call_as_owner(call uuid, is_yes boolean) OWNER TO discreet_gate;

-- TABLE messages
CREATE TABLE discreet.messages (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    contact_id uuid DEFAULT (gate.scope()).contact_id,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    session_id uuid NOT NULL,
    route_id uuid NOT NULL,
    "position" bigint NOT NULL,
    direction text NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    text text NOT NULL,
    sender_contact_id uuid,
    sender_address text DEFAULT ''::text NOT NULL,
    sender_name text DEFAULT ''::text NOT NULL,
    channel_id uuid,
    chat_id text,
    platform_message_id text,
    reply_to text,
    turn_id uuid,
    attempts integer DEFAULT 0 NOT NULL,
    not_before timestamp with time zone,
    terms text[],
    tokens bytea,
    embedder text,
    embedding public.vector,
    sent_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    album text DEFAULT ''::text NOT NULL,
    command text,
    in_person boolean DEFAULT false NOT NULL,
    details jsonb,
    replies_to uuid,
    edited_by text,
    restarted boolean DEFAULT false NOT NULL,
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text]))),
    CONSTRAINT messages_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'taken'::text, 'answered'::text, 'failed'::text, 'context'::text, 'sent'::text]))),
    CONSTRAINT messages_text_check CHECK ((text <> ''::text))
);
ALTER TABLE ONLY discreet.messages ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN sender_address SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN sender_name SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN chat_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN platform_message_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN reply_to SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN terms SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN tokens SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN embedder SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN embedding SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN album SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN command SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN details SET STATISTICS 0;
ALTER TABLE ONLY discreet.messages ALTER COLUMN edited_by SET STATISTICS 0;

ALTER TABLE ONLY discreet.messages FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.messages OWNER TO discreet_schema;

-- COMMENT COLUMN messages.state
COMMENT ON COLUMN discreet.messages.state IS 'inbound: waiting, taken by a turn, answered, failed (given up), context (overheard, never answered); outbound: always sent, its delivery state is in outbox';

-- COMMENT COLUMN messages.command
COMMENT ON COLUMN discreet.messages.command IS 'the command given to the program, or (outbound) the one it answers; not part of the conversation';

-- COMMENT COLUMN messages.in_person
COMMENT ON COLUMN discreet.messages.in_person IS 'said by the owner in place of the agent';

-- COMMENT COLUMN messages.details
COMMENT ON COLUMN discreet.messages.details IS 'content other than text: typed parts, a quote, where it was forwarded from; null: none';

-- COMMENT COLUMN messages.replies_to
COMMENT ON COLUMN discreet.messages.replies_to IS 'the message of the same chat and scope that it replies to; no foreign key, because that message may be erased';

-- COMMENT COLUMN messages.edited_by
COMMENT ON COLUMN discreet.messages.edited_by IS 'the platform''s id of the edit that its text came from';

-- COMMENT COLUMN messages.restarted
COMMENT ON COLUMN discreet.messages.restarted IS 'whether a turn with it restarted because of an edit; that happens once';

-- FUNCTION decide_message(uuid, gate.inbound)
CREATE FUNCTION gate.decide_message(owner uuid, said gate.inbound, OUT outcome text, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  via        discreet.channels;
  one_of     uuid[];
  shared     boolean;
  any_erased boolean;
  is_new     boolean;
  ingested   record;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = said.channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  one_of := gate.channel_and_branches(via, said);
  IF cardinality(one_of) > 1 THEN
    -- If two branches match, take the one for the chat itself.
    SELECT c.* INTO via FROM discreet.channels c
     WHERE c.id = ANY (one_of) AND (c.id = said.channel OR c.closed_at IS NULL)
     ORDER BY c.parent_id IS NULL, c.only_chat <> said.chat LIMIT 1;
  END IF;
  message := gate.find_duplicate(said, one_of);
  IF message.id IS NOT NULL THEN
    outcome := 'duplicate';
    RETURN;
  END IF;
  -- Nearly always nobody was erased.
  SELECT a.memory_model = 'shared', EXISTS (SELECT FROM discreet.erased_addresses e WHERE e.owner_id = owner)
    INTO STRICT shared, any_erased
    FROM discreet.agents a WHERE a.id = via.agent_id;
  IF any_erased AND gate.predates_erasure(owner, said.written_at, said.sender_platform || ':' || said.sender_id,
                                          said.group_platform || ':' || said.group_id) THEN
    outcome := 'erased';
    RETURN;
  END IF;
  outcome := gate.message_refusal(owner, via, shared, said);
  IF outcome IS NULL THEN
    outcome := 'accepted';
    is_new := via.contact_labels <> '{}' AND via.admission = 'open'
              AND gate.is_new_contact(owner, via, said);
    ingested := gate.ingest_message(owner, via, shared, said);
    message := ingested.message;
    is_unwritten := ingested.is_unwritten;
    wake_at := ingested.wake_at;
    is_urgent := ingested.is_urgent;
    IF is_new AND message.contact_id IS NOT NULL THEN
      PERFORM gate.apply_channel_labels(via, message.contact_id);
    END IF;
  END IF;
END $$;


ALTER FUNCTION gate.decide_message(owner uuid, said gate.inbound, OUT outcome text, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean) OWNER TO discreet_gate;

-- FUNCTION decide_pairing(uuid, boolean)
CREATE FUNCTION gate.decide_pairing(pairing uuid, let_in boolean) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
  asked discreet.pairings;
  kept  record;
  said  jsonb;
  all_said jsonb := '[]';
BEGIN
  UPDATE discreet.pairings p SET state = CASE WHEN let_in THEN 'approved' ELSE 'denied' END
   WHERE p.id = pairing AND p.owner_id = owner
   RETURNING p.* INTO asked;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_pairing' USING ERRCODE = 'DS001';
  END IF;
  IF let_in THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (asked.channel_id, asked.contact_id, owner, asked.agent_id)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
      PERFORM gate.apply_channel_labels(c, asked.contact_id)
         FROM discreet.channels c WHERE c.id = asked.channel_id;
    END IF;
  ELSE
    DELETE FROM discreet.admissions a
     WHERE a.channel_id = asked.channel_id AND a.contact_id = asked.contact_id;
  END IF;
  FOR kept IN
    DELETE FROM discreet.held_messages k WHERE k.pairing_id = pairing
    RETURNING k.arrived, k.created_at
  LOOP
    all_said := all_said || jsonb_build_array(
      kept.arrived || jsonb_build_object('kept_at', kept.created_at));
  END LOOP;
  IF let_in THEN
    FOR said IN SELECT j.value FROM jsonb_array_elements(all_said) j
                 ORDER BY (j.value->>'kept_at')::timestamptz LOOP
      PERFORM gate.replay_held_messages(owner, asked.channel_id, said);
    END LOOP;
  END IF;
  RETURN jsonb_array_length(all_said);
END $$;


ALTER FUNCTION gate.decide_pairing(pairing uuid, let_in boolean) OWNER TO discreet_gate;

-- FUNCTION decoys()
CREATE FUNCTION gate.decoys() RETURNS TABLE(agent_id uuid, contact_id uuid, content text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  RETURN QUERY SELECT m.agent_id, m.contact_id, m.content FROM discreet.memories m
                WHERE m.decoy AND m.owner_key IS NOT NULL AND m.owner_id = owner ORDER BY m.agent_id, m.content;
END $$;


ALTER FUNCTION gate.decoys() OWNER TO discreet_gate;

-- FUNCTION defer_delivery(uuid, timestamp with time zone)
CREATE FUNCTION gate.defer_delivery(route uuid, at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  platform text;
BEGIN
  SELECT c.platform INTO STRICT platform
    FROM discreet.routes r JOIN discreet.channels c ON c.id = r.channel_id WHERE r.id = route;
  PERFORM gate.defer_job('deliveries-' || platform, 'deliver', 'deliver:' || route,
                     jsonb_build_object('route_id', route), at, platform = 'terminal');
END $$;


ALTER FUNCTION gate.defer_delivery(route uuid, at timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION defer_job(text, text, text, jsonb, timestamp with time zone, boolean)
CREATE FUNCTION gate.defer_job(queue text, task text, key text, args jsonb, at timestamp with time zone, urgent boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'queue', 'pg_temp'
    AS $$
BEGIN
  PERFORM 1 FROM procrastinate_jobs WHERE queueing_lock = key AND status = 'todo';
  IF NOT FOUND THEN
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
      queue, task, CASE WHEN urgent THEN 10 ELSE 0 END, key, key, args, at
    )::procrastinate_job_to_defer_v1]);
    IF task = 'run_turn' THEN
      PERFORM pg_notify('discreet_turns', '');
    END IF;
  ELSIF urgent THEN
    UPDATE procrastinate_jobs SET scheduled_at = at, priority = 10
     WHERE queueing_lock = key AND status = 'todo'
       AND scheduled_at > coalesce(at, clock_timestamp());
    IF FOUND THEN
      PERFORM gate.notify_workers(queue);
    END IF;
  END IF;
END $$;


ALTER FUNCTION gate.defer_job(queue text, task text, key text, args jsonb, at timestamp with time zone, urgent boolean) OWNER TO discreet_gate;

-- FUNCTION defer_reminder(uuid, uuid, timestamp with time zone)
CREATE FUNCTION gate.defer_reminder(reminder uuid, session uuid, at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.defer_job('reminders', 'remind', 'remind:' || reminder,
                     jsonb_build_object('reminder_id', reminder, 'session_id', session), at, true);
END $$;


ALTER FUNCTION gate.defer_reminder(reminder uuid, session uuid, at timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION defer_turn(uuid, timestamp with time zone, boolean)
CREATE FUNCTION gate.defer_turn(session uuid, at timestamp with time zone, urgent boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  key text := 'turn:' || session;
BEGIN
  -- One waits already, and nothing could bring it forward.
  IF EXISTS (SELECT FROM queue.procrastinate_jobs j
              WHERE j.queueing_lock = key AND j.status = 'todo' AND (NOT urgent OR j.scheduled_at IS NULL)) THEN
    RETURN;
  END IF;
  -- Each agent has its own queue. Anybody can LISTEN to a queue whose name they know, so the name is a
  -- digest that only the gate can compute.
  PERFORM gate.defer_job('turns-' || left(encode(gate.keyed_digest('agent ' || s.agent_id), 'hex'), 12),
                     'run_turn', key, jsonb_build_object('session_id', session), at, urgent)
     FROM discreet.sessions s WHERE s.id = session;
END $$;


ALTER FUNCTION gate.defer_turn(session uuid, at timestamp with time zone, urgent boolean) OWNER TO discreet_gate;

-- FUNCTION delete_agent(uuid, uuid, boolean)
CREATE FUNCTION gate.delete_agent(agent uuid, successor uuid, erase boolean) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner    uuid := gate.require_owner();
  reason   text := gate.deletion_blocker(owner, agent, successor);
  sessions uuid[];
  counts   jsonb := '{}';
  result   uuid;
BEGIN
  IF reason IS NOT NULL THEN
    RAISE EXCEPTION '%', reason USING ERRCODE = CASE WHEN reason = 'no_such_agent' THEN 'DS001' ELSE 'DS003' END;
  END IF;
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s WHERE s.agent_id = agent ORDER BY s.id FOR UPDATE) s;
  counts := jsonb_build_object('jobs', gate.delete_jobs(sessions));
  DELETE FROM discreet.drafts d WHERE d.agent_id = agent;
  DELETE FROM discreet.mcp_sessions m WHERE m.agent_id = agent;
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: decoys', 0));  -- they are made side by side
  DELETE FROM discreet.memories m WHERE m.agent_id = agent AND m.decoy;
  IF erase THEN
    counts := gate.add_counts(counts, gate.erase_exclusive_contacts(owner, agent));
  END IF;
  counts := gate.add_counts(counts, CASE WHEN successor IS NULL THEN gate.delete_agent_rows(owner, agent)
                                         ELSE gate.transfer_agent_rows(owner, agent, successor) END);
  counts := gate.add_counts(counts, gate.delete_agent_and_settings(agent));
  INSERT INTO discreet.erasures (owner_id, counts) VALUES (owner, counts) RETURNING id INTO result;
  RETURN result;
END $$;


ALTER FUNCTION gate.delete_agent(agent uuid, successor uuid, erase boolean) OWNER TO discreet_gate;

-- FUNCTION delete_agent_and_settings(uuid)
CREATE FUNCTION gate.delete_agent_and_settings(agent uuid) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  table_name text;
  row_count  bigint;
  counts     jsonb := '{}';
BEGIN
  FOREACH table_name IN ARRAY ARRAY['tokens', 'limit_hits', 'events'] LOOP
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.agent_id = $1', table_name) USING agent;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    counts := counts || jsonb_build_object(table_name, row_count);
  END LOOP;
  DELETE FROM discreet.agents a WHERE a.id = agent;
  RETURN counts || jsonb_build_object('agents', 1);
END $_$;


ALTER FUNCTION gate.delete_agent_and_settings(agent uuid) OWNER TO discreet_gate;

-- FUNCTION delete_agent_rows(uuid, uuid)
CREATE FUNCTION gate.delete_agent_rows(owner uuid, agent uuid) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  channels   uuid[] := ARRAY(SELECT c.id FROM discreet.channels c WHERE c.agent_id = agent);
  erased     record;
  table_name text;
  row_count  bigint;
  counts     jsonb := '{}';
BEGIN
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(
    SELECT m.id FROM discreet.memories m WHERE m.agent_id = agent
    UNION SELECT h.memory_id FROM discreet.memory_history h WHERE h.agent_id = agent));
  counts := jsonb_build_object('memories', erased.memories, 'memory_versions', erased.versions);
  DELETE FROM discreet.idempotency_keys k
   USING discreet.messages m WHERE k.result_id = m.id AND m.agent_id = agent;
  DELETE FROM discreet.quarantine q WHERE q.channel_id = ANY (channels);
  DELETE FROM discreet.early_receipts e WHERE e.channel_id = ANY (channels);
  DELETE FROM discreet.held_messages h WHERE h.channel_id = ANY (channels);
  -- In the order of the foreign keys.
  FOREACH table_name IN ARRAY ARRAY['reminders', 'outbox', 'attachments', 'messages', 'turns', 'routes',
                                  'sessions', 'pairings', 'admissions', 'owner_chats'] LOOP
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.agent_id = $1', table_name) USING agent;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    counts := counts || jsonb_build_object(table_name, row_count);
  END LOOP;
  DELETE FROM discreet.channels c WHERE c.agent_id = agent AND c.parent_id IS NOT NULL;
  DELETE FROM discreet.channels c WHERE c.agent_id = agent;
  RETURN counts || jsonb_build_object('channels', cardinality(channels));
END $_$;


ALTER FUNCTION gate.delete_agent_rows(owner uuid, agent uuid) OWNER TO discreet_gate;

-- FUNCTION delete_draft(uuid, uuid)
CREATE FUNCTION gate.delete_draft(session uuid, turn uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM discreet.drafts d USING discreet.turns t
   WHERE d.turn_id = turn AND t.id = turn AND t.session_id = session;
END $$;


ALTER FUNCTION gate.delete_draft(session uuid, turn uuid) OWNER TO discreet_gate;

-- FUNCTION delete_expired_connections()
CREATE FUNCTION gate.delete_expired_connections() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  DELETE FROM discreet.connections c
   WHERE c.expires_at <= clock_timestamp() - CASE c.state WHEN 'signed_in' THEN interval '1 hour'
                                                          ELSE interval '0' END
$$;


ALTER FUNCTION gate.delete_expired_connections() OWNER TO discreet_gate;

-- FUNCTION delete_jobs(uuid[])
CREATE FUNCTION gate.delete_jobs(sessions uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'queue', 'pg_temp'
    AS $$
DECLARE
  row_count bigint;
BEGIN
  DELETE FROM failures f
   WHERE f.lock = ANY (SELECT 'turn:' || unnest(sessions)
                       UNION ALL
                       SELECT 'deliver:' || r.id FROM discreet.routes r
                        WHERE r.session_id = ANY (sessions)
                       UNION ALL
                       SELECT 'remind:' || r.id FROM discreet.reminders r
                        WHERE r.session_id = ANY (sessions));
  DELETE FROM procrastinate_jobs j
   WHERE j.status = 'todo' AND (
     (j.task_name IN ('run_turn', 'remind') AND (j.args->>'session_id')::uuid = ANY (sessions))
     OR (j.task_name = 'deliver' AND (j.args->>'route_id')::uuid IN (
           SELECT r.id FROM discreet.routes r WHERE r.session_id = ANY (sessions))));
  GET DIAGNOSTICS row_count = ROW_COUNT;
  RETURN row_count;
END $$;


ALTER FUNCTION gate.delete_jobs(sessions uuid[]) OWNER TO discreet_gate;

-- FUNCTION deletion_blocker(uuid, uuid, uuid)
CREATE FUNCTION gate.deletion_blocker(owner uuid, agent uuid, successor uuid) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE
    WHEN leaving.id IS NULL OR (successor IS NOT NULL AND other.id IS NULL) THEN 'no_such_agent'
    WHEN agent = successor THEN 'same_agent'
    WHEN NOT EXISTS (SELECT FROM discreet.agents a WHERE a.owner_id = owner AND a.id <> agent)
    THEN 'last_agent'
    WHEN other.memory_model <> leaving.memory_model THEN 'other_memory_model'
    WHEN successor IS NULL AND EXISTS (
      SELECT FROM discreet.channels c JOIN discreet.channels b ON b.parent_id = c.id
       WHERE c.agent_id = agent AND b.agent_id <> agent AND b.closed_at IS NULL) THEN 'has_branches'
    WHEN successor IS NULL AND EXISTS (
      SELECT FROM discreet.sessions s
       WHERE s.agent_id = agent AND gate.is_on_hold(s.contact_id)) THEN 'contact_on_hold'
    WHEN successor IS NULL AND EXISTS (
      SELECT FROM discreet.contacts c
       WHERE c.owner_id = owner AND c.on_hold_at IS NOT NULL
         AND (EXISTS (SELECT FROM discreet.sessions s
                       WHERE s.agent_id = agent
                         AND (s.contact_id = c.id OR s.shared))
              OR EXISTS (SELECT FROM discreet.memory_history h
                          WHERE h.agent_id = agent AND h.contact_id = c.id)
              OR EXISTS (SELECT FROM discreet.memories m
                          WHERE m.agent_id = agent AND m.contact_id = c.id))) THEN 'agent_on_hold'
    WHEN EXISTS (
      SELECT FROM discreet.outbox o JOIN discreet.sessions s ON s.id = o.session_id
       WHERE s.agent_id = agent AND o.state = 'sending') THEN 'answer_being_sent' END
    FROM (SELECT 1) one
    LEFT JOIN discreet.agents leaving ON leaving.id = agent AND leaving.owner_id = owner
    LEFT JOIN discreet.agents other ON other.id = successor AND other.owner_id = owner
$$;


ALTER FUNCTION gate.deletion_blocker(owner uuid, agent uuid, successor uuid) OWNER TO discreet_gate;

-- FUNCTION depends_on_written(uuid, gate.inbound, text[], uuid[])
CREATE FUNCTION gate.depends_on_written(owner uuid, said gate.inbound, chats text[], people uuid[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
  sender uuid;
BEGIN
  IF said.chat = ANY (chats) OR said.edit_of <> '' OR said.album_id <> '' OR said.in_reply_to IS NOT NULL
     OR starts_with(said.body, '/') IS NOT FALSE
     -- In a group, the agent's name may stand before a command.
     OR (said.group_id IS NOT NULL AND starts_with(ltrim(said.body), '@')) THEN
    RETURN true;
  END IF;
  sender := CASE said.sender_kind
    WHEN 'address' THEN gate.find_contact(owner, said.sender_platform, said.sender_id)
    WHEN 'contact' THEN said.sender_contact END;
  RETURN sender IS NULL OR sender = ANY (people)
    OR (said.group_id IS NOT NULL
        AND gate.find_contact(owner, said.group_platform, said.group_id) = ANY (people));
END $$;


ALTER FUNCTION gate.depends_on_written(owner uuid, said gate.inbound, chats text[], people uuid[]) OWNER TO discreet_gate;

-- FUNCTION details_to_store(jsonb, uuid)
CREATE FUNCTION gate.details_to_store(details jsonb, replies_to uuid) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT CASE WHEN replies_to IS NOT NULL AND NOT coalesce((details->'quote'->>'is_part')::boolean, false)
              THEN nullif(details - 'quote', jsonb_build_object('text', details->'text'))
              ELSE details END
$$;


ALTER FUNCTION gate.details_to_store(details jsonb, replies_to uuid) OWNER TO discreet_gate;

-- FUNCTION due_erasures(interval)
CREATE FUNCTION gate.due_erasures(max_wait interval) RETURNS TABLE(owner_id uuid, contact_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT e.owner_id, e.contact_id
    FROM discreet.self_erasures e JOIN discreet.contacts c ON c.id = e.contact_id
   WHERE e.confirmed_at IS NOT NULL AND c.merged_into IS NULL
     AND (e.confirmed_at < clock_timestamp() - max_wait
          OR NOT EXISTS (SELECT FROM discreet.outbox o
                          WHERE o.owner_id = e.owner_id AND o.contact_id = e.contact_id
                            AND o.state IN ('pending', 'sending'))
             AND NOT EXISTS (SELECT FROM discreet.sessions s
                              WHERE s.owner_id = e.owner_id AND s.contact_id = e.contact_id
                                AND s.current_turn IS NOT NULL))
   ORDER BY e.confirmed_at LIMIT 20
$$;


ALTER FUNCTION gate.due_erasures(max_wait interval) OWNER TO discreet_gate;

-- FUNCTION due_quarantined()
CREATE FUNCTION gate.due_quarantined() RETURNS TABLE(id uuid, owner_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT q.id, q.owner_id FROM discreet.quarantine q
   WHERE q.released_at IS NULL AND q.next_try_at <= clock_timestamp()
   ORDER BY q.next_try_at LIMIT 100
$$;


ALTER FUNCTION gate.due_quarantined() OWNER TO discreet_gate;

-- FUNCTION edit_as_context(gate.inbound)
CREATE FUNCTION gate.edit_as_context(said gate.inbound) RETURNS gate.inbound
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  said.body := '[edited] ' || said.body;
  said.details := NULL;
  said.files := '[]';
  said.in_reply_to := said.edit_of;
  said.addressed := false;
  RETURN said;
END $$;


ALTER FUNCTION gate.edit_as_context(said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION end_audit(uuid)
CREATE FUNCTION gate.end_audit(audit uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  sessions   uuid[];
  table_name text;
  row_count  bigint;
  deleted    bigint;
  kept       text;
  counts     jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: audit ' || audit, 0));
  PERFORM 1 FROM discreet.owners o WHERE o.id = audit AND o.name = 'sb audit';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_audit' USING ERRCODE = 'DS001';
  END IF;
  -- Turns and deliveries lock the row of their session.
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s WHERE s.owner_id = audit ORDER BY s.id FOR UPDATE) s;
  counts := jsonb_build_object('jobs', gate.delete_jobs(sessions));
  UPDATE discreet.sessions s SET summary_id = NULL WHERE s.owner_id = audit;
  -- Until a pass finds nothing more: some rows can go only after those that refer to them, and a
  -- deleted memory leaves a copy in its history.
  LOOP
    deleted := 0;
    kept := NULL;
    FOR table_name IN SELECT c.relname FROM pg_class c
                      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'owner_id'
                     WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'
                       AND has_table_privilege(c.oid, 'DELETE') ORDER BY 1 LOOP
      BEGIN
        EXECUTE format('DELETE FROM discreet.%I t WHERE t.owner_id = $1', table_name) USING audit;
        GET DIAGNOSTICS row_count = ROW_COUNT;
        deleted := deleted + row_count;
        IF row_count > 0 THEN
          counts := jsonb_set(counts, ARRAY[table_name],
                              to_jsonb(coalesce((counts->>table_name)::bigint, 0) + row_count));
        END IF;
      EXCEPTION WHEN foreign_key_violation THEN
        kept := table_name;
      END;
    END LOOP;
    EXIT WHEN deleted = 0;
  END LOOP;
  IF kept IS NOT NULL THEN
    RAISE EXCEPTION 'audit_not_ended' USING ERRCODE = 'DS003';
  END IF;
  DELETE FROM discreet.owners o WHERE o.id = audit;
  RETURN counts || '{"owners": 1}';
END $_$;


ALTER FUNCTION gate.end_audit(audit uuid) OWNER TO discreet_gate;

-- FUNCTION end_call(uuid, uuid)
CREATE FUNCTION gate.end_call(session uuid, call uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.lock_session(session);
  UPDATE discreet.tool_calls c SET state = 'done'
   WHERE c.id = call AND c.session_id = session AND c.state IN ('approved', 'begun');
END $$;


ALTER FUNCTION gate.end_call(session uuid, call uuid) OWNER TO discreet_gate;

-- FUNCTION end_connection(uuid)
CREATE FUNCTION gate.end_connection(connection uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM discreet.connections c WHERE c.id = connection AND gate.is_own_connection(c);
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.end_connection(connection uuid) OWNER TO discreet_gate;

-- FUNCTION end_delivery(uuid)
CREATE FUNCTION gate.end_delivery(route uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF gate.try_lock_session((SELECT r.session_id FROM discreet.routes r WHERE r.id = route)) THEN
    PERFORM gate.end_job('deliver:' || route);
  END IF;
END $$;


ALTER FUNCTION gate.end_delivery(route uuid) OWNER TO discreet_gate;

-- FUNCTION end_job(text)
CREATE FUNCTION gate.end_job(key text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'queue', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM procrastinate_jobs j WHERE j.lock = key AND j.status = 'doing';
  IF FOUND THEN
    PERFORM gate.notify_locks_freed(ARRAY[key]);
  END IF;
END $$;


ALTER FUNCTION gate.end_job(key text) OWNER TO discreet_gate;

-- FUNCTION end_mcp_session(bytea, uuid)
CREATE FUNCTION gate.end_mcp_session(session_digest bytea, token uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.digest = session_digest AND m.token_id = token
$$;


ALTER FUNCTION gate.end_mcp_session(session_digest bytea, token uuid) OWNER TO discreet_gate;

-- FUNCTION end_person_requests(uuid)
CREATE FUNCTION gate.end_person_requests(contact uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE discreet.person_requests r SET answered_at = clock_timestamp()
    FROM discreet.sessions s
   WHERE s.id = r.session_id AND s.contact_id = contact AND r.answered_at IS NULL
     AND r.owner_id = gate.require_owner()
$$;


ALTER FUNCTION gate.end_person_requests(contact uuid) OWNER TO discreet_gate;

-- FUNCTION end_turn(uuid, uuid, boolean, text, uuid)
CREATE FUNCTION gate.end_turn(session uuid, turn uuid, sends boolean, answer text, terminal uuid DEFAULT NULL::uuid, OUT held boolean, OUT waits boolean, OUT may_deliver boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  waits := false;
  may_deliver := false;
  held := gate.verify_turn_lease(session, turn);
  IF NOT held THEN
    RETURN;
  END IF;
  PERFORM gate.delete_draft(session, turn);
  PERFORM gate.end_job('turn:' || session);
  IF answer IS NOT NULL THEN
    waits := gate.hold_answer(session, turn, answer);
  END IF;
  IF sends AND EXISTS (SELECT FROM discreet.messages m
                        WHERE m.session_id = end_turn.session AND m.state = 'waiting') THEN
    PERFORM gate.defer_turn(session, NULL, false);
  END IF;
  IF waits OR NOT sends THEN
    UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  ELSIF terminal IS NOT NULL THEN
    may_deliver := gate.may_send_on_route(terminal, session, turn, NULL)
      AND NOT EXISTS (SELECT FROM discreet.outbox o
                       WHERE o.route_id = terminal AND o.state IN ('pending', 'sending'));
  END IF;
END $$;


ALTER FUNCTION gate.end_turn(session uuid, turn uuid, sends boolean, answer text, terminal uuid, OUT held boolean, OUT waits boolean, OUT may_deliver boolean) OWNER TO discreet_gate;

-- FUNCTION enforce_limits(uuid, discreet.channels, boolean, gate.inbound)
CREATE FUNCTION gate.enforce_limits(owner uuid, via discreet.channels, shared boolean, said gate.inbound) RETURNS text
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION gate.enforce_limits(owner uuid, via discreet.channels, shared boolean, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION enforce_memory_limit()
CREATE FUNCTION gate.enforce_memory_limit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  max_memories integer := (SELECT p.memories_per_contact FROM gate.policy p);
  added_party  record;
BEGIN
  FOR added_party IN SELECT DISTINCT a.owner_id, a.agent_id, a.party FROM added a
             WHERE (a.contact_id IS NOT NULL OR a.shared) AND a.source <> 'compaction' LOOP
    IF (SELECT count(*) FROM (
          SELECT FROM discreet.memories m
           WHERE m.owner_id = added_party.owner_id AND m.agent_id = added_party.agent_id AND m.party = added_party.party
           LIMIT max_memories + 1) found) > max_memories THEN
      RAISE EXCEPTION '%', max_memories USING ERRCODE = 'DS004';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.enforce_memory_limit() OWNER TO discreet_gate;

-- FUNCTION enter_connection_code(bytea, uuid)
CREATE FUNCTION gate.enter_connection_code(code_digest bytea, group_contact uuid, OUT outcome text, OUT server uuid) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner         uuid := gate.require_owner();
  agent         uuid := (gate.scope()).agent_id;
  account_party uuid := gate.connecting_party(group_contact);
  match         discreet.connections;
BEGIN
  PERFORM gate.lock_connections(account_party);
  SELECT c.* INTO match FROM discreet.connections c
   WHERE c.owner_id = owner AND c.agent_id = agent AND c.party = account_party AND c.state = 'signed_in'
     AND c.expires_at > clock_timestamp() AND c.code_hash = code_digest FOR UPDATE;
  IF FOUND THEN
    DELETE FROM discreet.connections c
     WHERE c.server_id = match.server_id AND c.party = account_party AND c.id <> match.id;
    UPDATE discreet.connections c
       SET state = 'connected', connected_at = clock_timestamp(), expires_at = NULL, code_hash = NULL,
           browser_hash = NULL, state_hash = NULL
     WHERE c.id = match.id;
    outcome := 'connected';
    server := match.server_id;
    RETURN;
  END IF;
  UPDATE discreet.connections c SET wrong_codes = c.wrong_codes + 1
   WHERE c.owner_id = owner AND c.agent_id = agent AND c.party = account_party AND c.state = 'signed_in'
     AND c.expires_at > clock_timestamp();
  outcome := CASE WHEN FOUND THEN 'wrong' ELSE 'none' END;
  PERFORM gate.expire_sign_ins(ARRAY(
    SELECT c.id FROM discreet.connections c
     WHERE c.owner_id = owner AND c.agent_id = agent AND c.party = account_party AND c.wrong_codes >= 5));
END $$;


ALTER FUNCTION gate.enter_connection_code(code_digest bytea, group_contact uuid, OUT outcome text, OUT server uuid) OWNER TO discreet_gate;

-- FUNCTION enter_scope(text)
CREATE FUNCTION gate.enter_scope(ticket text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM set_config('discreet.ticket', ticket, true);
  RETURN gate.require_owner();
END $$;


ALTER FUNCTION gate.enter_scope(ticket text) OWNER TO discreet_gate;

-- FUNCTION erase_contact(uuid)
CREATE FUNCTION gate.erase_contact(contact uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner       uuid := gate.require_owner();
  survivor    uuid;
  contact_ids uuid[] := ARRAY[contact];
  addresses   text[];
  sessions    uuid[];
  erased      record;
  counts      jsonb := '{}';
  result      uuid := coalesce((SELECT e.receipt FROM discreet.self_erasures e
                                WHERE e.contact_id = contact), gen_random_uuid());
BEGIN
  SELECT c.merged_into INTO survivor FROM discreet.contacts c
   WHERE c.id = contact AND c.owner_id = owner FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  ELSIF survivor IS NOT NULL THEN
    RAISE EXCEPTION 'erase_merged' USING ERRCODE = 'DS003';
  END IF;
  WITH RECURSIVE merged AS (
    SELECT contact AS id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN merged o ON c.merged_into = o.id)
  SELECT array_agg(o.id) INTO contact_ids FROM merged o;
  PERFORM 1 FROM discreet.contacts c WHERE c.id = ANY (contact_ids) ORDER BY c.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.contacts c WHERE c.id = ANY (contact_ids) AND c.on_hold_at IS NOT NULL) THEN
    RAISE EXCEPTION 'erase_on_hold' USING ERRCODE = 'DS003';
  END IF;
  -- Storing a message locks the row of its session; so do turns and deliveries.
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND s.agent_id = ANY (gate.agent_ids(owner)) AND s.party = ANY (contact_ids)
       AND s.contact_id = ANY (contact_ids) ORDER BY s.id FOR UPDATE) s;
  SELECT coalesce(array_agg(a.platform || ':' || a.platform_id), '{}') INTO addresses
    FROM discreet.addresses a WHERE a.contact_id = ANY (contact_ids);

  counts := counts || gate.erase_from_other_sessions(owner, contact_ids, addresses)
                   || jsonb_build_object('jobs', gate.delete_jobs(sessions));
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(
    SELECT m.id FROM discreet.memories m WHERE m.contact_id = ANY (contact_ids)
    UNION SELECT h.memory_id FROM discreet.memory_history h WHERE h.contact_id = ANY (contact_ids)));
  counts := counts || jsonb_build_object('memories', erased.memories, 'memory_versions', erased.versions);

  counts := counts || gate.erase_unassigned(owner, contact_ids, addresses);

  counts := counts || gate.erase_rows(owner, contact_ids, sessions);
  DELETE FROM discreet.contacts c WHERE c.id = ANY (contact_ids);
  DELETE FROM discreet.erased_addresses e WHERE e.erased_at < clock_timestamp() - interval '7 days';
  INSERT INTO discreet.erased_addresses (owner_id, digest)
  SELECT owner, gate.keyed_digest(a) FROM unnest(addresses) a
  ON CONFLICT (owner_id, digest) DO UPDATE SET erased_at = excluded.erased_at;
  counts := counts || jsonb_build_object('contacts', cardinality(contact_ids));
  INSERT INTO discreet.erasures (id, owner_id, counts, digests)
  VALUES (result, owner, counts,
          ARRAY(SELECT gate.contact_digest(g.id) FROM unnest(contact_ids) g (id)));
  RETURN result;
END $$;


ALTER FUNCTION gate.erase_contact(contact uuid) OWNER TO discreet_gate;

-- FUNCTION erase_exclusive_contacts(uuid, uuid)
CREATE FUNCTION gate.erase_exclusive_contacts(owner uuid, agent uuid) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  contact uuid;
  receipt uuid;
  counts  jsonb := '{}';
BEGIN
  FOR contact IN
    WITH known (contact_id, agent_id) AS (
      SELECT s.contact_id, s.agent_id FROM discreet.sessions s WHERE s.owner_id = owner
      UNION SELECT m.contact_id, m.agent_id FROM discreet.memories m WHERE m.owner_id = owner
      UNION SELECT a.contact_id, a.agent_id FROM discreet.admissions a WHERE a.owner_id = owner)
    SELECT k.contact_id FROM known k JOIN discreet.contacts c ON c.id = k.contact_id
     WHERE c.merged_into IS NULL GROUP BY k.contact_id HAVING bool_and(k.agent_id = agent)
  LOOP
    receipt := gate.erase_contact(contact);
    counts := gate.add_counts(counts, (SELECT e.counts FROM discreet.erasures e WHERE e.id = receipt));
  END LOOP;
  RETURN counts;
END $$;


ALTER FUNCTION gate.erase_exclusive_contacts(owner uuid, agent uuid) OWNER TO discreet_gate;

-- FUNCTION erase_from_other_sessions(uuid, uuid[], text[])
CREATE FUNCTION gate.erase_from_other_sessions(owner uuid, contact_ids uuid[], addresses text[]) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.erase_from_other_sessions(owner uuid, contact_ids uuid[], addresses text[]) OWNER TO discreet_gate;

-- FUNCTION erase_memories(uuid[])
CREATE FUNCTION gate.erase_memories(ids uuid[], OUT memories bigint, OUT versions bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  before bigint := (SELECT count(*) FROM discreet.memory_history h WHERE h.memory_id = ANY (ids));
BEGIN
  -- Words that only these memories held are no longer counted. A missing count is computed again when
  -- it is needed.
  DELETE FROM discreet.owner_term_stats w USING discreet.memories m
   WHERE m.id = ANY (ids) AND w.owner_id = m.owner_id AND w.word = ANY (m.terms);
  DELETE FROM discreet.memories m WHERE m.id = ANY (ids);
  GET DIAGNOSTICS memories = ROW_COUNT;
  DELETE FROM discreet.memory_history h WHERE h.memory_id = ANY (ids);
  versions := before;
END $$;


ALTER FUNCTION gate.erase_memories(ids uuid[], OUT memories bigint, OUT versions bigint) OWNER TO discreet_gate;

-- FUNCTION erase_quotes(uuid[], uuid[], text[])
CREATE FUNCTION gate.erase_quotes(sessions uuid[], message_ids uuid[], addresses text[]) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE discreet.messages m SET details = m.details - 'quote'
   WHERE m.session_id = ANY (sessions)
     AND (m.replies_to = ANY (message_ids) OR m.details->'quote'->>'address' = ANY (addresses))
$$;


ALTER FUNCTION gate.erase_quotes(sessions uuid[], message_ids uuid[], addresses text[]) OWNER TO discreet_gate;

-- FUNCTION erase_rows(uuid, uuid[], uuid[])
CREATE FUNCTION gate.erase_rows(owner uuid, contact_ids uuid[], sessions uuid[]) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  table_name text;
  row_count  bigint;
  counts     jsonb := '{}';
BEGIN
  FOREACH table_name IN ARRAY ARRAY['connections', 'reminders', 'drafts', 'outbox', 'attachments', 'messages', 'turns', 'routes',
                                  'mcp_sessions', 'sessions', 'tokens', 'pairings', 'admissions',
                                  'limits', 'limit_hits', 'contact_labels', 'addresses', 'events'] LOOP
    -- Where there are many rows, the index of parties or of sessions leads to those of one contact.
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.contact_id = ANY ($1)', table_name)
         || CASE WHEN table_name IN ('turns', 'sessions')
                 THEN ' AND t.owner_id = $2 AND t.agent_id = ANY ($3) AND t.party = ANY ($1)'
                 WHEN table_name IN ('outbox', 'attachments', 'routes')
                 THEN ' AND t.session_id = ANY ($4)' ELSE '' END
      USING contact_ids, owner, gate.agent_ids(owner), sessions;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    counts := counts || jsonb_build_object(table_name, row_count);
  END LOOP;
  RETURN counts;
END $_$;


ALTER FUNCTION gate.erase_rows(owner uuid, contact_ids uuid[], sessions uuid[]) OWNER TO discreet_gate;

-- FUNCTION erase_unassigned(uuid, uuid[], text[])
CREATE FUNCTION gate.erase_unassigned(owner uuid, contact_ids uuid[], addresses text[]) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  row_count bigint;
  counts    jsonb := '{}';
BEGIN
  DELETE FROM discreet.quarantine q USING discreet.channels c
   WHERE c.id = q.channel_id AND c.owner_id = owner AND (
     q.inbound #>> '{sender,contact_id}' = ANY (contact_ids::text[])
     OR (q.inbound #>> '{sender,address,platform}') || ':'
        || (q.inbound #>> '{sender,address,platform_id}') = ANY (addresses)
     OR (q.inbound #>> '{group,address,platform}') || ':'
        || (q.inbound #>> '{group,address,platform_id}') = ANY (addresses));
  GET DIAGNOSTICS row_count = ROW_COUNT;
  counts := counts || jsonb_build_object('quarantine', row_count);
  DELETE FROM discreet.held_messages k
   WHERE k.owner_id = owner AND (
     (k.arrived->>'sender_platform') || ':' || (k.arrived->>'sender_id') = ANY (addresses)
     OR k.pairing_id IN (SELECT p.id FROM discreet.pairings p WHERE p.contact_id = ANY (contact_ids)));
  GET DIAGNOSTICS row_count = ROW_COUNT;
  counts := counts || jsonb_build_object('held_messages', row_count);
  -- The contact of these isn't known yet, and a platform's id of a message may contain a phone number.
  DELETE FROM discreet.early_receipts e WHERE e.owner_id = owner;
  DELETE FROM discreet.wrong_codes w USING unnest(addresses) a
   WHERE w.owner_id = owner AND w.sender = gate.keyed_digest(a);
  DELETE FROM discreet.reminders r WHERE r.owner_id = owner AND r.asked_by = ANY (contact_ids);
  DELETE FROM discreet.tool_calls c WHERE c.owner_id = owner AND c.shown_to = ANY (addresses);
  DELETE FROM discreet.idempotency_keys k
   USING discreet.messages m WHERE k.result_id = m.id AND m.contact_id = ANY (contact_ids);
  -- It goes with its contact.
  RETURN counts || jsonb_build_object('access_log', (
    SELECT count(*) FROM discreet.access_log l WHERE l.contact_id = ANY (contact_ids)));
END $$;


ALTER FUNCTION gate.erase_unassigned(owner uuid, contact_ids uuid[], addresses text[]) OWNER TO discreet_gate;

-- FUNCTION erased_contacts()
CREATE FUNCTION gate.erased_contacts() RETURNS TABLE(receipt uuid, erased_at timestamp with time zone, digests text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT e.id, e.erased_at, e.digests FROM discreet.erasures e
   WHERE e.digests <> '{}' ORDER BY e.erased_at, e.id
$$;


ALTER FUNCTION gate.erased_contacts() OWNER TO discreet_gate;

-- FUNCTION exceeded_limit(uuid, uuid, uuid, boolean)
CREATE FUNCTION gate.exceeded_limit(of_owner uuid, agent uuid, contact uuid, shared boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
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


ALTER FUNCTION gate.exceeded_limit(of_owner uuid, agent uuid, contact uuid, shared boolean) OWNER TO discreet_gate;

-- FUNCTION expire_messages(uuid, integer)
CREATE FUNCTION gate.expire_messages(owner uuid, max_rows integer) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.expire_messages(owner uuid, max_rows integer) OWNER TO discreet_gate;

-- FUNCTION expire_sign_ins(uuid[])
CREATE FUNCTION gate.expire_sign_ins(connections uuid[]) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE discreet.connections c SET expires_at = least(c.expires_at, clock_timestamp())
   WHERE c.id = ANY (connections) AND c.state = 'signed_in'
$$;


ALTER FUNCTION gate.expire_sign_ins(connections uuid[]) OWNER TO discreet_gate;

-- FUNCTION expire_unassigned(uuid)
CREATE FUNCTION gate.expire_unassigned(owner uuid) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.expire_unassigned(owner uuid) OWNER TO discreet_gate;

-- FUNCTION expired_files(uuid, integer)
CREATE FUNCTION gate.expired_files(owner uuid, max_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT f.id
    FROM gate.retention_cutoffs(owner, 'files', false) h
    JOIN discreet.routes r ON r.channel_id = h.channel_id
    JOIN discreet.attachments f ON f.session_id = r.session_id AND f.route_id = r.id
    JOIN discreet.messages m ON m.id = f.message_id
   WHERE f.owner_id = owner AND f.created_at < h.cutoff AND m.state NOT IN ('waiting', 'taken')
     AND NOT gate.is_on_hold(m.contact_id) AND NOT gate.is_on_hold(m.sender_contact_id)
   LIMIT max_rows
$$;


ALTER FUNCTION gate.expired_files(owner uuid, max_rows integer) OWNER TO discreet_gate;

-- FUNCTION expired_memories(uuid, integer)
CREATE FUNCTION gate.expired_memories(owner uuid, max_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT m.id
    FROM gate.retention_cutoffs(owner, 'memories', true) h
    JOIN discreet.memories m ON m.owner_id = owner AND m.agent_id = h.agent_id
   WHERE m.updated_at < h.cutoff AND NOT m.decoy AND NOT gate.is_on_hold(m.contact_id)
     AND NOT EXISTS (SELECT FROM discreet.sessions s
                      WHERE (s.owner_id, s.agent_id, s.party) = (m.owner_id, m.agent_id, m.party)
                        AND s.summary_id = m.id)
   LIMIT max_rows
$$;


ALTER FUNCTION gate.expired_memories(owner uuid, max_rows integer) OWNER TO discreet_gate;

-- FUNCTION expired_messages(uuid, integer)
CREATE FUNCTION gate.expired_messages(owner uuid, max_rows integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.expired_messages(owner uuid, max_rows integer) OWNER TO discreet_gate;

-- FUNCTION expired_versions(uuid, integer)
CREATE FUNCTION gate.expired_versions(owner uuid, max_rows integer) RETURNS TABLE(memory_id uuid, version integer)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT v.memory_id, v.version
    FROM gate.retention_cutoffs(owner, 'memories', true) h
    JOIN discreet.memory_history v ON v.owner_id = owner AND v.agent_id = h.agent_id
   WHERE v.archived_at < h.cutoff AND NOT gate.is_on_hold(v.contact_id)
   LIMIT max_rows
$$;


ALTER FUNCTION gate.expired_versions(owner uuid, max_rows integer) OWNER TO discreet_gate;

-- FUNCTION explain_last_answer()
CREATE FUNCTION gate.explain_last_answer() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  RETURN (
    SELECT jsonb_build_object(
             'model', t.model, 'answered_at', t.finished_at,
             'found', coalesce((SELECT jsonb_agg(jsonb_build_object('kind', f.one->>'kind',
                                                                    'text', f.one->>'text'))
                                  FROM jsonb_array_elements(t.prompt->'found') f (one)), '[]'),
             'lines', coalesce(jsonb_array_length(t.prompt->'messages'), 0),
             'tools', coalesce((SELECT jsonb_agg(DISTINCT s.one->>'tool')
                                  FROM jsonb_array_elements(t.steps) s (one)
                                 WHERE s.one ? 'tool'), '[]'))
      FROM discreet.turns t
     WHERE t.owner_id = here.owner_id AND t.agent_id = here.agent_id AND t.party = here.party
       AND t.contact_id IS NOT DISTINCT FROM here.contact_id
       AND t.shared = (session_user = 'discreet_shared')
       AND t.state = 'answered' AND t.model NOT LIKE '/%'
       AND EXISTS (SELECT FROM discreet.messages m WHERE m.turn_id = t.id AND m.direction = 'out')
     ORDER BY t.started_at DESC LIMIT 1);
END $$;


ALTER FUNCTION gate.explain_last_answer() OWNER TO discreet_gate;

-- FUNCTION find_answer_by_platform_id(uuid, uuid, text[], text)
CREATE FUNCTION gate.find_answer_by_platform_id(owner uuid, channel uuid, chats text[], platform_message text) RETURNS discreet.outbox
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT o FROM discreet.outbox o
    JOIN discreet.routes r ON r.id = o.route_id AND r.owner_id = owner
    JOIN discreet.channels c ON c.id = r.channel_id
   WHERE o.owner_id = owner AND o.owner_key IS NOT NULL AND o.platform_messages <> '{}'
     AND o.platform_messages @> ARRAY[platform_message]
     AND channel IN (c.id, c.parent_id) AND o.state IN ('sent', 'failed')
     AND gate.is_same_chat(owner, c.platform, r.chat_id, chats)
$$;


ALTER FUNCTION gate.find_answer_by_platform_id(owner uuid, channel uuid, chats text[], platform_message text) OWNER TO discreet_gate;

-- FUNCTION find_connection_by_link(bytea)
CREATE FUNCTION gate.find_connection_by_link(link_digest bytea) RETURNS TABLE(id uuid, owner_id uuid, agent_id uuid, contact_id uuid, server_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT c.id, c.owner_id, c.agent_id, c.contact_id, c.server_id FROM discreet.connections c
   WHERE c.link_hash = link_digest AND c.state = 'offered' AND c.expires_at > clock_timestamp()
     AND gate.may_connect(c.contact_id)
$$;


ALTER FUNCTION gate.find_connection_by_link(link_digest bytea) OWNER TO discreet_gate;

-- FUNCTION find_contact(uuid, text, text)
CREATE FUNCTION gate.find_contact(owner uuid, of_platform text, of_id text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN (SELECT a.contact_id FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id);
END $$;


ALTER FUNCTION gate.find_contact(owner uuid, of_platform text, of_id text) OWNER TO discreet_gate;

-- FUNCTION find_duplicate(gate.inbound, uuid[])
CREATE FUNCTION gate.find_duplicate(said gate.inbound, one_of uuid[]) RETURNS discreet.messages
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
  result discreet.messages;
BEGIN
  -- On the channel itself first: with = ANY, PostgreSQL makes a new plan for each message.
  SELECT m.id, m.session_id, m.contact_id INTO result.id, result.session_id, result.contact_id
    FROM discreet.messages m
   WHERE m.channel_id = said.channel AND m.chat_id = said.chat
     AND m.platform_message_id = said.platform_message AND m.direction = 'in';
  IF NOT FOUND AND cardinality(one_of) > 1 THEN
    SELECT m.id, m.session_id, m.contact_id INTO result.id, result.session_id, result.contact_id
      FROM discreet.messages m
     WHERE m.channel_id = ANY (one_of) AND m.chat_id = said.chat
       AND m.platform_message_id = said.platform_message AND m.direction = 'in';
  END IF;
  IF result.id IS NULL AND said.files <> '[]' THEN
    SELECT f.message_id, f.session_id, f.contact_id INTO result.id, result.session_id, result.contact_id
      FROM discreet.attachments f
     WHERE f.channel_id = ANY (one_of) AND f.chat_id = said.chat
       AND f.platform_message_id = said.platform_message
     LIMIT 1;
  END IF;
  RETURN result;
END $$;


ALTER FUNCTION gate.find_duplicate(said gate.inbound, one_of uuid[]) OWNER TO discreet_gate;

-- FUNCTION find_or_create_contact(uuid, text, text, text, text)
CREATE FUNCTION gate.find_or_create_contact(owner uuid, of_platform text, of_id text, kind text, display_name text) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
  found_address discreet.addresses;
  new_contact   uuid;
BEGIN
  LOOP
    SELECT a.* INTO found_address FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id;
    IF FOUND THEN
      IF (kind = 'group') <> coalesce((SELECT c.type = 'group' FROM discreet.contacts c
                                        WHERE c.id = found_address.contact_id), false) THEN
        RAISE EXCEPTION 'group_is_no_person' USING ERRCODE = 'DS002';
      END IF;
      IF display_name <> '' AND found_address.name <> display_name THEN
        PERFORM gate.update_display_name(found_address, display_name);
      END IF;
      RETURN found_address.contact_id;
    END IF;
    INSERT INTO discreet.contacts (owner_id, type, name)
      VALUES (owner, kind, display_name) RETURNING contacts.id INTO new_contact;
    INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id, name)
      VALUES (owner, of_platform, of_id, new_contact, display_name)
      ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
    IF FOUND THEN
      RETURN new_contact;
    END IF;
    DELETE FROM discreet.contacts WHERE contacts.id = new_contact;
  END LOOP;
END $$;


ALTER FUNCTION gate.find_or_create_contact(owner uuid, of_platform text, of_id text, kind text, display_name text) OWNER TO discreet_gate;

-- FUNCTION find_or_create_first_owner(text)
CREATE FUNCTION gate.find_or_create_first_owner(owner_name text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  result uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: first owner', 0));
  SELECT o.id INTO result FROM discreet.owners o ORDER BY o.created_at, o.id LIMIT 1;
  IF NOT FOUND THEN
    INSERT INTO discreet.owners (name) VALUES (owner_name) RETURNING id INTO result;
  END IF;
  RETURN result;
END $$;


ALTER FUNCTION gate.find_or_create_first_owner(owner_name text) OWNER TO discreet_gate;

-- FUNCTION find_or_create_route(discreet.sessions, uuid, text, text)
CREATE FUNCTION gate.find_or_create_route(here discreet.sessions, channel uuid, chat text, platform_thread text) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION gate.find_or_create_route(here discreet.sessions, channel uuid, chat text, platform_thread text) OWNER TO discreet_gate;

-- FUNCTION find_or_create_session(uuid, uuid, uuid, boolean, text, boolean)
CREATE FUNCTION gate.find_or_create_session(owner uuid, agent uuid, contact uuid, of_all boolean, thread text, force_new boolean) RETURNS discreet.sessions
    LANGUAGE plpgsql
    AS $$
DECLARE
  whose  uuid := coalesce(contact, CASE WHEN of_all THEN agent ELSE owner END);
  result discreet.sessions;
BEGIN
  IF force_new THEN
    UPDATE discreet.sessions s SET ended_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL;
  END IF;
  LOOP
    UPDATE discreet.sessions s
       SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL
     RETURNING s.* INTO result;
    IF FOUND THEN
      RETURN result;
    END IF;
    INSERT INTO discreet.sessions (owner_id, agent_id, contact_id, shared, thread_key)
      VALUES (owner, agent, contact, of_all, thread)
      ON CONFLICT (owner_id, agent_id, party, thread_key) WHERE ended_at IS NULL DO NOTHING;
  END LOOP;
END $$;


ALTER FUNCTION gate.find_or_create_session(owner uuid, agent uuid, contact uuid, of_all boolean, thread text, force_new boolean) OWNER TO discreet_gate;

-- FUNCTION find_pairing(text)
CREATE FUNCTION gate.find_pairing(typed text, OUT pairing uuid, OUT locked boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  -- Concurrent tries are counted one after the other.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: codes ' || owner, 0));
  locked := (SELECT count(*) FROM discreet.wrong_codes w
              WHERE w.owner_id = owner AND w.contact_id IS NULL AND w.sender IS NULL AND w.tried_at > clock_timestamp() - interval '1 hour')
            >= (SELECT p.wrong_codes_an_hour FROM gate.policy p);
  IF locked THEN
    RETURN;
  END IF;
  SELECT p.id INTO pairing FROM discreet.pairings p
   WHERE p.owner_id = owner AND p.code = gate.parse_code(typed) AND p.state = 'pending'
     AND p.expires_at > clock_timestamp();
  IF NOT FOUND THEN
    INSERT INTO discreet.wrong_codes (owner_id) VALUES (owner);
  END IF;
END $$;


ALTER FUNCTION gate.find_pairing(typed text, OUT pairing uuid, OUT locked boolean) OWNER TO discreet_gate;

-- FUNCTION find_replied_message(discreet.channels, discreet.sessions, text, text)
CREATE FUNCTION gate.find_replied_message(via discreet.channels, here discreet.sessions, chat text, platform_message text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
  result uuid;
BEGIN
  IF platform_message IS NULL THEN
    RETURN NULL;
  END IF;
  IF via.platform = 'terminal' AND pg_input_is_valid(platform_message, 'uuid') THEN
    SELECT m.id INTO result FROM discreet.messages m
     WHERE m.id = platform_message::uuid
       AND m.owner_id = here.owner_id AND m.agent_id = here.agent_id AND m.party = here.party;
    IF result IS NULL THEN
      RAISE EXCEPTION 'no_such_message' USING ERRCODE = 'DS001';
    END IF;
    RETURN result;
  END IF;
  SELECT m.id INTO result FROM discreet.messages m
   WHERE m.channel_id = via.id AND m.chat_id = find_replied_message.chat
     AND m.platform_message_id = platform_message AND m.direction = 'in'
     AND m.owner_id = here.owner_id AND m.agent_id = here.agent_id AND m.party = here.party;
  IF NOT FOUND THEN
    SELECT m.id INTO result
      FROM gate.find_answer_by_platform_id(here.owner_id, via.id, ARRAY[find_replied_message.chat], platform_message) o
      JOIN discreet.messages m ON m.id = o.message_id
     WHERE m.owner_id = here.owner_id AND m.agent_id = here.agent_id AND m.party = here.party;
  END IF;
  RETURN result;
END $$;


ALTER FUNCTION gate.find_replied_message(via discreet.channels, here discreet.sessions, chat text, platform_message text) OWNER TO discreet_gate;

-- FUNCTION finish_sign_in(bytea, bytea, bytea, bytea, interval)
CREATE FUNCTION gate.finish_sign_in(state_digest bytea, browser_digest bytea, sealed_tokens bytea, code_digest bytea, valid_for interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.connections c
     SET state = 'signed_in', sealed = sealed_tokens, code_hash = code_digest, expires_at = clock_timestamp() + valid_for
   WHERE c.state_hash = state_digest AND c.browser_hash = browser_digest AND c.state = 'returned'
     AND c.expires_at > clock_timestamp() AND gate.may_connect(c.contact_id);
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.finish_sign_in(state_digest bytea, browser_digest bytea, sealed_tokens bytea, code_digest bytea, valid_for interval) OWNER TO discreet_gate;

-- FUNCTION fire_reminder(uuid, timestamp with time zone, timestamp with time zone, text)
CREATE FUNCTION gate.fire_reminder(reminder uuid, expected_due timestamp with time zone, next_due timestamp with time zone, body text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.fire_reminder(reminder uuid, expected_due timestamp with time zone, next_due timestamp with time zone, body text) OWNER TO discreet_gate;

-- FUNCTION forget_memory(uuid, integer)
CREATE FUNCTION gate.forget_memory(memory uuid, expected_version integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  DELETE FROM discreet.memories m
   WHERE m.id = memory AND m.version = coalesce(expected_version, m.version) AND m.owner_id = here.owner_id
     AND (session_user = 'discreet_owner'
          OR (m.agent_id = here.agent_id AND m.contact_id IS NOT DISTINCT FROM here.contact_id
              AND m.shared = (session_user = 'discreet_shared')));
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.forget_memory(memory uuid, expected_version integer) OWNER TO discreet_gate;

-- FUNCTION generate_code()
CREATE FUNCTION gate.generate_code() RETURNS text
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT string_agg(substr('ABCDEFGHJKMNPQRSTUVWXYZ23456789', 1 + get_byte(r.bytes, i) % 31, 1), '')
    -- The bytes of a random UUID that hold neither version nor variant.
    FROM (SELECT uuid_send(gen_random_uuid()) AS bytes) r, unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10]) i
$$;


ALTER FUNCTION gate.generate_code() OWNER TO discreet_gate;

-- FUNCTION has_opted_out(uuid)
CREATE FUNCTION gate.has_opted_out(contact uuid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (SELECT FROM discreet.contacts c
                  WHERE c.id IN (SELECT o.id FROM gate.contact_with_merged(contact) o (id))
                    AND c.stopped_at IS NOT NULL)
$$;


ALTER FUNCTION gate.has_opted_out(contact uuid) OWNER TO discreet_gate;

-- FUNCTION has_webhooks()
CREATE FUNCTION gate.has_webhooks() RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM discreet.webhooks w
     WHERE w.disabled_at IS NULL AND w.next_try_at <= clock_timestamp()
       AND w.claimed_until <= clock_timestamp());
END $$;


ALTER FUNCTION gate.has_webhooks() OWNER TO discreet_gate;

-- FUNCTION hold_answer(uuid, uuid, text)
CREATE FUNCTION gate.hold_answer(session uuid, turn uuid, body text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.lock_session(session);
  IF NOT (SELECT gate.are_answers_held(s) FROM discreet.sessions s WHERE s.id = session) THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text)
  SELECT t.owner_id, t.session_id, t.id, body FROM discreet.turns t
   WHERE t.id = turn AND t.session_id = session;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
  RETURN true;
END $$;


ALTER FUNCTION gate.hold_answer(session uuid, turn uuid, body text) OWNER TO discreet_gate;

-- FUNCTION ingest_message(uuid, discreet.channels, boolean, gate.inbound)
CREATE FUNCTION gate.ingest_message(owner uuid, via discreet.channels, of_all boolean, said gate.inbound, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  speaker    uuid := gate.resolve_speaker(owner, via, said);
  contact_id uuid := speaker;
  here       discreet.sessions;
  route      uuid;
  command    text;
  is_edit    boolean := coalesce(said.edit_of, '') <> '';
BEGIN
  IF said.group_id IS NOT NULL THEN
    contact_id := gate.find_or_create_contact(
      owner, said.group_platform, said.group_id, 'group', said.group_name);
  END IF;
  IF speaker IS NULL AND said.group_id IS NULL AND said.sender_kind = 'address' THEN
    PERFORM gate.record_owner_chat(owner, via, said);
    -- What only the owner may ask for isn't said where everybody reads it.
    of_all := of_all AND NOT (gate.parse_command(said.body, true) IS NOT NULL
                              AND gate.parse_command(said.body, false) IS NULL);
  END IF;
  IF of_all THEN
    contact_id := NULL;
  END IF;
  IF speaker IS DISTINCT FROM contact_id AND speaker IS NOT NULL THEN
    -- No foreign key leads from a message to its speaker in a group; one who is being erased must not
    -- come back.
    PERFORM 1 FROM discreet.contacts c WHERE c.id = speaker FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'sender_erased' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;

  IF is_edit THEN
    here := gate.find_or_create_session(owner, via.agent_id, contact_id, of_all, said.thread, false);
    message.id := gate.apply_edit(via, here, speaker, contact_id IS NULL AND NOT of_all, said);
    message.session_id := here.id;
    message.contact_id := contact_id;
    IF message.id IS NOT NULL THEN
      RETURN;
    END IF;
    said := gate.edit_as_context(said);
  END IF;
  IF said.group_id IS NOT NULL AND said.addressed AND starts_with(ltrim(said.body), '@') THEN
    said := gate.strip_agent_name(said, (SELECT a.name FROM discreet.agents a WHERE a.id = via.agent_id));
  END IF;
  IF said.addressed AND said.album_id = '' AND said.files = '[]' THEN
    command := gate.message_command(said, contact_id, of_all);
  END IF;
  here := gate.find_or_create_session(
    owner, via.agent_id, contact_id, of_all, said.thread,
    said.force_new OR command IS NOT DISTINCT FROM 'new');
  IF contact_id IS NULL AND NOT of_all THEN
    command := gate.owner_command(here, command, said, is_edit);
    said.addressed := said.addressed OR command IS NOT NULL;
  END IF;
  IF command = 'stop' THEN
    PERFORM gate.stop_turn(here.id);
  END IF;
  route := gate.find_or_create_route(here, via.id, said.chat, said.platform_thread);
  message := gate.message_row(via, here, route, speaker, command, said);
  wake_at := gate.wake_time(via, command, said);
  is_urgent := via.platform = 'terminal' OR command IS NOT NULL;
  -- What is overheard, has files or may belong to an album can't wait for others.
  is_unwritten := said.addressed AND said.album_id = '' AND said.files = '[]';
  IF NOT is_unwritten THEN
    message.id := gate.store_message(message, via, here, wake_at, is_urgent, said);
  END IF;
END $$;


ALTER FUNCTION gate.ingest_message(owner uuid, via discreet.channels, of_all boolean, said gate.inbound, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean) OWNER TO discreet_gate;

-- FUNCTION is_backing_off(text)
CREATE FUNCTION gate.is_backing_off(key text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (SELECT FROM queue.failures f
                  WHERE f.lock = key AND f.next_try_at > clock_timestamp())
$$;


ALTER FUNCTION gate.is_backing_off(key text) OWNER TO discreet_gate;

-- FUNCTION is_budget_exhausted(uuid, uuid)
CREATE FUNCTION gate.is_budget_exhausted(of_owner uuid, agent uuid) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  SELECT EXISTS (SELECT FROM gate.budgets_today(of_owner, agent) b
                  WHERE b.tokens >= b.tokens_a_day OR b.money >= b.money_a_day)
$$;


ALTER FUNCTION gate.is_budget_exhausted(of_owner uuid, agent uuid) OWNER TO discreet_gate;

-- FUNCTION is_new_contact(uuid, discreet.channels, gate.inbound)
CREATE FUNCTION gate.is_new_contact(owner uuid, via discreet.channels, said gate.inbound) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  contact uuid := CASE WHEN said.group_id IS NULL
    THEN coalesce(said.sender_contact, gate.find_contact(owner, said.sender_platform, said.sender_id))
    ELSE gate.find_contact(owner, said.group_platform, said.group_id) END;
BEGIN
  RETURN NOT EXISTS (SELECT FROM discreet.sessions s
                      WHERE (s.owner_id, s.agent_id, s.party) = (owner, via.agent_id, contact));
END $$;


ALTER FUNCTION gate.is_new_contact(owner uuid, via discreet.channels, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION is_on_hold(uuid)
CREATE FUNCTION gate.is_on_hold(contact uuid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (SELECT FROM discreet.contacts c WHERE c.id = contact AND c.on_hold_at IS NOT NULL)
$$;


ALTER FUNCTION gate.is_on_hold(contact uuid) OWNER TO discreet_gate;

-- TABLE connections
CREATE TABLE discreet.connections (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    contact_id uuid,
    shared boolean DEFAULT false NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    server_id uuid NOT NULL,
    state text DEFAULT 'offered'::text NOT NULL,
    link_hash bytea NOT NULL,
    browser_hash bytea,
    state_hash bytea,
    code_hash bytea,
    wrong_codes integer DEFAULT 0 NOT NULL,
    sealed bytea,
    renewing_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    connected_at timestamp with time zone,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT connections_state_check CHECK ((state = ANY (ARRAY['offered'::text, 'opened'::text, 'returned'::text, 'signed_in'::text, 'connected'::text])))
);
ALTER TABLE ONLY discreet.connections ALTER COLUMN state SET STATISTICS 0;
ALTER TABLE ONLY discreet.connections ALTER COLUMN link_hash SET STATISTICS 0;
ALTER TABLE ONLY discreet.connections ALTER COLUMN browser_hash SET STATISTICS 0;
ALTER TABLE ONLY discreet.connections ALTER COLUMN state_hash SET STATISTICS 0;
ALTER TABLE ONLY discreet.connections ALTER COLUMN code_hash SET STATISTICS 0;
ALTER TABLE ONLY discreet.connections ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE ONLY discreet.connections ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.connections ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.connections FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.connections OWNER TO discreet_schema;

-- COMMENT COLUMN connections.contact_id
COMMENT ON COLUMN discreet.connections.contact_id IS 'null: the owner';

-- COMMENT COLUMN connections.shared
COMMENT ON COLUMN discreet.connections.shared IS 'never: nobody''s account serves everybody';

-- COMMENT COLUMN connections.state
COMMENT ON COLUMN discreet.connections.state IS 'offered: its link may be opened; opened: a browser did; returned: it came back from signing in; signed_in: its code has to be sent in the chat; connected: it is used';

-- COMMENT COLUMN connections.browser_hash
COMMENT ON COLUMN discreet.connections.browser_hash IS 'of the cookie of the browser that opened the link';

-- COMMENT COLUMN connections.state_hash
COMMENT ON COLUMN discreet.connections.state_hash IS 'of the value that the browser has to bring back';

-- COMMENT COLUMN connections.renewing_until
COMMENT ON COLUMN discreet.connections.renewing_until IS 'a process gets a new token until then; others wait for it';

-- COMMENT COLUMN connections.expires_at
COMMENT ON COLUMN discreet.connections.expires_at IS 'null: it is connected';

-- FUNCTION is_own_connection(discreet.connections)
CREATE FUNCTION gate.is_own_connection(c discreet.connections) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT (c.owner_id, c.agent_id, c.party)
       = (SELECT h.owner_id, h.agent_id, h.party FROM gate.scope() h)
$$;


ALTER FUNCTION gate.is_own_connection(c discreet.connections) OWNER TO discreet_gate;

-- FUNCTION is_same_chat(uuid, text, text, text[])
CREATE FUNCTION gate.is_same_chat(owner uuid, of_platform text, chat text, chats text[]) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT chat = ANY (chats) OR EXISTS (
    SELECT FROM discreet.addresses here
      JOIN discreet.addresses named
        ON (named.owner_id, named.platform) = (here.owner_id, here.platform)
       AND (named.contact_id = here.contact_id OR (named.of_owner AND here.of_owner))
     WHERE here.owner_id = owner AND here.platform = of_platform AND here.platform_id = chat
       AND named.platform_id = ANY (chats))
$$;


ALTER FUNCTION gate.is_same_chat(owner uuid, of_platform text, chat text, chats text[]) OWNER TO discreet_gate;

-- FUNCTION is_valid_usage(jsonb, jsonb)
CREATE FUNCTION gate.is_valid_usage(given jsonb, before jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  kind text;
BEGIN
  FOREACH kind IN ARRAY ARRAY['input_tokens', 'output_tokens'] LOOP
    IF coalesce((given->>kind)::numeric, 0)
         NOT BETWEEN coalesce((before->>kind)::numeric, 0) AND 1000000000000 THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;


ALTER FUNCTION gate.is_valid_usage(given jsonb, before jsonb) OWNER TO discreet_gate;

-- FUNCTION job_scope(jsonb)
CREATE FUNCTION gate.job_scope(args jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT to_jsonb(s) FROM gate.session_scope((args->>'session_id')::uuid) s
  UNION ALL
  SELECT to_jsonb(r) FROM gate.route_scope((args->>'route_id')::uuid) r
$$;


ALTER FUNCTION gate.job_scope(args jsonb) OWNER TO discreet_gate;

-- FUNCTION keyed_digest(text)
CREATE FUNCTION gate.keyed_digest(address text) RETURNS bytea
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN (SELECT sha256(k.outer_pad || convert_to('erased ' || address, 'UTF8')) FROM gate.secrets k);
END $$;


ALTER FUNCTION gate.keyed_digest(address text) OWNER TO discreet_gate;

-- FUNCTION keys()
CREATE FUNCTION gate.keys() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    AS $$
DECLARE
  here  gate.scope := gate.scope();
  owner bytea := pg_catalog.uuid_send(here.owner_id);
  agent bytea := pg_catalog.uuid_send(here.agent_id);
  party bytea := pg_catalog.uuid_send(here.party);
BEGIN
  IF owner IS NULL THEN
    RETURN NULL;
  ELSIF session_user OPERATOR(pg_catalog.=) 'discreet_owner' THEN
    RETURN pg_catalog.jsonb_build_object(gate.key_of(owner), 1);
  ELSIF agent IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN pg_catalog.jsonb_build_object(
    gate.key_of(owner OPERATOR(pg_catalog.||) agent OPERATOR(pg_catalog.||) party), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) agent), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) party), 1);
END $$;


ALTER FUNCTION gate.keys() OWNER TO discreet_gate;

-- FUNCTION last_inbound_message(uuid, uuid)
CREATE FUNCTION gate.last_inbound_message(owner uuid, contact uuid) RETURNS discreet.messages
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT m FROM discreet.messages m
    JOIN discreet.channels c ON c.id = m.channel_id AND c.closed_at IS NULL
   WHERE m.owner_id = owner AND m.contact_id = contact AND m.direction = 'in'
     AND m.sent_at IS NOT NULL
   ORDER BY m.created_at DESC, m.position DESC LIMIT 1
$$;


ALTER FUNCTION gate.last_inbound_message(owner uuid, contact uuid) OWNER TO discreet_gate;

-- FUNCTION link_alias(text, text, text, text)
CREATE FUNCTION gate.link_alias(ticket text, of_platform text, stable_id text, other_id text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.enter_scope(ticket);
  known  discreet.addresses;
  person uuid;
BEGIN
  SELECT a.* INTO known FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (stable_id, other_id);
  IF NOT FOUND OR known.contact_id IS NULL THEN
    RETURN false;
  END IF;
  -- Locked until the end of the transaction: of two concurrent messages, the second sees what the first
  -- did.
  SELECT c.id INTO person FROM discreet.contacts c
   WHERE c.id = known.contact_id AND c.owner_id = owner AND c.type <> 'group' FOR UPDATE;
  IF NOT FOUND OR (
    SELECT count(*) FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (stable_id, other_id)) = 2
  THEN
    RETURN false;
  END IF;
  -- An id that may change hands proves nothing about a contact that has another id on this platform.
  IF known.platform_id = other_id AND EXISTS (
    SELECT FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.contact_id = person
       AND a.platform_id <> other_id)
  THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, CASE WHEN known.platform_id = stable_id THEN other_id ELSE stable_id END, person)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.link_alias(ticket text, of_platform text, stable_id text, other_id text) OWNER TO discreet_gate;

-- FUNCTION link_contacts(uuid, uuid)
CREATE FUNCTION gate.link_contacts(survivor uuid, merged uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN gate.merge_contacts(gate.require_owner(), survivor, merged, 'owner');
END $$;


ALTER FUNCTION gate.link_contacts(survivor uuid, merged uuid) OWNER TO discreet_gate;

-- FUNCTION link_visitor(uuid, uuid)
CREATE FUNCTION gate.link_visitor(known uuid, visitor uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF EXISTS (SELECT FROM discreet.addresses a
              WHERE a.contact_id = visitor AND a.owner_id = owner
                AND NOT (a.platform = 'web' AND a.platform_id LIKE '%/anon-%')) THEN
    RAISE EXCEPTION 'visitor_is_known' USING ERRCODE = 'DS003';
  END IF;
  RETURN gate.merge_contacts(owner, known, visitor, 'identity');
END $$;


ALTER FUNCTION gate.link_visitor(known uuid, visitor uuid) OWNER TO discreet_gate;

-- FUNCTION linked_row_ids(uuid, text)
CREATE FUNCTION gate.linked_row_ids(link uuid, row_kind text) RETURNS uuid[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(array_agg(l.key::uuid), '{}') FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = row_kind
$$;


ALTER FUNCTION gate.linked_row_ids(link uuid, row_kind text) OWNER TO discreet_gate;

-- FUNCTION list_access()
CREATE FUNCTION gate.list_access() RETURNS TABLE(contact_id uuid, number integer, did text, place text, noted_at timestamp with time zone, digest text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  RETURN QUERY
  WITH RECURSIVE merged AS (
    SELECT c.id FROM discreet.contacts c WHERE c.owner_id = here.owner_id AND c.id = here.contact_id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN merged o ON c.merged_into = o.id)
  SELECT l.contact_id, l.number, l.did, l.place, l.noted_at, l.digest
    FROM discreet.access_log l JOIN merged o ON o.id = l.contact_id
   ORDER BY l.noted_at DESC, l.contact_id, l.number DESC;
END $$;


ALTER FUNCTION gate.list_access() OWNER TO discreet_gate;

-- FUNCTION list_failures()
CREATE FUNCTION gate.list_failures(OUT task text, OUT session_id uuid, OUT error text, OUT failures integer, OUT since timestamp with time zone, OUT next_try_at timestamp with time zone) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.require_owner();
  RETURN QUERY
    SELECT split_part(f.lock, ':', 1), s.id, f.error, f.failures, f.since, f.next_try_at
      FROM queue.failures f
      LEFT JOIN discreet.sessions s ON s.id = CASE split_part(f.lock, ':', 1)
        WHEN 'turn' THEN split_part(f.lock, ':', 2)::uuid
        WHEN 'deliver' THEN (SELECT r.session_id FROM discreet.routes r
                              WHERE r.id = split_part(f.lock, ':', 2)::uuid)
        WHEN 'remind' THEN (SELECT r.session_id FROM discreet.reminders r
                             WHERE r.id = split_part(f.lock, ':', 2)::uuid) END
     WHERE f.lock NOT LIKE '%:%' OR s.owner_id = (gate.scope()).owner_id
     ORDER BY f.since, f.lock;
END $$;


ALTER FUNCTION gate.list_failures(OUT task text, OUT session_id uuid, OUT error text, OUT failures integer, OUT since timestamp with time zone, OUT next_try_at timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION lock_connections(uuid)
CREATE FUNCTION gate.lock_connections(party uuid) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('discreet: connections ' || party, 0))
$$;


ALTER FUNCTION gate.lock_connections(party uuid) OWNER TO discreet_gate;

-- FUNCTION lock_session(uuid)
CREATE FUNCTION gate.lock_session(session uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF NOT gate.try_lock_session(session) THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
END $$;


ALTER FUNCTION gate.lock_session(session uuid) OWNER TO discreet_gate;

-- FUNCTION make_owner_link(text)
CREATE FUNCTION gate.make_owner_link(of_platform text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
  code  text := gate.generate_code();
  made  uuid := gen_random_uuid();
BEGIN
  DELETE FROM discreet.owner_links l
   WHERE l.owner_id = owner AND l.platform = of_platform AND l.used_at IS NULL;
  DELETE FROM discreet.wrong_codes w
   WHERE w.owner_id = owner AND w.sender IS NOT NULL
     AND w.tried_at < clock_timestamp()
                      - (SELECT p.owner_code_seconds FROM gate.policy p) * interval '1 second';
  INSERT INTO discreet.owner_links (id, owner_id, platform, digest, expires_at)
  VALUES (made, owner, of_platform, sha256(convert_to(made || code, 'UTF8')),
          clock_timestamp() + (SELECT p.owner_code_seconds FROM gate.policy p) * interval '1 second');
  RETURN code;
END $$;


ALTER FUNCTION gate.make_owner_link(of_platform text) OWNER TO discreet_gate;

-- FUNCTION mark_turn_lost(uuid, uuid)
CREATE FUNCTION gate.mark_turn_lost(session uuid, turn uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.turns t SET state = 'lost', finished_at = clock_timestamp(),
         error = 'its worker died or was taken for dead'
   WHERE t.id = turn AND t.session_id = session;
  UPDATE discreet.messages m SET state = 'waiting', turn_id = NULL
   WHERE m.turn_id = turn AND m.session_id = session AND m.state = 'taken';
  PERFORM gate.delete_draft(session, turn);
END $$;


ALTER FUNCTION gate.mark_turn_lost(session uuid, turn uuid) OWNER TO discreet_gate;

-- FUNCTION may_connect(uuid)
CREATE FUNCTION gate.may_connect(contact uuid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT contact IS NULL OR EXISTS (
    SELECT FROM discreet.contacts c
     WHERE c.id = contact AND c.blocked_at IS NULL AND c.merged_into IS NULL)
$$;


ALTER FUNCTION gate.may_connect(contact uuid) OWNER TO discreet_gate;

-- FUNCTION may_send_on_route(uuid, uuid, uuid, uuid)
CREATE FUNCTION gate.may_send_on_route(route uuid, session uuid, turn uuid, answer uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM discreet.routes r
      JOIN discreet.sessions s ON s.id = may_send_on_route.session
     WHERE r.id = may_send_on_route.route
       AND r.session_id = s.id AND r.party = s.party AND r.agent_id = s.agent_id
       AND (may_send_on_route.answer IS NULL OR EXISTS (
             SELECT FROM discreet.messages m
              WHERE m.id = may_send_on_route.answer AND m.party = s.party AND m.route_id = r.id))
       AND NOT EXISTS (
             SELECT FROM discreet.messages asked
              WHERE asked.turn_id = may_send_on_route.turn AND asked.direction = 'in'
                AND (asked.route_id, asked.channel_id, asked.chat_id)
                    IS DISTINCT FROM (r.id, r.channel_id, r.chat_id)));
END $$;


ALTER FUNCTION gate.may_send_on_route(route uuid, session uuid, turn uuid, answer uuid) OWNER TO discreet_gate;

-- FUNCTION mcp_session(bytea, uuid)
CREATE FUNCTION gate.mcp_session(session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET used_at = clock_timestamp()
   WHERE m.digest = session_digest AND m.token_id = token
     AND m.used_at < clock_timestamp() - interval '1 day';
  RETURN QUERY SELECT m.agent_id, m.contact_id, m.shared, m.session_id FROM discreet.mcp_sessions m
   WHERE m.digest = session_digest AND m.token_id = token;
END $$;


ALTER FUNCTION gate.mcp_session(session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) OWNER TO discreet_gate;

-- FUNCTION mcp_session_with_ticket(text, bytea, uuid)
CREATE FUNCTION gate.mcp_session_with_ticket(ticket text, session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.open_scope(ticket);
  RETURN QUERY SELECT m.* FROM gate.mcp_session(session_digest, token) m;
END $$;


ALTER FUNCTION gate.mcp_session_with_ticket(ticket text, session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) OWNER TO discreet_gate;

-- FUNCTION merge_blocker(uuid, uuid, uuid)
CREATE FUNCTION gate.merge_blocker(owner uuid, survivor uuid, merged uuid) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id IN (survivor, merged) AND c.owner_id = owner ORDER BY c.id FOR UPDATE;
  IF survivor = merged THEN
    RETURN 'same_contact';
  END IF;
  RETURN (
    SELECT CASE WHEN count(*) < 2 THEN 'no_such_contact'
                WHEN bool_or(c.merged_into IS NOT NULL)
                THEN 'already_merged'
                WHEN bool_or(c.type = 'group') THEN 'group_is_no_person'
                WHEN bool_or(c.blocked_at IS NOT NULL) THEN 'contact_blocked'
                WHEN bool_or(c.on_hold_at IS NOT NULL) THEN 'contact_on_hold'
                WHEN bool_or(EXISTS (SELECT FROM discreet.self_erasures e
                                      WHERE e.contact_id = c.id AND e.confirmed_at IS NOT NULL))
                THEN 'contact_erases_itself'
                WHEN bool_or(c.taken_over_at IS NOT NULL)
                THEN 'contact_taken_over'
                WHEN bool_or(EXISTS (SELECT FROM discreet.pairings p
                                      WHERE p.contact_id = c.id AND p.state = 'pending'))
                THEN 'contact_not_admitted' END
      FROM discreet.contacts c WHERE c.id IN (survivor, merged) AND c.owner_id = owner);
END $$;


ALTER FUNCTION gate.merge_blocker(owner uuid, survivor uuid, merged uuid) OWNER TO discreet_gate;

-- FUNCTION merge_contacts(uuid, uuid, uuid, text)
CREATE FUNCTION gate.merge_contacts(owner uuid, survivor uuid, merged uuid, proof_kind text) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  reason text := gate.merge_blocker(owner, survivor, merged);
  link   uuid;
BEGIN
  IF reason IS NOT NULL THEN
    RAISE EXCEPTION '%', reason USING ERRCODE = CASE WHEN reason = 'no_such_contact' THEN 'DS001' ELSE 'DS003' END;
  END IF;
  INSERT INTO discreet.links (owner_id, survivor_id, merged_id, proof)
  VALUES (owner, survivor, merged, proof_kind) RETURNING id INTO link;
  UPDATE discreet.contacts c SET merged_into = survivor WHERE c.id = merged;
  DELETE FROM discreet.link_requests r
   WHERE r.contact_id IN (survivor, merged) OR r.other_id IN (survivor, merged);

  INSERT INTO discreet.linked_rows (link_id, owner_id, kind, key, previous_value)
  SELECT link, owner, 'address', a.platform || ':' || a.platform_id, NULL
    FROM discreet.addresses a WHERE a.contact_id = merged
  UNION ALL
  SELECT link, owner, 'session', s.id::text, CASE WHEN s.ended_at IS NULL THEN 'open' END
    FROM discreet.sessions s WHERE s.contact_id = merged
  UNION ALL
  SELECT link, owner, 'memory', m.id::text, m.topic_key
    FROM discreet.memories m
   WHERE m.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.memories k
      WHERE (k.owner_id, k.agent_id, k.party, k.digest) = (owner, m.agent_id, survivor, m.digest))
  UNION ALL
  SELECT DISTINCT link, owner, 'memory', h.memory_id::text, NULL
    FROM discreet.memory_history h
   WHERE h.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.memories m WHERE m.id = h.memory_id)
  UNION ALL
  SELECT link, owner, 'admission', a.channel_id::text, NULL
    FROM discreet.admissions a
   WHERE a.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.admissions k WHERE k.channel_id = a.channel_id AND k.contact_id = survivor)
  UNION ALL
  SELECT link, owner, 'connection', c.id::text, NULL
    FROM discreet.connections c
   WHERE c.contact_id = merged AND c.state = 'connected' AND NOT EXISTS (
     SELECT FROM discreet.connections k
      WHERE k.server_id = c.server_id AND k.contact_id = survivor AND k.state = 'connected')
  UNION ALL
  SELECT link, owner, 'label', a.label, NULL
    FROM discreet.contact_labels a
   WHERE a.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.contact_labels k WHERE k.label = a.label AND k.contact_id = survivor);

  UPDATE discreet.addresses a SET contact_id = survivor WHERE a.contact_id = merged;
  UPDATE discreet.sessions s SET ended_at = clock_timestamp()
   WHERE s.contact_id = merged AND s.ended_at IS NULL;
  PERFORM gate.move_linked_rows(link, merged, survivor);
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  SELECT a.channel_id, survivor, a.owner_id, a.agent_id FROM discreet.admissions a
   WHERE a.contact_id = merged ON CONFLICT DO NOTHING;
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label)
  SELECT l.owner_id, survivor, l.label FROM discreet.contact_labels l
   WHERE l.contact_id = merged ON CONFLICT DO NOTHING;
  RETURN link;
END $$;


ALTER FUNCTION gate.merge_contacts(owner uuid, survivor uuid, merged uuid, proof_kind text) OWNER TO discreet_gate;

-- FUNCTION merge_details(text, jsonb, gate.inbound)
CREATE FUNCTION gate.merge_details(before text, details jsonb, said gate.inbound) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT CASE WHEN coalesce(details, said.details) IS NOT NULL THEN
    coalesce(said.details, '{}') || coalesce(details, '{}') || jsonb_build_object(
      'text', concat_ws(E'\n', coalesce(details->>'text', before),
                        coalesce(said.details->>'text', said.body)),
      'parts', coalesce(details->'parts', '[]') || coalesce(said.details->'parts', '[]')) END
$$;


ALTER FUNCTION gate.merge_details(before text, details jsonb, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION message_command(gate.inbound, uuid, boolean)
CREATE FUNCTION gate.message_command(said gate.inbound, contact uuid, of_all boolean) RETURNS text
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF starts_with(said.body, '/') THEN
    RETURN gate.parse_command(said.body, contact IS NULL AND NOT of_all);
  ELSIF contact IS NOT NULL AND said.group_id IS NULL AND length(said.body) <= 80 THEN
    RETURN gate.record_opt_out(contact, said.body);
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.message_command(said gate.inbound, contact uuid, of_all boolean) OWNER TO discreet_gate;

-- FUNCTION message_refusal(uuid, discreet.channels, boolean, gate.inbound)
CREATE FUNCTION gate.message_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound) RETURNS text
    LANGUAGE plpgsql
    AS $$
BEGIN
  RETURN coalesce(gate.admission_refusal(owner, via, shared, said),
                  gate.enforce_limits(owner, via, shared, said));
END $$;


ALTER FUNCTION gate.message_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION message_row(discreet.channels, discreet.sessions, uuid, uuid, text, gate.inbound)
CREATE FUNCTION gate.message_row(via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text, said gate.inbound) RETURNS discreet.messages
    LANGUAGE plpgsql
    AS $$
DECLARE
  result  discreet.messages;
  replied uuid := gate.find_replied_message(via, here, said.chat, said.in_reply_to);
BEGIN
  SELECT gen_random_uuid(), clock_timestamp(), here.owner_id, here.agent_id, here.contact_id, here.shared,
         here.id, route, here.last_position, said.body, speaker,
         CASE WHEN said.sender_kind = 'address' THEN said.sender_platform || ':' || said.sender_id ELSE '' END,
         said.sender_display, via.id, said.chat, said.platform_message, said.in_reply_to, replied,
         CASE WHEN said.details IS NOT NULL THEN gate.details_to_store(said.details, replied) END,
         said.written_at, said.album_id, CASE WHEN said.addressed THEN 'waiting' ELSE 'context' END, command,
         CASE WHEN said.edit_of <> '' THEN said.platform_message END
    INTO result.id, result.created_at, result.owner_id, result.agent_id, result.contact_id, result.shared,
         result.session_id, result.route_id, result.position, result.text, result.sender_contact_id,
         result.sender_address,
         result.sender_name, result.channel_id, result.chat_id, result.platform_message_id, result.reply_to,
         result.replies_to, result.details,
         result.sent_at, result.album, result.state, result.command, result.edited_by;
  IF said.album_id <> '' THEN
    result.not_before := clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second';
  END IF;
  RETURN result;
END $$;


ALTER FUNCTION gate.message_row(via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION messages_in_other_sessions(uuid, uuid[], text[])
CREATE FUNCTION gate.messages_in_other_sessions(owner uuid, contact_ids uuid[], addresses text[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.messages_in_other_sessions(owner uuid, contact_ids uuid[], addresses text[]) OWNER TO discreet_gate;

-- FUNCTION metrics_owner(bytea)
CREATE FUNCTION gate.metrics_owner(token_digest bytea) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT t.owner_id FROM discreet.tokens t
   WHERE t.digest = token_digest AND t.purpose = 'metrics' AND t.revoked_at IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
$$;


ALTER FUNCTION gate.metrics_owner(token_digest bytea) OWNER TO discreet_gate;

-- FUNCTION mint_token(uuid, uuid, text, bytea, interval, integer, integer)
CREATE FUNCTION gate.mint_token(minter uuid, contact uuid, token_prefix text, token_digest bytea, duration interval, max_per_minute integer, max_per_contact integer, OUT code text, OUT token_id uuid, OUT ends_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner      uuid := gate.require_owner();
  minter_row discreet.tokens;
  live_count integer;
BEGIN
  SELECT t.* INTO minter_row FROM discreet.tokens t
   WHERE t.id = minter AND t.owner_id = owner AND t.purpose = 'api' AND t.revoked_at IS NULL
     AND t.agent_id IS NOT NULL AND t.contact_id IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
     FOR UPDATE;
  IF minter_row.id IS NULL THEN
    code := 'no_such_token';
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM discreet.contacts c
                  WHERE c.id = contact AND c.owner_id = owner AND c.type <> 'group'
                    AND c.blocked_at IS NULL AND c.merged_into IS NULL) THEN
    code := 'no_such_contact';
    RETURN;
  END IF;
  IF (SELECT count(*) FROM discreet.tokens t
       WHERE t.minted_by = minter AND t.created_at > statement_timestamp() - interval '1 minute') >= max_per_minute THEN
    code := 'too_many';
    RETURN;
  END IF;
  SELECT count(*) INTO live_count FROM discreet.tokens t
   WHERE t.minted_by = minter AND t.contact_id = contact AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  -- Each revocation wakes everybody who waits for an answer, so only the surplus is revoked.
  IF live_count >= max_per_contact THEN
    UPDATE discreet.tokens t SET revoked_at = clock_timestamp()
     WHERE t.id IN (SELECT o.id FROM discreet.tokens o
                     WHERE o.minted_by = minter AND o.contact_id = contact AND o.revoked_at IS NULL
                       AND o.expires_at > clock_timestamp()
                     ORDER BY o.created_at, o.id LIMIT live_count - max_per_contact + 1);
  END IF;
  IF EXISTS (SELECT FROM discreet.tokens t
              WHERE t.minted_by = minter AND t.expires_at < clock_timestamp() - interval '2 days') THEN
    DELETE FROM discreet.tokens t
     WHERE t.minted_by = minter AND t.expires_at < clock_timestamp() - interval '1 day';
  END IF;
  INSERT INTO discreet.tokens (owner_id, agent_id, contact_id, prefix, digest, expires_at, minted_by)
  VALUES (owner, minter_row.agent_id, contact, token_prefix, token_digest,
          least(clock_timestamp() + duration, minter_row.expires_at), minter)
  RETURNING id, expires_at INTO token_id, ends_at;
END $$;


ALTER FUNCTION gate.mint_token(minter uuid, contact uuid, token_prefix text, token_digest bytea, duration interval, max_per_minute integer, max_per_contact integer, OUT code text, OUT token_id uuid, OUT ends_at timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION move_group(text, text, text, text)
CREATE FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner    uuid := gate.enter_scope(ticket);
  survivor uuid;
BEGIN
  SELECT a.contact_id INTO survivor
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = old_id
     AND c.type = 'group'
   FOR UPDATE OF a;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE discreet.channels c SET only_chat = new_id
   WHERE c.owner_id = owner AND c.platform = of_platform AND c.only_chat = old_id
     AND c.closed_at IS NULL AND NOT EXISTS (
       SELECT FROM discreet.channels o
        WHERE o.parent_id = c.parent_id AND o.only_chat = new_id AND o.closed_at IS NULL);
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, new_id, survivor)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND OR gate.reassign_group_address(owner, of_platform, new_id, survivor);
END $$;


ALTER FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text) OWNER TO discreet_gate;

-- FUNCTION move_linked_rows(uuid, uuid, uuid)
CREATE FUNCTION gate.move_linked_rows(link uuid, from_contact uuid, to_contact uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  sessions uuid[] := gate.linked_row_ids(link, 'session');
  memories uuid[] := gate.linked_row_ids(link, 'memory');
  waiting  uuid;
BEGIN
  PERFORM 1 FROM discreet.sessions s WHERE s.id = ANY (sessions) ORDER BY s.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.outbox o
              WHERE o.session_id = ANY (sessions) AND o.state = 'sending') THEN
    RAISE EXCEPTION 'answer_being_sent' USING ERRCODE = 'DS003';
  END IF;
  DELETE FROM discreet.drafts d USING discreet.turns t
   WHERE t.id = d.turn_id AND t.session_id = ANY (sessions);
  -- MCP sessions that were bound to it start unbound; they must not follow to another contact.
  DELETE FROM discreet.mcp_sessions m WHERE m.session_id = ANY (sessions);
  -- One statement, because the foreign keys between these tables hold again at its end. Deferrable keys
  -- would let anybody test which ids exist.
  WITH s AS (
    UPDATE discreet.sessions s SET contact_id = to_contact WHERE s.id = ANY (sessions)
  ), r AS (
    UPDATE discreet.routes r SET contact_id = to_contact WHERE r.session_id = ANY (sessions)
  ), t AS (
    UPDATE discreet.turns t SET contact_id = to_contact WHERE t.session_id = ANY (sessions)
  ), m AS (
    UPDATE discreet.messages m
       SET contact_id = to_contact,
           sender_contact_id = CASE WHEN m.sender_contact_id = from_contact THEN to_contact
                                    ELSE m.sender_contact_id END
     WHERE m.session_id = ANY (sessions)
  ), n AS (
    UPDATE discreet.reminders n SET contact_id = to_contact WHERE n.session_id = ANY (sessions)
  ), o AS (
    UPDATE discreet.outbox o SET contact_id = to_contact WHERE o.session_id = ANY (sessions)
  )
  UPDATE discreet.attachments a SET contact_id = to_contact WHERE a.session_id = ANY (sessions);
  UPDATE discreet.memories m
     SET contact_id = to_contact,
         topic_key = CASE WHEN NOT EXISTS (
             SELECT FROM discreet.memories t
              WHERE t.contact_id = to_contact AND t.owner_id = m.owner_id
                AND (t.agent_id, t.topic_key) = (m.agent_id, coalesce(m.topic_key, l.previous_value)))
           THEN coalesce(m.topic_key, l.previous_value) END
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'memory' AND m.id = l.key::uuid AND m.contact_id = from_contact;
  -- A sign-in that isn't finished, with a link or a code in one of the chats, ends.
  DELETE FROM discreet.connections c
   WHERE c.contact_id = from_contact AND c.state NOT IN ('signed_in', 'connected');
  PERFORM gate.expire_sign_ins(ARRAY(SELECT c.id FROM discreet.connections c WHERE c.contact_id = from_contact));
  UPDATE discreet.connections c SET contact_id = to_contact
   WHERE c.id = ANY (gate.linked_row_ids(link, 'connection')) AND c.contact_id = from_contact;
  UPDATE discreet.memory_history h SET contact_id = to_contact
   WHERE h.memory_id = ANY (memories) AND h.contact_id = from_contact;
  FOR waiting IN SELECT DISTINCT m.session_id FROM discreet.messages m
                  WHERE m.session_id = ANY (sessions) AND m.state IN ('waiting', 'taken') LOOP
    PERFORM gate.defer_turn(waiting, NULL, false);
  END LOOP;
END $$;


ALTER FUNCTION gate.move_linked_rows(link uuid, from_contact uuid, to_contact uuid) OWNER TO discreet_gate;

-- FUNCTION normalize_text(text)
CREATE FUNCTION gate.normalize_text(said text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(nullif(rtrim(string_agg(
           CASE WHEN word !~ '[[:digit:]]' AND (word = upper(word)
                     OR substr(word, 2) = lower(substr(word, 2)))
                THEN lower(word) ELSE word END, ' ' ORDER BY place), ' .!'), ''), said)
    FROM (SELECT part COLLATE pg_c_utf8 AS word, place
            FROM regexp_split_to_table(
              translate(normalize(said, NFKC), '‘’“”', '''''""') COLLATE pg_c_utf8, '\s+')
              WITH ORDINALITY AS split (part, place)
           WHERE part <> '') words
$$;


ALTER FUNCTION gate.normalize_text(said text) OWNER TO discreet_gate;

-- FUNCTION notify_access_changed()
CREATE FUNCTION gate.notify_access_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'access');
  RETURN NULL;
END $$;


ALTER FUNCTION gate.notify_access_changed() OWNER TO discreet_gate;

-- FUNCTION notify_channels_changed()
CREATE FUNCTION gate.notify_channels_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'channels');
  RETURN NULL;
END $$;


ALTER FUNCTION gate.notify_channels_changed() OWNER TO discreet_gate;

-- FUNCTION notify_delivery_changed()
CREATE FUNCTION gate.notify_delivery_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.notify_turn_changed(
    (SELECT m.turn_id FROM discreet.messages m WHERE m.id = NEW.message_id));
  RETURN NULL;
END $$;


ALTER FUNCTION gate.notify_delivery_changed() OWNER TO discreet_gate;

-- FUNCTION notify_draft_changed()
CREATE FUNCTION gate.notify_draft_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.notify_turn_changed(NEW.turn_id);
  RETURN NULL;
END $$;


ALTER FUNCTION gate.notify_draft_changed() OWNER TO discreet_gate;

-- FUNCTION notify_locks_freed(text[])
CREATE FUNCTION gate.notify_locks_freed(locks text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'queue', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.notify_workers(j.queue_name) FROM procrastinate_jobs j
    WHERE j.lock = ANY (locks) AND j.status = 'todo'
      AND (j.scheduled_at IS NULL OR j.scheduled_at <= now());
END $$;


ALTER FUNCTION gate.notify_locks_freed(locks text[]) OWNER TO discreet_gate;

-- FUNCTION notify_owner(jsonb, text, uuid)
CREATE FUNCTION gate.notify_owner(told jsonb, body text, session uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.require_owner();
  chat   discreet.owner_chats := gate.owner_chat(owner);
  here   discreet.sessions;
  route  uuid;
  result uuid;
BEGIN
  IF session IS NOT NULL THEN
    SELECT m.route_id INTO route FROM discreet.messages m
      JOIN discreet.owner_chats c
        ON c.owner_id = owner AND (c.channel_id, c.chat_id) = (m.channel_id, m.chat_id)
      JOIN discreet.addresses a
        ON (a.owner_id, a.platform, a.platform_id) = (c.owner_id, c.platform, c.platform_id)
           AND a.of_owner
     WHERE m.session_id = session AND m.owner_id = owner AND m.direction = 'in'
     ORDER BY m.position DESC LIMIT 1;
    UPDATE discreet.sessions s
       SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
     WHERE s.id = session AND s.owner_id = owner AND s.takeover_contact_id IS NOT NULL
       AND route IS NOT NULL
     RETURNING s.* INTO here;
  ELSIF chat.channel_id IS NOT NULL THEN
    here := gate.find_or_create_session(owner, chat.agent_id, NULL, false, '', false);
    route := gate.find_or_create_route(here, chat.channel_id, chat.chat_id, '');
  END IF;
  IF here.id IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.messages (
    owner_id, agent_id, shared, session_id, route_id, position, direction, state, text, command)
  VALUES (owner, here.agent_id, false, here.id, route, here.last_position, 'out', 'sent', body,
          'owner_notice')
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, shared, session_id, route_id)
  VALUES (result, owner, here.agent_id, false, here.id, route);
  INSERT INTO discreet.owner_notices (owner_id, kind, key, contact_id, message_id)
  SELECT owner, t.kind, t.key, t.contact_id, result
    FROM jsonb_to_recordset(told) t (kind text, key text, contact_id uuid);
  DELETE FROM discreet.owner_notices n
   WHERE n.owner_id = owner AND n.kind NOT IN ('stranger', 'draft', 'call')
     AND n.told_at < clock_timestamp() - interval '30 days';
  RETURN result;
END $$;


ALTER FUNCTION gate.notify_owner(told jsonb, body text, session uuid) OWNER TO discreet_gate;

-- FUNCTION notify_state_changed()
CREATE FUNCTION gate.notify_state_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF EXISTS (SELECT FROM discreet.channels c
              WHERE c.id = NEW.channel_id AND c.platform = 'terminal') THEN
    PERFORM gate.notify_waiting_clients(NEW.id);
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.notify_state_changed() OWNER TO discreet_gate;

-- FUNCTION notify_turn_changed(uuid)
CREATE FUNCTION gate.notify_turn_changed(turn uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT gate.notify_waiting_clients(m.id) FROM discreet.messages m
    JOIN discreet.channels c ON c.id = m.channel_id AND c.platform = 'terminal'
   WHERE m.turn_id = turn AND m.direction = 'in'
$$;


ALTER FUNCTION gate.notify_turn_changed(turn uuid) OWNER TO discreet_gate;

-- FUNCTION notify_unreadable(uuid, gate.inbound)
CREATE FUNCTION gate.notify_unreadable(owner uuid, said gate.inbound) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  via     discreet.channels;
  shared  boolean;
  contact uuid;
BEGIN
  SELECT c.* INTO STRICT via FROM discreet.channels c WHERE c.id = said.channel AND c.owner_id = owner;
  SELECT a.memory_model = 'shared' INTO STRICT shared FROM discreet.agents a
   WHERE a.id = via.agent_id;
  IF gate.message_refusal(owner, via, shared, said) IS NOT NULL THEN
    RETURN;
  END IF;
  contact := gate.resolve_speaker(owner, via, said);
  IF EXISTS (
    SELECT FROM discreet.messages m
      JOIN gate.notices n ON n.code = 'unreadable' AND n.text = m.text
     WHERE m.owner_id = owner AND m.agent_id = via.agent_id
       AND m.contact_id IS NOT DISTINCT FROM contact AND m.command = 'notice'
       AND m.created_at > statement_timestamp() - interval '1 minute') THEN
    RETURN;
  END IF;
  PERFORM gate.send_notice(owner, via.agent_id, contact, 'notices', via.id, said.chat,
                           said.platform_thread, 'unreadable', NULL, NULL);
END $$;


ALTER FUNCTION gate.notify_unreadable(owner uuid, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION notify_waiting_clients(uuid)
CREATE FUNCTION gate.notify_waiting_clients(message uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT pg_notify('discreet_answers',
                   left(encode(sha256(convert_to(message::text, 'UTF8')), 'hex'), 16))
$$;


ALTER FUNCTION gate.notify_waiting_clients(message uuid) OWNER TO discreet_gate;

-- FUNCTION notify_workers(text)
CREATE FUNCTION gate.notify_workers(queue text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT pg_notify('procrastinate_any_queue_v1', '{}'),
         pg_notify('procrastinate_queue_v1#' || queue, '{}'),
         CASE WHEN starts_with(queue, 'turns-') THEN pg_notify('discreet_turns', '') END
$$;


ALTER FUNCTION gate.notify_workers(queue text) OWNER TO discreet_gate;

-- FUNCTION offer_connection(uuid, uuid, bytea)
CREATE FUNCTION gate.offer_connection(server uuid, group_contact uuid, link_digest bytea) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner         uuid := gate.require_owner();
  here          gate.scope := gate.scope();
  account_party uuid := gate.connecting_party(group_contact);
  agent         uuid;
BEGIN
  IF here.contact_id IS NOT NULL AND gate.current_person() IS NULL THEN
    RETURN 'group';
  END IF;
  SELECT s.agent_id INTO agent FROM discreet.tool_servers s
   WHERE s.id = server AND s.owner_id = owner AND s.agent_id = here.agent_id AND s.signs_in;
  IF agent IS NULL OR account_party IS NULL THEN
    RETURN 'nobody';
  END IF;
  PERFORM gate.lock_connections(account_party);
  DELETE FROM discreet.connections c
   WHERE c.server_id = server AND c.party = account_party AND c.state NOT IN ('signed_in', 'connected');
  PERFORM gate.expire_sign_ins(ARRAY(
    SELECT c.id FROM discreet.connections c WHERE c.server_id = server AND c.party = account_party));
  INSERT INTO discreet.connections (owner_id, agent_id, contact_id, server_id, link_hash, expires_at)
  VALUES (owner, agent, nullif(account_party, owner), server, link_digest,
          clock_timestamp() + interval '10 minutes');
  RETURN 'offered';
END $$;


ALTER FUNCTION gate.offer_connection(server uuid, group_contact uuid, link_digest bytea) OWNER TO discreet_gate;

-- FUNCTION open_audits()
CREATE FUNCTION gate.open_audits() RETURNS TABLE(owner_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT o.id FROM discreet.owners o WHERE o.name = 'sb audit' ORDER BY o.created_at, o.id
$$;


ALTER FUNCTION gate.open_audits() OWNER TO discreet_gate;

-- FUNCTION open_channels()
CREATE FUNCTION gate.open_channels() RETURNS TABLE(id uuid, owner_id uuid, platform text, account text, secret_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT c.id, c.owner_id, c.platform, c.account, s.changed_at
    FROM discreet.channels c
    LEFT JOIN discreet.channel_secrets s USING (owner_id, platform, account)
   WHERE c.closed_at IS NULL AND c.platform <> 'terminal' AND c.parent_id IS NULL
   ORDER BY c.created_at, c.id
$$;


ALTER FUNCTION gate.open_channels() OWNER TO discreet_gate;

-- FUNCTION open_scope(text)
CREATE FUNCTION gate.open_scope(ticket text) RETURNS double precision
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
BEGIN
  PERFORM pg_catalog.set_config('discreet.ticket', ticket, true);
  IF (gate.scope()).known IS NOT TRUE THEN
    RAISE EXCEPTION 'invalid_ticket' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN extract(epoch FROM pg_catalog.clock_timestamp());
END $$;


ALTER FUNCTION gate.open_scope(ticket text) OWNER TO discreet_gate;

-- FUNCTION open_session(text, boolean)
CREATE FUNCTION gate.open_session(thread text, force_new boolean) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
  scope gate.scope := gate.scope();
BEGIN
  IF scope.agent_id IS NULL THEN
    RAISE EXCEPTION 'no_agent' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN (gate.find_or_create_session(
    owner, scope.agent_id, scope.contact_id, session_user = 'discreet_shared', thread, force_new)).id;
END $$;


ALTER FUNCTION gate.open_session(thread text, force_new boolean) OWNER TO discreet_gate;

-- FUNCTION own_summary(discreet.sessions)
CREATE FUNCTION gate.own_summary(s discreet.sessions) RETURNS uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT m.id FROM discreet.memories m
   WHERE m.id = s.summary_id AND (m.owner_id, m.agent_id, m.party) = (s.owner_id, s.agent_id, s.party)
  UNION
  SELECT h.memory_id FROM discreet.memory_history h
   WHERE h.memory_id = s.summary_id AND (h.owner_id, h.agent_id, h.party) = (s.owner_id, s.agent_id, s.party)
$$;


ALTER FUNCTION gate.own_summary(s discreet.sessions) OWNER TO discreet_gate;

-- FUNCTION owner_candidates(text, integer, public.vector, text[], double precision[], double precision, double precision, integer)
CREATE FUNCTION gate.owner_candidates(of_embedder text, dimensions integer, near public.vector, words text[], document_frequency double precision[], memories double precision, mean_length double precision, many integer) RETURNS TABLE(id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
DECLARE
  owner   uuid := gate.require_owner();
  rare    text[];
  common  text[];
  worth   text;
  wanted  text[] := '{}';
  shares  integer;
BEGIN
  -- The filters are written so that no other index can serve them, and the index is searched until
  -- there are enough memories of this owner.
  PERFORM set_config('hnsw.ef_search', '150', true);
  PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true);
  SELECT coalesce(array_agg(k.word ORDER BY k.held) FILTER (WHERE k.upto <= many), '{}'),
         coalesce(array_agg(k.word ORDER BY k.held) FILTER (WHERE k.upto > many), '{}'),
         string_agg(format('coalesce(%s / (1 + m.norm / nullif(cardinality(array_positions(m.terms, '
                           '%L)), 0)), 0)',
                           ln(1 + greatest(memories - k.held + 0.5, 1) / (k.held + 0.5)), k.word),
                    ' + ')
    INTO rare, common, worth
    FROM (SELECT w.word, w.held, sum(w.held) OVER (ORDER BY w.held, w.word) AS upto
            FROM unnest(words, document_frequency) AS w (word, held)) k;
  IF cardinality(rare) > 0 THEN
    wanted := wanted || format('SELECT * FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms && %L::text[] '
                               'AND (m.owner_id = %L) IS TRUE', rare, owner);
  END IF;
  -- One for each pair of the three commonest, and one for the rare.
  shares := CASE WHEN cardinality(common) > 2 THEN 3 ELSE 1 END + least(cardinality(rare), 1);
  FOR a IN 1 .. least(cardinality(common), 3) LOOP
    FOR b IN a + 1 .. least(cardinality(common), 3) LOOP
      wanted := wanted || format(
        '(SELECT * FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms @> %L::text[] AND (m.owner_id = %L) IS TRUE LIMIT %s)',
        ARRAY[common[a], common[b]], owner, greatest(many / shares, 10));
    END LOOP;
  END LOOP;
  IF cardinality(wanted) > 0 THEN
    RETURN QUERY EXECUTE format(
      'SELECT best.id FROM (SELECT m.id, %s AS worth, '
      'coalesce(1 - (CASE WHEN m.embedder = %L THEN m.embedding END <=> $1), 0) AS cosine '
      'FROM (SELECT found.*, 0.72 + 0.48 * cardinality(found.terms) / %s AS norm FROM (%s) found) m'
      ') best ORDER BY 3 * best.worth / max(best.worth) OVER () + 2.5 * best.cosine DESC LIMIT 400',
      worth, of_embedder, greatest(mean_length, 1), array_to_string(wanted, ' UNION ALL '))
      USING near;
  END IF;
  IF near IS NOT NULL AND cardinality(rare) = 0 AND cardinality(common) > 0 THEN
    PERFORM set_config('hnsw.max_scan_tuples', '4000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'AND (m.terms @> %L::text[]) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, common[1:1], dimensions, dimensions)
      USING owner, near;
  END IF;
  IF near IS NOT NULL THEN
    PERFORM set_config('hnsw.max_scan_tuples', '20000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, dimensions, dimensions)
      USING owner, near;
  END IF;
END $_$;


ALTER FUNCTION gate.owner_candidates(of_embedder text, dimensions integer, near public.vector, words text[], document_frequency double precision[], memories double precision, mean_length double precision, many integer) OWNER TO discreet_gate;

-- TABLE owner_chats
CREATE TABLE discreet.owner_chats (
    owner_id uuid NOT NULL,
    platform text NOT NULL,
    platform_id text NOT NULL,
    agent_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    chat_id text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    used_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT owner_chats_chat_id_check CHECK ((chat_id <> ''::text))
);
ALTER TABLE ONLY discreet.owner_chats ALTER COLUMN platform_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.owner_chats ALTER COLUMN chat_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.owner_chats ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.owner_chats FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.owner_chats OWNER TO discreet_schema;

-- FUNCTION owner_chat(uuid)
CREATE FUNCTION gate.owner_chat(owner uuid) RETURNS discreet.owner_chats
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT c FROM discreet.owner_chats c
    JOIN discreet.addresses a
      ON (a.owner_id, a.platform, a.platform_id) = (c.owner_id, c.platform, c.platform_id)
         AND a.of_owner
    JOIN discreet.channels v ON v.id = c.channel_id AND v.closed_at IS NULL
   WHERE c.owner_id = owner ORDER BY c.used_at DESC LIMIT 1
$$;


ALTER FUNCTION gate.owner_chat(owner uuid) OWNER TO discreet_gate;

-- FUNCTION owner_command(discreet.sessions, text, gate.inbound, boolean)
CREATE FUNCTION gate.owner_command(here discreet.sessions, command text, said gate.inbound, is_edit boolean) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  previous discreet.sessions;
BEGIN
  IF here.last_position = 1 THEN
    SELECT s.* INTO previous FROM discreet.sessions s
     WHERE (s.owner_id, s.agent_id, s.party) = (here.owner_id, here.agent_id, here.party)
       AND s.thread_key = here.thread_key AND s.ended_at IS NOT NULL AND s.takeover_contact_id IS NOT NULL
     ORDER BY s.ended_at DESC LIMIT 1;
    UPDATE discreet.sessions s
       SET takeover_contact_id = CASE WHEN s.id = here.id THEN previous.takeover_contact_id END
     WHERE s.id IN (here.id, previous.id);
    here.takeover_contact_id := previous.takeover_contact_id;
  END IF;
  IF command IS NOT NULL THEN
    RETURN command;
  ELSIF here.takeover_contact_id IS NOT NULL THEN
    RETURN gate.relay_to_contact(here, said, is_edit);
  ELSIF said.addressed AND NOT is_edit AND said.files = '[]' THEN
    RETURN gate.parse_owner_decision(here.owner_id, said.body);
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.owner_command(here discreet.sessions, command text, said gate.inbound, is_edit boolean) OWNER TO discreet_gate;

-- FUNCTION owner_messages_about(uuid[], uuid[])
CREATE FUNCTION gate.owner_messages_about(contact_ids uuid[], turns uuid[]) RETURNS uuid[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT ARRAY(
  SELECT n.message_id FROM discreet.owner_notices n WHERE n.contact_id = ANY (contact_ids)
   UNION
  SELECT m.id FROM discreet.messages m WHERE m.turn_id = ANY (turns) AND m.command = 'passed')
$$;


ALTER FUNCTION gate.owner_messages_about(contact_ids uuid[], turns uuid[]) OWNER TO discreet_gate;

-- FUNCTION owner_term_counts(text[], integer)
CREATE FUNCTION gate.owner_term_counts(words text[], few integer) RETURNS TABLE(word text, document_frequency bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
DECLARE
  owner uuid := gate.require_owner();
  rare  text;
BEGIN
  IF NOT EXISTS (SELECT FROM discreet.owner_term_stats o WHERE o.owner_id = owner AND o.word = '') THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT o.word, o.document_frequency FROM discreet.owner_term_stats o
    WHERE o.owner_id = owner AND o.word = ANY (words || ARRAY['', '#']);
  FOREACH rare IN ARRAY words LOOP
    IF NOT EXISTS (SELECT FROM discreet.owner_term_stats o WHERE o.owner_id = owner AND o.word = rare) THEN
      RETURN QUERY EXECUTE
        'SELECT $2, count(*) FROM (SELECT FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms @> ARRAY[$2] '
        'AND (m.owner_id = $1) IS TRUE LIMIT $3) found'
        USING owner, rare, few;
    END IF;
  END LOOP;
END $_$;


ALTER FUNCTION gate.owner_term_counts(words text[], few integer) OWNER TO discreet_gate;

-- FUNCTION owner_turns_showing(uuid, uuid[], text[])
CREATE FUNCTION gate.owner_turns_showing(owner uuid, contact_ids uuid[], addresses text[]) RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
END $_$;


ALTER FUNCTION gate.owner_turns_showing(owner uuid, contact_ids uuid[], addresses text[]) OWNER TO discreet_gate;

-- FUNCTION owners()
CREATE FUNCTION gate.owners() RETURNS TABLE(owner_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT o.id FROM discreet.owners o ORDER BY o.created_at, o.id
$$;


ALTER FUNCTION gate.owners() OWNER TO discreet_gate;

-- FUNCTION owners_to_notify()
CREATE FUNCTION gate.owners_to_notify() RETURNS TABLE(owner_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT DISTINCT c.owner_id FROM discreet.owner_chats c
$$;


ALTER FUNCTION gate.owners_to_notify() OWNER TO discreet_gate;

-- FUNCTION parse_code(text)
CREATE FUNCTION gate.parse_code(typed text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
  SELECT substring(upper(regexp_replace(left(typed, 40), '[[:space:]-]', '', 'g'))
                   FROM '^[A-HJKMNP-Z2-9]{8}$')
$_$;


ALTER FUNCTION gate.parse_code(typed text) OWNER TO discreet_gate;

-- FUNCTION parse_command(text, boolean)
CREATE FUNCTION gate.parse_command(body text, of_owner boolean) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT c.word FROM (SELECT substring(replace(lower(left(body, 40)), '/erase_me', '/erase-me') FROM CASE WHEN of_owner
      -- With a code behind it, as it is written in what the owner is told, it is one word to tap.
      THEN '^/([a-z]+)(?:[[:space:]_]|$)' ELSE '^/([a-z]+(?:-me)?)(?:[[:space:]]|$)' END)) c(word)
   WHERE c.word = ANY (CASE WHEN of_owner
     THEN ARRAY['start', 'help', 'new', 'stop', 'pairing', 'approve', 'deny', 'status', 'contacts',
                'who', 'takeover', 'end', 'block', 'unblock', 'pause', 'resume', 'usage',
                'drafts', 'edit', 'reject', 'reminders', 'connections']
     ELSE ARRAY['start', 'help', 'new', 'stop', 'memories', 'forget', 'undo', 'export', 'link', 'timezone',
                'human', 'reminders', 'connections', 'why', 'who', 'erase-me'] END)
$_$;


ALTER FUNCTION gate.parse_command(body text, of_owner boolean) OWNER TO discreet_gate;

-- FUNCTION parse_owner_decision(uuid, text)
CREATE FUNCTION gate.parse_owner_decision(owner uuid, body text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT c.word FROM (SELECT lower(btrim(left(body, 40), E' \n.!'))) c(word)
   WHERE (c.word IN ('approve', 'deny')
          AND EXISTS (SELECT FROM discreet.pairings p
                       WHERE p.owner_id = owner AND p.state = 'pending'))
      OR (c.word IN ('approve', 'reject')
          AND EXISTS (SELECT FROM discreet.held_answers h
                       WHERE h.owner_id = owner AND h.state = 'waiting'))
$$;


ALTER FUNCTION gate.parse_owner_decision(owner uuid, body text) OWNER TO discreet_gate;

-- FUNCTION predates_erasure(uuid, timestamp with time zone, text, text)
CREATE FUNCTION gate.predates_erasure(owner uuid, written_at timestamp with time zone, sender text, of_group text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN EXISTS (SELECT FROM discreet.erased_addresses e
                 WHERE e.owner_id = owner AND written_at <= e.erased_at
                   AND e.digest IN (gate.keyed_digest(sender), gate.keyed_digest(of_group)));
END $$;


ALTER FUNCTION gate.predates_erasure(owner uuid, written_at timestamp with time zone, sender text, of_group text) OWNER TO discreet_gate;

-- FUNCTION prevent_undercounting()
CREATE FUNCTION gate.prevent_undercounting() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RAISE EXCEPTION 'counts_less' USING ERRCODE = 'insufficient_privilege';
END $$;


ALTER FUNCTION gate.prevent_undercounting() OWNER TO discreet_gate;

-- FUNCTION preview_retention()
CREATE FUNCTION gate.preview_retention() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  RETURN jsonb_build_object(
    'messages', (SELECT count(*) FROM gate.expired_messages(owner, NULL)),
    'files', (SELECT count(*) FROM gate.expired_files(owner, NULL)),
    'memories', (SELECT count(*) FROM gate.expired_memories(owner, NULL)),
    'memory_versions', (SELECT count(*) FROM gate.expired_versions(owner, NULL)));
END $$;


ALTER FUNCTION gate.preview_retention() OWNER TO discreet_gate;

-- FUNCTION purge_events(interval, integer)
CREATE FUNCTION gate.purge_events(keep_for interval, max_rows integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  row_count bigint;
BEGIN
  DELETE FROM discreet.events e USING (
    SELECT o.id FROM discreet.owners w CROSS JOIN LATERAL (
      SELECT e.id, e.created_at FROM discreet.events e WHERE e.owner_id = w.id AND e.owner_key IS NOT NULL
       ORDER BY e.tx, e.created_at, e.id LIMIT max_rows) o
     WHERE o.created_at < statement_timestamp() - keep_for) old
   WHERE e.id = old.id;
  GET DIAGNOSTICS row_count = ROW_COUNT;
  RETURN row_count;
END $$;


ALTER FUNCTION gate.purge_events(keep_for interval, max_rows integer) OWNER TO discreet_gate;

-- FUNCTION purge_expired_memories(interval, integer)
CREATE FUNCTION gate.purge_expired_memories(keep_for interval, max_rows integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  purged integer;
BEGIN
  DELETE FROM discreet.memories WHERE id IN (
    SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.expires_at < clock_timestamp() - keep_for
     ORDER BY m.expires_at LIMIT max_rows FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END $$;


ALTER FUNCTION gate.purge_expired_memories(keep_for interval, max_rows integer) OWNER TO discreet_gate;

-- FUNCTION purge_mcp_sessions(interval)
CREATE FUNCTION gate.purge_mcp_sessions(unused_for interval) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.used_at < clock_timestamp() - unused_for
$$;


ALTER FUNCTION gate.purge_mcp_sessions(unused_for interval) OWNER TO discreet_gate;

-- FUNCTION quarantine_message(text, uuid, text, jsonb, text, jsonb)
CREATE FUNCTION gate.quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text, tell jsonb) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.enter_scope(ticket);
  policy gate.policy;
  result uuid;
  is_new boolean;
BEGIN
  SELECT p.* INTO STRICT policy FROM gate.policy p;
  PERFORM 1 FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason, next_try_at)
    VALUES (owner, channel, dedupe, message, why, 
            clock_timestamp() + policy.quarantine_retry_seconds * interval '1 second')
    ON CONFLICT (channel_id, dedupe_key, owner_id) DO UPDATE SET
      attempts = quarantine.attempts + 1, reason = excluded.reason,
      next_try_at = clock_timestamp()
        + least(policy.quarantine_retry_max_seconds,
                policy.quarantine_retry_seconds * 2 ^ least(quarantine.attempts, 20)) * interval '1 second'
    RETURNING id, attempts = 1 INTO result, is_new;
  IF is_new AND tell IS NOT NULL THEN
    PERFORM gate.notify_unreadable(owner, jsonb_populate_record(NULL::gate.inbound, tell));
  END IF;
  RETURN result;
END $$;


ALTER FUNCTION gate.quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text, tell jsonb) OWNER TO discreet_gate;

-- FUNCTION reassign_group_address(uuid, text, text, uuid)
CREATE FUNCTION gate.reassign_group_address(owner uuid, of_platform text, new_id text, survivor uuid) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  other    uuid;
  pairing  discreet.pairings;
  held     jsonb;
  all_held jsonb;
BEGIN
  SELECT a.contact_id INTO other
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = new_id
     AND c.type = 'group' AND c.id <> survivor
   FOR UPDATE OF a;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE discreet.addresses a SET contact_id = survivor
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = new_id;
  UPDATE discreet.contacts c
     SET blocked_at = coalesce(c.blocked_at, o.blocked_at),
         taken_over_at = coalesce(c.taken_over_at, o.taken_over_at)
    FROM discreet.contacts o WHERE c.id = survivor AND o.id = other;
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  SELECT a.channel_id, survivor, a.owner_id, a.agent_id FROM discreet.admissions a
   WHERE a.contact_id = other
  ON CONFLICT DO NOTHING;
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label)
  SELECT l.owner_id, survivor, l.label FROM discreet.contact_labels l
   WHERE l.contact_id = other
  ON CONFLICT DO NOTHING;
  FOR pairing IN SELECT p.* FROM discreet.pairings p
                WHERE p.contact_id = other AND p.state = 'pending' LOOP
    SELECT coalesce(jsonb_agg(k.arrived ORDER BY k.created_at), '[]') INTO all_held
      FROM discreet.held_messages k WHERE k.pairing_id = pairing.id;
    DELETE FROM discreet.pairings p WHERE p.id = pairing.id;
    FOR held IN SELECT j.value FROM jsonb_array_elements(all_held) j LOOP
      PERFORM gate.replay_held_messages(owner, pairing.channel_id, held);
    END LOOP;
  END LOOP;
  RETURN true;
END $$;


ALTER FUNCTION gate.reassign_group_address(owner uuid, of_platform text, new_id text, survivor uuid) OWNER TO discreet_gate;

-- FUNCTION receive_cursor(text, uuid)
CREATE FUNCTION gate.receive_cursor(ticket text, channel uuid) RETURNS TABLE(received_through timestamp with time zone, chats jsonb)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  RETURN QUERY
  SELECT c.received_through,
         (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(r.chat_id, r.thread_id)), '[]')
            FROM discreet.routes r
           WHERE r.channel_id IN (SELECT b.id FROM discreet.channels b WHERE c.id IN (b.id, b.parent_id)))
    FROM discreet.channels c
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
END $$;


ALTER FUNCTION gate.receive_cursor(ticket text, channel uuid) OWNER TO discreet_gate;

-- FUNCTION record_access(uuid[], text, text, interval)
CREATE FUNCTION gate.record_access(contact_ids uuid[], action text, entry_point text, min_interval interval) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner           uuid := gate.require_owner();
  contact         uuid;
  number          integer;
  previous_digest text;
  written_at      timestamptz;
BEGIN
  FOR contact IN SELECT c.id FROM discreet.contacts c
              WHERE c.owner_id = owner AND c.id = ANY (contact_ids)
              ORDER BY c.id FOR NO KEY UPDATE LOOP
    IF EXISTS (SELECT FROM discreet.access_log l
                WHERE l.contact_id = contact AND l.did = action AND l.place = entry_point
                  AND l.noted_at > clock_timestamp() - min_interval) THEN
      CONTINUE;
    END IF;
    SELECT l.number, l.digest INTO number, previous_digest FROM discreet.access_log l
     WHERE l.contact_id = contact ORDER BY l.number DESC LIMIT 1;
    number := coalesce(number, 0) + 1;
    written_at := clock_timestamp();
    INSERT INTO discreet.access_log (owner_id, contact_id, number, did, place, noted_at, digest)
    VALUES (owner, contact, number, action, entry_point, written_at, encode(sha256(convert_to(
      concat_ws('|', coalesce(previous_digest, ''), contact, number, action, entry_point,
                (extract(epoch FROM written_at) * 1000000)::bigint), 'UTF8')), 'hex'));
  END LOOP;
END $$;


ALTER FUNCTION gate.record_access(contact_ids uuid[], action text, entry_point text, min_interval interval) OWNER TO discreet_gate;

-- FUNCTION record_agent()
CREATE FUNCTION gate.record_agent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.id, NULL, false, true,
    CASE WHEN NEW.paused_at IS NULL THEN 'agent.resumed' ELSE 'agent.paused' END, NULL, NULL, '{}');
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_agent() OWNER TO discreet_gate;

-- FUNCTION record_channel_error(text, uuid, text)
CREATE FUNCTION gate.record_channel_error(ticket text, channel uuid, why text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  UPDATE discreet.channels c SET last_error = why
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL AND c.last_error <> why;
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.record_channel_error(ticket text, channel uuid, why text) OWNER TO discreet_gate;

-- FUNCTION record_contact()
CREATE FUNCTION gate.record_contact() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF (OLD.taken_over_at IS NULL) <> (NEW.taken_over_at IS NULL) THEN
    PERFORM gate.record_event(
      NEW.owner_id, s.agent_id, NEW.id, false, false,
      CASE WHEN NEW.taken_over_at IS NULL THEN 'contact.handed_back' ELSE 'contact.taken_over' END,
      NULL, NULL, '{}')
      FROM (SELECT DISTINCT s.agent_id FROM discreet.sessions s WHERE s.contact_id = NEW.id) s;
  END IF;
  IF (OLD.blocked_at IS NULL) <> (NEW.blocked_at IS NULL) THEN
    PERFORM gate.record_event(
      NEW.owner_id, s.agent_id, NEW.id, false, true,
      CASE WHEN NEW.blocked_at IS NULL THEN 'contact.unblocked' ELSE 'contact.blocked' END,
      NULL, NULL, '{}')
      FROM (SELECT DISTINCT s.agent_id FROM discreet.sessions s WHERE s.contact_id = NEW.id) s;
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_contact() OWNER TO discreet_gate;

-- FUNCTION record_delivery()
CREATE FUNCTION gate.record_delivery() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.agent_id, NEW.contact_id, NEW.shared, false,
    CASE NEW.state WHEN 'sent' THEN 'message.delivered' ELSE 'message.undelivered' END,
    NEW.session_id, NEW.message_id, '{}');
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_delivery() OWNER TO discreet_gate;

-- FUNCTION record_event(uuid, uuid, uuid, boolean, boolean, text, uuid, uuid, jsonb)
CREATE FUNCTION gate.record_event(owner uuid, agent uuid, contact uuid, is_shared boolean, for_owner boolean, kind text, session uuid, message uuid, data jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO discreet.events
    (owner_id, agent_id, contact_id, shared, for_owner, kind, session_id, message_id, data)
  VALUES (owner, agent, contact, is_shared, for_owner, kind, session, message, jsonb_strip_nulls(data));
END $$;


ALTER FUNCTION gate.record_event(owner uuid, agent uuid, contact uuid, is_shared boolean, for_owner boolean, kind text, session uuid, message uuid, data jsonb) OWNER TO discreet_gate;

-- FUNCTION record_failure(text, text, interval, interval)
CREATE FUNCTION gate.record_failure(key text, error_type text, first_wait interval, max_wait interval) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'queue', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO failures AS f (lock, error, next_try_at)
  VALUES (key, error_type, clock_timestamp() + first_wait)
  ON CONFLICT (lock) DO UPDATE
     SET error = excluded.error, failures = f.failures + 1,
         next_try_at = clock_timestamp() + least(max_wait, first_wait * 2 ^ least(f.failures, 20));
END $$;


ALTER FUNCTION gate.record_failure(key text, error_type text, first_wait interval, max_wait interval) OWNER TO discreet_gate;

-- FUNCTION record_held_answer()
CREATE FUNCTION gate.record_held_answer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.record_event(
    s.owner_id, s.agent_id, s.contact_id, s.shared, true, 'draft.' || NEW.state, s.id, NULL,
    jsonb_build_object('draft_id', NEW.id))
    FROM discreet.sessions s WHERE s.id = NEW.session_id;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_held_answer() OWNER TO discreet_gate;

-- FUNCTION record_message()
CREATE FUNCTION gate.record_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.agent_id, NEW.contact_id, NEW.shared, false,
    CASE WHEN TG_OP = 'UPDATE' THEN 'message.' || NEW.state
         WHEN NEW.direction = 'in' THEN 'message.received' ELSE 'message.sent' END,
    NEW.session_id, NEW.id,
    CASE WHEN TG_OP = 'UPDATE' THEN jsonb_build_object('error', CASE WHEN NEW.state = 'failed' THEN (
           SELECT split_part(t.error, ':', 1) FROM discreet.turns t WHERE t.id = NEW.turn_id) END)
         WHEN NEW.direction = 'in' THEN '{}'
         ELSE jsonb_build_object('in_person', NEW.in_person, 'command', NEW.command) END);
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_message() OWNER TO discreet_gate;

-- FUNCTION record_opt_out(uuid, text)
CREATE FUNCTION gate.record_opt_out(contact uuid, body text) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
  word text := gate.single_word(body);
BEGIN
  IF word = ANY (ARRAY['stop', 'stopall', 'unsubscribe', 'optout', 'stopp', 'abmelden', 'abbestellen',
                       'alto', 'parar', 'baja', 'arrêt', 'arret', 'arrêter', 'arreter', 'désabonner',
                       'desabonner', 'pare', 'descadastrar', 'стоп', 'отписаться', 'توقف', 'قف', 'إيقاف',
                       'ايقاف', '停止', '停', '退订', '取消订阅']) THEN
    UPDATE discreet.contacts c SET stopped_at = coalesce(c.stopped_at, clock_timestamp())
     WHERE c.id = contact;
    RETURN 'opt_out';
  ELSIF word = ANY (ARRAY['start', 'unstop', 'subscribe', 'optin', 'starten', 'anmelden', 'empezar',
                          'comenzar', 'iniciar', 'alta', 'démarrer', 'demarrer', 'commencer', 'reprendre',
                          'começar', 'voltar', 'старт', 'начать', 'подписаться', 'ابدأ', 'ابدا', 'اشتراك',
                          '开始', '订阅', '恢复']) AND gate.has_opted_out(contact) THEN
    UPDATE discreet.contacts c SET stopped_at = NULL
     WHERE c.id IN (SELECT o.id FROM gate.contact_with_merged(contact) o (id));
    RETURN 'opt_in';
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_opt_out(contact uuid, body text) OWNER TO discreet_gate;

-- FUNCTION record_owner_chat(uuid, discreet.channels, gate.inbound)
CREATE FUNCTION gate.record_owner_chat(owner uuid, via discreet.channels, said gate.inbound) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO discreet.owner_chats AS c
    (owner_id, platform, platform_id, agent_id, channel_id, chat_id)
  VALUES (owner, said.sender_platform, said.sender_id, via.agent_id, via.id, said.chat)
  ON CONFLICT (owner_id, platform, platform_id) DO UPDATE SET
    agent_id = excluded.agent_id, channel_id = excluded.channel_id, chat_id = excluded.chat_id,
    used_at = excluded.used_at;
END $$;


ALTER FUNCTION gate.record_owner_chat(owner uuid, via discreet.channels, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION record_pairing()
CREATE FUNCTION gate.record_pairing() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.record_event(
    NEW.owner_id, NEW.agent_id, NEW.contact_id, false, true,
    CASE NEW.state WHEN 'pending' THEN 'pairing.requested' ELSE 'pairing.' || NEW.state END,
    NULL, NULL, jsonb_build_object('pairing_id', NEW.id));
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_pairing() OWNER TO discreet_gate;

-- FUNCTION record_person_request()
CREATE FUNCTION gate.record_person_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.record_event(
    s.owner_id, s.agent_id, s.contact_id, s.shared, false,
    CASE WHEN NEW.answered_at IS NULL THEN 'person.requested' ELSE 'person.answered' END,
    s.id, NULL, '{}')
    FROM discreet.sessions s WHERE s.id = NEW.session_id;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.record_person_request() OWNER TO discreet_gate;

-- FUNCTION record_receipt(text, uuid, text[], text, text, timestamp with time zone, text)
CREATE FUNCTION gate.record_receipt(ticket text, channel uuid, chats text[], platform_message text, stage text, at timestamp with time zone, why text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.enter_scope(ticket);
  answer discreet.outbox := gate.find_answer_by_platform_id(owner, channel, chats, platform_message);
BEGIN
  IF answer.message_id IS NOT NULL THEN
    PERFORM gate.apply_receipt(answer, platform_message, stage, at, why);
    RETURN true;
  END IF;
  DELETE FROM discreet.early_receipts e WHERE e.created_at < statement_timestamp() - interval '1 hour';
  INSERT INTO discreet.early_receipts (owner_id, channel_id, chats, platform_message, stage, at, why)
  SELECT owner, c.id, chats, platform_message, stage, at, why
    FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  RETURN false;
END $$;


ALTER FUNCTION gate.record_receipt(ticket text, channel uuid, chats text[], platform_message text, stage text, at timestamp with time zone, why text) OWNER TO discreet_gate;

-- FUNCTION redeem_connection_link(bytea, bytea)
CREATE FUNCTION gate.redeem_connection_link(link_digest bytea, browser_digest bytea) RETURNS TABLE(id uuid, owner_id uuid, agent_id uuid, contact_id uuid, server_id uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE discreet.connections c SET state = 'opened', browser_hash = browser_digest
   WHERE c.link_hash = link_digest AND c.state = 'offered' AND c.expires_at > clock_timestamp()
     AND gate.may_connect(c.contact_id)
  RETURNING c.id, c.owner_id, c.agent_id, c.contact_id, c.server_id
$$;


ALTER FUNCTION gate.redeem_connection_link(link_digest bytea, browser_digest bytea) OWNER TO discreet_gate;

-- FUNCTION redeem_link_code(text)
CREATE FUNCTION gate.redeem_link_code(typed text, OUT outcome text, OUT code text, OUT other text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner   uuid := gate.require_owner();
  person  uuid := gate.current_person();
  entered text := gate.parse_code(typed);
  request discreet.link_requests;
BEGIN
  IF person IS NULL THEN
    outcome := 'nobody';
    RETURN;
  END IF;
  -- Concurrent tries are counted one after the other.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: link codes ' || person, 0));
  IF (SELECT count(*) FROM discreet.wrong_codes w
       WHERE w.contact_id = person AND w.tried_at > clock_timestamp() - interval '1 hour')
     >= (SELECT p.wrong_codes_an_hour FROM gate.policy p) THEN
    outcome := 'locked';
    RETURN;
  END IF;
  SELECT r.* INTO request FROM discreet.link_requests r
   WHERE r.contact_id = person AND r.expires_at > clock_timestamp() FOR UPDATE;
  IF request.digest = sha256(convert_to(owner || entered, 'UTF8')) AND request.other_id IS NULL THEN
    outcome := 'own';
  ELSIF request.back_digest = sha256(convert_to(request.id || entered, 'UTF8')) THEN
    BEGIN
      PERFORM gate.merge_contacts(owner, person, request.other_id, 'codes');
      outcome := 'linked';
    EXCEPTION WHEN SQLSTATE 'DS003' THEN
      -- Nothing was changed, and the code stays valid until it expires.
      outcome := SQLERRM;
    END;
  ELSE
    UPDATE discreet.link_requests r
       SET other_id = person, back_digest = sha256(convert_to(r.id || c.new, 'UTF8')),
           expires_at = clock_timestamp()
             + (SELECT p.link_code_seconds FROM gate.policy p) * interval '1 second'
      FROM (SELECT gate.generate_code() AS new) c
     WHERE r.owner_id = owner AND r.digest = sha256(convert_to(owner || entered, 'UTF8'))
       AND r.contact_id <> person AND r.other_id IS NULL AND r.expires_at > clock_timestamp()
    RETURNING left(c.new, 4) || '-' || right(c.new, 4),
      (SELECT concat_ws(' ', nullif(k.name, ''), (
          SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a
           WHERE a.contact_id = k.id ORDER BY a.created_at LIMIT 1))
         FROM discreet.contacts k WHERE k.id = r.contact_id)
      INTO code, other;
    outcome := CASE WHEN FOUND THEN 'answered' ELSE 'wrong' END;
  END IF;
  IF outcome = 'wrong' THEN
    INSERT INTO discreet.wrong_codes (owner_id, contact_id) VALUES (owner, person);
  END IF;
END $$;


ALTER FUNCTION gate.redeem_link_code(typed text, OUT outcome text, OUT code text, OUT other text) OWNER TO discreet_gate;

-- FUNCTION redeem_owner_code(uuid, discreet.channels, gate.inbound)
CREATE FUNCTION gate.redeem_owner_code(owner uuid, via discreet.channels, said gate.inbound) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
  wanted text := gate.parse_code(said.body);
  who    bytea;
  link   discreet.owner_links;
  before uuid;
  here   discreet.sessions;
BEGIN
  IF wanted IS NULL OR said.group_id IS NOT NULL
     OR said.sender_platform IS DISTINCT FROM via.platform THEN
    RETURN false;
  END IF;
  SELECT l.* INTO link FROM discreet.owner_links l
   WHERE l.owner_id = owner AND l.platform = via.platform AND l.used_at IS NULL
     AND l.expires_at > clock_timestamp()
   FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  who := gate.keyed_digest(via.platform || ':' || said.sender_id);
  IF (SELECT count(*) FROM discreet.wrong_codes w
       WHERE w.owner_id = owner AND w.sender = who AND w.tried_at > link.created_at)
     >= (SELECT p.wrong_codes_an_hour FROM gate.policy p) THEN
    RETURN false;
  END IF;
  IF link.digest <> sha256(convert_to(link.id || wanted, 'UTF8')) THEN
    INSERT INTO discreet.wrong_codes (owner_id, sender) VALUES (owner, who);
    RETURN false;
  END IF;
  UPDATE discreet.owner_links l
     SET used_at = clock_timestamp(), used_by = via.platform || ':' || said.sender_id
   WHERE l.id = link.id;
  before := gate.find_contact(owner, via.platform, said.sender_id);
  DELETE FROM discreet.pairings p WHERE p.contact_id = before AND p.state = 'pending';
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id, of_owner)
  VALUES (owner, via.platform, said.sender_id, NULL, true)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO UPDATE SET contact_id = NULL, of_owner = true;
  PERFORM gate.record_owner_chat(owner, via, said);
  -- Stored as an answered message, so that a repeated delivery is recognised.
  here := gate.find_or_create_session(
    owner, via.agent_id, NULL,
    (SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = via.agent_id),
    said.thread, false);
  INSERT INTO discreet.messages (
    owner_id, agent_id, shared, session_id, route_id, position, direction, state, text, sender_address,
    sender_name, channel_id, chat_id, platform_message_id, sent_at)
  VALUES (
    owner, via.agent_id, here.shared, here.id,
    gate.find_or_create_route(here, via.id, said.chat, said.platform_thread),
    here.last_position, 'in', 'answered',
    (SELECT n.text FROM gate.notices n WHERE n.code = 'owner_code'),
    via.platform || ':' || said.sender_id, said.sender_display, via.id,
    said.chat, said.platform_message, said.written_at);
  PERFORM gate.send_notice(owner, via.agent_id, NULL, said.thread, via.id, said.chat,
                   said.platform_thread,
                   'owner_linked', NULL,
                   said.platform_message);
  RETURN true;
END $$;


ALTER FUNCTION gate.redeem_owner_code(owner uuid, via discreet.channels, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION reject_merged_contact()
CREATE FUNCTION gate.reject_merged_contact() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  survivor uuid;
BEGIN
  SELECT c.merged_into INTO survivor FROM discreet.contacts c
   WHERE c.id = NEW.contact_id AND c.owner_id = NEW.owner_id FOR KEY SHARE;
  IF survivor IS NOT NULL THEN
    RAISE EXCEPTION 'merged' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NEW;
END $$;


ALTER FUNCTION gate.reject_merged_contact() OWNER TO discreet_gate;

-- FUNCTION reject_open_shared_agent()
CREATE FUNCTION gate.reject_open_shared_agent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  agent uuid := CASE TG_TABLE_NAME WHEN 'agents' THEN to_jsonb(NEW)->>'id'
                                   ELSE to_jsonb(NEW)->>'agent_id' END;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: admission ' || agent, 0));
  IF EXISTS (SELECT 1 FROM discreet.agents a JOIN discreet.channels c ON c.agent_id = a.id
              WHERE a.id = agent AND a.memory_model = 'shared'
                AND c.admission = 'open' AND c.platform <> 'terminal' AND c.closed_at IS NULL) THEN
    RAISE EXCEPTION 'shared_and_open' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION gate.reject_open_shared_agent() OWNER TO discreet_gate;

-- FUNCTION relay_to_contact(discreet.sessions, gate.inbound, boolean)
CREATE FUNCTION gate.relay_to_contact(here discreet.sessions, said gate.inbound, is_edit boolean) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF is_edit OR starts_with(ltrim(said.body), '/') OR said.files <> '[]' OR said.album_id <> '' THEN
    RETURN 'unsent';
  END IF;
  RETURN CASE WHEN gate.send_as_owner(here.owner_id, here.takeover_contact_id, said.body) IS NULL THEN 'unsent'
              ELSE 'passed' END;
END $$;


ALTER FUNCTION gate.relay_to_contact(here discreet.sessions, said gate.inbound, is_edit boolean) OWNER TO discreet_gate;

-- FUNCTION release_quarantined(text, uuid)
CREATE FUNCTION gate.release_quarantined(ticket text, quarantined uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.enter_scope(ticket);
BEGIN
  UPDATE discreet.quarantine q SET released_at = clock_timestamp()
   WHERE q.id = quarantined AND q.owner_id = owner AND q.released_at IS NULL;
END $$;


ALTER FUNCTION gate.release_quarantined(ticket text, quarantined uuid) OWNER TO discreet_gate;

-- TABLE reminders
CREATE TABLE discreet.reminders (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    contact_id uuid,
    shared boolean NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    session_id uuid NOT NULL,
    route_id uuid NOT NULL,
    text text NOT NULL,
    rule text DEFAULT ''::text NOT NULL,
    starts_at timestamp without time zone NOT NULL,
    zone text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    asked_by uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT reminders_rule_check CHECK ((length(rule) <= 200)),
    CONSTRAINT reminders_text_check CHECK (((text <> ''::text) AND (length(text) <= 1000))),
    CONSTRAINT reminders_zone_check CHECK ((length(zone) <= 64))
);
ALTER TABLE ONLY discreet.reminders ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE ONLY discreet.reminders ALTER COLUMN rule SET STATISTICS 0;
ALTER TABLE ONLY discreet.reminders ALTER COLUMN zone SET STATISTICS 0;
ALTER TABLE ONLY discreet.reminders ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.reminders ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.reminders FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.reminders OWNER TO discreet_schema;

-- COMMENT COLUMN reminders.rule
COMMENT ON COLUMN discreet.reminders.rule IS 'the recurrence as in RFC 5545, without its start; empty: once';

-- COMMENT COLUMN reminders.starts_at
COMMENT ON COLUMN discreet.reminders.starts_at IS 'the first time on the clock of the zone; the clock''s time stays when daylight saving begins or ends';

-- COMMENT COLUMN reminders.asked_by
COMMENT ON COLUMN discreet.reminders.asked_by IS 'the contact that wrote it; in a group a member; no foreign key, because that would show which ids exist';

-- FUNCTION reminder_delay_reason(discreet.reminders)
CREATE FUNCTION gate.reminder_delay_reason(due discreet.reminders) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.reminder_delay_reason(due discreet.reminders) OWNER TO discreet_gate;

-- TABLE routes
CREATE TABLE discreet.routes (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    contact_id uuid,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    session_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    chat_id text NOT NULL,
    thread_id text DEFAULT ''::text NOT NULL,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    draft_message text,
    draft_at timestamp with time zone,
    CONSTRAINT routes_chat_id_check CHECK ((chat_id <> ''::text))
);
ALTER TABLE ONLY discreet.routes ALTER COLUMN chat_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.routes ALTER COLUMN thread_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.routes ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.routes ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.routes ALTER COLUMN draft_message SET STATISTICS 0;

ALTER TABLE ONLY discreet.routes FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.routes OWNER TO discreet_schema;

-- COMMENT COLUMN routes.draft_message
COMMENT ON COLUMN discreet.routes.draft_message IS 'the platform''s id of the message that shows a growing answer; the next answer takes its place';

-- COMMENT COLUMN routes.draft_at
COMMENT ON COLUMN discreet.routes.draft_at IS 'when that was last written; null: its text there is unknown, so it is replaced, not edited';

-- FUNCTION reminder_destination(discreet.reminders)
CREATE FUNCTION gate.reminder_destination(due discreet.reminders, OUT here discreet.sessions, OUT route discreet.routes) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.reminder_destination(due discreet.reminders, OUT here discreet.sessions, OUT route discreet.routes) OWNER TO discreet_gate;

-- FUNCTION reminder_end_reason(discreet.reminders)
CREATE FUNCTION gate.reminder_end_reason(due discreet.reminders) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.reminder_end_reason(due discreet.reminders) OWNER TO discreet_gate;

-- FUNCTION reminder_scope(uuid)
CREATE FUNCTION gate.reminder_scope(reminder uuid) RETURNS TABLE(owner_id uuid, agent_id uuid, contact_id uuid, shared boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT r.owner_id, r.agent_id, r.contact_id, r.shared FROM discreet.reminders r
   WHERE r.id = reminder
$$;


ALTER FUNCTION gate.reminder_scope(reminder uuid) OWNER TO discreet_gate;

-- FUNCTION reminder_session(uuid)
CREATE FUNCTION gate.reminder_session(reminder uuid) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  RETURN (
    SELECT r.session_id FROM discreet.reminders r
     WHERE r.id = reminder AND r.owner_id = here.owner_id
       AND (session_user = 'discreet_owner'
            OR (r.agent_id = here.agent_id AND r.contact_id IS NOT DISTINCT FROM here.contact_id
                AND r.shared = (session_user = 'discreet_shared'))));
END $$;


ALTER FUNCTION gate.reminder_session(reminder uuid) OWNER TO discreet_gate;

-- FUNCTION renew_idempotency_key(uuid, bytea, uuid, interval)
CREATE FUNCTION gate.renew_idempotency_key(token uuid, key_digest bytea, held_lease uuid, lease_duration interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.idempotency_keys k SET leased_until = clock_timestamp() + lease_duration
   WHERE k.token_id = token AND k.digest = key_digest AND k.lease = held_lease AND k.result_id IS NULL;
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.renew_idempotency_key(token uuid, key_digest bytea, held_lease uuid, lease_duration interval) OWNER TO discreet_gate;

-- FUNCTION replay_held_messages(uuid, uuid, jsonb)
CREATE FUNCTION gate.replay_held_messages(owner uuid, channel uuid, kept jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  said gate.inbound := jsonb_populate_record(NULL::gate.inbound, kept);
BEGIN
  said.channel := channel;
  PERFORM gate.accept_message(owner, said);
END $$;


ALTER FUNCTION gate.replay_held_messages(owner uuid, channel uuid, kept jsonb) OWNER TO discreet_gate;

-- FUNCTION reply_in_person(uuid, text)
CREATE FUNCTION gate.reply_in_person(contact uuid, body text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN gate.send_as_owner(gate.require_owner(), contact, body);
END $$;


ALTER FUNCTION gate.reply_in_person(contact uuid, body text) OWNER TO discreet_gate;

-- FUNCTION request_call(uuid, uuid, text, jsonb)
CREATE FUNCTION gate.request_call(session uuid, turn uuid, tool_called text, given jsonb) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.request_call(session uuid, turn uuid, tool_called text, given jsonb) OWNER TO discreet_gate;

-- FUNCTION request_pairing(uuid, discreet.channels, gate.inbound, uuid)
CREATE FUNCTION gate.request_pairing(owner uuid, via discreet.channels, said gate.inbound, stranger uuid) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  asked  discreet.pairings;
  policy gate.policy;
BEGIN
  SELECT p.* INTO STRICT policy FROM gate.policy p;
  -- Serialised per channel, so that strangers are counted correctly.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: pairing ' || via.id, 0));
  SELECT p.* INTO asked FROM discreet.pairings p
   WHERE p.channel_id = via.id AND p.contact_id = stranger;
  IF asked.state = 'denied' THEN
    RETURN 'stranger';
  END IF;
  IF asked.id IS NULL OR asked.state <> 'pending' OR asked.expires_at <= clock_timestamp() THEN
    IF (SELECT count(*) FROM discreet.pairings p
         WHERE p.channel_id = via.id AND p.state = 'pending' AND p.expires_at > clock_timestamp())
         >= policy.pairings_pending
       OR (SELECT count(*) FROM discreet.pairings p
            WHERE p.channel_id = via.id AND p.issued_at > clock_timestamp() - interval '1 hour')
         >= policy.pairing_codes_an_hour THEN
      RETURN 'stranger';
    END IF;
    IF stranger IS NULL THEN
      IF said.group_id IS NOT NULL THEN
        stranger := gate.find_or_create_contact(
          owner, said.group_platform, said.group_id, 'group', said.group_name);
      ELSE
        stranger := gate.find_or_create_contact(
          owner, said.sender_platform, said.sender_id, 'external',
          said.sender_display);
      END IF;
    END IF;
    INSERT INTO discreet.pairings (owner_id, agent_id, channel_id, contact_id, code, expires_at)
    VALUES (owner, via.agent_id, via.id, stranger, gate.generate_code(),
            clock_timestamp() + policy.pairing_code_seconds * interval '1 second')
    ON CONFLICT (channel_id, contact_id) DO UPDATE SET
      code = excluded.code, state = 'pending', issued_at = excluded.issued_at,
      expires_at = excluded.expires_at
    RETURNING * INTO asked;
    -- In a session of its own, even if the agent is shared: nobody else reads the code, and a later
    -- conversation doesn't begin with it.
    PERFORM gate.send_notice(
      owner, via.agent_id, stranger, 'pairing', via.id, said.chat,
      said.platform_thread,
      'pairing', left(asked.code, 4) || '-' || right(asked.code, 4),
      said.platform_message);
  END IF;
  IF (SELECT count(*) FROM discreet.held_messages k WHERE k.pairing_id = asked.id)
       >= policy.messages_held THEN
    RETURN 'stranger';
  END IF;
  INSERT INTO discreet.held_messages
    (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived)
  VALUES (via.id, said.chat, said.platform_message, owner, asked.id, to_jsonb(said))
  ON CONFLICT DO NOTHING;
  RETURN 'aside';
END $$;


ALTER FUNCTION gate.request_pairing(owner uuid, via discreet.channels, said gate.inbound, stranger uuid) OWNER TO discreet_gate;

-- FUNCTION require_owner()
CREATE FUNCTION gate.require_owner() RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    AS $$
DECLARE
  owner uuid := (gate.scope()).owner_id;
BEGIN
  IF owner IS NULL THEN
    RAISE EXCEPTION 'no_scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN owner;
END $$;


ALTER FUNCTION gate.require_owner() OWNER TO discreet_gate;

-- FUNCTION resolve_contact(text, text, text, text, boolean)
CREATE FUNCTION gate.resolve_contact(platform text, platform_id text, kind text, display_name text, auto_create boolean) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF auto_create THEN
    RETURN gate.find_or_create_contact(owner, platform, platform_id, kind, display_name);
  END IF;
  RETURN (SELECT a.contact_id FROM discreet.addresses a
           WHERE a.owner_id = owner AND a.platform = resolve_contact.platform
             AND a.platform_id = resolve_contact.platform_id);
END $$;


ALTER FUNCTION gate.resolve_contact(platform text, platform_id text, kind text, display_name text, auto_create boolean) OWNER TO discreet_gate;

-- FUNCTION resolve_speaker(uuid, discreet.channels, gate.inbound)
CREATE FUNCTION gate.resolve_speaker(owner uuid, via discreet.channels, said gate.inbound) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
  result uuid;
BEGIN
  IF said.sender_kind = 'address' THEN
    RETURN gate.find_or_create_contact(
      owner, said.sender_platform, said.sender_id, 'external', said.sender_display);
  ELSIF said.sender_kind = 'group' AND said.group_id IS NOT NULL AND NOT said.addressed THEN
    RETURN gate.find_or_create_contact(
      owner, said.group_platform, said.group_id, 'group', said.group_name);
  ELSIF said.sender_kind = 'contact' AND via.platform = 'terminal' THEN
    SELECT c.id INTO result FROM discreet.contacts c
     WHERE c.id = said.sender_contact AND c.owner_id = owner AND c.merged_into IS NULL;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
    END IF;
    RETURN result;
  ELSIF said.sender_kind = 'owner' AND via.platform = 'terminal' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'no_sender' USING ERRCODE = 'DS002';
END $$;


ALTER FUNCTION gate.resolve_speaker(owner uuid, via discreet.channels, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION restart_turn(uuid)
CREATE FUNCTION gate.restart_turn(session uuid) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  running uuid;
BEGIN
  UPDATE discreet.turns t SET state = 'restarted', finished_at = clock_timestamp()
    FROM discreet.sessions s
   WHERE s.id = session AND t.id = s.current_turn AND t.state = 'running' AND NOT t.acted
  RETURNING t.id INTO running;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM discreet.drafts d WHERE d.turn_id = running;
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  UPDATE discreet.messages m
     SET state = 'waiting', turn_id = NULL, attempts = m.attempts - 1, restarted = true
   WHERE m.turn_id = running AND m.direction = 'in' AND m.state = 'taken';
  PERFORM gate.defer_turn(session, NULL, false);
  RETURN true;
END $$;


ALTER FUNCTION gate.restart_turn(session uuid) OWNER TO discreet_gate;

-- FUNCTION restore_memory(uuid, integer)
CREATE FUNCTION gate.restore_memory(memory uuid, wanted_version integer) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
  old  discreet.memory_history;
BEGIN
  PERFORM gate.require_owner();
  SELECT h.* INTO old FROM discreet.memory_history h
   WHERE h.memory_id = memory AND h.version = wanted_version
     AND h.owner_id = here.owner_id
     AND (session_user = 'discreet_owner'
          OR (h.agent_id = here.agent_id AND h.contact_id IS NOT DISTINCT FROM here.contact_id
              AND h.shared = (session_user = 'discreet_shared')));
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.memories SET
    content = old.content, summary = old.summary, topic_key = old.topic_key, topics = old.topics,
    salience = old.salience, metadata = old.metadata, expires_at = old.expires_at,
    source = old.source, turn_id = old.turn_id,
    terms = old.terms, tokens = old.tokens, embedder = old.embedder, embedding = old.embedding,
    version = version + 1
   WHERE id = memory;
  IF NOT FOUND THEN
    INSERT INTO discreet.memories (
      id, owner_id, agent_id, contact_id, shared, content, summary, topic_key, topics, salience, source,
      metadata, expires_at, version, terms, tokens, embedder, embedding, turn_id, created_at)
    VALUES (
      old.memory_id, old.owner_id, old.agent_id, old.contact_id, old.shared, old.content, old.summary,
      old.topic_key, old.topics, old.salience, old.source, old.metadata, old.expires_at,
      (SELECT max(h.version) + 1 FROM discreet.memory_history h WHERE h.memory_id = memory),
      old.terms, old.tokens, old.embedder, old.embedding, old.turn_id, old.created_at);
  END IF;
  RETURN memory;
END $$;


ALTER FUNCTION gate.restore_memory(memory uuid, wanted_version integer) OWNER TO discreet_gate;

-- FUNCTION resume_sign_in(bytea, bytea)
CREATE FUNCTION gate.resume_sign_in(state_digest bytea, browser_digest bytea) RETURNS TABLE(id uuid, owner_id uuid, agent_id uuid, contact_id uuid, server_id uuid, sealed bytea)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE discreet.connections c SET state = 'returned'
   WHERE c.state_hash = state_digest AND c.browser_hash = browser_digest AND c.state = 'opened'
     AND c.expires_at > clock_timestamp() AND gate.may_connect(c.contact_id)
  RETURNING c.id, c.owner_id, c.agent_id, c.contact_id, c.server_id, c.sealed
$$;


ALTER FUNCTION gate.resume_sign_in(state_digest bytea, browser_digest bytea) OWNER TO discreet_gate;

-- FUNCTION retention_cutoffs(uuid, text, boolean)
CREATE FUNCTION gate.retention_cutoffs(owner uuid, row_kind text, by_agent boolean) RETURNS TABLE(agent_id uuid, channel_id uuid, cutoff timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.retention_cutoffs(owner uuid, row_kind text, by_agent boolean) OWNER TO discreet_gate;

-- FUNCTION route_scope(uuid)
CREATE FUNCTION gate.route_scope(route uuid) RETURNS TABLE(owner_id uuid, agent_id uuid, contact_id uuid, shared boolean, platform text, account text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT r.owner_id, r.agent_id, r.contact_id, r.shared, c.platform, c.account
    FROM discreet.routes r
    JOIN discreet.channels c ON c.id = r.channel_id
   WHERE r.id = route
$$;


ALTER FUNCTION gate.route_scope(route uuid) OWNER TO discreet_gate;

-- FUNCTION runnable_queues(text[], boolean, text[], integer[], text[])
CREATE FUNCTION gate.runnable_queues(queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[]) RETURNS TABLE(queue_name text, running integer)
    LANGUAGE sql STABLE
    SET search_path TO 'queue', 'pg_temp'
    AS $$
  SELECT DISTINCT job.queue_name, coalesce(here.jobs, 0)
    FROM procrastinate_jobs job
    LEFT JOIN unnest(running_queues, running_counts) AS here (queue_name, jobs) USING (queue_name)
   WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
     AND (job.queue_name = ANY (queues) OR (include_turns AND starts_with(job.queue_name, 'turns-')))
     AND job.queue_name <> ALL (full_queues)
     AND NOT EXISTS (SELECT FROM procrastinate_jobs other
                      WHERE other.lock = job.lock AND other.status = 'doing')
$$;


ALTER FUNCTION gate.runnable_queues(queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[]) OWNER TO discreet_gate;

-- FUNCTION schedule_delivery()
CREATE FUNCTION gate.schedule_delivery() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.defer_delivery(NEW.route_id, NULL);
  RETURN NULL;
END $$;


ALTER FUNCTION gate.schedule_delivery() OWNER TO discreet_gate;

-- FUNCTION seed_audit(uuid, uuid, uuid)
CREATE FUNCTION gate.seed_audit(audit uuid, party_id uuid, other_contact uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  next_year timestamptz := clock_timestamp() + interval '1 year';
  sample    record;
BEGIN
  SELECT s.owner_id, s.agent_id, s.contact_id, s.shared, s.id AS session_id, r.id AS route_id,
         r.channel_id, r.chat_id, m.id AS message_id, gen_random_uuid() AS turn_id
    INTO sample
    FROM discreet.owners o
    JOIN discreet.sessions s ON s.owner_id = o.id
                            AND (s.contact_id = party_id OR s.shared AND (s.agent_id = party_id OR EXISTS (
                              SELECT FROM discreet.contacts c WHERE c.id = party_id AND NOT EXISTS (
                                SELECT FROM discreet.sessions t WHERE t.contact_id = party_id))))
    JOIN discreet.messages m ON m.session_id = s.id AND m.owner_id = s.owner_id
    JOIN discreet.routes r ON r.id = m.route_id AND r.session_id = s.id
   WHERE o.id = audit AND o.name = 'sb audit'
   ORDER BY s.created_at, m.position LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_audit' USING ERRCODE = 'DS001';
  END IF;
  INSERT INTO discreet.turns (id, owner_id, agent_id, contact_id, shared, session_id, route_id, state,
                              finished_at)
  VALUES (sample.turn_id, sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.session_id, sample.route_id,
          'failed', now());
  INSERT INTO discreet.attachments (owner_id, agent_id, contact_id, shared, session_id, route_id,
         message_id, position, kind, platform_file, channel_id, chat_id, platform_message_id, state)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.session_id, sample.route_id, sample.message_id, 99,
          'photo', 'audit', sample.channel_id, sample.chat_id, 'audit', 'refused');
  INSERT INTO discreet.reminders (owner_id, agent_id, contact_id, shared, session_id, route_id, text,
                                  starts_at, zone, due_at)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.session_id, sample.route_id, 'audit',
          next_year AT TIME ZONE 'UTC', 'UTC', next_year);
  INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text, state)
  VALUES (sample.owner_id, sample.session_id, sample.turn_id, 'audit', 'rejected');
  INSERT INTO discreet.person_requests (owner_id, session_id, turn_id, reason, ends_at, is_awaited,
                                        answered_at)
  VALUES (sample.owner_id, sample.session_id, sample.turn_id, 'audit', now(), false, now());
  INSERT INTO discreet.tool_calls (owner_id, session_id, server_id, called, arguments, shown_to, state,
                                   expires_at)
  SELECT sample.owner_id, sample.session_id, s.id, 'audit', '{}', 'audit:1', 'done', now()
    FROM discreet.tool_servers s WHERE s.owner_id = sample.owner_id LIMIT 1;
  INSERT INTO discreet.events (owner_id, agent_id, contact_id, shared, kind)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, 'audit');
  INSERT INTO discreet.outbox (owner_id, agent_id, contact_id, shared, message_id, session_id, route_id,
                               state)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.message_id, sample.session_id, sample.route_id,
          'failed');
  INSERT INTO discreet.connections (owner_id, agent_id, contact_id, shared, server_id, link_hash,
                                    expires_at)
  SELECT sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, s.id, uuid_send(gen_random_uuid()), now()
    FROM discreet.tool_servers s WHERE s.owner_id = sample.owner_id LIMIT 1;
  IF party_id = sample.agent_id THEN
    RETURN;
  END IF;
  PERFORM gate.seed_audit_contact(
    sample.owner_id, sample.agent_id, sample.channel_id, sample.chat_id, sample.message_id, party_id, other_contact);
END $$;


ALTER FUNCTION gate.seed_audit(audit uuid, party_id uuid, other_contact uuid) OWNER TO discreet_gate;

-- FUNCTION seed_audit_contact(uuid, uuid, uuid, text, uuid, uuid, uuid)
CREATE FUNCTION gate.seed_audit_contact(owner uuid, agent uuid, channel uuid, chat text, message uuid, party_id uuid, other_contact uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  next_year timestamptz := clock_timestamp() + interval '1 year';
  link      uuid := gen_random_uuid();
  pairing   uuid := gen_random_uuid();
BEGIN
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label) VALUES (owner, party_id, 'audit');
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  VALUES (channel, party_id, owner, agent) ON CONFLICT DO NOTHING;
  INSERT INTO discreet.limit_hits (agent_id, contact_id, kind, owner_id, until)
  VALUES (agent, party_id, 'budget', owner, now());
  INSERT INTO discreet.links (id, owner_id, survivor_id, merged_id, proof, undone_at)
  VALUES (link, owner, party_id, other_contact, 'owner', now());
  INSERT INTO discreet.linked_rows (link_id, owner_id, kind, key)
  VALUES (link, owner, 'label', 'audit');
  INSERT INTO discreet.erasures (owner_id, counts) VALUES (owner, '{}');
  INSERT INTO discreet.pairings (id, owner_id, agent_id, channel_id, contact_id, code, state, expires_at)
  VALUES (pairing, owner, agent, channel, party_id, 'audit', 'denied', now());
  INSERT INTO discreet.held_messages (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived)
  VALUES (channel, chat, 'audit', owner, pairing, '{}');
  INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason, next_try_at,
                                   released_at)
  VALUES (owner, channel, 'audit', '{}', 'audit', next_year, now());
  INSERT INTO discreet.owner_notices (owner_id, kind, key, contact_id, message_id)
  VALUES (owner, 'said', party_id, party_id, message);
  INSERT INTO discreet.owner_links (owner_id, platform, digest, expires_at)
  VALUES (owner, 'audit', '', now()) ON CONFLICT DO NOTHING;
  INSERT INTO discreet.wrong_codes (owner_id, sender, contact_id) VALUES (owner, uuid_send(party_id), party_id);
END $$;


ALTER FUNCTION gate.seed_audit_contact(owner uuid, agent uuid, channel uuid, chat text, message uuid, party_id uuid, other_contact uuid) OWNER TO discreet_gate;

-- FUNCTION send_as_owner(uuid, uuid, text)
CREATE FUNCTION gate.send_as_owner(owner uuid, contact uuid, body text) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  last_message discreet.messages;
  here         discreet.sessions;
  answer_turn  uuid;
  result       uuid;
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = contact AND c.owner_id = owner AND c.taken_over_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT m.* INTO last_message FROM discreet.messages m
   WHERE m.owner_id = owner AND m.contact_id = contact AND m.direction = 'in'
   ORDER BY m.created_at DESC, m.position DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.sessions s
     SET last_position = s.last_position + 1, last_message_at = clock_timestamp(), current_turn = NULL
   WHERE s.id = last_message.session_id RETURNING s.* INTO here;
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = here.id AND t.state = 'running';
  INSERT INTO discreet.turns (
    owner_id, agent_id, contact_id, session_id, route_id, state, model, finished_at)
  VALUES (owner, here.agent_id, contact, here.id, last_message.route_id, 'answered', 'in person',
          clock_timestamp())
  RETURNING id INTO answer_turn;
  UPDATE discreet.messages m SET state = 'answered', turn_id = answer_turn
   WHERE m.session_id = here.id AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, session_id, route_id, position, direction, state, text, turn_id,
    in_person)
  VALUES (owner, here.agent_id, contact, here.id, last_message.route_id, here.last_position, 'out', 'sent',
          body, answer_turn, true)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, contact_id, session_id, route_id)
  VALUES (result, owner, here.agent_id, contact, here.id, last_message.route_id);
  RETURN result;
END $$;


ALTER FUNCTION gate.send_as_owner(owner uuid, contact uuid, body text) OWNER TO discreet_gate;

-- FUNCTION send_notice(uuid, uuid, uuid, text, uuid, text, text, text, text, text)
CREATE FUNCTION gate.send_notice(owner uuid, agent uuid, party uuid, thread text, channel uuid, chat text, platform_thread text, notice text, code text, in_reply_to text) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here   discreet.sessions := gate.find_or_create_session(
    owner, agent, party,
    party IS NULL AND (SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = agent),
    thread, false);
  route  uuid := gate.find_or_create_route(here, channel, chat, platform_thread);
  result uuid;
BEGIN
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, state, text, command,
    reply_to)
  VALUES (owner, agent, party, here.shared, here.id, route, here.last_position, 'out', 'sent',
          (SELECT replace(n.text, '{code}', coalesce(send_notice.code, '')) FROM gate.notices n
            WHERE n.code = notice),
          'notice', in_reply_to)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (
    message_id, owner_id, agent_id, contact_id, shared, session_id, route_id)
  VALUES (result, owner, agent, party, here.shared, here.id, route);
  RETURN result;
END $$;


ALTER FUNCTION gate.send_notice(owner uuid, agent uuid, party uuid, thread text, channel uuid, chat text, platform_thread text, notice text, code text, in_reply_to text) OWNER TO discreet_gate;

-- FUNCTION send_reminder(discreet.reminders, text)
CREATE FUNCTION gate.send_reminder(due discreet.reminders, body text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.send_reminder(due discreet.reminders, body text) OWNER TO discreet_gate;

-- FUNCTION session_scope(uuid)
CREATE FUNCTION gate.session_scope(session uuid) RETURNS TABLE(owner_id uuid, agent_id uuid, contact_id uuid, shared boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT s.owner_id, s.agent_id, s.contact_id, s.shared FROM discreet.sessions s
   WHERE s.id = session
$$;


ALTER FUNCTION gate.session_scope(session uuid) OWNER TO discreet_gate;

-- FUNCTION set_time_zone(text)
CREATE FUNCTION gate.set_time_zone(zone_name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  UPDATE discreet.contacts c SET time_zone = zone_name
   WHERE c.owner_id = owner AND c.id = (gate.scope()).contact_id;
END $$;


ALTER FUNCTION gate.set_time_zone(zone_name text) OWNER TO discreet_gate;

-- FUNCTION settle_idempotency_key(uuid, bytea, uuid, uuid)
CREATE FUNCTION gate.settle_idempotency_key(token uuid, key_digest bytea, held_lease uuid, result uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF result IS NULL THEN
    DELETE FROM discreet.idempotency_keys k
     WHERE k.token_id = token AND k.digest = key_digest AND k.lease = held_lease AND k.result_id IS NULL;
  ELSE
    UPDATE discreet.idempotency_keys k SET result_id = result
     WHERE k.token_id = token AND k.digest = key_digest AND k.lease = held_lease;
  END IF;
END $$;


ALTER FUNCTION gate.settle_idempotency_key(token uuid, key_digest bytea, held_lease uuid, result uuid) OWNER TO discreet_gate;

-- FUNCTION show_budgets()
CREATE FUNCTION gate.show_budgets() RETURNS TABLE(agent_id uuid, tokens_a_day bigint, money_a_day numeric, tokens bigint, money numeric)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT b.* FROM gate.budgets_today(gate.require_owner(), NULL) b
$$;


ALTER FUNCTION gate.show_budgets() OWNER TO discreet_gate;

-- FUNCTION show_limits(uuid)
CREATE FUNCTION gate.show_limits(contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric) RETURNS record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT l.* FROM gate.contact_limits(gate.require_owner(), contact) l
$$;


ALTER FUNCTION gate.show_limits(contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric) OWNER TO discreet_gate;

-- FUNCTION sign_in(bytea, bytea, text, interval)
CREATE FUNCTION gate.sign_in(code_digest bytea, session_digest bytea, device text, duration interval) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid;
  result uuid;
BEGIN
  UPDATE discreet.tokens t SET revoked_at = clock_timestamp()
   WHERE t.digest = code_digest AND t.purpose = 'sign_in' AND t.revoked_at IS NULL
     AND t.expires_at > clock_timestamp()
   RETURNING t.owner_id INTO owner;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.tokens (owner_id, name, prefix, digest, expires_at, purpose)
  VALUES (owner, device, '', session_digest, clock_timestamp() + duration, 'dashboard')
  RETURNING id INTO result;
  RETURN result;
END $$;


ALTER FUNCTION gate.sign_in(code_digest bytea, session_digest bytea, device text, duration interval) OWNER TO discreet_gate;

-- FUNCTION single_word(text)
CREATE FUNCTION gate.single_word(body text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
DECLARE
  words text COLLATE pg_c_utf8 := btrim(regexp_replace(regexp_replace(
    lower(normalize(left(body, 80), NFKC) COLLATE pg_c_utf8),
    '[\u00ad\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u200b-\u200f\u202a-\u202e'
    '\u2060-\u2069\ufe00-\ufe0f\ufeff]',
    '', 'g'), '[^[:alnum:]]+', ' ', 'g'));
BEGIN
  RETURN CASE WHEN words ~ '^([[:alnum:]] )*[[:alnum:]]$' OR words IN ('opt out', 'opt in', 'stop all')
              THEN replace(words, ' ', '')
              WHEN words !~ ' ' THEN words END;
END $_$;


ALTER FUNCTION gate.single_word(body text) OWNER TO discreet_gate;

-- FUNCTION stop_turn(uuid)
CREATE FUNCTION gate.stop_turn(session uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = session AND t.state = 'running';
  PERFORM gate.delete_draft(session, s.current_turn) FROM discreet.sessions s WHERE s.id = session;
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  UPDATE discreet.messages m SET state = 'context'
   WHERE m.session_id = session AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
END $$;


ALTER FUNCTION gate.stop_turn(session uuid) OWNER TO discreet_gate;

-- FUNCTION store_files(discreet.sessions, uuid, uuid, uuid, gate.inbound)
CREATE FUNCTION gate.store_files(here discreet.sessions, route uuid, message uuid, via uuid, said gate.inbound) RETURNS void
    LANGUAGE sql
    AS $$
  INSERT INTO discreet.attachments (
    owner_id, agent_id, contact_id, shared, session_id, route_id, message_id, position, kind,
    platform_file, name, media_type, size, channel_id, chat_id, platform_message_id)
  SELECT here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route, message,
         (SELECT count(*) FROM discreet.attachments f WHERE f.message_id = message) + file.nr,
         file.value->>'kind', file.value->>'platform_file', file.value->>'name',
         file.value->>'media_type', (file.value->>'size')::bigint, via, said.chat,
         said.platform_message
    FROM jsonb_array_elements(said.files) WITH ORDINALITY AS file(value, nr)
$$;


ALTER FUNCTION gate.store_files(here discreet.sessions, route uuid, message uuid, via uuid, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION store_message(discreet.messages, discreet.channels, discreet.sessions, timestamp with time zone, boolean, gate.inbound)
CREATE FUNCTION gate.store_message(row_to_write discreet.messages, via discreet.channels, here discreet.sessions, wake_at timestamp with time zone, is_urgent boolean, said gate.inbound) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
  album  discreet.messages;
  wanted boolean := said.addressed;
BEGIN
  IF said.album_id <> '' THEN
    SELECT m.* INTO album FROM discreet.messages m
     WHERE m.session_id = here.id AND m.route_id = row_to_write.route_id AND m.album = said.album_id
       AND m.sender_contact_id IS NOT DISTINCT FROM row_to_write.sender_contact_id
       AND m.state IN ('waiting', 'context')
     ORDER BY m.position DESC LIMIT 1;
  END IF;
  IF album.id IS NOT NULL THEN
    wanted := wanted OR album.state = 'waiting';
    said.details := row_to_write.details;
    UPDATE discreet.messages m
       SET text = m.text || E'\n' || said.body, terms = NULL, tokens = NULL,
           details = gate.merge_details(m.text, m.details, said),
           state = CASE WHEN said.addressed THEN 'waiting' ELSE m.state END
     WHERE m.id = album.id;
    row_to_write.id := album.id;
  ELSE
    PERFORM gate.write_messages(ARRAY[row_to_write], '{}', '{}');
  END IF;
  IF said.files <> '[]' THEN
    PERFORM gate.store_files(here, row_to_write.route_id, row_to_write.id, via.id, said);
  END IF;
  IF wanted THEN
    PERFORM gate.defer_turn(here.id, wake_at, is_urgent);
  ELSE
    PERFORM gate.trim_context(here.id);
  END IF;
  RETURN row_to_write.id;
END $$;


ALTER FUNCTION gate.store_message(row_to_write discreet.messages, via discreet.channels, here discreet.sessions, wake_at timestamp with time zone, is_urgent boolean, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION store_tokens(uuid, bytea)
CREATE FUNCTION gate.store_tokens(connection uuid, sealed_tokens bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE discreet.connections c SET sealed = coalesce(sealed_tokens, c.sealed), renewing_until = NULL
   WHERE c.id = connection AND gate.is_own_connection(c) AND c.state = 'connected';
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.store_tokens(connection uuid, sealed_tokens bytea) OWNER TO discreet_gate;

-- FUNCTION strip_agent_name(gate.inbound, text)
CREATE FUNCTION gate.strip_agent_name(said gate.inbound, agent text) RETURNS gate.inbound
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  front text := '^\s*(@' || regexp_replace(agent, '([^[:alnum:]])', '\\\1', 'g')
                || '(?![[:alnum:]_])([!?.\u2026\u061f]+(?=\s|$))?'
                || '[[:space:],:;\u060c\u061b\uff0c\u3001\uff1a\uff1b\uff01\uff1f\u3002]*'
                || '([\u2014\u2013-]+\s*(?=/))?)+';
  rest  text := regexp_replace(said.body, front, '', 'i');
BEGIN
  IF rest <> '' THEN
    said.body := rest;
    IF said.details IS NOT NULL THEN
      said.details := jsonb_set(
        said.details, '{text}', to_jsonb(regexp_replace(said.details->>'text', front, '', 'i')));
    END IF;
  END IF;
  RETURN said;
END $_$;


ALTER FUNCTION gate.strip_agent_name(said gate.inbound, agent text) OWNER TO discreet_gate;

-- FUNCTION sweep(interval, bigint[], bigint[], bigint[], interval, integer, interval)
CREATE FUNCTION gate.sweep(stalled_after interval, workers bigint[], running bigint[], suspects bigint[], keep_expired_for interval, max_purged integer, keep_mcp_sessions_for interval, OUT woken integer, OUT forgotten bigint[], OUT has_quarantined boolean, OUT has_owners boolean, OUT has_webhooks boolean) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'queue', 'pg_temp'
    AS $$
DECLARE
  freed_locks text[];
BEGIN
  SELECT coalesce(array_agg(j.id), '{}') INTO forgotten FROM procrastinate_jobs j
   WHERE j.status = 'doing' AND j.worker_id = ANY (workers) AND j.id <> ALL (running);
  WITH dropped AS (
    DELETE FROM procrastinate_jobs j
     WHERE j.status = 'doing'
       AND (j.worker_id IS NULL OR j.id = ANY (forgotten) AND j.id = ANY (suspects)
            OR EXISTS (SELECT FROM procrastinate_workers w
                        WHERE w.id = j.worker_id AND w.last_heartbeat < now() - stalled_after))
    RETURNING j.lock)
  SELECT array_agg(d.lock) INTO freed_locks FROM dropped d;
  PERFORM gate.notify_locks_freed(freed_locks);
  PERFORM gate.purge_expired_memories(keep_expired_for, max_purged);
  PERFORM gate.purge_mcp_sessions(keep_mcp_sessions_for);
  PERFORM gate.clear_failures();
  PERFORM gate.delete_expired_connections();
  woken := gate.wake_stranded() + gate.wake_reminders();
  has_quarantined := EXISTS (SELECT FROM gate.due_quarantined());
  has_owners := EXISTS (SELECT FROM gate.owners_to_notify());
  has_webhooks := gate.has_webhooks();
END $$;


ALTER FUNCTION gate.sweep(stalled_after interval, workers bigint[], running bigint[], suspects bigint[], keep_expired_for interval, max_purged integer, keep_mcp_sessions_for interval, OUT woken integer, OUT forgotten bigint[], OUT has_quarantined boolean, OUT has_owners boolean, OUT has_webhooks boolean) OWNER TO discreet_gate;

-- FUNCTION sync_decoys(text[], text[])
CREATE FUNCTION gate.sync_decoys(names text[], facts text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  agent   record;
  contact uuid;
  created integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: decoys', 0));
  DELETE FROM discreet.memories m WHERE m.decoy AND m.owner_key IS NOT NULL AND m.content <> ALL (facts);
  FOR agent IN SELECT a.owner_id, a.id FROM discreet.agents a
                 JOIN discreet.owners o ON o.id = a.owner_id
                WHERE o.name <> 'sb audit' ORDER BY a.created_at, a.id LOOP
    FOR nth IN 1 .. cardinality(facts) LOOP
      CONTINUE WHEN EXISTS (
        SELECT FROM discreet.memories m
         WHERE m.decoy AND m.owner_key IS NOT NULL AND m.owner_id = agent.owner_id AND m.agent_id = agent.id
           AND m.content = facts[nth]);
      SELECT m.contact_id INTO contact FROM discreet.memories m
       WHERE m.decoy AND m.owner_key IS NOT NULL AND m.owner_id = agent.owner_id AND m.content = facts[nth] LIMIT 1;
      IF NOT FOUND THEN
        contact := gen_random_uuid();
        INSERT INTO discreet.contacts (id, owner_id, name, decoy)
        VALUES (contact, agent.owner_id, names[nth], true);
      END IF;
      -- Not indexed: the owner's recall doesn't even meet it.
      INSERT INTO discreet.memories (owner_id, agent_id, contact_id, shared, content, salience,
                                     embedder, decoy)
      VALUES (agent.owner_id, agent.id, contact, false, facts[nth], 'critical', '', true);
      created := created + 1;
    END LOOP;
  END LOOP;
  RETURN created;
END $$;


ALTER FUNCTION gate.sync_decoys(names text[], facts text[]) OWNER TO discreet_gate;

-- FUNCTION take_expired_sign_ins(integer)
CREATE FUNCTION gate.take_expired_sign_ins(max_rows integer) RETURNS TABLE(id uuid, owner_id uuid, server_id uuid, sealed bytea)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  DELETE FROM discreet.connections c
   WHERE c.id IN (SELECT t.id FROM discreet.connections t
                   WHERE t.state = 'signed_in' AND t.expires_at <= clock_timestamp()
                   ORDER BY t.expires_at, t.id LIMIT max_rows FOR UPDATE SKIP LOCKED)
  RETURNING c.id, c.owner_id, c.server_id, c.sealed
$$;


ALTER FUNCTION gate.take_expired_sign_ins(max_rows integer) OWNER TO discreet_gate;

-- TABLE procrastinate_jobs
CREATE TABLE queue.procrastinate_jobs (
    id bigint NOT NULL,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    lock text,
    queueing_lock text,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    status queue.procrastinate_job_status DEFAULT 'todo'::queue.procrastinate_job_status NOT NULL,
    scheduled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    abort_requested boolean DEFAULT false NOT NULL,
    worker_id bigint,
    CONSTRAINT check_not_todo_abort_requested CHECK ((NOT ((status = 'todo'::queue.procrastinate_job_status) AND (abort_requested = true))))
)
WITH (autovacuum_analyze_threshold='5000');


ALTER TABLE queue.procrastinate_jobs OWNER TO discreet_schema;

-- FUNCTION take_job(bigint[], text[], boolean, text[], integer[], text[], bigint)
CREATE FUNCTION gate.take_job(ended bigint[], queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[], worker bigint, OUT job queue.procrastinate_jobs, OUT more boolean, OUT due_in double precision) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'queue', 'pg_temp'
    AS $$
DECLARE
  freed_locks text[];
  fewest      text[];
BEGIN
  -- After a crash of the database, a job that was taken or had ended is taken again.
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH gone AS (DELETE FROM procrastinate_jobs j WHERE j.id = ANY (ended) RETURNING j.lock)
  SELECT array_agg(g.lock) INTO freed_locks FROM gone g;
  more := false;
  SELECT array_agg(w.queue_name) INTO fewest
    FROM (SELECT r.queue_name, rank() OVER (ORDER BY r.running) AS place
            FROM gate.runnable_queues(queues, include_turns, running_queues, running_counts, full_queues) r) w
   WHERE w.place = 1;
  IF fewest IS NOT NULL THEN
    job := procrastinate_fetch_job_v2(fewest::varchar[], worker);
    more := job.id IS NOT NULL
      AND EXISTS (SELECT FROM gate.runnable_queues(queues, include_turns, running_queues, running_counts, full_queues));
  END IF;
  job.args := job.args || jsonb_build_object('scope', gate.job_scope(job.args));
  SELECT extract(epoch FROM min(j.scheduled_at) - clock_timestamp()) INTO due_in
    FROM procrastinate_jobs j
   WHERE j.status = 'todo' AND j.scheduled_at > now()
     AND (j.queue_name = ANY (queues) OR (include_turns AND starts_with(j.queue_name, 'turns-')));
  PERFORM gate.notify_locks_freed(freed_locks);  -- for another process, where this one doesn't take it
END $$;


ALTER FUNCTION gate.take_job(ended bigint[], queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[], worker bigint, OUT job queue.procrastinate_jobs, OUT more boolean, OUT due_in double precision) OWNER TO discreet_gate;

-- FUNCTION tell_contact(uuid, text)
CREATE FUNCTION gate.tell_contact(contact uuid, body text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner      uuid := gate.require_owner();
  reason     text;
  last       discreet.messages;
  last_route discreet.routes;
  here       discreet.sessions;
  route      uuid;
  message    uuid;
BEGIN
  -- An opt-out written at the same moment is stored either before this or after it.
  PERFORM 1 FROM discreet.contacts c WHERE c.id = contact AND c.owner_id = owner FOR UPDATE;
  reason := gate.tell_contact_blocker(contact);
  IF reason IS NOT NULL THEN
    RETURN reason;
  END IF;
  last := gate.last_inbound_message(owner, contact);
  SELECT r.* INTO STRICT last_route FROM discreet.routes r WHERE r.id = last.route_id;
  here := gate.find_or_create_session(
    owner, last.agent_id, contact, false,
    (SELECT s.thread_key FROM discreet.sessions s WHERE s.id = last.session_id), false);
  route := gate.find_or_create_route(here, last_route.channel_id, last_route.chat_id, last_route.thread_id);
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, session_id, route_id, position, direction, state, text, in_person)
  VALUES (owner, here.agent_id, contact, here.id, route, here.last_position, 'out', 'sent', body, true)
  RETURNING id INTO message;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, contact_id, session_id, route_id)
  VALUES (message, owner, here.agent_id, contact, here.id, route);
  RETURN NULL;
END $$;


ALTER FUNCTION gate.tell_contact(contact uuid, body text) OWNER TO discreet_gate;

-- FUNCTION tell_contact_blocker(uuid)
CREATE FUNCTION gate.tell_contact_blocker(contact uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner  uuid := gate.require_owner();
  target discreet.contacts;
  last   discreet.messages;
  via    discreet.channels;
BEGIN
  SELECT c.* INTO target FROM discreet.contacts c
   WHERE c.id = contact AND c.owner_id = owner AND c.merged_into IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  END IF;
  last := gate.last_inbound_message(owner, contact);
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = last.channel_id;
  RETURN CASE
    WHEN gate.has_opted_out(contact) THEN 'stopped'
    WHEN target.blocked_at IS NOT NULL THEN 'blocked'
    WHEN last.id IS NULL THEN 'nowhere'
    WHEN EXISTS (SELECT FROM discreet.pairings p
                  WHERE p.channel_id IN (via.id, via.parent_id) AND p.contact_id = contact
                    AND p.state = 'denied') THEN 'denied'
    WHEN via.platform = 'whatsapp' AND NOT EXISTS (
      SELECT FROM discreet.messages m
       WHERE m.contact_id = contact AND m.direction = 'in'
         AND (m.channel_id, m.chat_id) = (last.channel_id, last.chat_id)
         AND m.sent_at > clock_timestamp() - interval '24 hours') THEN 'window' END;
END $$;


ALTER FUNCTION gate.tell_contact_blocker(contact uuid) OWNER TO discreet_gate;

-- FUNCTION token_scope(bytea)
CREATE FUNCTION gate.token_scope(token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  found discreet.tokens;
BEGIN
  SELECT t.* INTO found FROM discreet.tokens t
   WHERE t.digest = token_digest AND t.purpose = 'api' AND t.revoked_at IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
     AND NOT EXISTS (SELECT FROM discreet.tokens m
                      WHERE m.id = t.minted_by
                        AND (m.revoked_at IS NOT NULL OR m.expires_at <= clock_timestamp()))
     AND NOT EXISTS (SELECT FROM discreet.contacts c
                      WHERE c.id = t.contact_id
                        AND (c.blocked_at IS NOT NULL OR c.merged_into IS NOT NULL));
  IF found.id IS NULL THEN
    RETURN;
  END IF;
  IF found.last_used_at IS NULL OR found.last_used_at < clock_timestamp() - interval '1 minute' THEN
    UPDATE discreet.tokens t SET last_used_at = clock_timestamp()
     WHERE t.id = (SELECT o.id FROM discreet.tokens o WHERE o.id = found.id FOR UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY SELECT found.id, found.owner_id, found.agent_id, found.contact_id,
    coalesce((SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = found.agent_id),
             false);
END $$;


ALTER FUNCTION gate.token_scope(token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) OWNER TO discreet_gate;

-- FUNCTION token_scope_with_ticket(text, bytea)
CREATE FUNCTION gate.token_scope_with_ticket(ticket text, token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.open_scope(ticket);
  RETURN QUERY SELECT t.* FROM gate.token_scope(token_digest) t;
END $$;


ALTER FUNCTION gate.token_scope_with_ticket(ticket text, token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) OWNER TO discreet_gate;

-- FUNCTION transfer_agent_memories(uuid, uuid, uuid)
CREATE FUNCTION gate.transfer_agent_memories(owner uuid, agent uuid, successor uuid) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.transfer_agent_memories(owner uuid, agent uuid, successor uuid) OWNER TO discreet_gate;

-- FUNCTION transfer_agent_rows(uuid, uuid, uuid)
CREATE FUNCTION gate.transfer_agent_rows(owner uuid, agent uuid, successor uuid) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.transfer_agent_rows(owner uuid, agent uuid, successor uuid) OWNER TO discreet_gate;

-- FUNCTION trim_context(uuid)
CREATE FUNCTION gate.trim_context(session uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  DELETE FROM discreet.messages m
   WHERE m.session_id = session AND m.state = 'context'
     AND m.position <= (SELECT c.position FROM discreet.messages c
                         WHERE c.session_id = session AND c.state = 'context'
                         ORDER BY c.position DESC 
                        OFFSET (SELECT p.context_lines FROM gate.policy p) LIMIT 1);
END $$;


ALTER FUNCTION gate.trim_context(session uuid) OWNER TO discreet_gate;

-- FUNCTION try_lock_session(uuid)
CREATE FUNCTION gate.try_lock_session(session uuid) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  IF here.owner_id IS NULL THEN
    RAISE EXCEPTION 'no_scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM 1 FROM discreet.sessions s
    WHERE s.id = session AND s.owner_id = here.owner_id
      AND (session_user = 'discreet_owner'
           OR (s.agent_id = here.agent_id AND s.contact_id IS NOT DISTINCT FROM here.contact_id
               AND s.shared = (session_user = 'discreet_shared')))
    FOR UPDATE;
  RETURN FOUND;
END $$;


ALTER FUNCTION gate.try_lock_session(session uuid) OWNER TO discreet_gate;

-- FUNCTION undo_link(uuid)
CREATE FUNCTION gate.undo_link(link uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner    uuid := gate.require_owner();
  link_row discreet.links;
BEGIN
  SELECT l.* INTO link_row FROM discreet.links l
   WHERE l.id = link AND l.owner_id = owner AND l.undone_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_link' USING ERRCODE = 'DS001';
  END IF;
  PERFORM 1 FROM discreet.contacts c WHERE c.id IN (link_row.survivor_id, link_row.merged_id) ORDER BY c.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.contacts c
              WHERE c.id = link_row.survivor_id AND c.merged_into IS NOT NULL) THEN
    RAISE EXCEPTION 'survivor_merged'
      USING ERRCODE = 'DS003';
  END IF;
  IF gate.is_on_hold(link_row.survivor_id) THEN
    RAISE EXCEPTION 'contact_on_hold' USING ERRCODE = 'DS003';
  END IF;
  UPDATE discreet.contacts c SET merged_into = NULL WHERE c.id = link_row.merged_id;
  -- Memories that have since become equal to one that the merged contact kept: one copy is enough.
  DELETE FROM discreet.memories m USING discreet.memories b
   WHERE m.id = ANY (gate.linked_row_ids(link, 'memory')) AND m.contact_id = link_row.survivor_id AND b.contact_id = link_row.merged_id
     AND (b.agent_id, b.digest) = (m.agent_id, m.digest);
  PERFORM gate.move_linked_rows(link, link_row.survivor_id, link_row.merged_id);
  UPDATE discreet.sessions s SET ended_at = NULL
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'session' AND l.key = s.id::text AND l.previous_value = 'open';
  UPDATE discreet.addresses a SET contact_id = link_row.merged_id
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'address' AND a.owner_id = owner
     AND a.contact_id = link_row.survivor_id AND l.key = a.platform || ':' || a.platform_id;
  DELETE FROM discreet.admissions a USING discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'admission' AND a.contact_id = link_row.survivor_id
     AND l.key = a.channel_id::text;
  DELETE FROM discreet.contact_labels a USING discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'label' AND a.contact_id = link_row.survivor_id
     AND l.key = a.label;
  DELETE FROM discreet.linked_rows l WHERE l.link_id = link;
  UPDATE discreet.links l SET undone_at = clock_timestamp() WHERE l.id = link;
END $$;


ALTER FUNCTION gate.undo_link(link uuid) OWNER TO discreet_gate;

-- FUNCTION unlink_owner(text, text)
CREATE FUNCTION gate.unlink_owner(of_platform text, of_id text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  owner uuid := gate.require_owner();
  chats uuid[];
BEGIN
  DELETE FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id AND a.of_owner;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  chats := ARRAY(
    SELECT DISTINCT m.route_id FROM discreet.messages m
     WHERE m.owner_id = owner AND m.contact_id IS NULL AND NOT m.shared AND m.direction = 'in'
       AND m.sender_address = of_platform || ':' || of_id);
  chats := chats || ARRAY(
    SELECT r.id FROM discreet.routes r
      JOIN discreet.owner_chats c ON (c.channel_id, c.chat_id) = (r.channel_id, r.chat_id)
     WHERE r.owner_id = owner AND r.contact_id IS NULL AND NOT r.shared
       AND c.owner_id = owner AND c.platform = of_platform AND c.platform_id = of_id);
  DELETE FROM discreet.owner_chats c
   WHERE c.owner_id = owner AND c.platform = of_platform AND c.platform_id = of_id;
  UPDATE discreet.sessions s SET takeover_contact_id = NULL
   WHERE s.takeover_contact_id IS NOT NULL AND s.owner_id = owner AND s.id IN (
     SELECT r.session_id FROM discreet.routes r WHERE r.id = ANY (chats));
  UPDATE discreet.outbox o SET state = 'failed', error = 'this account was unlinked'
   WHERE o.route_id = ANY (chats) AND o.owner_id = owner AND o.state = 'pending';
  RETURN true;
END $$;


ALTER FUNCTION gate.unlink_owner(of_platform text, of_id text) OWNER TO discreet_gate;

-- TABLE addresses
CREATE TABLE discreet.addresses (
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    platform text NOT NULL,
    platform_id text NOT NULL,
    contact_id uuid,
    of_owner boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    scope_key text GENERATED ALWAYS AS (gate.key_of((uuid_send(owner_id) || uuid_send(contact_id)))) STORED,
    name text DEFAULT ''::text NOT NULL,
    CONSTRAINT addresses_check CHECK ((of_owner = (contact_id IS NULL))),
    CONSTRAINT addresses_platform_id_check CHECK ((platform_id <> ''::text))
);
ALTER TABLE ONLY discreet.addresses ALTER COLUMN platform_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.addresses ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.addresses ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.addresses ALTER COLUMN name SET STATISTICS 0;

ALTER TABLE ONLY discreet.addresses FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.addresses OWNER TO discreet_schema;

-- COMMENT COLUMN addresses.name
COMMENT ON COLUMN discreet.addresses.name IS 'the last display name seen there; a contact called the same follows its changes';

-- FUNCTION update_display_name(discreet.addresses, text)
CREATE FUNCTION gate.update_display_name(address discreet.addresses, display_name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE discreet.addresses a SET name = display_name
   WHERE a.owner_id = address.owner_id AND a.platform = address.platform
     AND a.platform_id = address.platform_id;
  UPDATE discreet.contacts c SET name = display_name
   WHERE c.id = address.contact_id AND c.name IN (address.name, '') AND c.name <> display_name;
END $$;


ALTER FUNCTION gate.update_display_name(address discreet.addresses, display_name text) OWNER TO discreet_gate;

-- FUNCTION validate_reply_target()
CREATE FUNCTION gate.validate_reply_target() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM discreet.routes r
      JOIN discreet.messages m ON m.channel_id = r.channel_id AND m.chat_id = r.chat_id
     WHERE r.id = NEW.route_id AND m.session_id = NEW.session_id AND m.direction = 'in'
       AND m.platform_message_id = NEW.reply_to) THEN
    NEW.reply_to := NULL;
  END IF;
  RETURN NEW;
END $$;


ALTER FUNCTION gate.validate_reply_target() OWNER TO discreet_gate;

-- FUNCTION verify_turn_lease(uuid, uuid)
CREATE FUNCTION gate.verify_turn_lease(session uuid, turn uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF NOT gate.try_lock_session(session) THEN
    RETURN false;
  END IF;
  PERFORM 1 FROM discreet.sessions s WHERE s.id = session AND s.current_turn = turn;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  RETURN gate.withheld_reason(session, turn) IS NULL;
END $$;


ALTER FUNCTION gate.verify_turn_lease(session uuid, turn uuid) OWNER TO discreet_gate;

-- FUNCTION waiting_command(gate.inbound, boolean)
CREATE FUNCTION gate.waiting_command(said gate.inbound, of_owner boolean) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT nullif(nullif(gate.parse_command(said.body, of_owner), 'new'), 'stop')
   WHERE said.files = '[]' AND starts_with(said.body, '/')
$$;


ALTER FUNCTION gate.waiting_command(said gate.inbound, of_owner boolean) OWNER TO discreet_gate;

-- FUNCTION wake_reminders()
CREATE FUNCTION gate.wake_reminders() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.wake_reminders() OWNER TO discreet_gate;

-- FUNCTION wake_route(uuid, timestamp with time zone)
CREATE FUNCTION gate.wake_route(route uuid, at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.lock_session((SELECT r.session_id FROM discreet.routes r WHERE r.id = route));
  PERFORM gate.defer_delivery(route, at);
END $$;


ALTER FUNCTION gate.wake_route(route uuid, at timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION wake_session(uuid, timestamp with time zone)
CREATE FUNCTION gate.wake_session(session uuid, at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM gate.lock_session(session);
  PERFORM gate.defer_turn(session, at, false);
END $$;


ALTER FUNCTION gate.wake_session(session uuid, at timestamp with time zone) OWNER TO discreet_gate;

-- FUNCTION wake_stranded()
CREATE FUNCTION gate.wake_stranded() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  stranded record;
  woken    integer := 0;
BEGIN
  FOR stranded IN
    SELECT w.session_id
      FROM (SELECT DISTINCT m.session_id FROM discreet.messages m
             WHERE m.state IN ('waiting', 'taken')) w
     WHERE gate.withheld_reason(w.session_id, NULL) IS NULL
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'turn:' || w.session_id AND j.status IN ('todo', 'doing'))
       AND NOT gate.is_backing_off('turn:' || w.session_id)
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM gate.defer_turn(stranded.session_id, NULL, false);
      woken := woken + 1;
    END IF;
  END LOOP;
  FOR stranded IN
    SELECT DISTINCT o.route_id, o.session_id FROM discreet.outbox o
     WHERE o.state IN ('pending', 'sending')
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'deliver:' || o.route_id AND j.status IN ('todo', 'doing'))
       AND NOT gate.is_backing_off('deliver:' || o.route_id)
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM gate.defer_delivery(stranded.route_id, NULL);
      woken := woken + 1;
    END IF;
  END LOOP;
  RETURN woken;
END $$;


ALTER FUNCTION gate.wake_stranded() OWNER TO discreet_gate;

-- FUNCTION wake_time(discreet.channels, text, gate.inbound)
CREATE FUNCTION gate.wake_time(via discreet.channels, command text, said gate.inbound) RETURNS timestamp with time zone
    LANGUAGE plpgsql
    AS $$
DECLARE
  result timestamptz;
BEGIN
  IF command IS NULL AND via.platform <> 'terminal' THEN
    result := clock_timestamp() + via.debounce;
  END IF;
  IF said.album_id <> '' THEN
    result := greatest(result, clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second');
  END IF;
  RETURN result;
END $$;


ALTER FUNCTION gate.wake_time(via discreet.channels, command text, said gate.inbound) OWNER TO discreet_gate;

-- FUNCTION withheld_reason(uuid, uuid)
CREATE FUNCTION gate.withheld_reason(session uuid, turn uuid) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.withheld_reason(session uuid, turn uuid) OWNER TO discreet_gate;

-- FUNCTION write_messages(discreet.messages[], timestamp with time zone[], boolean[])
CREATE FUNCTION gate.write_messages(unwritten discreet.messages[], wake_at timestamp with time zone[], is_urgent boolean[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO discreet.messages (
    id, owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, text,
    sender_contact_id, sender_address, sender_name, channel_id, chat_id, platform_message_id,
    reply_to, replies_to, details, sent_at, created_at, album, state, not_before, command, edited_by)
  SELECT m.id, m.owner_id, m.agent_id, m.contact_id, m.shared, m.session_id, m.route_id, m.position, 'in', m.text,
         m.sender_contact_id, m.sender_address, m.sender_name, m.channel_id, m.chat_id, m.platform_message_id,
         m.reply_to, m.replies_to, m.details, m.sent_at, m.created_at, m.album, m.state, m.not_before, m.command,
         m.edited_by
    FROM unnest(unwritten) m;
  FOR i IN 1..cardinality(is_urgent) LOOP
    PERFORM gate.defer_turn(unwritten[i].session_id, wake_at[i], is_urgent[i]);
  END LOOP;
END $$;


ALTER FUNCTION gate.write_messages(unwritten discreet.messages[], wake_at timestamp with time zone[], is_urgent boolean[]) OWNER TO discreet_gate;

-- FUNCTION procrastinate_cancel_job_v1(bigint, boolean, boolean)
CREATE FUNCTION queue.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status = 'todo'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        IF abort THEN
            UPDATE procrastinate_jobs
            SET abort_requested = true,
                status = CASE status
                    WHEN 'todo' THEN 'cancelled'::procrastinate_job_status ELSE status
                END
            WHERE id = job_id AND status IN ('todo', 'doing')
            RETURNING id INTO _job_id;
        ELSE
            UPDATE procrastinate_jobs
            SET status = 'cancelled'::procrastinate_job_status
            WHERE id = job_id AND status = 'todo'
            RETURNING id INTO _job_id;
        END IF;
    END IF;
    RETURN _job_id;
END;
$$;


ALTER FUNCTION queue.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) OWNER TO discreet_schema;

-- FUNCTION procrastinate_defer_jobs_v1(queue.procrastinate_job_to_defer_v1[])
CREATE FUNCTION queue.procrastinate_defer_jobs_v1(jobs queue.procrastinate_job_to_defer_v1[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    job_ids bigint[];
BEGIN
    WITH inserted_jobs AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT (job).queue_name,
               (job).task_name,
               (job).priority,
               (job).lock,
               (job).queueing_lock,
               (job).args,
               (job).scheduled_at
        FROM unnest(jobs) AS job
        RETURNING id
    )
    SELECT array_agg(id) FROM inserted_jobs INTO job_ids;

    RETURN job_ids;
END;
$$;


ALTER FUNCTION queue.procrastinate_defer_jobs_v1(jobs queue.procrastinate_job_to_defer_v1[]) OWNER TO discreet_schema;

-- FUNCTION procrastinate_defer_periodic_job_v2(character varying, character varying, character varying, character varying, integer, character varying, bigint, jsonb)
CREATE FUNCTION queue.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
	_job_id bigint;
	_defer_id bigint;
BEGIN
    INSERT
        INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
        VALUES (_task_name, _periodic_id, _defer_timestamp)
        ON CONFLICT DO NOTHING
        RETURNING id into _defer_id;

    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;

    UPDATE procrastinate_periodic_defers
        SET job_id = (
            SELECT COALESCE((
                SELECT unnest(procrastinate_defer_jobs_v1(
                    ARRAY[
                        ROW(
                            _queue_name,
                            _task_name,
                            _priority,
                            _lock,
                            _queueing_lock,
                            _args,
                            NULL::timestamptz
                        )
                    ]::procrastinate_job_to_defer_v1[]
                ))
            ), NULL)
        )
        WHERE id = _defer_id
        RETURNING job_id INTO _job_id;

    DELETE
        FROM procrastinate_periodic_defers
        USING (
            SELECT id
            FROM procrastinate_periodic_defers
            WHERE procrastinate_periodic_defers.task_name = _task_name
            AND procrastinate_periodic_defers.periodic_id = _periodic_id
            AND procrastinate_periodic_defers.defer_timestamp < _defer_timestamp
            ORDER BY id
            FOR UPDATE
        ) to_delete
        WHERE procrastinate_periodic_defers.id = to_delete.id;

    RETURN _job_id;
END;
$$;


ALTER FUNCTION queue.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) OWNER TO discreet_schema;

-- FUNCTION procrastinate_fetch_job_v2(character varying[], bigint)
CREATE FUNCTION queue.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) RETURNS queue.procrastinate_jobs
    LANGUAGE plpgsql
    AS $$
DECLARE
	found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.*
            FROM procrastinate_jobs AS jobs
            WHERE
                -- reject the job if its lock has earlier or higher priority jobs
                NOT EXISTS (
                    SELECT 1
                        FROM procrastinate_jobs AS other_jobs
                        WHERE
                            jobs.lock IS NOT NULL
                            AND other_jobs.lock = jobs.lock
                            AND (
                                -- job with same lock is already running
                                other_jobs.status = 'doing'
                                OR
                                -- job with same lock is waiting and has higher priority (or same priority but was queued first)
                                (
                                    other_jobs.status = 'todo'
                                    AND (
                                        other_jobs.priority > jobs.priority
                                        OR (
                                        other_jobs.priority = jobs.priority
                                        AND other_jobs.id < jobs.id
                                        )
                                    )
                                )
                            )
                )
                AND jobs.status = 'todo'
                AND (target_queue_names IS NULL OR jobs.queue_name = ANY( target_queue_names ))
                AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
            ORDER BY jobs.priority DESC, jobs.id ASC LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = p_worker_id
        FROM candidate
        WHERE procrastinate_jobs.id = candidate.id
        RETURNING procrastinate_jobs.* INTO found_jobs;

 RETURN found_jobs;
END;
$$;


ALTER FUNCTION queue.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) OWNER TO discreet_schema;

-- FUNCTION procrastinate_finish_job_v1(bigint, queue.procrastinate_job_status, boolean)
CREATE FUNCTION queue.procrastinate_finish_job_v1(job_id bigint, end_status queue.procrastinate_job_status, delete_job boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = end_status,
            abort_requested = false,
            attempts = CASE status
                WHEN 'doing' THEN attempts + 1 ELSE attempts
            END
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;


ALTER FUNCTION queue.procrastinate_finish_job_v1(job_id bigint, end_status queue.procrastinate_job_status, delete_job boolean) OWNER TO discreet_schema;

-- FUNCTION procrastinate_notify_queue_abort_job_v1()
CREATE FUNCTION queue.procrastinate_notify_queue_abort_job_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;


ALTER FUNCTION queue.procrastinate_notify_queue_abort_job_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_notify_queue_job_inserted_v1()
CREATE FUNCTION queue.procrastinate_notify_queue_job_inserted_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;


ALTER FUNCTION queue.procrastinate_notify_queue_job_inserted_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_prune_stalled_workers_v1(double precision)
CREATE FUNCTION queue.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < NOW() - (seconds_since_heartbeat || 'SECOND')::INTERVAL
    RETURNING procrastinate_workers.id;
END;
$$;


ALTER FUNCTION queue.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) OWNER TO discreet_schema;

-- FUNCTION procrastinate_register_worker_v1()
CREATE FUNCTION queue.procrastinate_register_worker_v1() RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    INSERT INTO procrastinate_workers DEFAULT VALUES
    RETURNING procrastinate_workers.id;
END;
$$;


ALTER FUNCTION queue.procrastinate_register_worker_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_retry_job_v1(bigint, timestamp with time zone, integer, character varying, character varying)
CREATE FUNCTION queue.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
BEGIN
    SELECT abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status = 'doing'
    FOR UPDATE
    INTO _abort_requested;
    IF _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
END;
$$;


ALTER FUNCTION queue.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) OWNER TO discreet_schema;

-- FUNCTION procrastinate_retry_job_v2(bigint, timestamp with time zone, integer, character varying, character varying)
CREATE FUNCTION queue.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
    _current_status procrastinate_job_status;
BEGIN
    SELECT status, abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status IN ('doing', 'failed')
    FOR UPDATE
    INTO _current_status, _abort_requested;
    IF _current_status = 'doing' AND _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status IN ('doing', 'failed')
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;

END;
$$;


ALTER FUNCTION queue.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) OWNER TO discreet_schema;

-- FUNCTION procrastinate_trigger_abort_requested_events_procedure_v1()
CREATE FUNCTION queue.procrastinate_trigger_abort_requested_events_procedure_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'abort_requested'::procrastinate_job_event_type);
    RETURN NEW;
END;
$$;


ALTER FUNCTION queue.procrastinate_trigger_abort_requested_events_procedure_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_trigger_function_scheduled_events_v1()
CREATE FUNCTION queue.procrastinate_trigger_function_scheduled_events_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type, at)
        VALUES (NEW.id, 'scheduled'::procrastinate_job_event_type, NEW.scheduled_at);

	RETURN NEW;
END;
$$;


ALTER FUNCTION queue.procrastinate_trigger_function_scheduled_events_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_trigger_function_status_events_insert_v1()
CREATE FUNCTION queue.procrastinate_trigger_function_status_events_insert_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'deferred'::procrastinate_job_event_type);
	RETURN NEW;
END;
$$;


ALTER FUNCTION queue.procrastinate_trigger_function_status_events_insert_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_trigger_function_status_events_update_v1()
CREATE FUNCTION queue.procrastinate_trigger_function_status_events_update_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH t AS (
        SELECT CASE
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND NEW.status = 'doing'::procrastinate_job_status
                THEN 'started'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'deferred_for_retry'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'failed'::procrastinate_job_status
                THEN 'failed'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'succeeded'::procrastinate_job_status
                THEN 'succeeded'::procrastinate_job_event_type
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND (
                    NEW.status = 'cancelled'::procrastinate_job_status
                    OR NEW.status = 'failed'::procrastinate_job_status
                    OR NEW.status = 'succeeded'::procrastinate_job_status
                )
                THEN 'cancelled'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'aborted'::procrastinate_job_status
                THEN 'aborted'::procrastinate_job_event_type
            WHEN OLD.status = 'failed'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'retried'::procrastinate_job_event_type
            ELSE NULL
        END as event_type
    )
    INSERT INTO procrastinate_events(job_id, type)
        SELECT NEW.id, t.event_type
        FROM t
        WHERE t.event_type IS NOT NULL;
	RETURN NEW;
END;
$$;


ALTER FUNCTION queue.procrastinate_trigger_function_status_events_update_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_unlink_periodic_defers_v1()
CREATE FUNCTION queue.procrastinate_unlink_periodic_defers_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_periodic_defers
    SET job_id = NULL
    WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;


ALTER FUNCTION queue.procrastinate_unlink_periodic_defers_v1() OWNER TO discreet_schema;

-- FUNCTION procrastinate_unregister_worker_v1(bigint)
CREATE FUNCTION queue.procrastinate_unregister_worker_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM procrastinate_workers
    WHERE id = worker_id;
END;
$$;


ALTER FUNCTION queue.procrastinate_unregister_worker_v1(worker_id bigint) OWNER TO discreet_schema;

-- FUNCTION procrastinate_update_heartbeat_v1(bigint)
CREATE FUNCTION queue.procrastinate_update_heartbeat_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_workers
    SET last_heartbeat = NOW()
    WHERE id = worker_id;
END;
$$;


ALTER FUNCTION queue.procrastinate_update_heartbeat_v1(worker_id bigint) OWNER TO discreet_schema;

-- TABLE access_log
CREATE TABLE discreet.access_log (
    owner_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    number integer NOT NULL,
    did text NOT NULL,
    place text NOT NULL,
    noted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    digest text NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT access_log_did_check CHECK ((did = ANY (ARRAY['read'::text, 'searched'::text, 'answered'::text, 'changed'::text, 'exported'::text, 'asked'::text]))),
    CONSTRAINT access_log_place_check CHECK ((place = ANY (ARRAY['terminal'::text, 'dashboard'::text, 'chat'::text])))
);
ALTER TABLE ONLY discreet.access_log ALTER COLUMN did SET STATISTICS 0;
ALTER TABLE ONLY discreet.access_log ALTER COLUMN place SET STATISTICS 0;
ALTER TABLE ONLY discreet.access_log ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE ONLY discreet.access_log ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.access_log FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.access_log OWNER TO discreet_schema;

-- COMMENT COLUMN access_log.did
COMMENT ON COLUMN discreet.access_log.did IS 'asked: the owner''s agent was asked, and read something of it';

-- COMMENT COLUMN access_log.digest
COMMENT ON COLUMN discreet.access_log.digest IS 'SHA-256 in hex over the digest before it, contact, number, did, place and the microseconds since 1970';

-- TABLE admissions
CREATE TABLE discreet.admissions (
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.admissions ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.admissions FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.admissions OWNER TO discreet_schema;

-- TABLE agents
CREATE TABLE discreet.agents (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    name text NOT NULL,
    role text DEFAULT ''::text NOT NULL,
    instructions text DEFAULT ''::text NOT NULL,
    model text,
    memory_model text DEFAULT 'per_contact'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    scope_key text GENERATED ALWAYS AS (gate.key_of((uuid_send(owner_id) || uuid_send(id)))) STORED,
    paused_at timestamp with time zone,
    context_tokens integer,
    fallback_models text[] DEFAULT '{}'::text[] NOT NULL,
    waits_for_person boolean DEFAULT true NOT NULL,
    person_minutes integer DEFAULT 60 NOT NULL,
    holds_answers boolean DEFAULT false NOT NULL,
    unknown_reply text DEFAULT ''::text NOT NULL,
    runs_reminders boolean DEFAULT false NOT NULL,
    CONSTRAINT agents_context_tokens_check CHECK ((context_tokens >= 1024)),
    CONSTRAINT agents_memory_model_check CHECK ((memory_model = ANY (ARRAY['per_contact'::text, 'shared'::text]))),
    CONSTRAINT agents_name_check CHECK ((name <> ''::text)),
    CONSTRAINT agents_person_minutes_check CHECK ((person_minutes > 0))
);
ALTER TABLE ONLY discreet.agents ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.agents ALTER COLUMN role SET STATISTICS 0;
ALTER TABLE ONLY discreet.agents ALTER COLUMN instructions SET STATISTICS 0;
ALTER TABLE ONLY discreet.agents ALTER COLUMN model SET STATISTICS 0;
ALTER TABLE ONLY discreet.agents ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.agents ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.agents ALTER COLUMN fallback_models SET STATISTICS 0;
ALTER TABLE ONLY discreet.agents ALTER COLUMN unknown_reply SET STATISTICS 0;

ALTER TABLE ONLY discreet.agents FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.agents OWNER TO discreet_schema;

-- COMMENT COLUMN agents.paused_at
COMMENT ON COLUMN discreet.agents.paused_at IS 'paused since then: messages are stored, and wait';

-- COMMENT COLUMN agents.context_tokens
COMMENT ON COLUMN discreet.agents.context_tokens IS 'size of its model''s context in tokens; null: as known or learned';

-- COMMENT COLUMN agents.fallback_models
COMMENT ON COLUMN discreet.agents.fallback_models IS 'models to try in this order when its model fails';

-- COMMENT COLUMN agents.waits_for_person
COMMENT ON COLUMN discreet.agents.waits_for_person IS 'silent after a contact asked for a person; else it goes on answering';

-- COMMENT COLUMN agents.person_minutes
COMMENT ON COLUMN discreet.agents.person_minutes IS 'how long such a request holds, unless the owner answers before';

-- COMMENT COLUMN agents.holds_answers
COMMENT ON COLUMN discreet.agents.holds_answers IS 'its answers wait for the owner''s approval';

-- COMMENT COLUMN agents.unknown_reply
COMMENT ON COLUMN discreet.agents.unknown_reply IS 'what it says without a model where it knows nothing; empty: the usual words';

-- COMMENT COLUMN agents.runs_reminders
COMMENT ON COLUMN discreet.agents.runs_reminders IS 'a reminder that is due starts a turn, in place of saying its text';

-- TABLE attachments
CREATE TABLE discreet.attachments (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    contact_id uuid DEFAULT (gate.scope()).contact_id,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    session_id uuid NOT NULL,
    route_id uuid NOT NULL,
    message_id uuid NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    platform_file text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    media_type text DEFAULT ''::text NOT NULL,
    size bigint,
    channel_id uuid NOT NULL,
    chat_id text NOT NULL,
    platform_message_id text NOT NULL,
    state text DEFAULT 'remote'::text NOT NULL,
    refusal text DEFAULT ''::text NOT NULL,
    content bytea,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT attachments_check CHECK (((state = 'kept'::text) = (content IS NOT NULL))),
    CONSTRAINT attachments_kind_check CHECK ((kind = ANY (ARRAY['photo'::text, 'voice'::text, 'audio'::text, 'video'::text, 'document'::text]))),
    CONSTRAINT attachments_platform_file_check CHECK ((platform_file <> ''::text)),
    CONSTRAINT attachments_state_check CHECK ((state = ANY (ARRAY['remote'::text, 'kept'::text, 'refused'::text])))
);
ALTER TABLE ONLY discreet.attachments ALTER COLUMN platform_file SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN media_type SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN chat_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN platform_message_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN refusal SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN content SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.attachments ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.attachments FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.attachments OWNER TO discreet_schema;

-- COMMENT COLUMN attachments.state
COMMENT ON COLUMN discreet.attachments.state IS 'remote: not fetched yet; kept: stored here; refused: too large, gone, or of an unsupported kind';

-- TABLE budgets
CREATE TABLE discreet.budgets (
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid,
    tokens_a_day bigint,
    money_a_day numeric,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT budgets_money_a_day_check CHECK ((money_a_day > (0)::numeric)),
    CONSTRAINT budgets_tokens_a_day_check CHECK ((tokens_a_day > 0))
);
ALTER TABLE ONLY discreet.budgets ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.budgets FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.budgets OWNER TO discreet_schema;

-- TABLE channel_secrets
CREATE TABLE discreet.channel_secrets (
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    platform text NOT NULL,
    account text NOT NULL,
    sealed bytea NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.channel_secrets ALTER COLUMN account SET STATISTICS 0;
ALTER TABLE ONLY discreet.channel_secrets ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE ONLY discreet.channel_secrets ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.channel_secrets FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.channel_secrets OWNER TO discreet_schema;

-- TABLE contact_labels
CREATE TABLE discreet.contact_labels (
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    contact_id uuid NOT NULL,
    label text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT contact_labels_label_check CHECK (((label <> ''::text) AND (length(label) <= 40)))
);
ALTER TABLE ONLY discreet.contact_labels ALTER COLUMN label SET STATISTICS 0;
ALTER TABLE ONLY discreet.contact_labels ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.contact_labels FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.contact_labels OWNER TO discreet_schema;

-- TABLE contacts
CREATE TABLE discreet.contacts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    type text DEFAULT 'external'::text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    aliases text[] DEFAULT '{}'::text[] NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    scope_key text GENERATED ALWAYS AS (gate.key_of((uuid_send(owner_id) || uuid_send(id)))) STORED,
    blocked_at timestamp with time zone,
    taken_over_at timestamp with time zone,
    merged_into uuid,
    time_zone text DEFAULT ''::text NOT NULL,
    holds_answers boolean,
    on_hold_at timestamp with time zone,
    stopped_at timestamp with time zone,
    decoy boolean DEFAULT false NOT NULL,
    CONSTRAINT contacts_check CHECK ((merged_into <> id)),
    CONSTRAINT contacts_time_zone_check CHECK ((length(time_zone) <= 64)),
    CONSTRAINT contacts_type_check CHECK ((type = ANY (ARRAY['external'::text, 'group'::text, 'personal'::text])))
);
ALTER TABLE ONLY discreet.contacts ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.contacts ALTER COLUMN aliases SET STATISTICS 0;
ALTER TABLE ONLY discreet.contacts ALTER COLUMN note SET STATISTICS 0;
ALTER TABLE ONLY discreet.contacts ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.contacts ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.contacts ALTER COLUMN time_zone SET STATISTICS 0;

ALTER TABLE ONLY discreet.contacts FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.contacts OWNER TO discreet_schema;

-- COMMENT COLUMN contacts.blocked_at
COMMENT ON COLUMN discreet.contacts.blocked_at IS 'blocked since then: its messages are refused';

-- COMMENT COLUMN contacts.taken_over_at
COMMENT ON COLUMN discreet.contacts.taken_over_at IS 'taken over since then: the owner answers in person, and the agent is silent';

-- COMMENT COLUMN contacts.merged_into
COMMENT ON COLUMN discreet.contacts.merged_into IS 'the contact that has its addresses and rows, because both are one person';

-- COMMENT COLUMN contacts.time_zone
COMMENT ON COLUMN discreet.contacts.time_zone IS 'IANA name of the time zone it said it is in; empty: unknown';

-- COMMENT COLUMN contacts.holds_answers
COMMENT ON COLUMN discreet.contacts.holds_answers IS 'whether answers to it wait for the owner''s approval; null: as the agent says';

-- COMMENT COLUMN contacts.on_hold_at
COMMENT ON COLUMN discreet.contacts.on_hold_at IS 'on hold since then: neither retention nor an erasure deletes anything of it';

-- COMMENT COLUMN contacts.stopped_at
COMMENT ON COLUMN discreet.contacts.stopped_at IS 'it wrote STOP then: it gets nothing that the owner starts';

-- COMMENT COLUMN contacts.decoy
COMMENT ON COLUMN discreet.contacts.decoy IS 'nobody writes as it, and its memories hold random secrets; the owner isn''t shown it';

-- TABLE drafts
CREATE TABLE discreet.drafts (
    turn_id uuid NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    contact_id uuid DEFAULT (gate.scope()).contact_id,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    text text NOT NULL,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.drafts ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE ONLY discreet.drafts ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.drafts ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.drafts FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.drafts OWNER TO discreet_schema;

-- TABLE early_receipts
CREATE TABLE discreet.early_receipts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    chats text[] NOT NULL,
    platform_message text NOT NULL,
    stage text NOT NULL,
    at timestamp with time zone NOT NULL,
    why text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT early_receipts_stage_check CHECK ((stage = ANY (ARRAY['delivered'::text, 'read'::text, 'failed'::text])))
);
ALTER TABLE ONLY discreet.early_receipts ALTER COLUMN chats SET STATISTICS 0;
ALTER TABLE ONLY discreet.early_receipts ALTER COLUMN platform_message SET STATISTICS 0;
ALTER TABLE ONLY discreet.early_receipts ALTER COLUMN stage SET STATISTICS 0;
ALTER TABLE ONLY discreet.early_receipts ALTER COLUMN why SET STATISTICS 0;

ALTER TABLE ONLY discreet.early_receipts FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.early_receipts OWNER TO discreet_schema;

-- TABLE erased_addresses
CREATE TABLE discreet.erased_addresses (
    owner_id uuid NOT NULL,
    digest bytea NOT NULL,
    erased_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ONLY discreet.erased_addresses ALTER COLUMN digest SET STATISTICS 0;

ALTER TABLE ONLY discreet.erased_addresses FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.erased_addresses OWNER TO discreet_schema;

-- TABLE erasures
CREATE TABLE discreet.erasures (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    counts jsonb NOT NULL,
    erased_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    digests text[] DEFAULT '{}'::text[] NOT NULL
);
ALTER TABLE ONLY discreet.erasures ALTER COLUMN counts SET STATISTICS 0;
ALTER TABLE ONLY discreet.erasures ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.erasures ALTER COLUMN digests SET STATISTICS 0;

ALTER TABLE ONLY discreet.erasures FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.erasures OWNER TO discreet_schema;

-- TABLE events
CREATE TABLE discreet.events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    contact_id uuid,
    shared boolean DEFAULT false NOT NULL,
    for_owner boolean DEFAULT false NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    kind text NOT NULL,
    session_id uuid,
    message_id uuid,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    scope_key text GENERATED ALWAYS AS (
CASE
    WHEN (NOT for_owner) THEN gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
    CASE
        WHEN shared THEN agent_id
        ELSE owner_id
    END))))
    ELSE NULL::text
END) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.events ALTER COLUMN kind SET STATISTICS 0;
ALTER TABLE ONLY discreet.events ALTER COLUMN data SET STATISTICS 0;
ALTER TABLE ONLY discreet.events ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.events ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.events FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.events OWNER TO discreet_schema;

-- COMMENT COLUMN events.for_owner
COMMENT ON COLUMN discreet.events.for_owner IS 'only the owner and programs of an agent are told';

-- COMMENT COLUMN events.tx
COMMENT ON COLUMN discreet.events.tx IS 'the transaction: events are told in this order, once no older transaction runs';

-- TABLE held_answers
CREATE TABLE discreet.held_answers (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    session_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    text text NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    edited boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    decided_at timestamp with time zone,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT held_answers_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'approved'::text, 'rejected'::text]))),
    CONSTRAINT held_answers_text_check CHECK ((text <> ''::text))
);
ALTER TABLE ONLY discreet.held_answers ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE ONLY discreet.held_answers ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.held_answers FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.held_answers OWNER TO discreet_schema;

-- TABLE held_messages
CREATE TABLE discreet.held_messages (
    channel_id uuid NOT NULL,
    chat_id text NOT NULL,
    platform_message text NOT NULL,
    owner_id uuid NOT NULL,
    pairing_id uuid NOT NULL,
    arrived jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.held_messages ALTER COLUMN chat_id SET STATISTICS 0;
ALTER TABLE ONLY discreet.held_messages ALTER COLUMN platform_message SET STATISTICS 0;
ALTER TABLE ONLY discreet.held_messages ALTER COLUMN arrived SET STATISTICS 0;
ALTER TABLE ONLY discreet.held_messages ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.held_messages FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.held_messages OWNER TO discreet_schema;

-- TABLE idempotency_keys
CREATE TABLE discreet.idempotency_keys (
    token_id uuid NOT NULL,
    digest bytea NOT NULL,
    owner_id uuid NOT NULL,
    request_digest bytea NOT NULL,
    result_id uuid,
    lease uuid DEFAULT gen_random_uuid() NOT NULL,
    leased_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ONLY discreet.idempotency_keys ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE ONLY discreet.idempotency_keys ALTER COLUMN request_digest SET STATISTICS 0;

ALTER TABLE ONLY discreet.idempotency_keys FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.idempotency_keys OWNER TO discreet_schema;

-- TABLE limit_hits
CREATE TABLE discreet.limit_hits (
    agent_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind text NOT NULL,
    owner_id uuid NOT NULL,
    refused integer DEFAULT 1 NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    until timestamp with time zone NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT limit_hits_kind_check CHECK ((kind = ANY (ARRAY['messages_a_minute'::text, 'waiting'::text, 'tokens_a_day'::text, 'money_a_day'::text, 'budget'::text])))
);
ALTER TABLE ONLY discreet.limit_hits ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.limit_hits FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.limit_hits OWNER TO discreet_schema;

-- TABLE limits
CREATE TABLE discreet.limits (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    contact_id uuid,
    messages_a_minute integer,
    waiting integer,
    tokens_a_day bigint,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    money_a_day numeric,
    CONSTRAINT limits_messages_a_minute_check CHECK ((messages_a_minute > 0)),
    CONSTRAINT limits_money_a_day_check CHECK ((money_a_day > (0)::numeric)),
    CONSTRAINT limits_tokens_a_day_check CHECK ((tokens_a_day > 0)),
    CONSTRAINT limits_waiting_check CHECK ((waiting > 0))
);
ALTER TABLE ONLY discreet.limits ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.limits FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.limits OWNER TO discreet_schema;

-- TABLE link_requests
CREATE TABLE discreet.link_requests (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    digest bytea NOT NULL,
    other_id uuid,
    back_digest bytea,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT link_requests_check CHECK (((other_id IS NULL) = (back_digest IS NULL))),
    CONSTRAINT link_requests_check1 CHECK ((other_id <> contact_id))
);
ALTER TABLE ONLY discreet.link_requests ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE ONLY discreet.link_requests ALTER COLUMN back_digest SET STATISTICS 0;

ALTER TABLE ONLY discreet.link_requests FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.link_requests OWNER TO discreet_schema;

-- TABLE linked_rows
CREATE TABLE discreet.linked_rows (
    link_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    previous_value text,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT linked_rows_kind_check CHECK ((kind = ANY (ARRAY['address'::text, 'session'::text, 'memory'::text, 'admission'::text, 'label'::text, 'connection'::text])))
);
ALTER TABLE ONLY discreet.linked_rows ALTER COLUMN key SET STATISTICS 0;
ALTER TABLE ONLY discreet.linked_rows ALTER COLUMN previous_value SET STATISTICS 0;
ALTER TABLE ONLY discreet.linked_rows ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.linked_rows FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.linked_rows OWNER TO discreet_schema;

-- TABLE links
CREATE TABLE discreet.links (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    survivor_id uuid NOT NULL,
    merged_id uuid NOT NULL,
    proof text NOT NULL,
    linked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    undone_at timestamp with time zone,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT links_proof_check CHECK ((proof = ANY (ARRAY['owner'::text, 'codes'::text, 'identity'::text])))
);
ALTER TABLE ONLY discreet.links ALTER COLUMN proof SET STATISTICS 0;
ALTER TABLE ONLY discreet.links ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.links FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.links OWNER TO discreet_schema;

-- TABLE mcp_sessions
CREATE TABLE discreet.mcp_sessions (
    digest bytea NOT NULL,
    token_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid,
    contact_id uuid,
    shared boolean DEFAULT false NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    session_id uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    used_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT mcp_sessions_check CHECK (((session_id IS NULL) OR (agent_id IS NOT NULL)))
);
ALTER TABLE ONLY discreet.mcp_sessions ALTER COLUMN digest SET STATISTICS 0;

ALTER TABLE ONLY discreet.mcp_sessions FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.mcp_sessions OWNER TO discreet_schema;

-- TABLE memories
CREATE TABLE discreet.memories (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    contact_id uuid DEFAULT (gate.scope()).contact_id,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    content text NOT NULL,
    digest text GENERATED ALWAYS AS (md5(gate.normalize_text(content))) STORED NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    topic_key text,
    topics text[] DEFAULT '{}'::text[] NOT NULL,
    salience text DEFAULT 'medium'::text NOT NULL,
    source text DEFAULT 'agent'::text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    expires_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    terms text[] DEFAULT '{}'::text[] NOT NULL,
    tokens bytea,
    embedder text,
    embedding public.vector,
    turn_id uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    used_at timestamp with time zone,
    decoy boolean DEFAULT false NOT NULL,
    CONSTRAINT memories_content_check CHECK ((content <> ''::text)),
    CONSTRAINT memories_salience_check CHECK ((salience = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'critical'::text]))),
    CONSTRAINT memories_topic_key CHECK (((topic_key <> ''::text) AND (length(topic_key) <= 200)))
);
ALTER TABLE ONLY discreet.memories ALTER COLUMN content SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN summary SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN topic_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN topics SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN source SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN metadata SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN terms SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN tokens SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN embedder SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN embedding SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.memories ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.memories FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.memories OWNER TO discreet_schema;

-- COMMENT COLUMN memories.turn_id
COMMENT ON COLUMN discreet.memories.turn_id IS 'the turn that wrote it; no foreign key, because that would show which ids exist';

-- COMMENT COLUMN memories.used_at
COMMENT ON COLUMN discreet.memories.used_at IS 'about when a turn of its scope last found it, to the day';

-- COMMENT COLUMN memories.decoy
COMMENT ON COLUMN discreet.memories.decoy IS 'a random secret of a decoy, which nobody has a reason to read; the owner isn''t shown it';

-- TABLE memory_history
CREATE TABLE discreet.memory_history (
    memory_id uuid NOT NULL,
    version integer NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    contact_id uuid,
    shared boolean NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    content text NOT NULL,
    summary text NOT NULL,
    topic_key text,
    topics text[] NOT NULL,
    salience text NOT NULL,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    expires_at timestamp with time zone,
    terms text[] NOT NULL,
    tokens bytea,
    embedder text,
    embedding public.vector,
    turn_id uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    change text NOT NULL,
    archived_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT memory_history_change_check CHECK ((change = ANY (ARRAY['update'::text, 'delete'::text, 'expire'::text])))
);
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN content SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN summary SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN topic_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN topics SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN source SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN metadata SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN terms SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN tokens SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN embedder SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN embedding SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.memory_history ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.memory_history FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.memory_history OWNER TO discreet_schema;

-- TABLE owner_links
CREATE TABLE discreet.owner_links (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    platform text NOT NULL,
    digest bytea NOT NULL,
    used_by text,
    used_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.owner_links ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE ONLY discreet.owner_links ALTER COLUMN used_by SET STATISTICS 0;
ALTER TABLE ONLY discreet.owner_links ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.owner_links FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.owner_links OWNER TO discreet_schema;

-- TABLE owner_notices
CREATE TABLE discreet.owner_notices (
    owner_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    contact_id uuid,
    message_id uuid NOT NULL,
    told_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT owner_notices_kind_check CHECK ((kind = ANY (ARRAY['stranger'::text, 'person'::text, 'draft'::text, 'said'::text, 'failure'::text, 'limit'::text, 'undelivered'::text, 'channel'::text, 'call'::text])))
);
ALTER TABLE ONLY discreet.owner_notices ALTER COLUMN key SET STATISTICS 0;
ALTER TABLE ONLY discreet.owner_notices ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.owner_notices FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.owner_notices OWNER TO discreet_schema;

-- COMMENT COLUMN owner_notices.key
COMMENT ON COLUMN discreet.owner_notices.key IS 'which one of its kind: the id of a request, a turn, a message, or a limit and its day';

-- COMMENT COLUMN owner_notices.message_id
COMMENT ON COLUMN discreet.owner_notices.message_id IS 'the line in the owner''s session; no key, for that line may be erased';

-- TABLE owner_term_stats
CREATE TABLE discreet.owner_term_stats (
    owner_id uuid NOT NULL,
    word text NOT NULL,
    document_frequency bigint NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.owner_term_stats ALTER COLUMN word SET STATISTICS 0;
ALTER TABLE ONLY discreet.owner_term_stats ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.owner_term_stats FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.owner_term_stats OWNER TO discreet_schema;

-- TABLE owners
CREATE TABLE discreet.owners (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(id))) STORED,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ONLY discreet.owners ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.owners ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.owners FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.owners OWNER TO discreet_schema;

-- COMMENT COLUMN owners.seen_at
COMMENT ON COLUMN discreet.owners.seen_at IS 'what was said before then counts as read';

-- TABLE pairings
CREATE TABLE discreet.pairings (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    code text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    issued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT pairings_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'denied'::text])))
);
ALTER TABLE ONLY discreet.pairings ALTER COLUMN code SET STATISTICS 0;
ALTER TABLE ONLY discreet.pairings ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.pairings FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.pairings OWNER TO discreet_schema;

-- TABLE passages
CREATE TABLE discreet.passages (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    title text NOT NULL,
    "position" integer NOT NULL,
    content text NOT NULL,
    terms text[] DEFAULT '{}'::text[] NOT NULL,
    tokens bytea,
    embedder text,
    embedding public.vector,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    scope_key text GENERATED ALWAYS AS (gate.key_of((uuid_send(owner_id) || uuid_send(agent_id)))) STORED,
    CONSTRAINT passages_content_check CHECK ((content <> ''::text))
);
ALTER TABLE ONLY discreet.passages ALTER COLUMN title SET STATISTICS 0;
ALTER TABLE ONLY discreet.passages ALTER COLUMN content SET STATISTICS 0;
ALTER TABLE ONLY discreet.passages ALTER COLUMN terms SET STATISTICS 0;
ALTER TABLE ONLY discreet.passages ALTER COLUMN tokens SET STATISTICS 0;
ALTER TABLE ONLY discreet.passages ALTER COLUMN embedder SET STATISTICS 0;
ALTER TABLE ONLY discreet.passages ALTER COLUMN embedding SET STATISTICS 0;
ALTER TABLE ONLY discreet.passages ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.passages ALTER COLUMN scope_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.passages FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.passages OWNER TO discreet_schema;

-- TABLE person_requests
CREATE TABLE discreet.person_requests (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    session_id uuid NOT NULL,
    turn_id uuid,
    reason text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    is_awaited boolean NOT NULL,
    answered_at timestamp with time zone,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.person_requests ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE ONLY discreet.person_requests ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.person_requests FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.person_requests OWNER TO discreet_schema;

-- COMMENT COLUMN person_requests.turn_id
COMMENT ON COLUMN discreet.person_requests.turn_id IS 'the turn in which it was asked: it may still answer';

-- COMMENT COLUMN person_requests.is_awaited
COMMENT ON COLUMN discreet.person_requests.is_awaited IS 'the agent is silent until it is answered or ends';

-- TABLE quarantine
CREATE TABLE discreet.quarantine (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    channel_id uuid NOT NULL,
    dedupe_key text NOT NULL,
    inbound jsonb NOT NULL,
    reason text NOT NULL,
    attempts integer DEFAULT 1 NOT NULL,
    next_try_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    released_at timestamp with time zone,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.quarantine ALTER COLUMN dedupe_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.quarantine ALTER COLUMN inbound SET STATISTICS 0;
ALTER TABLE ONLY discreet.quarantine ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE ONLY discreet.quarantine ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.quarantine FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.quarantine OWNER TO discreet_schema;

-- TABLE retention
CREATE TABLE discreet.retention (
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid,
    channel_id uuid,
    kind text NOT NULL,
    days integer,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT retention_check CHECK (((channel_id IS NULL) OR ((agent_id IS NOT NULL) AND (kind <> 'memories'::text)))),
    CONSTRAINT retention_days_check CHECK ((days > 0)),
    CONSTRAINT retention_kind_check CHECK ((kind = ANY (ARRAY['messages'::text, 'files'::text, 'memories'::text])))
);
ALTER TABLE ONLY discreet.retention ALTER COLUMN kind SET STATISTICS 0;
ALTER TABLE ONLY discreet.retention ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.retention FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.retention OWNER TO discreet_schema;

-- TABLE retention_runs
CREATE TABLE discreet.retention_runs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    counts jsonb NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.retention_runs ALTER COLUMN counts SET STATISTICS 0;
ALTER TABLE ONLY discreet.retention_runs ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.retention_runs FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.retention_runs OWNER TO discreet_schema;

-- TABLE self_erasures
CREATE TABLE discreet.self_erasures (
    contact_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    digest text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    confirmed_at timestamp with time zone,
    receipt uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
ALTER TABLE ONLY discreet.self_erasures ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE ONLY discreet.self_erasures ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.self_erasures FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.self_erasures OWNER TO discreet_schema;

-- COMMENT COLUMN self_erasures.digest
COMMENT ON COLUMN discreet.self_erasures.digest IS 'of the code';

-- TABLE tokens
CREATE TABLE discreet.tokens (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid,
    contact_id uuid,
    name text DEFAULT ''::text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    purpose text DEFAULT 'api'::text NOT NULL,
    minted_by uuid,
    CONSTRAINT tokens_check CHECK (((contact_id IS NULL) OR (agent_id IS NOT NULL))),
    CONSTRAINT tokens_check1 CHECK (((purpose = 'api'::text) OR (agent_id IS NULL))),
    CONSTRAINT tokens_check2 CHECK (((purpose = ANY (ARRAY['api'::text, 'metrics'::text])) OR (expires_at IS NOT NULL))),
    CONSTRAINT tokens_check3 CHECK (((minted_by IS NULL) OR ((purpose = 'api'::text) AND (contact_id IS NOT NULL) AND (expires_at IS NOT NULL)))),
    CONSTRAINT tokens_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT tokens_purpose_check CHECK ((purpose = ANY (ARRAY['api'::text, 'metrics'::text, 'dashboard'::text, 'sign_in'::text])))
);
ALTER TABLE ONLY discreet.tokens ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.tokens ALTER COLUMN prefix SET STATISTICS 0;
ALTER TABLE ONLY discreet.tokens ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE ONLY discreet.tokens ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.tokens FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.tokens OWNER TO discreet_schema;

-- TABLE tool_calls
CREATE TABLE discreet.tool_calls (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    session_id uuid NOT NULL,
    server_id uuid NOT NULL,
    called text NOT NULL,
    arguments jsonb NOT NULL,
    shown_to text NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by uuid,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    decider text DEFAULT 'contact'::text NOT NULL,
    route_id uuid,
    CONSTRAINT tool_calls_decider_check CHECK ((decider = ANY (ARRAY['contact'::text, 'owner'::text]))),
    CONSTRAINT tool_calls_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'approved'::text, 'begun'::text, 'refused'::text, 'replaced'::text, 'done'::text])))
);
ALTER TABLE ONLY discreet.tool_calls ALTER COLUMN called SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_calls ALTER COLUMN arguments SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_calls ALTER COLUMN shown_to SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_calls ALTER COLUMN state SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_calls ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_calls ALTER COLUMN decider SET STATISTICS 0;

ALTER TABLE ONLY discreet.tool_calls FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.tool_calls OWNER TO discreet_schema;

-- COMMENT COLUMN tool_calls.shown_to
COMMENT ON COLUMN discreet.tool_calls.shown_to IS 'address of the person who was asked, and may answer; empty: the owner';

-- COMMENT COLUMN tool_calls.decided_by
COMMENT ON COLUMN discreet.tool_calls.decided_by IS 'the message that answered';

-- COMMENT COLUMN tool_calls.decider
COMMENT ON COLUMN discreet.tool_calls.decider IS 'whose yes it needs';

-- COMMENT COLUMN tool_calls.route_id
COMMENT ON COLUMN discreet.tool_calls.route_id IS 'where its turn answered, and where the call is made; no foreign key, it ends with the session''s';

-- TABLE tool_servers
CREATE TABLE discreet.tool_servers (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid NOT NULL,
    name text NOT NULL,
    url text,
    command text[] DEFAULT '{}'::text[] NOT NULL,
    shared boolean DEFAULT false NOT NULL,
    trusted boolean DEFAULT false NOT NULL,
    ports integer[] DEFAULT '{}'::integer[] NOT NULL,
    readable text[] DEFAULT '{}'::text[] NOT NULL,
    tells_addresses boolean DEFAULT false NOT NULL,
    sealed bytea,
    offered jsonb,
    last_error text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    signs_in boolean DEFAULT false NOT NULL,
    CONSTRAINT accounts_apart CHECK ((NOT (signs_in AND (shared OR (url IS NULL))))),
    CONSTRAINT tool_servers_name_check CHECK ((name ~ '^[a-z][a-z0-9-]{0,31}$'::text)),
    CONSTRAINT url_or_command CHECK (((url IS NULL) = (command <> '{}'::text[])))
);
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN url SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN command SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN ports SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN readable SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN offered SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN last_error SET STATISTICS 0;
ALTER TABLE ONLY discreet.tool_servers ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.tool_servers FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.tool_servers OWNER TO discreet_schema;

-- COMMENT COLUMN tool_servers.shared
COMMENT ON COLUMN discreet.tool_servers.shared IS 'one session serves everybody: the owner says that it keeps nothing between calls';

-- COMMENT COLUMN tool_servers.trusted
COMMENT ON COLUMN discreet.tool_servers.trusted IS 'its command runs without a sandbox';

-- COMMENT COLUMN tool_servers.ports
COMMENT ON COLUMN discreet.tool_servers.ports IS 'TCP ports that its command may connect to';

-- COMMENT COLUMN tool_servers.readable
COMMENT ON COLUMN discreet.tool_servers.readable IS 'further files and folders that its command may read';

-- COMMENT COLUMN tool_servers.tells_addresses
COMMENT ON COLUMN discreet.tool_servers.tells_addresses IS 'it is told the addresses of contacts';

-- COMMENT COLUMN tool_servers.offered
COMMENT ON COLUMN discreet.tool_servers.offered IS 'what it offers now, where that differs from what the owner approved';

-- COMMENT COLUMN tool_servers.signs_in
COMMENT ON COLUMN discreet.tool_servers.signs_in IS 'whoever uses it connects an account of their own there';

-- TABLE tools
CREATE TABLE discreet.tools (
    server_id uuid NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    name text NOT NULL,
    called text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    schema jsonb NOT NULL,
    reads_only boolean DEFAULT false NOT NULL,
    allowed text DEFAULT 'nobody'::text NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    in_groups boolean DEFAULT false NOT NULL,
    confirm text DEFAULT 'contact'::text NOT NULL,
    approved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT tools_allowed_check CHECK ((allowed = ANY (ARRAY['nobody'::text, 'owner'::text, 'labels'::text, 'everybody'::text]))),
    CONSTRAINT tools_called_check CHECK ((called ~ '^[A-Za-z0-9_-]{1,64}$'::text)),
    CONSTRAINT tools_check CHECK (((allowed = 'labels'::text) = (labels <> '{}'::text[]))),
    CONSTRAINT tools_confirm_check CHECK ((confirm = ANY (ARRAY['never'::text, 'contact'::text, 'owner'::text]))),
    CONSTRAINT tools_name_check CHECK ((name <> ''::text))
);
ALTER TABLE ONLY discreet.tools ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.tools ALTER COLUMN called SET STATISTICS 0;
ALTER TABLE ONLY discreet.tools ALTER COLUMN description SET STATISTICS 0;
ALTER TABLE ONLY discreet.tools ALTER COLUMN schema SET STATISTICS 0;
ALTER TABLE ONLY discreet.tools ALTER COLUMN allowed SET STATISTICS 0;
ALTER TABLE ONLY discreet.tools ALTER COLUMN labels SET STATISTICS 0;
ALTER TABLE ONLY discreet.tools ALTER COLUMN confirm SET STATISTICS 0;
ALTER TABLE ONLY discreet.tools ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.tools FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.tools OWNER TO discreet_schema;

-- COMMENT COLUMN tools.called
COMMENT ON COLUMN discreet.tools.called IS 'its name for the model';

-- COMMENT COLUMN tools.reads_only
COMMENT ON COLUMN discreet.tools.reads_only IS 'its server says that it changes nothing';

-- COMMENT COLUMN tools.confirm
COMMENT ON COLUMN discreet.tools.confirm IS 'whose yes each call needs';

-- TABLE turns
CREATE TABLE discreet.turns (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid DEFAULT (gate.scope()).agent_id NOT NULL,
    contact_id uuid DEFAULT (gate.scope()).contact_id,
    shared boolean DEFAULT (SESSION_USER = 'discreet_shared'::name) NOT NULL,
    party uuid GENERATED ALWAYS AS (COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END)) STORED NOT NULL,
    session_id uuid NOT NULL,
    route_id uuid NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    model text,
    prompt jsonb,
    steps jsonb,
    usage jsonb,
    error text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    scope_key text GENERATED ALWAYS AS (gate.key_of(((uuid_send(owner_id) || uuid_send(agent_id)) || uuid_send(COALESCE(contact_id,
CASE
    WHEN shared THEN agent_id
    ELSE owner_id
END))))) STORED,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    acted boolean DEFAULT false NOT NULL,
    read uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    CONSTRAINT turns_state_check CHECK ((state = ANY (ARRAY['running'::text, 'answered'::text, 'failed'::text, 'given_up'::text, 'lost'::text, 'stopped'::text, 'restarted'::text])))
);
ALTER TABLE ONLY discreet.turns ALTER COLUMN model SET STATISTICS 0;
ALTER TABLE ONLY discreet.turns ALTER COLUMN prompt SET STATISTICS 0;
ALTER TABLE ONLY discreet.turns ALTER COLUMN steps SET STATISTICS 0;
ALTER TABLE ONLY discreet.turns ALTER COLUMN usage SET STATISTICS 0;
ALTER TABLE ONLY discreet.turns ALTER COLUMN error SET STATISTICS 0;
ALTER TABLE ONLY discreet.turns ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.turns ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.turns ALTER COLUMN read SET STATISTICS 0;

ALTER TABLE ONLY discreet.turns FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.turns OWNER TO discreet_schema;

-- COMMENT COLUMN turns.acted
COMMENT ON COLUMN discreet.turns.acted IS 'whether it called a tool that changes something; then it must not restart';

-- COMMENT COLUMN turns.read
COMMENT ON COLUMN discreet.turns.read IS 'the contacts whose rows an owner''s turn has read, by way of earlier turns too; nil: an erased one';

-- TABLE web_chats
CREATE TABLE discreet.web_chats (
    id uuid NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    agent_id uuid NOT NULL,
    name text NOT NULL,
    origins text[] NOT NULL,
    sealed bytea,
    public_key text,
    minter_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    CONSTRAINT web_chats_check CHECK (((sealed IS NULL) <> (public_key IS NULL))),
    CONSTRAINT web_chats_name_check CHECK ((name <> ''::text))
);
ALTER TABLE ONLY discreet.web_chats ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE ONLY discreet.web_chats ALTER COLUMN origins SET STATISTICS 0;
ALTER TABLE ONLY discreet.web_chats ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE ONLY discreet.web_chats ALTER COLUMN public_key SET STATISTICS 0;
ALTER TABLE ONLY discreet.web_chats ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.web_chats FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.web_chats OWNER TO discreet_schema;

-- COMMENT COLUMN web_chats.minter_id
COMMENT ON COLUMN discreet.web_chats.minter_id IS 'the agent''s token by which visitors get theirs; without it there is no chat';

-- TABLE webhooks
CREATE TABLE discreet.webhooks (
    id uuid NOT NULL,
    owner_id uuid DEFAULT (gate.scope()).owner_id NOT NULL,
    url text NOT NULL,
    kinds text[] DEFAULT '{}'::text[] NOT NULL,
    allow_private boolean DEFAULT false NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    disabled_at timestamp with time zone,
    failing_since timestamp with time zone,
    last_error text,
    attempts integer DEFAULT 0 NOT NULL,
    next_try_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    claimed_until timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_event_tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    last_event_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    agent_id uuid
);
ALTER TABLE ONLY discreet.webhooks ALTER COLUMN url SET STATISTICS 0;
ALTER TABLE ONLY discreet.webhooks ALTER COLUMN kinds SET STATISTICS 0;
ALTER TABLE ONLY discreet.webhooks ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE ONLY discreet.webhooks ALTER COLUMN last_error SET STATISTICS 0;
ALTER TABLE ONLY discreet.webhooks ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.webhooks FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.webhooks OWNER TO discreet_schema;

-- COMMENT COLUMN webhooks.kinds
COMMENT ON COLUMN discreet.webhooks.kinds IS 'the kinds of events that are sent; empty: all';

-- COMMENT COLUMN webhooks.last_event_tx
COMMENT ON COLUMN discreet.webhooks.last_event_tx IS 'with last_event_at and last_event_id: the last event that was sent';

-- COMMENT COLUMN webhooks.agent_id
COMMENT ON COLUMN discreet.webhooks.agent_id IS 'whose events are sent; null: of all agents, and of none';

-- TABLE wrong_codes
CREATE TABLE discreet.wrong_codes (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    sender bytea,
    tried_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
    contact_id uuid
);
ALTER TABLE ONLY discreet.wrong_codes ALTER COLUMN sender SET STATISTICS 0;
ALTER TABLE ONLY discreet.wrong_codes ALTER COLUMN owner_key SET STATISTICS 0;

ALTER TABLE ONLY discreet.wrong_codes FORCE ROW LEVEL SECURITY;


ALTER TABLE discreet.wrong_codes OWNER TO discreet_schema;

-- TABLE notices
CREATE TABLE gate.notices (
    code text NOT NULL,
    text text NOT NULL,
    CONSTRAINT notices_code_check CHECK ((code <> ''::text)),
    CONSTRAINT notices_text_check CHECK ((text <> ''::text))
);


ALTER TABLE gate.notices OWNER TO discreet_gate;

-- TABLE policy
CREATE TABLE gate.policy (
    one boolean DEFAULT true NOT NULL,
    messages_a_minute integer NOT NULL,
    messages_waiting integer NOT NULL,
    tokens_a_day bigint NOT NULL,
    waiting_silence_seconds integer NOT NULL,
    pairings_pending integer NOT NULL,
    pairing_codes_an_hour integer NOT NULL,
    pairing_code_seconds integer NOT NULL,
    messages_held integer NOT NULL,
    wrong_codes_an_hour integer NOT NULL,
    owner_code_seconds integer NOT NULL,
    link_code_seconds integer NOT NULL,
    memories_per_contact integer NOT NULL,
    context_lines integer NOT NULL,
    album_seconds integer NOT NULL,
    quarantine_retry_seconds integer NOT NULL,
    quarantine_retry_max_seconds integer NOT NULL,
    reminders_per_contact integer NOT NULL,
    CONSTRAINT policy_album_seconds_check CHECK ((album_seconds >= 0)),
    CONSTRAINT policy_context_lines_check CHECK ((context_lines > 0)),
    CONSTRAINT policy_link_code_seconds_check CHECK ((link_code_seconds > 0)),
    CONSTRAINT policy_memories_per_contact_check CHECK ((memories_per_contact > 0)),
    CONSTRAINT policy_messages_a_minute_check CHECK ((messages_a_minute > 0)),
    CONSTRAINT policy_messages_held_check CHECK ((messages_held > 0)),
    CONSTRAINT policy_messages_waiting_check CHECK ((messages_waiting > 0)),
    CONSTRAINT policy_one_check CHECK (one),
    CONSTRAINT policy_owner_code_seconds_check CHECK ((owner_code_seconds > 0)),
    CONSTRAINT policy_pairing_code_seconds_check CHECK ((pairing_code_seconds > 0)),
    CONSTRAINT policy_pairing_codes_an_hour_check CHECK ((pairing_codes_an_hour > 0)),
    CONSTRAINT policy_pairings_pending_check CHECK ((pairings_pending > 0)),
    CONSTRAINT policy_quarantine_retry_max_seconds_check CHECK ((quarantine_retry_max_seconds > 0)),
    CONSTRAINT policy_quarantine_retry_seconds_check CHECK ((quarantine_retry_seconds > 0)),
    CONSTRAINT policy_reminders_per_contact_check CHECK ((reminders_per_contact > 0)),
    CONSTRAINT policy_tokens_a_day_check CHECK ((tokens_a_day > 0)),
    CONSTRAINT policy_waiting_silence_seconds_check CHECK ((waiting_silence_seconds > 0)),
    CONSTRAINT policy_wrong_codes_an_hour_check CHECK ((wrong_codes_an_hour > 0))
);


ALTER TABLE gate.policy OWNER TO discreet_gate;

-- TABLE secrets
CREATE TABLE gate.secrets (
    one boolean DEFAULT true NOT NULL,
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL,
    CONSTRAINT secrets_inner_pad_check CHECK ((octet_length(inner_pad) = 64)),
    CONSTRAINT secrets_one_check CHECK (one),
    CONSTRAINT secrets_outer_pad_check CHECK ((octet_length(outer_pad) = 64))
);


ALTER TABLE gate.secrets OWNER TO discreet_gate;

-- TABLE failures
CREATE TABLE queue.failures (
    lock text NOT NULL,
    error text NOT NULL,
    failures integer DEFAULT 1 NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    next_try_at timestamp with time zone NOT NULL
);


ALTER TABLE queue.failures OWNER TO discreet_schema;

-- COMMENT COLUMN failures.lock
COMMENT ON COLUMN queue.failures.lock IS 'of the job, such as turn:ID, or the name of a task';

-- TABLE leases
CREATE TABLE queue.leases (
    what text NOT NULL,
    holder uuid NOT NULL,
    leased_until timestamp with time zone NOT NULL
)
WITH (autovacuum_analyze_threshold='5000');


ALTER TABLE queue.leases OWNER TO discreet_schema;

-- TABLE procrastinate_events
CREATE TABLE queue.procrastinate_events (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    type queue.procrastinate_job_event_type,
    at timestamp with time zone DEFAULT now()
);


ALTER TABLE queue.procrastinate_events OWNER TO discreet_schema;

-- SEQUENCE procrastinate_events_id_seq
CREATE SEQUENCE queue.procrastinate_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE queue.procrastinate_events_id_seq OWNER TO discreet_schema;

-- SEQUENCE OWNED BY procrastinate_events_id_seq
ALTER SEQUENCE queue.procrastinate_events_id_seq OWNED BY queue.procrastinate_events.id;

-- SEQUENCE procrastinate_jobs_id_seq
CREATE SEQUENCE queue.procrastinate_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE queue.procrastinate_jobs_id_seq OWNER TO discreet_schema;

-- SEQUENCE OWNED BY procrastinate_jobs_id_seq
ALTER SEQUENCE queue.procrastinate_jobs_id_seq OWNED BY queue.procrastinate_jobs.id;

-- TABLE procrastinate_periodic_defers
CREATE TABLE queue.procrastinate_periodic_defers (
    id bigint NOT NULL,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint,
    periodic_id character varying(128) DEFAULT ''::character varying NOT NULL
);


ALTER TABLE queue.procrastinate_periodic_defers OWNER TO discreet_schema;

-- SEQUENCE procrastinate_periodic_defers_id_seq
CREATE SEQUENCE queue.procrastinate_periodic_defers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE queue.procrastinate_periodic_defers_id_seq OWNER TO discreet_schema;

-- SEQUENCE OWNED BY procrastinate_periodic_defers_id_seq
ALTER SEQUENCE queue.procrastinate_periodic_defers_id_seq OWNED BY queue.procrastinate_periodic_defers.id;

-- TABLE procrastinate_workers
CREATE TABLE queue.procrastinate_workers (
    id bigint NOT NULL,
    last_heartbeat timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_analyze_threshold='5000');


ALTER TABLE queue.procrastinate_workers OWNER TO discreet_schema;

-- SEQUENCE procrastinate_workers_id_seq
ALTER TABLE queue.procrastinate_workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME queue.procrastinate_workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- DEFAULT procrastinate_events id
ALTER TABLE ONLY queue.procrastinate_events ALTER COLUMN id SET DEFAULT nextval('queue.procrastinate_events_id_seq'::regclass);

-- DEFAULT procrastinate_jobs id
ALTER TABLE ONLY queue.procrastinate_jobs ALTER COLUMN id SET DEFAULT nextval('queue.procrastinate_jobs_id_seq'::regclass);

-- DEFAULT procrastinate_periodic_defers id
ALTER TABLE ONLY queue.procrastinate_periodic_defers ALTER COLUMN id SET DEFAULT nextval('queue.procrastinate_periodic_defers_id_seq'::regclass);

-- CONSTRAINT access_log access_log_pkey
ALTER TABLE ONLY discreet.access_log
    ADD CONSTRAINT access_log_pkey PRIMARY KEY (contact_id, number, owner_id);

-- CONSTRAINT admissions admissions_pkey
ALTER TABLE ONLY discreet.admissions
    ADD CONSTRAINT admissions_pkey PRIMARY KEY (channel_id, contact_id);

-- CONSTRAINT agents agents_id_owner_id_key
ALTER TABLE ONLY discreet.agents
    ADD CONSTRAINT agents_id_owner_id_key UNIQUE (id, owner_id);

-- CONSTRAINT agents agents_pkey
ALTER TABLE ONLY discreet.agents
    ADD CONSTRAINT agents_pkey PRIMARY KEY (id);

-- CONSTRAINT attachments attachments_message_id_position_key
ALTER TABLE ONLY discreet.attachments
    ADD CONSTRAINT attachments_message_id_position_key UNIQUE (message_id, "position");

-- CONSTRAINT attachments attachments_pkey
ALTER TABLE ONLY discreet.attachments
    ADD CONSTRAINT attachments_pkey PRIMARY KEY (id);

-- CONSTRAINT budgets budgets_owner_id_agent_id_key
ALTER TABLE ONLY discreet.budgets
    ADD CONSTRAINT budgets_owner_id_agent_id_key UNIQUE NULLS NOT DISTINCT (owner_id, agent_id);

-- CONSTRAINT channel_secrets channel_secrets_pkey
ALTER TABLE ONLY discreet.channel_secrets
    ADD CONSTRAINT channel_secrets_pkey PRIMARY KEY (owner_id, platform, account);

-- CONSTRAINT channels channels_id_owner_id_agent_id_key
ALTER TABLE ONLY discreet.channels
    ADD CONSTRAINT channels_id_owner_id_agent_id_key UNIQUE (id, owner_id, agent_id);

-- CONSTRAINT channels channels_id_owner_id_platform_account_key
ALTER TABLE ONLY discreet.channels
    ADD CONSTRAINT channels_id_owner_id_platform_account_key UNIQUE (id, owner_id, platform, account);

-- CONSTRAINT channels channels_pkey
ALTER TABLE ONLY discreet.channels
    ADD CONSTRAINT channels_pkey PRIMARY KEY (id);

-- CONSTRAINT connections connections_pkey
ALTER TABLE ONLY discreet.connections
    ADD CONSTRAINT connections_pkey PRIMARY KEY (id);

-- CONSTRAINT contact_labels contact_labels_pkey
ALTER TABLE ONLY discreet.contact_labels
    ADD CONSTRAINT contact_labels_pkey PRIMARY KEY (contact_id, label, owner_id);

-- CONSTRAINT contacts contacts_id_owner_id_key
ALTER TABLE ONLY discreet.contacts
    ADD CONSTRAINT contacts_id_owner_id_key UNIQUE (id, owner_id);

-- CONSTRAINT contacts contacts_pkey
ALTER TABLE ONLY discreet.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (id);

-- CONSTRAINT drafts drafts_pkey
ALTER TABLE ONLY discreet.drafts
    ADD CONSTRAINT drafts_pkey PRIMARY KEY (turn_id, owner_id, agent_id, party);

-- CONSTRAINT early_receipts early_receipts_pkey
ALTER TABLE ONLY discreet.early_receipts
    ADD CONSTRAINT early_receipts_pkey PRIMARY KEY (id);

-- CONSTRAINT erased_addresses erased_addresses_pkey
ALTER TABLE ONLY discreet.erased_addresses
    ADD CONSTRAINT erased_addresses_pkey PRIMARY KEY (owner_id, digest);

-- CONSTRAINT erasures erasures_pkey
ALTER TABLE ONLY discreet.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (id);

-- CONSTRAINT events events_pkey
ALTER TABLE ONLY discreet.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

-- CONSTRAINT held_answers held_answers_pkey
ALTER TABLE ONLY discreet.held_answers
    ADD CONSTRAINT held_answers_pkey PRIMARY KEY (id);

-- CONSTRAINT held_messages held_messages_pkey
ALTER TABLE ONLY discreet.held_messages
    ADD CONSTRAINT held_messages_pkey PRIMARY KEY (channel_id, chat_id, platform_message, owner_id);

-- CONSTRAINT idempotency_keys idempotency_keys_pkey
ALTER TABLE ONLY discreet.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (token_id, digest);

-- CONSTRAINT limit_hits limit_hits_pkey
ALTER TABLE ONLY discreet.limit_hits
    ADD CONSTRAINT limit_hits_pkey PRIMARY KEY (agent_id, contact_id, kind);

-- CONSTRAINT limits limits_owner_id_contact_id_key
ALTER TABLE ONLY discreet.limits
    ADD CONSTRAINT limits_owner_id_contact_id_key UNIQUE NULLS NOT DISTINCT (owner_id, contact_id);

-- CONSTRAINT limits limits_pkey
ALTER TABLE ONLY discreet.limits
    ADD CONSTRAINT limits_pkey PRIMARY KEY (id);

-- CONSTRAINT link_requests link_requests_contact_id_key
ALTER TABLE ONLY discreet.link_requests
    ADD CONSTRAINT link_requests_contact_id_key UNIQUE (contact_id);

-- CONSTRAINT link_requests link_requests_pkey
ALTER TABLE ONLY discreet.link_requests
    ADD CONSTRAINT link_requests_pkey PRIMARY KEY (id);

-- CONSTRAINT linked_rows linked_rows_pkey
ALTER TABLE ONLY discreet.linked_rows
    ADD CONSTRAINT linked_rows_pkey PRIMARY KEY (link_id, kind, key, owner_id);

-- CONSTRAINT links links_id_owner_id_key
ALTER TABLE ONLY discreet.links
    ADD CONSTRAINT links_id_owner_id_key UNIQUE (id, owner_id);

-- CONSTRAINT links links_pkey
ALTER TABLE ONLY discreet.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (id);

-- CONSTRAINT mcp_sessions mcp_sessions_pkey
ALTER TABLE ONLY discreet.mcp_sessions
    ADD CONSTRAINT mcp_sessions_pkey PRIMARY KEY (digest);

-- CONSTRAINT memories memories_pkey
ALTER TABLE ONLY discreet.memories
    ADD CONSTRAINT memories_pkey PRIMARY KEY (id);

-- CONSTRAINT memory_history memory_history_pkey
ALTER TABLE ONLY discreet.memory_history
    ADD CONSTRAINT memory_history_pkey PRIMARY KEY (memory_id, version);

-- CONSTRAINT messages messages_id_session_id_route_id_key
ALTER TABLE ONLY discreet.messages
    ADD CONSTRAINT messages_id_session_id_route_id_key UNIQUE (id, session_id, route_id);

-- CONSTRAINT messages messages_pkey
ALTER TABLE ONLY discreet.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);

-- CONSTRAINT messages messages_session_id_position_owner_id_agent_id_party_key
ALTER TABLE ONLY discreet.messages
    ADD CONSTRAINT messages_session_id_position_owner_id_agent_id_party_key UNIQUE (session_id, "position", owner_id, agent_id, party);

-- CONSTRAINT outbox outbox_pkey
ALTER TABLE ONLY discreet.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (message_id, owner_id, agent_id, party);

-- CONSTRAINT owner_chats owner_chats_pkey
ALTER TABLE ONLY discreet.owner_chats
    ADD CONSTRAINT owner_chats_pkey PRIMARY KEY (owner_id, platform, platform_id);

-- CONSTRAINT owner_links owner_links_pkey
ALTER TABLE ONLY discreet.owner_links
    ADD CONSTRAINT owner_links_pkey PRIMARY KEY (id);

-- CONSTRAINT owner_notices owner_notices_pkey
ALTER TABLE ONLY discreet.owner_notices
    ADD CONSTRAINT owner_notices_pkey PRIMARY KEY (owner_id, kind, key);

-- CONSTRAINT owner_term_stats owner_term_stats_pkey
ALTER TABLE ONLY discreet.owner_term_stats
    ADD CONSTRAINT owner_term_stats_pkey PRIMARY KEY (owner_id, word);

-- CONSTRAINT owners owners_pkey
ALTER TABLE ONLY discreet.owners
    ADD CONSTRAINT owners_pkey PRIMARY KEY (id);

-- CONSTRAINT pairings pairings_channel_id_contact_id_key
ALTER TABLE ONLY discreet.pairings
    ADD CONSTRAINT pairings_channel_id_contact_id_key UNIQUE (channel_id, contact_id);

-- CONSTRAINT pairings pairings_id_owner_id_key
ALTER TABLE ONLY discreet.pairings
    ADD CONSTRAINT pairings_id_owner_id_key UNIQUE (id, owner_id);

-- CONSTRAINT pairings pairings_pkey
ALTER TABLE ONLY discreet.pairings
    ADD CONSTRAINT pairings_pkey PRIMARY KEY (id);

-- CONSTRAINT passages passages_agent_id_title_position_owner_id_key
ALTER TABLE ONLY discreet.passages
    ADD CONSTRAINT passages_agent_id_title_position_owner_id_key UNIQUE (agent_id, title, "position", owner_id);

-- CONSTRAINT passages passages_pkey
ALTER TABLE ONLY discreet.passages
    ADD CONSTRAINT passages_pkey PRIMARY KEY (id);

-- CONSTRAINT person_requests person_requests_pkey
ALTER TABLE ONLY discreet.person_requests
    ADD CONSTRAINT person_requests_pkey PRIMARY KEY (id);

-- CONSTRAINT quarantine quarantine_channel_id_dedupe_key_owner_id_key
ALTER TABLE ONLY discreet.quarantine
    ADD CONSTRAINT quarantine_channel_id_dedupe_key_owner_id_key UNIQUE (channel_id, dedupe_key, owner_id);

-- CONSTRAINT quarantine quarantine_pkey
ALTER TABLE ONLY discreet.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

-- CONSTRAINT reminders reminders_pkey
ALTER TABLE ONLY discreet.reminders
    ADD CONSTRAINT reminders_pkey PRIMARY KEY (id);

-- CONSTRAINT retention retention_owner_id_agent_id_channel_id_kind_key
ALTER TABLE ONLY discreet.retention
    ADD CONSTRAINT retention_owner_id_agent_id_channel_id_kind_key UNIQUE NULLS NOT DISTINCT (owner_id, agent_id, channel_id, kind);

-- CONSTRAINT retention_runs retention_runs_pkey
ALTER TABLE ONLY discreet.retention_runs
    ADD CONSTRAINT retention_runs_pkey PRIMARY KEY (id);

-- CONSTRAINT routes routes_id_session_id_key
ALTER TABLE ONLY discreet.routes
    ADD CONSTRAINT routes_id_session_id_key UNIQUE (id, session_id);

-- CONSTRAINT routes routes_pkey
ALTER TABLE ONLY discreet.routes
    ADD CONSTRAINT routes_pkey PRIMARY KEY (id);

-- CONSTRAINT routes routes_session_id_channel_id_chat_id_thread_id_owner_id_age_key
ALTER TABLE ONLY discreet.routes
    ADD CONSTRAINT routes_session_id_channel_id_chat_id_thread_id_owner_id_age_key UNIQUE (session_id, channel_id, chat_id, thread_id, owner_id, agent_id, party);

-- CONSTRAINT self_erasures self_erasures_pkey
ALTER TABLE ONLY discreet.self_erasures
    ADD CONSTRAINT self_erasures_pkey PRIMARY KEY (contact_id);

-- CONSTRAINT sessions sessions_id_owner_id_agent_id_party_key
ALTER TABLE ONLY discreet.sessions
    ADD CONSTRAINT sessions_id_owner_id_agent_id_party_key UNIQUE (id, owner_id, agent_id, party);

-- CONSTRAINT sessions sessions_pkey
ALTER TABLE ONLY discreet.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

-- CONSTRAINT tokens tokens_digest_key
ALTER TABLE ONLY discreet.tokens
    ADD CONSTRAINT tokens_digest_key UNIQUE (digest);

-- CONSTRAINT tokens tokens_id_owner_id_key
ALTER TABLE ONLY discreet.tokens
    ADD CONSTRAINT tokens_id_owner_id_key UNIQUE (id, owner_id);

-- CONSTRAINT tokens tokens_pkey
ALTER TABLE ONLY discreet.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);

-- CONSTRAINT tool_calls tool_calls_pkey
ALTER TABLE ONLY discreet.tool_calls
    ADD CONSTRAINT tool_calls_pkey PRIMARY KEY (id);

-- CONSTRAINT tool_servers tool_servers_id_owner_id_key
ALTER TABLE ONLY discreet.tool_servers
    ADD CONSTRAINT tool_servers_id_owner_id_key UNIQUE (id, owner_id);

-- CONSTRAINT tool_servers tool_servers_pkey
ALTER TABLE ONLY discreet.tool_servers
    ADD CONSTRAINT tool_servers_pkey PRIMARY KEY (id);

-- CONSTRAINT tools tools_pkey
ALTER TABLE ONLY discreet.tools
    ADD CONSTRAINT tools_pkey PRIMARY KEY (server_id, name, owner_id);

-- CONSTRAINT tools tools_server_id_called_owner_id_key
ALTER TABLE ONLY discreet.tools
    ADD CONSTRAINT tools_server_id_called_owner_id_key UNIQUE (server_id, called, owner_id);

-- CONSTRAINT turns turns_id_owner_id_agent_id_party_key
ALTER TABLE ONLY discreet.turns
    ADD CONSTRAINT turns_id_owner_id_agent_id_party_key UNIQUE (id, owner_id, agent_id, party);

-- CONSTRAINT turns turns_id_session_id_key
ALTER TABLE ONLY discreet.turns
    ADD CONSTRAINT turns_id_session_id_key UNIQUE (id, session_id);

-- CONSTRAINT turns turns_pkey
ALTER TABLE ONLY discreet.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (id);

-- CONSTRAINT web_chats web_chats_pkey
ALTER TABLE ONLY discreet.web_chats
    ADD CONSTRAINT web_chats_pkey PRIMARY KEY (id);

-- CONSTRAINT webhooks webhooks_pkey
ALTER TABLE ONLY discreet.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (id);

-- CONSTRAINT wrong_codes wrong_codes_pkey
ALTER TABLE ONLY discreet.wrong_codes
    ADD CONSTRAINT wrong_codes_pkey PRIMARY KEY (id);

-- CONSTRAINT notices notices_pkey
ALTER TABLE ONLY gate.notices
    ADD CONSTRAINT notices_pkey PRIMARY KEY (code);

-- CONSTRAINT policy policy_pkey
ALTER TABLE ONLY gate.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (one);

-- CONSTRAINT secrets secrets_pkey
ALTER TABLE ONLY gate.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (one);

-- CONSTRAINT failures failures_pkey
ALTER TABLE ONLY queue.failures
    ADD CONSTRAINT failures_pkey PRIMARY KEY (lock);

-- CONSTRAINT leases leases_pkey
ALTER TABLE ONLY queue.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (what);

-- CONSTRAINT procrastinate_events procrastinate_events_pkey
ALTER TABLE ONLY queue.procrastinate_events
    ADD CONSTRAINT procrastinate_events_pkey PRIMARY KEY (id);

-- CONSTRAINT procrastinate_jobs procrastinate_jobs_pkey
ALTER TABLE ONLY queue.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_pkey PRIMARY KEY (id);

-- CONSTRAINT procrastinate_periodic_defers procrastinate_periodic_defers_pkey
ALTER TABLE ONLY queue.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_pkey PRIMARY KEY (id);

-- CONSTRAINT procrastinate_periodic_defers procrastinate_periodic_defers_unique
ALTER TABLE ONLY queue.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp);

-- CONSTRAINT procrastinate_workers procrastinate_workers_pkey
ALTER TABLE ONLY queue.procrastinate_workers
    ADD CONSTRAINT procrastinate_workers_pkey PRIMARY KEY (id);

-- INDEX addresses_contact
CREATE INDEX addresses_contact ON discreet.addresses USING btree (contact_id, owner_id);

-- INDEX addresses_once
CREATE UNIQUE INDEX addresses_once ON discreet.addresses USING btree (owner_id, platform, platform_id) WHERE (owner_key IS NOT NULL);

-- INDEX admissions_contact
CREATE INDEX admissions_contact ON discreet.admissions USING btree (contact_id);

-- INDEX agents_name
CREATE UNIQUE INDEX agents_name ON discreet.agents USING btree (owner_id, name) WHERE (owner_key IS NOT NULL);

-- INDEX attachments_part
CREATE INDEX attachments_part ON discreet.attachments USING btree (channel_id, chat_id, platform_message_id, owner_id) WHERE (owner_key IS NOT NULL);

-- INDEX attachments_session
CREATE INDEX attachments_session ON discreet.attachments USING btree (session_id, owner_id, agent_id, party);

-- INDEX channels_branches
CREATE INDEX channels_branches ON discreet.channels USING btree (parent_id, only_chat, owner_id) WHERE (parent_id IS NOT NULL);

-- INDEX channels_open
CREATE UNIQUE INDEX channels_open ON discreet.channels USING btree (owner_id, platform, account, only_chat) NULLS NOT DISTINCT WHERE (closed_at IS NULL);

-- INDEX connections_contact
CREATE INDEX connections_contact ON discreet.connections USING btree (contact_id, owner_id) WHERE (owner_key IS NOT NULL);

-- INDEX connections_link
CREATE INDEX connections_link ON discreet.connections USING btree (link_hash) WHERE (owner_key IS NOT NULL);

-- INDEX connections_party
CREATE INDEX connections_party ON discreet.connections USING btree (owner_id, agent_id, party, server_id);

-- INDEX connections_server
CREATE INDEX connections_server ON discreet.connections USING btree (server_id, owner_id) WHERE (owner_key IS NOT NULL);

-- INDEX connections_state
CREATE INDEX connections_state ON discreet.connections USING btree (state_hash) WHERE (owner_key IS NOT NULL);

-- INDEX contact_labels_label
CREATE INDEX contact_labels_label ON discreet.contact_labels USING btree (owner_id, label) WHERE (owner_key IS NOT NULL);

-- INDEX contacts_blocked
CREATE INDEX contacts_blocked ON discreet.contacts USING btree (owner_id, blocked_at) WHERE ((blocked_at IS NOT NULL) AND (owner_key IS NOT NULL));

-- INDEX contacts_merged
CREATE INDEX contacts_merged ON discreet.contacts USING btree (merged_into) WHERE ((merged_into IS NOT NULL) AND (owner_key IS NOT NULL));

-- INDEX contacts_owner
CREATE INDEX contacts_owner ON discreet.contacts USING btree (owner_id, created_at) WHERE (owner_key IS NOT NULL);

-- INDEX contacts_taken_over
CREATE INDEX contacts_taken_over ON discreet.contacts USING btree (owner_id, taken_over_at) WHERE ((taken_over_at IS NOT NULL) AND (owner_key IS NOT NULL));

-- INDEX early_receipts_age
CREATE INDEX early_receipts_age ON discreet.early_receipts USING btree (created_at);

-- INDEX early_receipts_message
CREATE INDEX early_receipts_message ON discreet.early_receipts USING btree (channel_id, platform_message);

-- INDEX erasures_owner
CREATE INDEX erasures_owner ON discreet.erasures USING btree (owner_id, erased_at);

-- INDEX events_message
CREATE INDEX events_message ON discreet.events USING btree (message_id) WHERE (owner_key IS NOT NULL);

-- INDEX events_owner
CREATE INDEX events_owner ON discreet.events USING btree (owner_id, tx, created_at, id) WHERE (owner_key IS NOT NULL);

-- INDEX events_party
CREATE INDEX events_party ON discreet.events USING btree (owner_id, agent_id, party, tx, created_at, id);

-- INDEX held_answers_turn
CREATE UNIQUE INDEX held_answers_turn ON discreet.held_answers USING btree (turn_id);

-- INDEX held_answers_waiting
CREATE INDEX held_answers_waiting ON discreet.held_answers USING btree (owner_id, created_at) WHERE ((state = 'waiting'::text) AND (owner_key IS NOT NULL));

-- INDEX held_messages_pairing
CREATE INDEX held_messages_pairing ON discreet.held_messages USING btree (pairing_id, created_at, owner_id);

-- INDEX idempotency_keys_age
CREATE INDEX idempotency_keys_age ON discreet.idempotency_keys USING btree (created_at);

-- INDEX limit_hits_owner
CREATE INDEX limit_hits_owner ON discreet.limit_hits USING btree (owner_id, since);

-- INDEX link_requests_digest
CREATE INDEX link_requests_digest ON discreet.link_requests USING btree (owner_id, digest);

-- INDEX link_requests_other
CREATE INDEX link_requests_other ON discreet.link_requests USING btree (other_id);

-- INDEX links_merged
CREATE UNIQUE INDEX links_merged ON discreet.links USING btree (merged_id) WHERE (undone_at IS NULL);

-- INDEX links_survivor
CREATE INDEX links_survivor ON discreet.links USING btree (survivor_id);

-- INDEX memories_decoys
CREATE INDEX memories_decoys ON discreet.memories USING btree (owner_id, agent_id) WHERE (decoy AND (owner_key IS NOT NULL));

-- INDEX memories_expiry
CREATE INDEX memories_expiry ON discreet.memories USING btree (expires_at, owner_id) WHERE ((expires_at IS NOT NULL) AND (owner_key IS NOT NULL));

-- INDEX memories_knowledge
CREATE INDEX memories_knowledge ON discreet.memories USING btree (owner_id, agent_id, party) WHERE (salience = ANY (ARRAY['critical'::text, 'high'::text]));

-- INDEX memories_near_1666d36c1f5b
CREATE INDEX memories_near_1666d36c1f5b ON discreet.memories USING hnsw (((embedding)::public.halfvec(256)) public.halfvec_cosine_ops) WHERE ((embedder = 'wordllama-l2-supercat-256'::text) AND (owner_key IS NOT NULL));

-- INDEX memories_near_c4bb918bbab8
CREATE INDEX memories_near_c4bb918bbab8 ON discreet.memories USING hnsw (((embedding)::public.halfvec(512)) public.halfvec_cosine_ops) WHERE ((embedder = 'universal-sentence-encoder-multilingual-3'::text) AND (owner_key IS NOT NULL));

-- INDEX memories_once
CREATE UNIQUE INDEX memories_once ON discreet.memories USING btree (owner_id, agent_id, party, digest);

-- INDEX memories_recent
CREATE INDEX memories_recent ON discreet.memories USING btree (owner_id, created_at, id) INCLUDE (agent_id, owner_key) WHERE ((owner_key IS NOT NULL) AND (NOT decoy));

-- INDEX memories_scope
CREATE INDEX memories_scope ON discreet.memories USING btree (owner_id, agent_id, contact_id, created_at);

-- INDEX memories_terms
CREATE INDEX memories_terms ON discreet.memories USING gin (terms) WHERE (owner_key IS NOT NULL);

-- INDEX memories_topic
CREATE UNIQUE INDEX memories_topic ON discreet.memories USING btree (owner_id, agent_id, party, topic_key) WHERE (topic_key IS NOT NULL);

-- INDEX memories_unindexed
CREATE INDEX memories_unindexed ON discreet.memories USING btree (owner_id, created_at, id) WHERE ((embedder IS NULL) AND (owner_key IS NOT NULL));

-- INDEX memory_history_scope
CREATE INDEX memory_history_scope ON discreet.memory_history USING btree (owner_id, agent_id, contact_id, archived_at);

-- INDEX messages_album
CREATE INDEX messages_album ON discreet.messages USING btree (session_id, album, owner_id) WHERE ((album <> ''::text) AND (state = ANY (ARRAY['waiting'::text, 'context'::text])) AND (owner_key IS NOT NULL));

-- INDEX messages_among_others
CREATE INDEX messages_among_others ON discreet.messages USING btree (agent_id, sender_contact_id) WHERE (((contact_id IS NULL) OR (sender_contact_id <> contact_id)) AND (owner_key IS NOT NULL));

-- INDEX messages_context
CREATE INDEX messages_context ON discreet.messages USING btree (session_id, "position", owner_id, agent_id, party) WHERE (state = 'context'::text);

-- INDEX messages_day
CREATE INDEX messages_day ON discreet.messages USING btree (owner_id, created_at, direction, owner_key) WHERE (owner_key IS NOT NULL);

-- INDEX messages_once
CREATE UNIQUE INDEX messages_once ON discreet.messages USING btree (channel_id, chat_id, platform_message_id, owner_id) WHERE ((direction = 'in'::text) AND (owner_key IS NOT NULL));

-- INDEX messages_scope
CREATE INDEX messages_scope ON discreet.messages USING btree (owner_id, agent_id, contact_id, created_at);

-- INDEX messages_sender
CREATE INDEX messages_sender ON discreet.messages USING btree (owner_id, sender_address) WHERE ((sender_address <> ''::text) AND (owner_key IS NOT NULL));

-- INDEX messages_turn
CREATE INDEX messages_turn ON discreet.messages USING btree (turn_id, owner_id, agent_id, party) WHERE (turn_id IS NOT NULL);

-- INDEX messages_waiting
CREATE INDEX messages_waiting ON discreet.messages USING btree (session_id, "position", owner_id, agent_id, party) WHERE (state = ANY (ARRAY['waiting'::text, 'taken'::text]));

-- INDEX outbox_due
CREATE INDEX outbox_due ON discreet.outbox USING btree (route_id, created_at, owner_id, agent_id, party) WHERE (state = ANY (ARRAY['pending'::text, 'sending'::text]));

-- INDEX outbox_platform_messages
CREATE INDEX outbox_platform_messages ON discreet.outbox USING gin (platform_messages) WHERE ((platform_messages <> '{}'::text[]) AND (owner_key IS NOT NULL));

-- INDEX outbox_session
CREATE INDEX outbox_session ON discreet.outbox USING btree (session_id, owner_id, agent_id, party);

-- INDEX outbox_undelivered
CREATE INDEX outbox_undelivered ON discreet.outbox USING btree (owner_id, created_at) WHERE ((state <> 'sent'::text) AND (owner_key IS NOT NULL));

-- INDEX owner_chats_channel
CREATE INDEX owner_chats_channel ON discreet.owner_chats USING btree (channel_id, owner_id, agent_id);

-- INDEX owner_links_pending
CREATE INDEX owner_links_pending ON discreet.owner_links USING btree (owner_id, platform) WHERE (used_at IS NULL);

-- INDEX owner_notices_contact
CREATE INDEX owner_notices_contact ON discreet.owner_notices USING btree (contact_id, owner_id);

-- INDEX owner_notices_message
CREATE INDEX owner_notices_message ON discreet.owner_notices USING btree (message_id);

-- INDEX pairings_code
CREATE UNIQUE INDEX pairings_code ON discreet.pairings USING btree (owner_id, code) WHERE (state = 'pending'::text);

-- INDEX pairings_contact
CREATE INDEX pairings_contact ON discreet.pairings USING btree (contact_id);

-- INDEX person_requests_open
CREATE INDEX person_requests_open ON discreet.person_requests USING btree (owner_id, created_at) WHERE ((answered_at IS NULL) AND (owner_key IS NOT NULL));

-- INDEX person_requests_session
CREATE INDEX person_requests_session ON discreet.person_requests USING btree (session_id) WHERE (owner_key IS NOT NULL);

-- INDEX quarantine_waiting
CREATE INDEX quarantine_waiting ON discreet.quarantine USING btree (next_try_at, owner_id) WHERE (released_at IS NULL);

-- INDEX reminders_due
CREATE INDEX reminders_due ON discreet.reminders USING btree (due_at, owner_id, agent_id, party);

-- INDEX reminders_party
CREATE INDEX reminders_party ON discreet.reminders USING btree (owner_id, agent_id, party, due_at);

-- INDEX reminders_session
CREATE INDEX reminders_session ON discreet.reminders USING btree (session_id, owner_id, agent_id, party);

-- INDEX retention_runs_owner
CREATE INDEX retention_runs_owner ON discreet.retention_runs USING btree (owner_id, ended_at);

-- INDEX routes_channel
CREATE INDEX routes_channel ON discreet.routes USING btree (channel_id, owner_id, agent_id, party);

-- INDEX self_erasures_due
CREATE INDEX self_erasures_due ON discreet.self_erasures USING btree (confirmed_at) WHERE ((confirmed_at IS NOT NULL) AND (owner_key IS NOT NULL));

-- INDEX sessions_open
CREATE UNIQUE INDEX sessions_open ON discreet.sessions USING btree (owner_id, agent_id, party, thread_key) WHERE (ended_at IS NULL);

-- INDEX sessions_party
CREATE INDEX sessions_party ON discreet.sessions USING btree (owner_id, agent_id, party);

-- INDEX sessions_recent
CREATE INDEX sessions_recent ON discreet.sessions USING btree (owner_id, active_hour) WHERE (owner_key IS NOT NULL);

-- INDEX sessions_speaking
CREATE INDEX sessions_speaking ON discreet.sessions USING btree (takeover_contact_id, owner_id) WHERE ((takeover_contact_id IS NOT NULL) AND (owner_key IS NOT NULL));

-- INDEX tokens_contact
CREATE INDEX tokens_contact ON discreet.tokens USING btree (contact_id);

-- INDEX tokens_minted
CREATE INDEX tokens_minted ON discreet.tokens USING btree (minted_by, contact_id);

-- INDEX tokens_owner
CREATE INDEX tokens_owner ON discreet.tokens USING btree (owner_id, created_at);

-- INDEX tool_calls_server
CREATE INDEX tool_calls_server ON discreet.tool_calls USING btree (server_id) WHERE (owner_key IS NOT NULL);

-- INDEX tool_calls_session
CREATE INDEX tool_calls_session ON discreet.tool_calls USING btree (session_id) WHERE (owner_key IS NOT NULL);

-- INDEX tool_servers_agent
CREATE INDEX tool_servers_agent ON discreet.tool_servers USING btree (agent_id);

-- INDEX tool_servers_name
CREATE UNIQUE INDEX tool_servers_name ON discreet.tool_servers USING btree (owner_id, agent_id, name) WHERE (owner_key IS NOT NULL);

-- INDEX turns_day
CREATE INDEX turns_day ON discreet.turns USING btree (owner_id, started_at) WHERE (owner_key IS NOT NULL);

-- INDEX turns_failed
CREATE INDEX turns_failed ON discreet.turns USING btree (owner_id, started_at) WHERE ((state = ANY (ARRAY['failed'::text, 'given_up'::text, 'running'::text, 'lost'::text])) AND (owner_key IS NOT NULL));

-- INDEX turns_party
CREATE INDEX turns_party ON discreet.turns USING btree (owner_id, agent_id, party, started_at);

-- INDEX turns_session
CREATE INDEX turns_session ON discreet.turns USING btree (session_id, started_at, owner_id, agent_id, party);

-- INDEX web_chats_agent
CREATE INDEX web_chats_agent ON discreet.web_chats USING btree (agent_id, owner_id);

-- INDEX web_chats_minter
CREATE INDEX web_chats_minter ON discreet.web_chats USING btree (minter_id);

-- INDEX web_chats_name
CREATE UNIQUE INDEX web_chats_name ON discreet.web_chats USING btree (owner_id, name) WHERE (owner_key IS NOT NULL);

-- INDEX webhooks_agent
CREATE INDEX webhooks_agent ON discreet.webhooks USING btree (agent_id, owner_id);

-- INDEX webhooks_owner
CREATE INDEX webhooks_owner ON discreet.webhooks USING btree (owner_id, created_at);

-- INDEX wrong_codes_contact
CREATE INDEX wrong_codes_contact ON discreet.wrong_codes USING btree (contact_id, tried_at, owner_id);

-- INDEX wrong_codes_owner
CREATE INDEX wrong_codes_owner ON discreet.wrong_codes USING btree (owner_id, tried_at);

-- INDEX wrong_codes_sender
CREATE INDEX wrong_codes_sender ON discreet.wrong_codes USING btree (sender, owner_id) WHERE (sender IS NOT NULL);

-- INDEX idx_procrastinate_jobs_worker_not_null
CREATE INDEX idx_procrastinate_jobs_worker_not_null ON queue.procrastinate_jobs USING btree (worker_id) WHERE ((worker_id IS NOT NULL) AND (status = 'doing'::queue.procrastinate_job_status));

-- INDEX idx_procrastinate_workers_last_heartbeat
CREATE INDEX idx_procrastinate_workers_last_heartbeat ON queue.procrastinate_workers USING btree (last_heartbeat);

-- INDEX procrastinate_events_job_id_fkey_v1
CREATE INDEX procrastinate_events_job_id_fkey_v1 ON queue.procrastinate_events USING btree (job_id);

-- INDEX procrastinate_jobs_id_lock_idx_v1
CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON queue.procrastinate_jobs USING btree (id, lock) WHERE (status = ANY (ARRAY['todo'::queue.procrastinate_job_status, 'doing'::queue.procrastinate_job_status]));

-- INDEX procrastinate_jobs_lock_idx_v1
CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON queue.procrastinate_jobs USING btree (lock) WHERE (status = 'doing'::queue.procrastinate_job_status);

-- INDEX procrastinate_jobs_priority_idx_v1
CREATE INDEX procrastinate_jobs_priority_idx_v1 ON queue.procrastinate_jobs USING btree (priority DESC, id) WHERE (status = 'todo'::queue.procrastinate_job_status);

-- INDEX procrastinate_jobs_queue_name_idx_v1
CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON queue.procrastinate_jobs USING btree (queue_name);

-- INDEX procrastinate_jobs_queueing_lock_idx_v1
CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON queue.procrastinate_jobs USING btree (queueing_lock) WHERE (status = 'todo'::queue.procrastinate_job_status);

-- INDEX procrastinate_periodic_defers_job_id_fkey_v1
CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON queue.procrastinate_periodic_defers USING btree (job_id);

-- TRIGGER outbox apply_early_receipts
CREATE TRIGGER apply_early_receipts AFTER UPDATE OF state ON discreet.outbox FOR EACH ROW WHEN (((new.state = 'sent'::text) AND (old.state <> 'sent'::text))) EXECUTE FUNCTION gate.apply_early_receipts();

-- TRIGGER memories archive_memory
CREATE TRIGGER archive_memory BEFORE DELETE OR UPDATE ON discreet.memories FOR EACH ROW EXECUTE FUNCTION gate.archive_memory();

-- TRIGGER memories enforce_memory_limit
CREATE TRIGGER enforce_memory_limit AFTER INSERT ON discreet.memories REFERENCING NEW TABLE AS added FOR EACH STATEMENT WHEN ((SESSION_USER = ANY (ARRAY['discreet_contact'::name, 'discreet_shared'::name, 'discreet_owner'::name]))) EXECUTE FUNCTION gate.enforce_memory_limit();

-- TRIGGER contacts notify_access_changed
CREATE TRIGGER notify_access_changed AFTER UPDATE OF blocked_at, merged_into ON discreet.contacts FOR EACH ROW WHEN (((new.blocked_at IS DISTINCT FROM old.blocked_at) OR (new.merged_into IS DISTINCT FROM old.merged_into))) EXECUTE FUNCTION gate.notify_access_changed();

-- TRIGGER tokens notify_access_changed
CREATE TRIGGER notify_access_changed AFTER DELETE OR UPDATE OF revoked_at ON discreet.tokens FOR EACH STATEMENT EXECUTE FUNCTION gate.notify_access_changed();

-- TRIGGER channel_secrets notify_channels_changed
CREATE TRIGGER notify_channels_changed AFTER INSERT OR DELETE OR UPDATE ON discreet.channel_secrets FOR EACH STATEMENT EXECUTE FUNCTION gate.notify_channels_changed();

-- TRIGGER channels notify_channels_changed
CREATE TRIGGER notify_channels_changed AFTER INSERT OR DELETE OR UPDATE OF closed_at ON discreet.channels FOR EACH STATEMENT EXECUTE FUNCTION gate.notify_channels_changed();

-- TRIGGER contacts notify_erasure
CREATE TRIGGER notify_erasure AFTER DELETE ON discreet.contacts FOR EACH STATEMENT EXECUTE FUNCTION gate.notify_access_changed();

-- TRIGGER drafts notify_waiting_clients
CREATE TRIGGER notify_waiting_clients AFTER INSERT OR UPDATE ON discreet.drafts FOR EACH ROW EXECUTE FUNCTION gate.notify_draft_changed();

-- TRIGGER messages notify_waiting_clients
CREATE TRIGGER notify_waiting_clients AFTER UPDATE OF state ON discreet.messages FOR EACH ROW WHEN (((new.direction = 'in'::text) AND (old.state = ANY (ARRAY['waiting'::text, 'taken'::text])) AND (new.state <> 'taken'::text) AND (new.state <> old.state))) EXECUTE FUNCTION gate.notify_state_changed();

-- TRIGGER outbox notify_waiting_clients
CREATE TRIGGER notify_waiting_clients AFTER UPDATE OF state ON discreet.outbox FOR EACH ROW WHEN ((new.state = 'sent'::text)) EXECUTE FUNCTION gate.notify_delivery_changed();

-- TRIGGER messages prevent_undercounting
CREATE TRIGGER prevent_undercounting BEFORE UPDATE OF state ON discreet.messages FOR EACH ROW WHEN (((new.state = 'context'::text) AND (old.state <> 'context'::text) AND (SESSION_USER = ANY (ARRAY['discreet_contact'::name, 'discreet_shared'::name])))) EXECUTE FUNCTION gate.prevent_undercounting();

-- TRIGGER turns prevent_undercounting
CREATE TRIGGER prevent_undercounting BEFORE UPDATE OF usage ON discreet.turns FOR EACH ROW WHEN (((SESSION_USER = ANY (ARRAY['discreet_contact'::name, 'discreet_shared'::name])) AND (NOT gate.is_valid_usage(new.usage, old.usage)))) EXECUTE FUNCTION gate.prevent_undercounting();

-- TRIGGER agents record_agent
CREATE TRIGGER record_agent AFTER UPDATE OF paused_at ON discreet.agents FOR EACH ROW WHEN (((old.paused_at IS NULL) <> (new.paused_at IS NULL))) EXECUTE FUNCTION gate.record_agent();

-- TRIGGER person_requests record_answer
CREATE TRIGGER record_answer AFTER UPDATE OF answered_at ON discreet.person_requests FOR EACH ROW WHEN (((old.answered_at IS NULL) AND (new.answered_at IS NOT NULL))) EXECUTE FUNCTION gate.record_person_request();

-- TRIGGER contacts record_contact
CREATE TRIGGER record_contact AFTER UPDATE OF taken_over_at, blocked_at ON discreet.contacts FOR EACH ROW EXECUTE FUNCTION gate.record_contact();

-- TRIGGER held_answers record_decision
CREATE TRIGGER record_decision AFTER UPDATE OF state ON discreet.held_answers FOR EACH ROW WHEN ((new.state <> old.state)) EXECUTE FUNCTION gate.record_held_answer();

-- TRIGGER pairings record_decision
CREATE TRIGGER record_decision AFTER UPDATE OF state ON discreet.pairings FOR EACH ROW WHEN ((new.state <> old.state)) EXECUTE FUNCTION gate.record_pairing();

-- TRIGGER outbox record_delivery
CREATE TRIGGER record_delivery AFTER UPDATE OF state ON discreet.outbox FOR EACH ROW WHEN (((new.state = ANY (ARRAY['sent'::text, 'failed'::text])) AND (new.state <> old.state))) EXECUTE FUNCTION gate.record_delivery();

-- TRIGGER outbox record_delivery_at_once
CREATE TRIGGER record_delivery_at_once AFTER INSERT ON discreet.outbox FOR EACH ROW WHEN ((new.state = 'sent'::text)) EXECUTE FUNCTION gate.record_delivery();

-- TRIGGER held_answers record_held_answer
CREATE TRIGGER record_held_answer AFTER INSERT ON discreet.held_answers FOR EACH ROW EXECUTE FUNCTION gate.record_held_answer();

-- TRIGGER messages record_message
CREATE TRIGGER record_message AFTER INSERT ON discreet.messages FOR EACH ROW EXECUTE FUNCTION gate.record_message();

-- TRIGGER messages record_outcome
CREATE TRIGGER record_outcome AFTER UPDATE OF state ON discreet.messages FOR EACH ROW WHEN (((new.direction = 'in'::text) AND (new.state = ANY (ARRAY['answered'::text, 'failed'::text])) AND (new.state <> old.state))) EXECUTE FUNCTION gate.record_message();

-- TRIGGER pairings record_pairing
CREATE TRIGGER record_pairing AFTER INSERT ON discreet.pairings FOR EACH ROW EXECUTE FUNCTION gate.record_pairing();

-- TRIGGER person_requests record_person_request
CREATE TRIGGER record_person_request AFTER INSERT ON discreet.person_requests FOR EACH ROW EXECUTE FUNCTION gate.record_person_request();

-- TRIGGER contact_labels reject_merged_contact
CREATE TRIGGER reject_merged_contact BEFORE INSERT ON discreet.contact_labels FOR EACH ROW EXECUTE FUNCTION gate.reject_merged_contact();

-- TRIGGER memories reject_merged_contact
CREATE TRIGGER reject_merged_contact BEFORE INSERT ON discreet.memories FOR EACH ROW WHEN ((new.contact_id IS NOT NULL)) EXECUTE FUNCTION gate.reject_merged_contact();

-- TRIGGER sessions reject_merged_contact
CREATE TRIGGER reject_merged_contact BEFORE INSERT ON discreet.sessions FOR EACH ROW WHEN ((new.contact_id IS NOT NULL)) EXECUTE FUNCTION gate.reject_merged_contact();

-- TRIGGER agents reject_open_shared_agent
CREATE TRIGGER reject_open_shared_agent AFTER UPDATE OF memory_model ON discreet.agents FOR EACH ROW EXECUTE FUNCTION gate.reject_open_shared_agent();

-- TRIGGER channels reject_open_shared_agent
CREATE TRIGGER reject_open_shared_agent AFTER INSERT OR UPDATE OF admission, agent_id ON discreet.channels FOR EACH ROW EXECUTE FUNCTION gate.reject_open_shared_agent();

-- TRIGGER outbox schedule_delivery
CREATE TRIGGER schedule_delivery AFTER INSERT ON discreet.outbox FOR EACH ROW WHEN ((new.state = ANY (ARRAY['pending'::text, 'sending'::text]))) EXECUTE FUNCTION gate.schedule_delivery();

-- TRIGGER messages validate_reply_target
CREATE TRIGGER validate_reply_target BEFORE INSERT ON discreet.messages FOR EACH ROW WHEN (((new.direction = 'out'::text) AND (new.reply_to IS NOT NULL) AND (SESSION_USER = ANY (ARRAY['discreet_contact'::name, 'discreet_shared'::name, 'discreet_owner'::name])))) EXECUTE FUNCTION gate.validate_reply_target();

-- TRIGGER procrastinate_jobs procrastinate_jobs_notify_queue_job_aborted_v1
CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 AFTER UPDATE OF abort_requested ON queue.procrastinate_jobs FOR EACH ROW WHEN (((old.abort_requested = false) AND (new.abort_requested = true) AND (new.status = 'doing'::queue.procrastinate_job_status))) EXECUTE FUNCTION queue.procrastinate_notify_queue_abort_job_v1();

-- TRIGGER procrastinate_jobs procrastinate_jobs_notify_queue_job_inserted_v1
CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 AFTER INSERT ON queue.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::queue.procrastinate_job_status)) EXECUTE FUNCTION queue.procrastinate_notify_queue_job_inserted_v1();

-- TRIGGER procrastinate_jobs procrastinate_trigger_delete_jobs_v1
CREATE TRIGGER procrastinate_trigger_delete_jobs_v1 BEFORE DELETE ON queue.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION queue.procrastinate_unlink_periodic_defers_v1();

-- FK CONSTRAINT access_log access_log_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.access_log
    ADD CONSTRAINT access_log_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT addresses addresses_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.addresses
    ADD CONSTRAINT addresses_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT addresses addresses_owner_id_fkey
ALTER TABLE ONLY discreet.addresses
    ADD CONSTRAINT addresses_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT admissions admissions_channel_id_owner_id_agent_id_fkey
ALTER TABLE ONLY discreet.admissions
    ADD CONSTRAINT admissions_channel_id_owner_id_agent_id_fkey FOREIGN KEY (channel_id, owner_id, agent_id) REFERENCES discreet.channels(id, owner_id, agent_id) ON DELETE CASCADE;

-- FK CONSTRAINT admissions admissions_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.admissions
    ADD CONSTRAINT admissions_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT agents agents_owner_id_fkey
ALTER TABLE ONLY discreet.agents
    ADD CONSTRAINT agents_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT attachments attachments_message_id_session_id_route_id_fkey
ALTER TABLE ONLY discreet.attachments
    ADD CONSTRAINT attachments_message_id_session_id_route_id_fkey FOREIGN KEY (message_id, session_id, route_id) REFERENCES discreet.messages(id, session_id, route_id) ON DELETE CASCADE;

-- FK CONSTRAINT attachments attachments_session_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.attachments
    ADD CONSTRAINT attachments_session_id_owner_id_agent_id_party_fkey FOREIGN KEY (session_id, owner_id, agent_id, party) REFERENCES discreet.sessions(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT budgets budgets_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.budgets
    ADD CONSTRAINT budgets_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT budgets budgets_owner_id_fkey
ALTER TABLE ONLY discreet.budgets
    ADD CONSTRAINT budgets_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT channel_secrets channel_secrets_owner_id_fkey
ALTER TABLE ONLY discreet.channel_secrets
    ADD CONSTRAINT channel_secrets_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id) ON DELETE CASCADE;

-- FK CONSTRAINT channels channels_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.channels
    ADD CONSTRAINT channels_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id);

-- FK CONSTRAINT channels channels_owner_id_fkey
ALTER TABLE ONLY discreet.channels
    ADD CONSTRAINT channels_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT channels channels_parent_id_owner_id_platform_account_fkey
ALTER TABLE ONLY discreet.channels
    ADD CONSTRAINT channels_parent_id_owner_id_platform_account_fkey FOREIGN KEY (parent_id, owner_id, platform, account) REFERENCES discreet.channels(id, owner_id, platform, account);

-- FK CONSTRAINT connections connections_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.connections
    ADD CONSTRAINT connections_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id);

-- FK CONSTRAINT connections connections_server_id_owner_id_fkey
ALTER TABLE ONLY discreet.connections
    ADD CONSTRAINT connections_server_id_owner_id_fkey FOREIGN KEY (server_id, owner_id) REFERENCES discreet.tool_servers(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT contact_labels contact_labels_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.contact_labels
    ADD CONSTRAINT contact_labels_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT contacts contacts_merged_into_owner_id_fkey
ALTER TABLE ONLY discreet.contacts
    ADD CONSTRAINT contacts_merged_into_owner_id_fkey FOREIGN KEY (merged_into, owner_id) REFERENCES discreet.contacts(id, owner_id);

-- FK CONSTRAINT contacts contacts_owner_id_fkey
ALTER TABLE ONLY discreet.contacts
    ADD CONSTRAINT contacts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT drafts drafts_turn_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.drafts
    ADD CONSTRAINT drafts_turn_id_owner_id_agent_id_party_fkey FOREIGN KEY (turn_id, owner_id, agent_id, party) REFERENCES discreet.turns(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT early_receipts early_receipts_channel_id_fkey
ALTER TABLE ONLY discreet.early_receipts
    ADD CONSTRAINT early_receipts_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES discreet.channels(id);

-- FK CONSTRAINT erased_addresses erased_addresses_owner_id_fkey
ALTER TABLE ONLY discreet.erased_addresses
    ADD CONSTRAINT erased_addresses_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT erasures erasures_owner_id_fkey
ALTER TABLE ONLY discreet.erasures
    ADD CONSTRAINT erasures_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT held_answers held_answers_turn_id_session_id_fkey
ALTER TABLE ONLY discreet.held_answers
    ADD CONSTRAINT held_answers_turn_id_session_id_fkey FOREIGN KEY (turn_id, session_id) REFERENCES discreet.turns(id, session_id) ON DELETE CASCADE;

-- FK CONSTRAINT held_messages held_messages_pairing_id_owner_id_fkey
ALTER TABLE ONLY discreet.held_messages
    ADD CONSTRAINT held_messages_pairing_id_owner_id_fkey FOREIGN KEY (pairing_id, owner_id) REFERENCES discreet.pairings(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT idempotency_keys idempotency_keys_token_id_fkey
ALTER TABLE ONLY discreet.idempotency_keys
    ADD CONSTRAINT idempotency_keys_token_id_fkey FOREIGN KEY (token_id) REFERENCES discreet.tokens(id) ON DELETE CASCADE;

-- FK CONSTRAINT limit_hits limit_hits_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.limit_hits
    ADD CONSTRAINT limit_hits_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id);

-- FK CONSTRAINT limit_hits limit_hits_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.limit_hits
    ADD CONSTRAINT limit_hits_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT limits limits_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.limits
    ADD CONSTRAINT limits_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT limits limits_owner_id_fkey
ALTER TABLE ONLY discreet.limits
    ADD CONSTRAINT limits_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT link_requests link_requests_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.link_requests
    ADD CONSTRAINT link_requests_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT link_requests link_requests_other_id_owner_id_fkey
ALTER TABLE ONLY discreet.link_requests
    ADD CONSTRAINT link_requests_other_id_owner_id_fkey FOREIGN KEY (other_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT linked_rows linked_rows_link_id_owner_id_fkey
ALTER TABLE ONLY discreet.linked_rows
    ADD CONSTRAINT linked_rows_link_id_owner_id_fkey FOREIGN KEY (link_id, owner_id) REFERENCES discreet.links(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT links links_merged_id_owner_id_fkey
ALTER TABLE ONLY discreet.links
    ADD CONSTRAINT links_merged_id_owner_id_fkey FOREIGN KEY (merged_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT links links_survivor_id_owner_id_fkey
ALTER TABLE ONLY discreet.links
    ADD CONSTRAINT links_survivor_id_owner_id_fkey FOREIGN KEY (survivor_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT mcp_sessions mcp_sessions_session_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.mcp_sessions
    ADD CONSTRAINT mcp_sessions_session_id_owner_id_agent_id_party_fkey FOREIGN KEY (session_id, owner_id, agent_id, party) REFERENCES discreet.sessions(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT mcp_sessions mcp_sessions_token_id_fkey
ALTER TABLE ONLY discreet.mcp_sessions
    ADD CONSTRAINT mcp_sessions_token_id_fkey FOREIGN KEY (token_id) REFERENCES discreet.tokens(id) ON DELETE CASCADE;

-- FK CONSTRAINT memories memories_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.memories
    ADD CONSTRAINT memories_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id);

-- FK CONSTRAINT memories memories_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.memories
    ADD CONSTRAINT memories_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id);

-- FK CONSTRAINT memory_history memory_history_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.memory_history
    ADD CONSTRAINT memory_history_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id);

-- FK CONSTRAINT memory_history memory_history_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.memory_history
    ADD CONSTRAINT memory_history_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id);

-- FK CONSTRAINT messages messages_route_id_session_id_fkey
ALTER TABLE ONLY discreet.messages
    ADD CONSTRAINT messages_route_id_session_id_fkey FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes(id, session_id) ON DELETE CASCADE;

-- FK CONSTRAINT messages messages_session_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.messages
    ADD CONSTRAINT messages_session_id_owner_id_agent_id_party_fkey FOREIGN KEY (session_id, owner_id, agent_id, party) REFERENCES discreet.sessions(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT messages messages_turn_id_session_id_fkey
ALTER TABLE ONLY discreet.messages
    ADD CONSTRAINT messages_turn_id_session_id_fkey FOREIGN KEY (turn_id, session_id) REFERENCES discreet.turns(id, session_id) ON DELETE SET NULL (turn_id);

-- FK CONSTRAINT outbox outbox_message_id_session_id_route_id_fkey
ALTER TABLE ONLY discreet.outbox
    ADD CONSTRAINT outbox_message_id_session_id_route_id_fkey FOREIGN KEY (message_id, session_id, route_id) REFERENCES discreet.messages(id, session_id, route_id) ON DELETE CASCADE;

-- FK CONSTRAINT outbox outbox_session_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.outbox
    ADD CONSTRAINT outbox_session_id_owner_id_agent_id_party_fkey FOREIGN KEY (session_id, owner_id, agent_id, party) REFERENCES discreet.sessions(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT owner_chats owner_chats_channel_id_owner_id_agent_id_fkey
ALTER TABLE ONLY discreet.owner_chats
    ADD CONSTRAINT owner_chats_channel_id_owner_id_agent_id_fkey FOREIGN KEY (channel_id, owner_id, agent_id) REFERENCES discreet.channels(id, owner_id, agent_id) ON DELETE CASCADE;

-- FK CONSTRAINT owner_chats owner_chats_owner_id_fkey
ALTER TABLE ONLY discreet.owner_chats
    ADD CONSTRAINT owner_chats_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT owner_links owner_links_owner_id_fkey
ALTER TABLE ONLY discreet.owner_links
    ADD CONSTRAINT owner_links_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT owner_notices owner_notices_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.owner_notices
    ADD CONSTRAINT owner_notices_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT owner_notices owner_notices_owner_id_fkey
ALTER TABLE ONLY discreet.owner_notices
    ADD CONSTRAINT owner_notices_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT owner_term_stats owner_term_stats_owner_id_fkey
ALTER TABLE ONLY discreet.owner_term_stats
    ADD CONSTRAINT owner_term_stats_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT pairings pairings_channel_id_owner_id_agent_id_fkey
ALTER TABLE ONLY discreet.pairings
    ADD CONSTRAINT pairings_channel_id_owner_id_agent_id_fkey FOREIGN KEY (channel_id, owner_id, agent_id) REFERENCES discreet.channels(id, owner_id, agent_id) ON DELETE CASCADE;

-- FK CONSTRAINT pairings pairings_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.pairings
    ADD CONSTRAINT pairings_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT passages passages_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.passages
    ADD CONSTRAINT passages_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id);

-- FK CONSTRAINT passages passages_owner_id_fkey
ALTER TABLE ONLY discreet.passages
    ADD CONSTRAINT passages_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT person_requests person_requests_session_id_fkey
ALTER TABLE ONLY discreet.person_requests
    ADD CONSTRAINT person_requests_session_id_fkey FOREIGN KEY (session_id) REFERENCES discreet.sessions(id) ON DELETE CASCADE;

-- FK CONSTRAINT quarantine quarantine_channel_id_fkey
ALTER TABLE ONLY discreet.quarantine
    ADD CONSTRAINT quarantine_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES discreet.channels(id);

-- FK CONSTRAINT quarantine quarantine_owner_id_fkey
ALTER TABLE ONLY discreet.quarantine
    ADD CONSTRAINT quarantine_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT reminders reminders_route_id_session_id_fkey
ALTER TABLE ONLY discreet.reminders
    ADD CONSTRAINT reminders_route_id_session_id_fkey FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes(id, session_id) ON DELETE CASCADE;

-- FK CONSTRAINT reminders reminders_session_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.reminders
    ADD CONSTRAINT reminders_session_id_owner_id_agent_id_party_fkey FOREIGN KEY (session_id, owner_id, agent_id, party) REFERENCES discreet.sessions(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT retention retention_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.retention
    ADD CONSTRAINT retention_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT retention retention_channel_id_owner_id_agent_id_fkey
ALTER TABLE ONLY discreet.retention
    ADD CONSTRAINT retention_channel_id_owner_id_agent_id_fkey FOREIGN KEY (channel_id, owner_id, agent_id) REFERENCES discreet.channels(id, owner_id, agent_id) ON DELETE CASCADE;

-- FK CONSTRAINT retention retention_owner_id_fkey
ALTER TABLE ONLY discreet.retention
    ADD CONSTRAINT retention_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT retention_runs retention_runs_owner_id_fkey
ALTER TABLE ONLY discreet.retention_runs
    ADD CONSTRAINT retention_runs_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT routes routes_channel_id_owner_id_agent_id_fkey
ALTER TABLE ONLY discreet.routes
    ADD CONSTRAINT routes_channel_id_owner_id_agent_id_fkey FOREIGN KEY (channel_id, owner_id, agent_id) REFERENCES discreet.channels(id, owner_id, agent_id);

-- FK CONSTRAINT routes routes_session_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.routes
    ADD CONSTRAINT routes_session_id_owner_id_agent_id_party_fkey FOREIGN KEY (session_id, owner_id, agent_id, party) REFERENCES discreet.sessions(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT self_erasures self_erasures_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.self_erasures
    ADD CONSTRAINT self_erasures_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT sessions sessions_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.sessions
    ADD CONSTRAINT sessions_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id);

-- FK CONSTRAINT sessions sessions_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.sessions
    ADD CONSTRAINT sessions_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id);

-- FK CONSTRAINT sessions sessions_takeover_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.sessions
    ADD CONSTRAINT sessions_takeover_contact_id_owner_id_fkey FOREIGN KEY (takeover_contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE SET NULL (takeover_contact_id);

-- FK CONSTRAINT tokens tokens_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.tokens
    ADD CONSTRAINT tokens_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id);

-- FK CONSTRAINT tokens tokens_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.tokens
    ADD CONSTRAINT tokens_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT tokens tokens_minted_by_fkey
ALTER TABLE ONLY discreet.tokens
    ADD CONSTRAINT tokens_minted_by_fkey FOREIGN KEY (minted_by) REFERENCES discreet.tokens(id) ON DELETE CASCADE;

-- FK CONSTRAINT tokens tokens_owner_id_fkey
ALTER TABLE ONLY discreet.tokens
    ADD CONSTRAINT tokens_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT tool_calls tool_calls_server_id_fkey
ALTER TABLE ONLY discreet.tool_calls
    ADD CONSTRAINT tool_calls_server_id_fkey FOREIGN KEY (server_id) REFERENCES discreet.tool_servers(id) ON DELETE CASCADE;

-- FK CONSTRAINT tool_calls tool_calls_session_id_fkey
ALTER TABLE ONLY discreet.tool_calls
    ADD CONSTRAINT tool_calls_session_id_fkey FOREIGN KEY (session_id) REFERENCES discreet.sessions(id) ON DELETE CASCADE;

-- FK CONSTRAINT tool_servers tool_servers_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.tool_servers
    ADD CONSTRAINT tool_servers_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT tools tools_server_id_owner_id_fkey
ALTER TABLE ONLY discreet.tools
    ADD CONSTRAINT tools_server_id_owner_id_fkey FOREIGN KEY (server_id, owner_id) REFERENCES discreet.tool_servers(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT turns turns_route_id_session_id_fkey
ALTER TABLE ONLY discreet.turns
    ADD CONSTRAINT turns_route_id_session_id_fkey FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes(id, session_id) ON DELETE CASCADE;

-- FK CONSTRAINT turns turns_session_id_owner_id_agent_id_party_fkey
ALTER TABLE ONLY discreet.turns
    ADD CONSTRAINT turns_session_id_owner_id_agent_id_party_fkey FOREIGN KEY (session_id, owner_id, agent_id, party) REFERENCES discreet.sessions(id, owner_id, agent_id, party) ON DELETE CASCADE;

-- FK CONSTRAINT web_chats web_chats_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.web_chats
    ADD CONSTRAINT web_chats_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT web_chats web_chats_minter_id_owner_id_fkey
ALTER TABLE ONLY discreet.web_chats
    ADD CONSTRAINT web_chats_minter_id_owner_id_fkey FOREIGN KEY (minter_id, owner_id) REFERENCES discreet.tokens(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT web_chats web_chats_owner_id_fkey
ALTER TABLE ONLY discreet.web_chats
    ADD CONSTRAINT web_chats_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT webhooks webhooks_agent_id_owner_id_fkey
ALTER TABLE ONLY discreet.webhooks
    ADD CONSTRAINT webhooks_agent_id_owner_id_fkey FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT webhooks webhooks_owner_id_fkey
ALTER TABLE ONLY discreet.webhooks
    ADD CONSTRAINT webhooks_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id) ON DELETE CASCADE;

-- FK CONSTRAINT wrong_codes wrong_codes_contact_id_owner_id_fkey
ALTER TABLE ONLY discreet.wrong_codes
    ADD CONSTRAINT wrong_codes_contact_id_owner_id_fkey FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts(id, owner_id) ON DELETE CASCADE;

-- FK CONSTRAINT wrong_codes wrong_codes_owner_id_fkey
ALTER TABLE ONLY discreet.wrong_codes
    ADD CONSTRAINT wrong_codes_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES discreet.owners(id);

-- FK CONSTRAINT procrastinate_jobs procrastinate_jobs_worker_id_fkey
ALTER TABLE ONLY queue.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES queue.procrastinate_workers(id) ON DELETE SET NULL;

-- FK CONSTRAINT procrastinate_periodic_defers procrastinate_periodic_defers_job_id_fkey
ALTER TABLE ONLY queue.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_job_id_fkey FOREIGN KEY (job_id) REFERENCES queue.procrastinate_jobs(id);

-- ROW SECURITY access_log
ALTER TABLE discreet.access_log ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY addresses
ALTER TABLE discreet.addresses ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY admissions
ALTER TABLE discreet.admissions ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY agents
ALTER TABLE discreet.agents ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY attachments
ALTER TABLE discreet.attachments ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY budgets
ALTER TABLE discreet.budgets ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY channel_secrets
ALTER TABLE discreet.channel_secrets ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY channels
ALTER TABLE discreet.channels ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY connections
ALTER TABLE discreet.connections ENABLE ROW LEVEL SECURITY;

-- POLICY addresses contact
CREATE POLICY contact ON discreet.addresses TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, contact_id) = ( SELECT s.owner_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, contact_id) = ( SELECT s.owner_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY agents contact
CREATE POLICY contact ON discreet.agents TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY attachments contact
CREATE POLICY contact ON discreet.attachments TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY connections contact
CREATE POLICY contact ON discreet.connections TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY contacts contact
CREATE POLICY contact ON discreet.contacts TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, id) = ( SELECT s.owner_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, id) = ( SELECT s.owner_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY drafts contact
CREATE POLICY contact ON discreet.drafts TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY events contact
CREATE POLICY contact ON discreet.events TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY memories contact
CREATE POLICY contact ON discreet.memories TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY memory_history contact
CREATE POLICY contact ON discreet.memory_history TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY messages contact
CREATE POLICY contact ON discreet.messages TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY outbox contact
CREATE POLICY contact ON discreet.outbox TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY passages contact
CREATE POLICY contact ON discreet.passages TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY reminders contact
CREATE POLICY contact ON discreet.reminders TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY routes contact
CREATE POLICY contact ON discreet.routes TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY sessions contact
CREATE POLICY contact ON discreet.sessions TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY turns contact
CREATE POLICY contact ON discreet.turns TO discreet_contact USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id, party, contact_id) = ( SELECT s.owner_id,
    s.agent_id,
    s.party,
    s.contact_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- ROW SECURITY contact_labels
ALTER TABLE discreet.contact_labels ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY contacts
ALTER TABLE discreet.contacts ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY drafts
ALTER TABLE discreet.drafts ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY early_receipts
ALTER TABLE discreet.early_receipts ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY erased_addresses
ALTER TABLE discreet.erased_addresses ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY erasures
ALTER TABLE discreet.erasures ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY events
ALTER TABLE discreet.events ENABLE ROW LEVEL SECURITY;

-- POLICY access_log gate
CREATE POLICY gate ON discreet.access_log TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY addresses gate
CREATE POLICY gate ON discreet.addresses TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY admissions gate
CREATE POLICY gate ON discreet.admissions TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY agents gate
CREATE POLICY gate ON discreet.agents TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY attachments gate
CREATE POLICY gate ON discreet.attachments TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY budgets gate
CREATE POLICY gate ON discreet.budgets TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY channel_secrets gate
CREATE POLICY gate ON discreet.channel_secrets FOR SELECT TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY channels gate
CREATE POLICY gate ON discreet.channels TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY connections gate
CREATE POLICY gate ON discreet.connections TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY contact_labels gate
CREATE POLICY gate ON discreet.contact_labels TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY contacts gate
CREATE POLICY gate ON discreet.contacts TO discreet_gate USING (((owner_key IS NOT NULL) AND (NOT decoy))) WITH CHECK ((owner_key IS NOT NULL));

-- POLICY drafts gate
CREATE POLICY gate ON discreet.drafts TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY early_receipts gate
CREATE POLICY gate ON discreet.early_receipts TO discreet_gate USING (true);

-- POLICY erased_addresses gate
CREATE POLICY gate ON discreet.erased_addresses TO discreet_gate USING (true);

-- POLICY erasures gate
CREATE POLICY gate ON discreet.erasures TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY events gate
CREATE POLICY gate ON discreet.events TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY held_answers gate
CREATE POLICY gate ON discreet.held_answers TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY held_messages gate
CREATE POLICY gate ON discreet.held_messages TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY idempotency_keys gate
CREATE POLICY gate ON discreet.idempotency_keys TO discreet_gate USING (true);

-- POLICY limit_hits gate
CREATE POLICY gate ON discreet.limit_hits TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY limits gate
CREATE POLICY gate ON discreet.limits TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY link_requests gate
CREATE POLICY gate ON discreet.link_requests TO discreet_gate USING (true);

-- POLICY linked_rows gate
CREATE POLICY gate ON discreet.linked_rows TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY links gate
CREATE POLICY gate ON discreet.links TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY mcp_sessions gate
CREATE POLICY gate ON discreet.mcp_sessions TO discreet_gate USING (true);

-- POLICY memories gate
CREATE POLICY gate ON discreet.memories TO discreet_gate USING (true);

-- POLICY memory_history gate
CREATE POLICY gate ON discreet.memory_history TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY messages gate
CREATE POLICY gate ON discreet.messages TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY outbox gate
CREATE POLICY gate ON discreet.outbox TO discreet_gate USING (true);

-- POLICY owner_chats gate
CREATE POLICY gate ON discreet.owner_chats TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY owner_links gate
CREATE POLICY gate ON discreet.owner_links TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY owner_notices gate
CREATE POLICY gate ON discreet.owner_notices TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY owner_term_stats gate
CREATE POLICY gate ON discreet.owner_term_stats TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY owners gate
CREATE POLICY gate ON discreet.owners TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY pairings gate
CREATE POLICY gate ON discreet.pairings TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY person_requests gate
CREATE POLICY gate ON discreet.person_requests TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY quarantine gate
CREATE POLICY gate ON discreet.quarantine TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY reminders gate
CREATE POLICY gate ON discreet.reminders TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY retention gate
CREATE POLICY gate ON discreet.retention TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY routes gate
CREATE POLICY gate ON discreet.routes TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY self_erasures gate
CREATE POLICY gate ON discreet.self_erasures TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY sessions gate
CREATE POLICY gate ON discreet.sessions TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY tokens gate
CREATE POLICY gate ON discreet.tokens TO discreet_gate USING (true);

-- POLICY tool_calls gate
CREATE POLICY gate ON discreet.tool_calls TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY tool_servers gate
CREATE POLICY gate ON discreet.tool_servers FOR SELECT TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY tools gate
CREATE POLICY gate ON discreet.tools FOR SELECT TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY turns gate
CREATE POLICY gate ON discreet.turns TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY webhooks gate
CREATE POLICY gate ON discreet.webhooks TO discreet_gate USING ((owner_key IS NOT NULL));

-- POLICY wrong_codes gate
CREATE POLICY gate ON discreet.wrong_codes TO discreet_gate USING ((owner_key IS NOT NULL));

-- ROW SECURITY held_answers
ALTER TABLE discreet.held_answers ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY held_messages
ALTER TABLE discreet.held_messages ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY idempotency_keys
ALTER TABLE discreet.idempotency_keys ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY limit_hits
ALTER TABLE discreet.limit_hits ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY limits
ALTER TABLE discreet.limits ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY link_requests
ALTER TABLE discreet.link_requests ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY linked_rows
ALTER TABLE discreet.linked_rows ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY links
ALTER TABLE discreet.links ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY mcp_sessions
ALTER TABLE discreet.mcp_sessions ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY memories
ALTER TABLE discreet.memories ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY memory_history
ALTER TABLE discreet.memory_history ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY messages
ALTER TABLE discreet.messages ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY outbox
ALTER TABLE discreet.outbox ENABLE ROW LEVEL SECURITY;

-- POLICY access_log owner
CREATE POLICY owner ON discreet.access_log TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY addresses owner
CREATE POLICY owner ON discreet.addresses TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY admissions owner
CREATE POLICY owner ON discreet.admissions TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY agents owner
CREATE POLICY owner ON discreet.agents TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY attachments owner
CREATE POLICY owner ON discreet.attachments TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY budgets owner
CREATE POLICY owner ON discreet.budgets TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY channel_secrets owner
CREATE POLICY owner ON discreet.channel_secrets TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY channels owner
CREATE POLICY owner ON discreet.channels TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY connections owner
CREATE POLICY owner ON discreet.connections TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY contact_labels owner
CREATE POLICY owner ON discreet.contact_labels TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY contacts owner
CREATE POLICY owner ON discreet.contacts TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))) AND (NOT decoy))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY drafts owner
CREATE POLICY owner ON discreet.drafts TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY erasures owner
CREATE POLICY owner ON discreet.erasures TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY events owner
CREATE POLICY owner ON discreet.events TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY held_answers owner
CREATE POLICY owner ON discreet.held_answers TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY held_messages owner
CREATE POLICY owner ON discreet.held_messages TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY limit_hits owner
CREATE POLICY owner ON discreet.limit_hits TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY limits owner
CREATE POLICY owner ON discreet.limits TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY linked_rows owner
CREATE POLICY owner ON discreet.linked_rows TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY links owner
CREATE POLICY owner ON discreet.links TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY memories owner
CREATE POLICY owner ON discreet.memories TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))) AND (NOT decoy))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY memory_history owner
CREATE POLICY owner ON discreet.memory_history TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY messages owner
CREATE POLICY owner ON discreet.messages TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY outbox owner
CREATE POLICY owner ON discreet.outbox TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY owner_chats owner
CREATE POLICY owner ON discreet.owner_chats TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY owner_links owner
CREATE POLICY owner ON discreet.owner_links TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY owner_notices owner
CREATE POLICY owner ON discreet.owner_notices TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY owner_term_stats owner
CREATE POLICY owner ON discreet.owner_term_stats TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY owners owner
CREATE POLICY owner ON discreet.owners TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY pairings owner
CREATE POLICY owner ON discreet.pairings TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY passages owner
CREATE POLICY owner ON discreet.passages TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY person_requests owner
CREATE POLICY owner ON discreet.person_requests TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY quarantine owner
CREATE POLICY owner ON discreet.quarantine TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY reminders owner
CREATE POLICY owner ON discreet.reminders TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY retention owner
CREATE POLICY owner ON discreet.retention TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY retention_runs owner
CREATE POLICY owner ON discreet.retention_runs TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY routes owner
CREATE POLICY owner ON discreet.routes TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY sessions owner
CREATE POLICY owner ON discreet.sessions TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY tokens owner
CREATE POLICY owner ON discreet.tokens TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY tool_calls owner
CREATE POLICY owner ON discreet.tool_calls TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY tool_servers owner
CREATE POLICY owner ON discreet.tool_servers TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY tools owner
CREATE POLICY owner ON discreet.tools TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY turns owner
CREATE POLICY owner ON discreet.turns TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY web_chats owner
CREATE POLICY owner ON discreet.web_chats TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY webhooks owner
CREATE POLICY owner ON discreet.webhooks TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY wrong_codes owner
CREATE POLICY owner ON discreet.wrong_codes TO discreet_owner USING ((((( SELECT gate.keys() AS keys))[owner_key] IS NOT NULL) AND (owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_key IS NOT NULL) AND (owner_id = ( SELECT s.owner_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- ROW SECURITY owner_chats
ALTER TABLE discreet.owner_chats ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY owner_links
ALTER TABLE discreet.owner_links ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY owner_notices
ALTER TABLE discreet.owner_notices ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY owner_term_stats
ALTER TABLE discreet.owner_term_stats ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY owners
ALTER TABLE discreet.owners ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY pairings
ALTER TABLE discreet.pairings ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY passages
ALTER TABLE discreet.passages ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY person_requests
ALTER TABLE discreet.person_requests ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY quarantine
ALTER TABLE discreet.quarantine ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY reminders
ALTER TABLE discreet.reminders ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY retention
ALTER TABLE discreet.retention ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY retention_runs
ALTER TABLE discreet.retention_runs ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY routes
ALTER TABLE discreet.routes ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY self_erasures
ALTER TABLE discreet.self_erasures ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY sessions
ALTER TABLE discreet.sessions ENABLE ROW LEVEL SECURITY;

-- POLICY agents shared
CREATE POLICY shared ON discreet.agents TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY attachments shared
CREATE POLICY shared ON discreet.attachments TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY drafts shared
CREATE POLICY shared ON discreet.drafts TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY events shared
CREATE POLICY shared ON discreet.events TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY memories shared
CREATE POLICY shared ON discreet.memories TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY memory_history shared
CREATE POLICY shared ON discreet.memory_history TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY messages shared
CREATE POLICY shared ON discreet.messages TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY outbox shared
CREATE POLICY shared ON discreet.outbox TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY passages shared
CREATE POLICY shared ON discreet.passages TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND ((owner_id, agent_id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((owner_id, agent_id) = ( SELECT s.owner_id,
    s.agent_id
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))));

-- POLICY reminders shared
CREATE POLICY shared ON discreet.reminders TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY routes shared
CREATE POLICY shared ON discreet.routes TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY sessions shared
CREATE POLICY shared ON discreet.sessions TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- POLICY turns shared
CREATE POLICY shared ON discreet.turns TO discreet_shared USING ((((( SELECT gate.keys() AS keys))[scope_key] IS NOT NULL) AND (contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known))))) WITH CHECK (((contact_id IS NULL) AND ((owner_id, agent_id, party) = ( SELECT s.owner_id,
    s.agent_id,
    s.party
   FROM gate.scope() s(owner_id, agent_id, contact_id, party, known)))));

-- ROW SECURITY tokens
ALTER TABLE discreet.tokens ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY tool_calls
ALTER TABLE discreet.tool_calls ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY tool_servers
ALTER TABLE discreet.tool_servers ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY tools
ALTER TABLE discreet.tools ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY turns
ALTER TABLE discreet.turns ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY web_chats
ALTER TABLE discreet.web_chats ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY webhooks
ALTER TABLE discreet.webhooks ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY wrong_codes
ALTER TABLE discreet.wrong_codes ENABLE ROW LEVEL SECURITY;

-- ACL SCHEMA discreet
GRANT USAGE ON SCHEMA discreet TO discreet_contact;
GRANT USAGE ON SCHEMA discreet TO discreet_gate;
GRANT USAGE ON SCHEMA discreet TO discreet_intake;
GRANT USAGE ON SCHEMA discreet TO discreet_owner;
GRANT USAGE ON SCHEMA discreet TO discreet_shared;
GRANT USAGE ON SCHEMA discreet TO discreet_worker;

-- ACL SCHEMA gate
GRANT USAGE ON SCHEMA gate TO discreet_contact;
GRANT USAGE ON SCHEMA gate TO discreet_intake;
GRANT USAGE ON SCHEMA gate TO discreet_owner;
GRANT USAGE ON SCHEMA gate TO discreet_schema;
GRANT USAGE ON SCHEMA gate TO discreet_shared;
GRANT USAGE ON SCHEMA gate TO discreet_worker;

-- ACL SCHEMA queue
GRANT USAGE ON SCHEMA queue TO discreet_gate;
GRANT USAGE ON SCHEMA queue TO discreet_worker;

-- ACL FUNCTION index_vectors(of_embedder text, dimensions integer)
GRANT ALL ON FUNCTION discreet.index_vectors(of_embedder text, dimensions integer) TO discreet_worker;
REVOKE ALL ON FUNCTION discreet.index_vectors(of_embedder text, dimensions integer) FROM PUBLIC;

-- ACL FUNCTION accept_message(owner uuid, said gate.inbound, OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
REVOKE ALL ON FUNCTION gate.accept_message(owner uuid, said gate.inbound, OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid) FROM PUBLIC;

-- ACL FUNCTION accept_messages(ticket text, messages gate.inbound[])
GRANT ALL ON FUNCTION gate.accept_messages(ticket text, messages gate.inbound[]) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.accept_messages(ticket text, messages gate.inbound[]) FROM PUBLIC;

-- ACL FUNCTION accept_together(owner uuid, messages gate.inbound[])
REVOKE ALL ON FUNCTION gate.accept_together(owner uuid, messages gate.inbound[]) FROM PUBLIC;

-- ACL FUNCTION add_counts(one jsonb, other jsonb)
REVOKE ALL ON FUNCTION gate.add_counts(one jsonb, other jsonb) FROM PUBLIC;

-- ACL FUNCTION add_reminder(session uuid, turn uuid, body text, recurrence text, first_local timestamp without time zone, zone_name text, first_due timestamp with time zone)
GRANT ALL ON FUNCTION gate.add_reminder(session uuid, turn uuid, body text, recurrence text, first_local timestamp without time zone, zone_name text, first_due timestamp with time zone) TO discreet_contact;
GRANT ALL ON FUNCTION gate.add_reminder(session uuid, turn uuid, body text, recurrence text, first_local timestamp without time zone, zone_name text, first_due timestamp with time zone) TO discreet_owner;
GRANT ALL ON FUNCTION gate.add_reminder(session uuid, turn uuid, body text, recurrence text, first_local timestamp without time zone, zone_name text, first_due timestamp with time zone) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.add_reminder(session uuid, turn uuid, body text, recurrence text, first_local timestamp without time zone, zone_name text, first_due timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION key_of(ids bytea)
GRANT ALL ON FUNCTION gate.key_of(ids bytea) TO discreet_contact;
GRANT ALL ON FUNCTION gate.key_of(ids bytea) TO discreet_owner;
GRANT ALL ON FUNCTION gate.key_of(ids bytea) TO discreet_schema;
GRANT ALL ON FUNCTION gate.key_of(ids bytea) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.key_of(ids bytea) FROM PUBLIC;

-- ACL FUNCTION scope()
GRANT ALL ON FUNCTION gate.scope() TO discreet_contact;
GRANT ALL ON FUNCTION gate.scope() TO discreet_intake;
GRANT ALL ON FUNCTION gate.scope() TO discreet_owner;
GRANT ALL ON FUNCTION gate.scope() TO discreet_schema;
GRANT ALL ON FUNCTION gate.scope() TO discreet_shared;
GRANT ALL ON FUNCTION gate.scope() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.scope() FROM PUBLIC;

-- ACL TABLE channels
GRANT SELECT,INSERT,DELETE ON TABLE discreet.channels TO discreet_gate;

-- ACL FUNCTION admission_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound)
REVOKE ALL ON FUNCTION gate.admission_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION admit_sender(channel uuid, of_platform text, of_id text, kind text)
GRANT ALL ON FUNCTION gate.admit_sender(channel uuid, of_platform text, of_id text, kind text) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.admit_sender(channel uuid, of_platform text, of_id text, kind text) FROM PUBLIC;

-- ACL FUNCTION advance_receive_cursor(ticket text, channel uuid, until timestamp with time zone)
GRANT ALL ON FUNCTION gate.advance_receive_cursor(ticket text, channel uuid, until timestamp with time zone) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.advance_receive_cursor(ticket text, channel uuid, until timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION agent_ids(owner uuid)
REVOKE ALL ON FUNCTION gate.agent_ids(owner uuid) FROM PUBLIC;

-- ACL FUNCTION allowed_tools()
GRANT ALL ON FUNCTION gate.allowed_tools() TO discreet_contact;
GRANT ALL ON FUNCTION gate.allowed_tools() TO discreet_owner;
GRANT ALL ON FUNCTION gate.allowed_tools() TO discreet_shared;
REVOKE ALL ON FUNCTION gate.allowed_tools() FROM PUBLIC;

-- ACL FUNCTION anonymize_turn_reads(owner uuid, contact_ids uuid[])
REVOKE ALL ON FUNCTION gate.anonymize_turn_reads(owner uuid, contact_ids uuid[]) FROM PUBLIC;

-- ACL FUNCTION apply_channel_labels(via discreet.channels, contact uuid)
REVOKE ALL ON FUNCTION gate.apply_channel_labels(via discreet.channels, contact uuid) FROM PUBLIC;

-- ACL FUNCTION apply_early_receipts()
GRANT ALL ON FUNCTION gate.apply_early_receipts() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.apply_early_receipts() FROM PUBLIC;

-- ACL TABLE sessions
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.sessions TO discreet_gate;

-- ACL FUNCTION apply_edit(via discreet.channels, here discreet.sessions, speaker uuid, of_owner boolean, said gate.inbound)
REVOKE ALL ON FUNCTION gate.apply_edit(via discreet.channels, here discreet.sessions, speaker uuid, of_owner boolean, said gate.inbound) FROM PUBLIC;

-- ACL TABLE outbox
GRANT SELECT,INSERT,DELETE ON TABLE discreet.outbox TO discreet_gate;

-- ACL FUNCTION apply_receipt(answer discreet.outbox, platform_message text, stage text, at timestamp with time zone, why text)
REVOKE ALL ON FUNCTION gate.apply_receipt(answer discreet.outbox, platform_message text, stage text, at timestamp with time zone, why text) FROM PUBLIC;

-- ACL FUNCTION apply_retention(max_rows integer)
GRANT ALL ON FUNCTION gate.apply_retention(max_rows integer) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.apply_retention(max_rows integer) FROM PUBLIC;

-- ACL FUNCTION archive_memory()
GRANT ALL ON FUNCTION gate.archive_memory() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.archive_memory() FROM PUBLIC;

-- ACL FUNCTION are_answers_held(here discreet.sessions)
REVOKE ALL ON FUNCTION gate.are_answers_held(here discreet.sessions) FROM PUBLIC;

-- ACL FUNCTION ask_for_erasure(code text)
GRANT ALL ON FUNCTION gate.ask_for_erasure(code text) TO discreet_contact;
REVOKE ALL ON FUNCTION gate.ask_for_erasure(code text) FROM PUBLIC;

-- ACL FUNCTION ask_for_person(session uuid, turn uuid, reason_given text, OUT outcome text, OUT minutes integer)
GRANT ALL ON FUNCTION gate.ask_for_person(session uuid, turn uuid, reason_given text, OUT outcome text, OUT minutes integer) TO discreet_contact;
GRANT ALL ON FUNCTION gate.ask_for_person(session uuid, turn uuid, reason_given text, OUT outcome text, OUT minutes integer) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.ask_for_person(session uuid, turn uuid, reason_given text, OUT outcome text, OUT minutes integer) FROM PUBLIC;

-- ACL FUNCTION awaits_person(here discreet.sessions)
REVOKE ALL ON FUNCTION gate.awaits_person(here discreet.sessions) FROM PUBLIC;

-- ACL FUNCTION begin_audit()
GRANT ALL ON FUNCTION gate.begin_audit() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.begin_audit() FROM PUBLIC;

-- ACL FUNCTION begin_decided_call(session uuid, turn uuid, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb)
GRANT ALL ON FUNCTION gate.begin_decided_call(session uuid, turn uuid, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) TO discreet_contact;
GRANT ALL ON FUNCTION gate.begin_decided_call(session uuid, turn uuid, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) TO discreet_owner;
GRANT ALL ON FUNCTION gate.begin_decided_call(session uuid, turn uuid, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.begin_decided_call(session uuid, turn uuid, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) FROM PUBLIC;

-- ACL FUNCTION begin_mcp_session(session_digest bytea, token uuid)
GRANT ALL ON FUNCTION gate.begin_mcp_session(session_digest bytea, token uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.begin_mcp_session(session_digest bytea, token uuid) FROM PUBLIC;

-- ACL FUNCTION begin_owner_notices()
GRANT ALL ON FUNCTION gate.begin_owner_notices() TO discreet_owner;
REVOKE ALL ON FUNCTION gate.begin_owner_notices() FROM PUBLIC;

-- ACL FUNCTION begin_sign_in(link_digest bytea, browser_digest bytea, state_digest bytea, sealed_state bytea, valid_for interval)
GRANT ALL ON FUNCTION gate.begin_sign_in(link_digest bytea, browser_digest bytea, state_digest bytea, sealed_state bytea, valid_for interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.begin_sign_in(link_digest bytea, browser_digest bytea, state_digest bytea, sealed_state bytea, valid_for interval) FROM PUBLIC;

-- ACL FUNCTION begin_turn(session uuid, max_messages integer, OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean, OUT not_before timestamp with time zone, OUT is_local boolean)
GRANT ALL ON FUNCTION gate.begin_turn(session uuid, max_messages integer, OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean, OUT not_before timestamp with time zone, OUT is_local boolean) TO discreet_contact;
GRANT ALL ON FUNCTION gate.begin_turn(session uuid, max_messages integer, OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean, OUT not_before timestamp with time zone, OUT is_local boolean) TO discreet_owner;
GRANT ALL ON FUNCTION gate.begin_turn(session uuid, max_messages integer, OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean, OUT not_before timestamp with time zone, OUT is_local boolean) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.begin_turn(session uuid, max_messages integer, OUT turn_id uuid, OUT route_id uuid, OUT attempt integer, OUT command text, OUT is_held boolean, OUT not_before timestamp with time zone, OUT is_local boolean) FROM PUBLIC;

-- ACL FUNCTION bind_mcp_session(session_digest bytea, token uuid, session uuid)
GRANT ALL ON FUNCTION gate.bind_mcp_session(session_digest bytea, token uuid, session uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.bind_mcp_session(session_digest bytea, token uuid, session uuid) FROM PUBLIC;

-- ACL FUNCTION budgets_today(of_owner uuid, agent uuid)
REVOKE ALL ON FUNCTION gate.budgets_today(of_owner uuid, agent uuid) FROM PUBLIC;

-- ACL FUNCTION cancel_reminder(reminder uuid)
GRANT ALL ON FUNCTION gate.cancel_reminder(reminder uuid) TO discreet_contact;
GRANT ALL ON FUNCTION gate.cancel_reminder(reminder uuid) TO discreet_owner;
GRANT ALL ON FUNCTION gate.cancel_reminder(reminder uuid) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.cancel_reminder(reminder uuid) FROM PUBLIC;

-- ACL FUNCTION channel_and_branches(via discreet.channels, said gate.inbound)
REVOKE ALL ON FUNCTION gate.channel_and_branches(via discreet.channels, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION claim_idempotency_key(token uuid, key_digest bytea, request_digest bytea, lease_duration interval, OUT state text, OUT result uuid, OUT lease uuid)
GRANT ALL ON FUNCTION gate.claim_idempotency_key(token uuid, key_digest bytea, request_digest bytea, lease_duration interval, OUT state text, OUT result uuid, OUT lease uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.claim_idempotency_key(token uuid, key_digest bytea, request_digest bytea, lease_duration interval, OUT state text, OUT result uuid, OUT lease uuid) FROM PUBLIC;

-- ACL FUNCTION claim_token_renewal(connection uuid, current_tokens bytea)
GRANT ALL ON FUNCTION gate.claim_token_renewal(connection uuid, current_tokens bytea) TO discreet_contact;
GRANT ALL ON FUNCTION gate.claim_token_renewal(connection uuid, current_tokens bytea) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.claim_token_renewal(connection uuid, current_tokens bytea) FROM PUBLIC;

-- ACL FUNCTION claim_webhooks(lease interval)
GRANT ALL ON FUNCTION gate.claim_webhooks(lease interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.claim_webhooks(lease interval) FROM PUBLIC;

-- ACL FUNCTION clean_connection()
GRANT ALL ON FUNCTION gate.clean_connection() TO discreet_contact;
GRANT ALL ON FUNCTION gate.clean_connection() TO discreet_owner;
GRANT ALL ON FUNCTION gate.clean_connection() TO discreet_shared;
GRANT ALL ON FUNCTION gate.clean_connection() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.clean_connection() FROM PUBLIC;

-- ACL FUNCTION clear_failures()
GRANT ALL ON FUNCTION gate.clear_failures() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.clear_failures() FROM PUBLIC;

-- ACL FUNCTION clear_turns(sessions uuid[])
REVOKE ALL ON FUNCTION gate.clear_turns(sessions uuid[]) FROM PUBLIC;

-- ACL FUNCTION configure(numbers jsonb, texts jsonb)
GRANT ALL ON FUNCTION gate.configure(numbers jsonb, texts jsonb) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.configure(numbers jsonb, texts jsonb) FROM PUBLIC;

-- ACL FUNCTION confirm_erasure(code text)
GRANT ALL ON FUNCTION gate.confirm_erasure(code text) TO discreet_contact;
REVOKE ALL ON FUNCTION gate.confirm_erasure(code text) FROM PUBLIC;

-- ACL FUNCTION connectable_servers()
GRANT ALL ON FUNCTION gate.connectable_servers() TO discreet_contact;
GRANT ALL ON FUNCTION gate.connectable_servers() TO discreet_owner;
REVOKE ALL ON FUNCTION gate.connectable_servers() FROM PUBLIC;

-- ACL FUNCTION connecting_party(group_contact uuid)
REVOKE ALL ON FUNCTION gate.connecting_party(group_contact uuid) FROM PUBLIC;

-- ACL FUNCTION contact_digest(contact uuid)
REVOKE ALL ON FUNCTION gate.contact_digest(contact uuid) FROM PUBLIC;

-- ACL FUNCTION contact_limits(of_owner uuid, contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric)
REVOKE ALL ON FUNCTION gate.contact_limits(of_owner uuid, contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric) FROM PUBLIC;

-- ACL FUNCTION contact_with_merged(contact uuid)
REVOKE ALL ON FUNCTION gate.contact_with_merged(contact uuid) FROM PUBLIC;

-- ACL FUNCTION contacts_with_digests(wanted_digests text[])
GRANT ALL ON FUNCTION gate.contacts_with_digests(wanted_digests text[]) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.contacts_with_digests(wanted_digests text[]) FROM PUBLIC;

-- ACL FUNCTION count_dry_run(agent uuid, of_model text, used jsonb, took interval)
GRANT ALL ON FUNCTION gate.count_dry_run(agent uuid, of_model text, used jsonb, took interval) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.count_dry_run(agent uuid, of_model text, used jsonb, took interval) FROM PUBLIC;

-- ACL FUNCTION count_owner_terms(many bigint)
GRANT ALL ON FUNCTION gate.count_owner_terms(many bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.count_owner_terms(many bigint) FROM PUBLIC;

-- ACL FUNCTION create_link_code()
GRANT ALL ON FUNCTION gate.create_link_code() TO discreet_contact;
REVOKE ALL ON FUNCTION gate.create_link_code() FROM PUBLIC;

-- ACL FUNCTION current_person()
REVOKE ALL ON FUNCTION gate.current_person() FROM PUBLIC;

-- ACL FUNCTION current_policy()
GRANT ALL ON FUNCTION gate.current_policy() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.current_policy() FROM PUBLIC;

-- ACL FUNCTION dashboard_session(session_digest bytea, OUT session_id uuid, OUT owner_id uuid)
GRANT ALL ON FUNCTION gate.dashboard_session(session_digest bytea, OUT session_id uuid, OUT owner_id uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.dashboard_session(session_digest bytea, OUT session_id uuid, OUT owner_id uuid) FROM PUBLIC;

-- ACL FUNCTION decide_answer(answer uuid, body text)
GRANT ALL ON FUNCTION gate.decide_answer(answer uuid, body text) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.decide_answer(answer uuid, body text) FROM PUBLIC;

-- ACL FUNCTION decide_call(session uuid, turn uuid, is_yes boolean, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb)
GRANT ALL ON FUNCTION gate.decide_call(session uuid, turn uuid, is_yes boolean, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) TO discreet_contact;
GRANT ALL ON FUNCTION gate.decide_call(session uuid, turn uuid, is_yes boolean, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) TO discreet_owner;
GRANT ALL ON FUNCTION gate.decide_call(session uuid, turn uuid, is_yes boolean, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.decide_call(session uuid, turn uuid, is_yes boolean, OUT outcome text, OUT call uuid, OUT tool_called text, OUT given jsonb) FROM PUBLIC;

-- ACL FUNCTION decide_call_as_owner(call uuid, is_yes boolean)
GRANT ALL ON FUNCTION gate.decide_call_as_owner(call uuid, is_yes boolean) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.decide_call_as_owner(call uuid, is_yes boolean) FROM PUBLIC;

-- ACL TABLE messages
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.messages TO discreet_gate;

-- ACL FUNCTION decide_message(owner uuid, said gate.inbound, OUT outcome text, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean)
REVOKE ALL ON FUNCTION gate.decide_message(owner uuid, said gate.inbound, OUT outcome text, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean) FROM PUBLIC;

-- ACL FUNCTION decide_pairing(pairing uuid, let_in boolean)
GRANT ALL ON FUNCTION gate.decide_pairing(pairing uuid, let_in boolean) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.decide_pairing(pairing uuid, let_in boolean) FROM PUBLIC;

-- ACL FUNCTION decoys()
GRANT ALL ON FUNCTION gate.decoys() TO discreet_owner;
REVOKE ALL ON FUNCTION gate.decoys() FROM PUBLIC;

-- ACL FUNCTION defer_delivery(route uuid, at timestamp with time zone)
REVOKE ALL ON FUNCTION gate.defer_delivery(route uuid, at timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION defer_job(queue text, task text, key text, args jsonb, at timestamp with time zone, urgent boolean)
REVOKE ALL ON FUNCTION gate.defer_job(queue text, task text, key text, args jsonb, at timestamp with time zone, urgent boolean) FROM PUBLIC;

-- ACL FUNCTION defer_reminder(reminder uuid, session uuid, at timestamp with time zone)
REVOKE ALL ON FUNCTION gate.defer_reminder(reminder uuid, session uuid, at timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION defer_turn(session uuid, at timestamp with time zone, urgent boolean)
REVOKE ALL ON FUNCTION gate.defer_turn(session uuid, at timestamp with time zone, urgent boolean) FROM PUBLIC;

-- ACL FUNCTION delete_agent(agent uuid, successor uuid, erase boolean)
GRANT ALL ON FUNCTION gate.delete_agent(agent uuid, successor uuid, erase boolean) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.delete_agent(agent uuid, successor uuid, erase boolean) FROM PUBLIC;

-- ACL FUNCTION delete_agent_and_settings(agent uuid)
REVOKE ALL ON FUNCTION gate.delete_agent_and_settings(agent uuid) FROM PUBLIC;

-- ACL FUNCTION delete_agent_rows(owner uuid, agent uuid)
REVOKE ALL ON FUNCTION gate.delete_agent_rows(owner uuid, agent uuid) FROM PUBLIC;

-- ACL FUNCTION delete_draft(session uuid, turn uuid)
REVOKE ALL ON FUNCTION gate.delete_draft(session uuid, turn uuid) FROM PUBLIC;

-- ACL FUNCTION delete_expired_connections()
GRANT ALL ON FUNCTION gate.delete_expired_connections() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.delete_expired_connections() FROM PUBLIC;

-- ACL FUNCTION delete_jobs(sessions uuid[])
REVOKE ALL ON FUNCTION gate.delete_jobs(sessions uuid[]) FROM PUBLIC;

-- ACL FUNCTION deletion_blocker(owner uuid, agent uuid, successor uuid)
REVOKE ALL ON FUNCTION gate.deletion_blocker(owner uuid, agent uuid, successor uuid) FROM PUBLIC;

-- ACL FUNCTION depends_on_written(owner uuid, said gate.inbound, chats text[], people uuid[])
REVOKE ALL ON FUNCTION gate.depends_on_written(owner uuid, said gate.inbound, chats text[], people uuid[]) FROM PUBLIC;

-- ACL FUNCTION details_to_store(details jsonb, replies_to uuid)
REVOKE ALL ON FUNCTION gate.details_to_store(details jsonb, replies_to uuid) FROM PUBLIC;

-- ACL FUNCTION due_erasures(max_wait interval)
GRANT ALL ON FUNCTION gate.due_erasures(max_wait interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.due_erasures(max_wait interval) FROM PUBLIC;

-- ACL FUNCTION due_quarantined()
GRANT ALL ON FUNCTION gate.due_quarantined() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.due_quarantined() FROM PUBLIC;

-- ACL FUNCTION edit_as_context(said gate.inbound)
REVOKE ALL ON FUNCTION gate.edit_as_context(said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION end_audit(audit uuid)
GRANT ALL ON FUNCTION gate.end_audit(audit uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.end_audit(audit uuid) FROM PUBLIC;

-- ACL FUNCTION end_call(session uuid, call uuid)
GRANT ALL ON FUNCTION gate.end_call(session uuid, call uuid) TO discreet_contact;
GRANT ALL ON FUNCTION gate.end_call(session uuid, call uuid) TO discreet_owner;
GRANT ALL ON FUNCTION gate.end_call(session uuid, call uuid) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.end_call(session uuid, call uuid) FROM PUBLIC;

-- ACL FUNCTION end_connection(connection uuid)
GRANT ALL ON FUNCTION gate.end_connection(connection uuid) TO discreet_contact;
GRANT ALL ON FUNCTION gate.end_connection(connection uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.end_connection(connection uuid) FROM PUBLIC;

-- ACL FUNCTION end_delivery(route uuid)
GRANT ALL ON FUNCTION gate.end_delivery(route uuid) TO discreet_contact;
GRANT ALL ON FUNCTION gate.end_delivery(route uuid) TO discreet_owner;
GRANT ALL ON FUNCTION gate.end_delivery(route uuid) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.end_delivery(route uuid) FROM PUBLIC;

-- ACL FUNCTION end_job(key text)
REVOKE ALL ON FUNCTION gate.end_job(key text) FROM PUBLIC;

-- ACL FUNCTION end_mcp_session(session_digest bytea, token uuid)
GRANT ALL ON FUNCTION gate.end_mcp_session(session_digest bytea, token uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.end_mcp_session(session_digest bytea, token uuid) FROM PUBLIC;

-- ACL FUNCTION end_person_requests(contact uuid)
GRANT ALL ON FUNCTION gate.end_person_requests(contact uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.end_person_requests(contact uuid) FROM PUBLIC;

-- ACL FUNCTION end_turn(session uuid, turn uuid, sends boolean, answer text, terminal uuid, OUT held boolean, OUT waits boolean, OUT may_deliver boolean)
GRANT ALL ON FUNCTION gate.end_turn(session uuid, turn uuid, sends boolean, answer text, terminal uuid, OUT held boolean, OUT waits boolean, OUT may_deliver boolean) TO discreet_contact;
GRANT ALL ON FUNCTION gate.end_turn(session uuid, turn uuid, sends boolean, answer text, terminal uuid, OUT held boolean, OUT waits boolean, OUT may_deliver boolean) TO discreet_owner;
GRANT ALL ON FUNCTION gate.end_turn(session uuid, turn uuid, sends boolean, answer text, terminal uuid, OUT held boolean, OUT waits boolean, OUT may_deliver boolean) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.end_turn(session uuid, turn uuid, sends boolean, answer text, terminal uuid, OUT held boolean, OUT waits boolean, OUT may_deliver boolean) FROM PUBLIC;

-- ACL FUNCTION enforce_limits(owner uuid, via discreet.channels, shared boolean, said gate.inbound)
REVOKE ALL ON FUNCTION gate.enforce_limits(owner uuid, via discreet.channels, shared boolean, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION enforce_memory_limit()
GRANT ALL ON FUNCTION gate.enforce_memory_limit() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.enforce_memory_limit() FROM PUBLIC;

-- ACL FUNCTION enter_connection_code(code_digest bytea, group_contact uuid, OUT outcome text, OUT server uuid)
GRANT ALL ON FUNCTION gate.enter_connection_code(code_digest bytea, group_contact uuid, OUT outcome text, OUT server uuid) TO discreet_contact;
GRANT ALL ON FUNCTION gate.enter_connection_code(code_digest bytea, group_contact uuid, OUT outcome text, OUT server uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.enter_connection_code(code_digest bytea, group_contact uuid, OUT outcome text, OUT server uuid) FROM PUBLIC;

-- ACL FUNCTION enter_scope(ticket text)
REVOKE ALL ON FUNCTION gate.enter_scope(ticket text) FROM PUBLIC;

-- ACL FUNCTION erase_contact(contact uuid)
GRANT ALL ON FUNCTION gate.erase_contact(contact uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.erase_contact(contact uuid) FROM PUBLIC;

-- ACL FUNCTION erase_exclusive_contacts(owner uuid, agent uuid)
REVOKE ALL ON FUNCTION gate.erase_exclusive_contacts(owner uuid, agent uuid) FROM PUBLIC;

-- ACL FUNCTION erase_from_other_sessions(owner uuid, contact_ids uuid[], addresses text[])
REVOKE ALL ON FUNCTION gate.erase_from_other_sessions(owner uuid, contact_ids uuid[], addresses text[]) FROM PUBLIC;

-- ACL FUNCTION erase_memories(ids uuid[], OUT memories bigint, OUT versions bigint)
REVOKE ALL ON FUNCTION gate.erase_memories(ids uuid[], OUT memories bigint, OUT versions bigint) FROM PUBLIC;

-- ACL FUNCTION erase_quotes(sessions uuid[], message_ids uuid[], addresses text[])
REVOKE ALL ON FUNCTION gate.erase_quotes(sessions uuid[], message_ids uuid[], addresses text[]) FROM PUBLIC;

-- ACL FUNCTION erase_rows(owner uuid, contact_ids uuid[], sessions uuid[])
REVOKE ALL ON FUNCTION gate.erase_rows(owner uuid, contact_ids uuid[], sessions uuid[]) FROM PUBLIC;

-- ACL FUNCTION erase_unassigned(owner uuid, contact_ids uuid[], addresses text[])
REVOKE ALL ON FUNCTION gate.erase_unassigned(owner uuid, contact_ids uuid[], addresses text[]) FROM PUBLIC;

-- ACL FUNCTION erased_contacts()
GRANT ALL ON FUNCTION gate.erased_contacts() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.erased_contacts() FROM PUBLIC;

-- ACL FUNCTION exceeded_limit(of_owner uuid, agent uuid, contact uuid, shared boolean)
REVOKE ALL ON FUNCTION gate.exceeded_limit(of_owner uuid, agent uuid, contact uuid, shared boolean) FROM PUBLIC;

-- ACL FUNCTION expire_messages(owner uuid, max_rows integer)
REVOKE ALL ON FUNCTION gate.expire_messages(owner uuid, max_rows integer) FROM PUBLIC;

-- ACL FUNCTION expire_sign_ins(connections uuid[])
REVOKE ALL ON FUNCTION gate.expire_sign_ins(connections uuid[]) FROM PUBLIC;

-- ACL FUNCTION expire_unassigned(owner uuid)
REVOKE ALL ON FUNCTION gate.expire_unassigned(owner uuid) FROM PUBLIC;

-- ACL FUNCTION expired_files(owner uuid, max_rows integer)
REVOKE ALL ON FUNCTION gate.expired_files(owner uuid, max_rows integer) FROM PUBLIC;

-- ACL FUNCTION expired_memories(owner uuid, max_rows integer)
REVOKE ALL ON FUNCTION gate.expired_memories(owner uuid, max_rows integer) FROM PUBLIC;

-- ACL FUNCTION expired_messages(owner uuid, max_rows integer)
REVOKE ALL ON FUNCTION gate.expired_messages(owner uuid, max_rows integer) FROM PUBLIC;

-- ACL FUNCTION expired_versions(owner uuid, max_rows integer)
REVOKE ALL ON FUNCTION gate.expired_versions(owner uuid, max_rows integer) FROM PUBLIC;

-- ACL FUNCTION explain_last_answer()
GRANT ALL ON FUNCTION gate.explain_last_answer() TO discreet_contact;
GRANT ALL ON FUNCTION gate.explain_last_answer() TO discreet_shared;
REVOKE ALL ON FUNCTION gate.explain_last_answer() FROM PUBLIC;

-- ACL FUNCTION find_answer_by_platform_id(owner uuid, channel uuid, chats text[], platform_message text)
REVOKE ALL ON FUNCTION gate.find_answer_by_platform_id(owner uuid, channel uuid, chats text[], platform_message text) FROM PUBLIC;

-- ACL FUNCTION find_connection_by_link(link_digest bytea)
GRANT ALL ON FUNCTION gate.find_connection_by_link(link_digest bytea) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.find_connection_by_link(link_digest bytea) FROM PUBLIC;

-- ACL FUNCTION find_contact(owner uuid, of_platform text, of_id text)
REVOKE ALL ON FUNCTION gate.find_contact(owner uuid, of_platform text, of_id text) FROM PUBLIC;

-- ACL FUNCTION find_duplicate(said gate.inbound, one_of uuid[])
REVOKE ALL ON FUNCTION gate.find_duplicate(said gate.inbound, one_of uuid[]) FROM PUBLIC;

-- ACL FUNCTION find_or_create_contact(owner uuid, of_platform text, of_id text, kind text, display_name text)
REVOKE ALL ON FUNCTION gate.find_or_create_contact(owner uuid, of_platform text, of_id text, kind text, display_name text) FROM PUBLIC;

-- ACL FUNCTION find_or_create_first_owner(owner_name text)
GRANT ALL ON FUNCTION gate.find_or_create_first_owner(owner_name text) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.find_or_create_first_owner(owner_name text) FROM PUBLIC;

-- ACL FUNCTION find_or_create_route(here discreet.sessions, channel uuid, chat text, platform_thread text)
REVOKE ALL ON FUNCTION gate.find_or_create_route(here discreet.sessions, channel uuid, chat text, platform_thread text) FROM PUBLIC;

-- ACL FUNCTION find_or_create_session(owner uuid, agent uuid, contact uuid, of_all boolean, thread text, force_new boolean)
REVOKE ALL ON FUNCTION gate.find_or_create_session(owner uuid, agent uuid, contact uuid, of_all boolean, thread text, force_new boolean) FROM PUBLIC;

-- ACL FUNCTION find_pairing(typed text, OUT pairing uuid, OUT locked boolean)
GRANT ALL ON FUNCTION gate.find_pairing(typed text, OUT pairing uuid, OUT locked boolean) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.find_pairing(typed text, OUT pairing uuid, OUT locked boolean) FROM PUBLIC;

-- ACL FUNCTION find_replied_message(via discreet.channels, here discreet.sessions, chat text, platform_message text)
REVOKE ALL ON FUNCTION gate.find_replied_message(via discreet.channels, here discreet.sessions, chat text, platform_message text) FROM PUBLIC;

-- ACL FUNCTION finish_sign_in(state_digest bytea, browser_digest bytea, sealed_tokens bytea, code_digest bytea, valid_for interval)
GRANT ALL ON FUNCTION gate.finish_sign_in(state_digest bytea, browser_digest bytea, sealed_tokens bytea, code_digest bytea, valid_for interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.finish_sign_in(state_digest bytea, browser_digest bytea, sealed_tokens bytea, code_digest bytea, valid_for interval) FROM PUBLIC;

-- ACL FUNCTION fire_reminder(reminder uuid, expected_due timestamp with time zone, next_due timestamp with time zone, body text)
GRANT ALL ON FUNCTION gate.fire_reminder(reminder uuid, expected_due timestamp with time zone, next_due timestamp with time zone, body text) TO discreet_contact;
GRANT ALL ON FUNCTION gate.fire_reminder(reminder uuid, expected_due timestamp with time zone, next_due timestamp with time zone, body text) TO discreet_owner;
GRANT ALL ON FUNCTION gate.fire_reminder(reminder uuid, expected_due timestamp with time zone, next_due timestamp with time zone, body text) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.fire_reminder(reminder uuid, expected_due timestamp with time zone, next_due timestamp with time zone, body text) FROM PUBLIC;

-- ACL FUNCTION forget_memory(memory uuid, expected_version integer)
GRANT ALL ON FUNCTION gate.forget_memory(memory uuid, expected_version integer) TO discreet_contact;
GRANT ALL ON FUNCTION gate.forget_memory(memory uuid, expected_version integer) TO discreet_owner;
GRANT ALL ON FUNCTION gate.forget_memory(memory uuid, expected_version integer) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.forget_memory(memory uuid, expected_version integer) FROM PUBLIC;

-- ACL FUNCTION generate_code()
REVOKE ALL ON FUNCTION gate.generate_code() FROM PUBLIC;

-- ACL FUNCTION has_opted_out(contact uuid)
REVOKE ALL ON FUNCTION gate.has_opted_out(contact uuid) FROM PUBLIC;

-- ACL FUNCTION has_webhooks()
GRANT ALL ON FUNCTION gate.has_webhooks() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.has_webhooks() FROM PUBLIC;

-- ACL FUNCTION hold_answer(session uuid, turn uuid, body text)
GRANT ALL ON FUNCTION gate.hold_answer(session uuid, turn uuid, body text) TO discreet_contact;
GRANT ALL ON FUNCTION gate.hold_answer(session uuid, turn uuid, body text) TO discreet_owner;
GRANT ALL ON FUNCTION gate.hold_answer(session uuid, turn uuid, body text) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.hold_answer(session uuid, turn uuid, body text) FROM PUBLIC;

-- ACL FUNCTION ingest_message(owner uuid, via discreet.channels, of_all boolean, said gate.inbound, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean)
REVOKE ALL ON FUNCTION gate.ingest_message(owner uuid, via discreet.channels, of_all boolean, said gate.inbound, OUT message discreet.messages, OUT is_unwritten boolean, OUT wake_at timestamp with time zone, OUT is_urgent boolean) FROM PUBLIC;

-- ACL FUNCTION is_backing_off(key text)
REVOKE ALL ON FUNCTION gate.is_backing_off(key text) FROM PUBLIC;

-- ACL FUNCTION is_budget_exhausted(of_owner uuid, agent uuid)
REVOKE ALL ON FUNCTION gate.is_budget_exhausted(of_owner uuid, agent uuid) FROM PUBLIC;

-- ACL FUNCTION is_new_contact(owner uuid, via discreet.channels, said gate.inbound)
REVOKE ALL ON FUNCTION gate.is_new_contact(owner uuid, via discreet.channels, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION is_on_hold(contact uuid)
REVOKE ALL ON FUNCTION gate.is_on_hold(contact uuid) FROM PUBLIC;

-- ACL TABLE connections
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.connections TO discreet_gate;

-- ACL FUNCTION is_own_connection(c discreet.connections)
REVOKE ALL ON FUNCTION gate.is_own_connection(c discreet.connections) FROM PUBLIC;

-- ACL FUNCTION is_same_chat(owner uuid, of_platform text, chat text, chats text[])
REVOKE ALL ON FUNCTION gate.is_same_chat(owner uuid, of_platform text, chat text, chats text[]) FROM PUBLIC;

-- ACL FUNCTION is_valid_usage(given jsonb, before jsonb)
GRANT ALL ON FUNCTION gate.is_valid_usage(given jsonb, before jsonb) TO discreet_contact;
GRANT ALL ON FUNCTION gate.is_valid_usage(given jsonb, before jsonb) TO discreet_owner;
GRANT ALL ON FUNCTION gate.is_valid_usage(given jsonb, before jsonb) TO discreet_schema;
GRANT ALL ON FUNCTION gate.is_valid_usage(given jsonb, before jsonb) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.is_valid_usage(given jsonb, before jsonb) FROM PUBLIC;

-- ACL FUNCTION job_scope(args jsonb)
GRANT ALL ON FUNCTION gate.job_scope(args jsonb) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.job_scope(args jsonb) FROM PUBLIC;

-- ACL FUNCTION keyed_digest(address text)
REVOKE ALL ON FUNCTION gate.keyed_digest(address text) FROM PUBLIC;

-- ACL FUNCTION keys()
GRANT ALL ON FUNCTION gate.keys() TO discreet_contact;
GRANT ALL ON FUNCTION gate.keys() TO discreet_owner;
GRANT ALL ON FUNCTION gate.keys() TO discreet_schema;
GRANT ALL ON FUNCTION gate.keys() TO discreet_shared;
REVOKE ALL ON FUNCTION gate.keys() FROM PUBLIC;

-- ACL FUNCTION last_inbound_message(owner uuid, contact uuid)
REVOKE ALL ON FUNCTION gate.last_inbound_message(owner uuid, contact uuid) FROM PUBLIC;

-- ACL FUNCTION link_alias(ticket text, of_platform text, stable_id text, other_id text)
GRANT ALL ON FUNCTION gate.link_alias(ticket text, of_platform text, stable_id text, other_id text) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.link_alias(ticket text, of_platform text, stable_id text, other_id text) FROM PUBLIC;

-- ACL FUNCTION link_contacts(survivor uuid, merged uuid)
GRANT ALL ON FUNCTION gate.link_contacts(survivor uuid, merged uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.link_contacts(survivor uuid, merged uuid) FROM PUBLIC;

-- ACL FUNCTION link_visitor(known uuid, visitor uuid)
GRANT ALL ON FUNCTION gate.link_visitor(known uuid, visitor uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.link_visitor(known uuid, visitor uuid) FROM PUBLIC;

-- ACL FUNCTION linked_row_ids(link uuid, row_kind text)
REVOKE ALL ON FUNCTION gate.linked_row_ids(link uuid, row_kind text) FROM PUBLIC;

-- ACL FUNCTION list_access()
GRANT ALL ON FUNCTION gate.list_access() TO discreet_contact;
REVOKE ALL ON FUNCTION gate.list_access() FROM PUBLIC;

-- ACL FUNCTION list_failures(OUT task text, OUT session_id uuid, OUT error text, OUT failures integer, OUT since timestamp with time zone, OUT next_try_at timestamp with time zone)
GRANT ALL ON FUNCTION gate.list_failures(OUT task text, OUT session_id uuid, OUT error text, OUT failures integer, OUT since timestamp with time zone, OUT next_try_at timestamp with time zone) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.list_failures(OUT task text, OUT session_id uuid, OUT error text, OUT failures integer, OUT since timestamp with time zone, OUT next_try_at timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION lock_connections(party uuid)
REVOKE ALL ON FUNCTION gate.lock_connections(party uuid) FROM PUBLIC;

-- ACL FUNCTION lock_session(session uuid)
REVOKE ALL ON FUNCTION gate.lock_session(session uuid) FROM PUBLIC;

-- ACL FUNCTION make_owner_link(of_platform text)
GRANT ALL ON FUNCTION gate.make_owner_link(of_platform text) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.make_owner_link(of_platform text) FROM PUBLIC;

-- ACL FUNCTION mark_turn_lost(session uuid, turn uuid)
REVOKE ALL ON FUNCTION gate.mark_turn_lost(session uuid, turn uuid) FROM PUBLIC;

-- ACL FUNCTION may_connect(contact uuid)
REVOKE ALL ON FUNCTION gate.may_connect(contact uuid) FROM PUBLIC;

-- ACL FUNCTION may_send_on_route(route uuid, session uuid, turn uuid, answer uuid)
GRANT ALL ON FUNCTION gate.may_send_on_route(route uuid, session uuid, turn uuid, answer uuid) TO discreet_contact;
GRANT ALL ON FUNCTION gate.may_send_on_route(route uuid, session uuid, turn uuid, answer uuid) TO discreet_owner;
GRANT ALL ON FUNCTION gate.may_send_on_route(route uuid, session uuid, turn uuid, answer uuid) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.may_send_on_route(route uuid, session uuid, turn uuid, answer uuid) FROM PUBLIC;

-- ACL FUNCTION mcp_session(session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid)
GRANT ALL ON FUNCTION gate.mcp_session(session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.mcp_session(session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) FROM PUBLIC;

-- ACL FUNCTION mcp_session_with_ticket(ticket text, session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid)
GRANT ALL ON FUNCTION gate.mcp_session_with_ticket(ticket text, session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.mcp_session_with_ticket(ticket text, session_digest bytea, token uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid) FROM PUBLIC;

-- ACL FUNCTION merge_blocker(owner uuid, survivor uuid, merged uuid)
REVOKE ALL ON FUNCTION gate.merge_blocker(owner uuid, survivor uuid, merged uuid) FROM PUBLIC;

-- ACL FUNCTION merge_contacts(owner uuid, survivor uuid, merged uuid, proof_kind text)
REVOKE ALL ON FUNCTION gate.merge_contacts(owner uuid, survivor uuid, merged uuid, proof_kind text) FROM PUBLIC;

-- ACL FUNCTION merge_details(before text, details jsonb, said gate.inbound)
REVOKE ALL ON FUNCTION gate.merge_details(before text, details jsonb, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION message_command(said gate.inbound, contact uuid, of_all boolean)
REVOKE ALL ON FUNCTION gate.message_command(said gate.inbound, contact uuid, of_all boolean) FROM PUBLIC;

-- ACL FUNCTION message_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound)
REVOKE ALL ON FUNCTION gate.message_refusal(owner uuid, via discreet.channels, shared boolean, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION message_row(via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text, said gate.inbound)
REVOKE ALL ON FUNCTION gate.message_row(via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION messages_in_other_sessions(owner uuid, contact_ids uuid[], addresses text[])
REVOKE ALL ON FUNCTION gate.messages_in_other_sessions(owner uuid, contact_ids uuid[], addresses text[]) FROM PUBLIC;

-- ACL FUNCTION metrics_owner(token_digest bytea)
GRANT ALL ON FUNCTION gate.metrics_owner(token_digest bytea) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.metrics_owner(token_digest bytea) FROM PUBLIC;

-- ACL FUNCTION mint_token(minter uuid, contact uuid, token_prefix text, token_digest bytea, duration interval, max_per_minute integer, max_per_contact integer, OUT code text, OUT token_id uuid, OUT ends_at timestamp with time zone)
GRANT ALL ON FUNCTION gate.mint_token(minter uuid, contact uuid, token_prefix text, token_digest bytea, duration interval, max_per_minute integer, max_per_contact integer, OUT code text, OUT token_id uuid, OUT ends_at timestamp with time zone) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.mint_token(minter uuid, contact uuid, token_prefix text, token_digest bytea, duration interval, max_per_minute integer, max_per_contact integer, OUT code text, OUT token_id uuid, OUT ends_at timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION move_group(ticket text, of_platform text, old_id text, new_id text)
GRANT ALL ON FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text) FROM PUBLIC;

-- ACL FUNCTION move_linked_rows(link uuid, from_contact uuid, to_contact uuid)
REVOKE ALL ON FUNCTION gate.move_linked_rows(link uuid, from_contact uuid, to_contact uuid) FROM PUBLIC;

-- ACL FUNCTION normalize_text(said text)
GRANT ALL ON FUNCTION gate.normalize_text(said text) TO discreet_contact;
GRANT ALL ON FUNCTION gate.normalize_text(said text) TO discreet_owner;
GRANT ALL ON FUNCTION gate.normalize_text(said text) TO discreet_schema;
GRANT ALL ON FUNCTION gate.normalize_text(said text) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.normalize_text(said text) FROM PUBLIC;

-- ACL FUNCTION notify_access_changed()
GRANT ALL ON FUNCTION gate.notify_access_changed() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.notify_access_changed() FROM PUBLIC;

-- ACL FUNCTION notify_channels_changed()
GRANT ALL ON FUNCTION gate.notify_channels_changed() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.notify_channels_changed() FROM PUBLIC;

-- ACL FUNCTION notify_delivery_changed()
GRANT ALL ON FUNCTION gate.notify_delivery_changed() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.notify_delivery_changed() FROM PUBLIC;

-- ACL FUNCTION notify_draft_changed()
GRANT ALL ON FUNCTION gate.notify_draft_changed() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.notify_draft_changed() FROM PUBLIC;

-- ACL FUNCTION notify_locks_freed(locks text[])
GRANT ALL ON FUNCTION gate.notify_locks_freed(locks text[]) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.notify_locks_freed(locks text[]) FROM PUBLIC;

-- ACL FUNCTION notify_owner(told jsonb, body text, session uuid)
GRANT ALL ON FUNCTION gate.notify_owner(told jsonb, body text, session uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.notify_owner(told jsonb, body text, session uuid) FROM PUBLIC;

-- ACL FUNCTION notify_state_changed()
GRANT ALL ON FUNCTION gate.notify_state_changed() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.notify_state_changed() FROM PUBLIC;

-- ACL FUNCTION notify_turn_changed(turn uuid)
REVOKE ALL ON FUNCTION gate.notify_turn_changed(turn uuid) FROM PUBLIC;

-- ACL FUNCTION notify_unreadable(owner uuid, said gate.inbound)
REVOKE ALL ON FUNCTION gate.notify_unreadable(owner uuid, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION notify_waiting_clients(message uuid)
REVOKE ALL ON FUNCTION gate.notify_waiting_clients(message uuid) FROM PUBLIC;

-- ACL FUNCTION notify_workers(queue text)
GRANT ALL ON FUNCTION gate.notify_workers(queue text) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.notify_workers(queue text) FROM PUBLIC;

-- ACL FUNCTION offer_connection(server uuid, group_contact uuid, link_digest bytea)
GRANT ALL ON FUNCTION gate.offer_connection(server uuid, group_contact uuid, link_digest bytea) TO discreet_contact;
GRANT ALL ON FUNCTION gate.offer_connection(server uuid, group_contact uuid, link_digest bytea) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.offer_connection(server uuid, group_contact uuid, link_digest bytea) FROM PUBLIC;

-- ACL FUNCTION open_audits()
GRANT ALL ON FUNCTION gate.open_audits() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.open_audits() FROM PUBLIC;

-- ACL FUNCTION open_channels()
GRANT ALL ON FUNCTION gate.open_channels() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.open_channels() FROM PUBLIC;

-- ACL FUNCTION open_scope(ticket text)
GRANT ALL ON FUNCTION gate.open_scope(ticket text) TO discreet_contact;
GRANT ALL ON FUNCTION gate.open_scope(ticket text) TO discreet_owner;
GRANT ALL ON FUNCTION gate.open_scope(ticket text) TO discreet_shared;
GRANT ALL ON FUNCTION gate.open_scope(ticket text) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.open_scope(ticket text) FROM PUBLIC;

-- ACL FUNCTION open_session(thread text, force_new boolean)
GRANT ALL ON FUNCTION gate.open_session(thread text, force_new boolean) TO discreet_contact;
GRANT ALL ON FUNCTION gate.open_session(thread text, force_new boolean) TO discreet_owner;
GRANT ALL ON FUNCTION gate.open_session(thread text, force_new boolean) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.open_session(thread text, force_new boolean) FROM PUBLIC;

-- ACL FUNCTION own_summary(s discreet.sessions)
REVOKE ALL ON FUNCTION gate.own_summary(s discreet.sessions) FROM PUBLIC;

-- ACL FUNCTION owner_candidates(of_embedder text, dimensions integer, near public.vector, words text[], document_frequency double precision[], memories double precision, mean_length double precision, many integer)
GRANT ALL ON FUNCTION gate.owner_candidates(of_embedder text, dimensions integer, near public.vector, words text[], document_frequency double precision[], memories double precision, mean_length double precision, many integer) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.owner_candidates(of_embedder text, dimensions integer, near public.vector, words text[], document_frequency double precision[], memories double precision, mean_length double precision, many integer) FROM PUBLIC;

-- ACL TABLE owner_chats
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.owner_chats TO discreet_gate;

-- ACL FUNCTION owner_chat(owner uuid)
REVOKE ALL ON FUNCTION gate.owner_chat(owner uuid) FROM PUBLIC;

-- ACL FUNCTION owner_command(here discreet.sessions, command text, said gate.inbound, is_edit boolean)
REVOKE ALL ON FUNCTION gate.owner_command(here discreet.sessions, command text, said gate.inbound, is_edit boolean) FROM PUBLIC;

-- ACL FUNCTION owner_messages_about(contact_ids uuid[], turns uuid[])
REVOKE ALL ON FUNCTION gate.owner_messages_about(contact_ids uuid[], turns uuid[]) FROM PUBLIC;

-- ACL FUNCTION owner_term_counts(words text[], few integer)
GRANT ALL ON FUNCTION gate.owner_term_counts(words text[], few integer) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.owner_term_counts(words text[], few integer) FROM PUBLIC;

-- ACL FUNCTION owner_turns_showing(owner uuid, contact_ids uuid[], addresses text[])
REVOKE ALL ON FUNCTION gate.owner_turns_showing(owner uuid, contact_ids uuid[], addresses text[]) FROM PUBLIC;

-- ACL FUNCTION owners()
GRANT ALL ON FUNCTION gate.owners() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.owners() FROM PUBLIC;

-- ACL FUNCTION owners_to_notify()
GRANT ALL ON FUNCTION gate.owners_to_notify() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.owners_to_notify() FROM PUBLIC;

-- ACL FUNCTION parse_code(typed text)
REVOKE ALL ON FUNCTION gate.parse_code(typed text) FROM PUBLIC;

-- ACL FUNCTION parse_command(body text, of_owner boolean)
REVOKE ALL ON FUNCTION gate.parse_command(body text, of_owner boolean) FROM PUBLIC;

-- ACL FUNCTION parse_owner_decision(owner uuid, body text)
REVOKE ALL ON FUNCTION gate.parse_owner_decision(owner uuid, body text) FROM PUBLIC;

-- ACL FUNCTION predates_erasure(owner uuid, written_at timestamp with time zone, sender text, of_group text)
REVOKE ALL ON FUNCTION gate.predates_erasure(owner uuid, written_at timestamp with time zone, sender text, of_group text) FROM PUBLIC;

-- ACL FUNCTION prevent_undercounting()
GRANT ALL ON FUNCTION gate.prevent_undercounting() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.prevent_undercounting() FROM PUBLIC;

-- ACL FUNCTION preview_retention()
GRANT ALL ON FUNCTION gate.preview_retention() TO discreet_owner;
REVOKE ALL ON FUNCTION gate.preview_retention() FROM PUBLIC;

-- ACL FUNCTION purge_events(keep_for interval, max_rows integer)
GRANT ALL ON FUNCTION gate.purge_events(keep_for interval, max_rows integer) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.purge_events(keep_for interval, max_rows integer) FROM PUBLIC;

-- ACL FUNCTION purge_expired_memories(keep_for interval, max_rows integer)
GRANT ALL ON FUNCTION gate.purge_expired_memories(keep_for interval, max_rows integer) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.purge_expired_memories(keep_for interval, max_rows integer) FROM PUBLIC;

-- ACL FUNCTION purge_mcp_sessions(unused_for interval)
GRANT ALL ON FUNCTION gate.purge_mcp_sessions(unused_for interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.purge_mcp_sessions(unused_for interval) FROM PUBLIC;

-- ACL FUNCTION quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text, tell jsonb)
GRANT ALL ON FUNCTION gate.quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text, tell jsonb) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text, tell jsonb) FROM PUBLIC;

-- ACL FUNCTION reassign_group_address(owner uuid, of_platform text, new_id text, survivor uuid)
REVOKE ALL ON FUNCTION gate.reassign_group_address(owner uuid, of_platform text, new_id text, survivor uuid) FROM PUBLIC;

-- ACL FUNCTION receive_cursor(ticket text, channel uuid)
GRANT ALL ON FUNCTION gate.receive_cursor(ticket text, channel uuid) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.receive_cursor(ticket text, channel uuid) FROM PUBLIC;

-- ACL FUNCTION record_access(contact_ids uuid[], action text, entry_point text, min_interval interval)
GRANT ALL ON FUNCTION gate.record_access(contact_ids uuid[], action text, entry_point text, min_interval interval) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.record_access(contact_ids uuid[], action text, entry_point text, min_interval interval) FROM PUBLIC;

-- ACL FUNCTION record_agent()
GRANT ALL ON FUNCTION gate.record_agent() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.record_agent() FROM PUBLIC;

-- ACL FUNCTION record_channel_error(ticket text, channel uuid, why text)
GRANT ALL ON FUNCTION gate.record_channel_error(ticket text, channel uuid, why text) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.record_channel_error(ticket text, channel uuid, why text) FROM PUBLIC;

-- ACL FUNCTION record_contact()
GRANT ALL ON FUNCTION gate.record_contact() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.record_contact() FROM PUBLIC;

-- ACL FUNCTION record_delivery()
GRANT ALL ON FUNCTION gate.record_delivery() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.record_delivery() FROM PUBLIC;

-- ACL FUNCTION record_event(owner uuid, agent uuid, contact uuid, is_shared boolean, for_owner boolean, kind text, session uuid, message uuid, data jsonb)
REVOKE ALL ON FUNCTION gate.record_event(owner uuid, agent uuid, contact uuid, is_shared boolean, for_owner boolean, kind text, session uuid, message uuid, data jsonb) FROM PUBLIC;

-- ACL FUNCTION record_failure(key text, error_type text, first_wait interval, max_wait interval)
GRANT ALL ON FUNCTION gate.record_failure(key text, error_type text, first_wait interval, max_wait interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.record_failure(key text, error_type text, first_wait interval, max_wait interval) FROM PUBLIC;

-- ACL FUNCTION record_held_answer()
GRANT ALL ON FUNCTION gate.record_held_answer() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.record_held_answer() FROM PUBLIC;

-- ACL FUNCTION record_message()
GRANT ALL ON FUNCTION gate.record_message() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.record_message() FROM PUBLIC;

-- ACL FUNCTION record_opt_out(contact uuid, body text)
REVOKE ALL ON FUNCTION gate.record_opt_out(contact uuid, body text) FROM PUBLIC;

-- ACL FUNCTION record_owner_chat(owner uuid, via discreet.channels, said gate.inbound)
REVOKE ALL ON FUNCTION gate.record_owner_chat(owner uuid, via discreet.channels, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION record_pairing()
GRANT ALL ON FUNCTION gate.record_pairing() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.record_pairing() FROM PUBLIC;

-- ACL FUNCTION record_person_request()
GRANT ALL ON FUNCTION gate.record_person_request() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.record_person_request() FROM PUBLIC;

-- ACL FUNCTION record_receipt(ticket text, channel uuid, chats text[], platform_message text, stage text, at timestamp with time zone, why text)
GRANT ALL ON FUNCTION gate.record_receipt(ticket text, channel uuid, chats text[], platform_message text, stage text, at timestamp with time zone, why text) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.record_receipt(ticket text, channel uuid, chats text[], platform_message text, stage text, at timestamp with time zone, why text) FROM PUBLIC;

-- ACL FUNCTION redeem_connection_link(link_digest bytea, browser_digest bytea)
GRANT ALL ON FUNCTION gate.redeem_connection_link(link_digest bytea, browser_digest bytea) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.redeem_connection_link(link_digest bytea, browser_digest bytea) FROM PUBLIC;

-- ACL FUNCTION redeem_link_code(typed text, OUT outcome text, OUT code text, OUT other text)
GRANT ALL ON FUNCTION gate.redeem_link_code(typed text, OUT outcome text, OUT code text, OUT other text) TO discreet_contact;
REVOKE ALL ON FUNCTION gate.redeem_link_code(typed text, OUT outcome text, OUT code text, OUT other text) FROM PUBLIC;

-- ACL FUNCTION redeem_owner_code(owner uuid, via discreet.channels, said gate.inbound)
REVOKE ALL ON FUNCTION gate.redeem_owner_code(owner uuid, via discreet.channels, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION reject_merged_contact()
GRANT ALL ON FUNCTION gate.reject_merged_contact() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.reject_merged_contact() FROM PUBLIC;

-- ACL FUNCTION reject_open_shared_agent()
GRANT ALL ON FUNCTION gate.reject_open_shared_agent() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.reject_open_shared_agent() FROM PUBLIC;

-- ACL FUNCTION relay_to_contact(here discreet.sessions, said gate.inbound, is_edit boolean)
REVOKE ALL ON FUNCTION gate.relay_to_contact(here discreet.sessions, said gate.inbound, is_edit boolean) FROM PUBLIC;

-- ACL FUNCTION release_quarantined(ticket text, quarantined uuid)
GRANT ALL ON FUNCTION gate.release_quarantined(ticket text, quarantined uuid) TO discreet_intake;
REVOKE ALL ON FUNCTION gate.release_quarantined(ticket text, quarantined uuid) FROM PUBLIC;

-- ACL TABLE reminders
GRANT SELECT,INSERT,DELETE ON TABLE discreet.reminders TO discreet_gate;

-- ACL FUNCTION reminder_delay_reason(due discreet.reminders)
REVOKE ALL ON FUNCTION gate.reminder_delay_reason(due discreet.reminders) FROM PUBLIC;

-- ACL TABLE routes
GRANT SELECT,INSERT,DELETE ON TABLE discreet.routes TO discreet_gate;

-- ACL FUNCTION reminder_destination(due discreet.reminders, OUT here discreet.sessions, OUT route discreet.routes)
REVOKE ALL ON FUNCTION gate.reminder_destination(due discreet.reminders, OUT here discreet.sessions, OUT route discreet.routes) FROM PUBLIC;

-- ACL FUNCTION reminder_end_reason(due discreet.reminders)
REVOKE ALL ON FUNCTION gate.reminder_end_reason(due discreet.reminders) FROM PUBLIC;

-- ACL FUNCTION reminder_scope(reminder uuid)
GRANT ALL ON FUNCTION gate.reminder_scope(reminder uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.reminder_scope(reminder uuid) FROM PUBLIC;

-- ACL FUNCTION reminder_session(reminder uuid)
REVOKE ALL ON FUNCTION gate.reminder_session(reminder uuid) FROM PUBLIC;

-- ACL FUNCTION renew_idempotency_key(token uuid, key_digest bytea, held_lease uuid, lease_duration interval)
GRANT ALL ON FUNCTION gate.renew_idempotency_key(token uuid, key_digest bytea, held_lease uuid, lease_duration interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.renew_idempotency_key(token uuid, key_digest bytea, held_lease uuid, lease_duration interval) FROM PUBLIC;

-- ACL FUNCTION replay_held_messages(owner uuid, channel uuid, kept jsonb)
REVOKE ALL ON FUNCTION gate.replay_held_messages(owner uuid, channel uuid, kept jsonb) FROM PUBLIC;

-- ACL FUNCTION reply_in_person(contact uuid, body text)
GRANT ALL ON FUNCTION gate.reply_in_person(contact uuid, body text) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.reply_in_person(contact uuid, body text) FROM PUBLIC;

-- ACL FUNCTION request_call(session uuid, turn uuid, tool_called text, given jsonb)
GRANT ALL ON FUNCTION gate.request_call(session uuid, turn uuid, tool_called text, given jsonb) TO discreet_contact;
GRANT ALL ON FUNCTION gate.request_call(session uuid, turn uuid, tool_called text, given jsonb) TO discreet_owner;
GRANT ALL ON FUNCTION gate.request_call(session uuid, turn uuid, tool_called text, given jsonb) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.request_call(session uuid, turn uuid, tool_called text, given jsonb) FROM PUBLIC;

-- ACL FUNCTION request_pairing(owner uuid, via discreet.channels, said gate.inbound, stranger uuid)
REVOKE ALL ON FUNCTION gate.request_pairing(owner uuid, via discreet.channels, said gate.inbound, stranger uuid) FROM PUBLIC;

-- ACL FUNCTION require_owner()
REVOKE ALL ON FUNCTION gate.require_owner() FROM PUBLIC;

-- ACL FUNCTION resolve_contact(platform text, platform_id text, kind text, display_name text, auto_create boolean)
GRANT ALL ON FUNCTION gate.resolve_contact(platform text, platform_id text, kind text, display_name text, auto_create boolean) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.resolve_contact(platform text, platform_id text, kind text, display_name text, auto_create boolean) FROM PUBLIC;

-- ACL FUNCTION resolve_speaker(owner uuid, via discreet.channels, said gate.inbound)
REVOKE ALL ON FUNCTION gate.resolve_speaker(owner uuid, via discreet.channels, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION restart_turn(session uuid)
REVOKE ALL ON FUNCTION gate.restart_turn(session uuid) FROM PUBLIC;

-- ACL FUNCTION restore_memory(memory uuid, wanted_version integer)
GRANT ALL ON FUNCTION gate.restore_memory(memory uuid, wanted_version integer) TO discreet_contact;
GRANT ALL ON FUNCTION gate.restore_memory(memory uuid, wanted_version integer) TO discreet_owner;
GRANT ALL ON FUNCTION gate.restore_memory(memory uuid, wanted_version integer) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.restore_memory(memory uuid, wanted_version integer) FROM PUBLIC;

-- ACL FUNCTION resume_sign_in(state_digest bytea, browser_digest bytea)
GRANT ALL ON FUNCTION gate.resume_sign_in(state_digest bytea, browser_digest bytea) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.resume_sign_in(state_digest bytea, browser_digest bytea) FROM PUBLIC;

-- ACL FUNCTION retention_cutoffs(owner uuid, row_kind text, by_agent boolean)
REVOKE ALL ON FUNCTION gate.retention_cutoffs(owner uuid, row_kind text, by_agent boolean) FROM PUBLIC;

-- ACL FUNCTION route_scope(route uuid)
GRANT ALL ON FUNCTION gate.route_scope(route uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.route_scope(route uuid) FROM PUBLIC;

-- ACL FUNCTION runnable_queues(queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[])
GRANT ALL ON FUNCTION gate.runnable_queues(queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[]) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.runnable_queues(queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[]) FROM PUBLIC;

-- ACL FUNCTION schedule_delivery()
GRANT ALL ON FUNCTION gate.schedule_delivery() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.schedule_delivery() FROM PUBLIC;

-- ACL FUNCTION seed_audit(audit uuid, party_id uuid, other_contact uuid)
GRANT ALL ON FUNCTION gate.seed_audit(audit uuid, party_id uuid, other_contact uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.seed_audit(audit uuid, party_id uuid, other_contact uuid) FROM PUBLIC;

-- ACL FUNCTION seed_audit_contact(owner uuid, agent uuid, channel uuid, chat text, message uuid, party_id uuid, other_contact uuid)
REVOKE ALL ON FUNCTION gate.seed_audit_contact(owner uuid, agent uuid, channel uuid, chat text, message uuid, party_id uuid, other_contact uuid) FROM PUBLIC;

-- ACL FUNCTION send_as_owner(owner uuid, contact uuid, body text)
REVOKE ALL ON FUNCTION gate.send_as_owner(owner uuid, contact uuid, body text) FROM PUBLIC;

-- ACL FUNCTION send_notice(owner uuid, agent uuid, party uuid, thread text, channel uuid, chat text, platform_thread text, notice text, code text, in_reply_to text)
REVOKE ALL ON FUNCTION gate.send_notice(owner uuid, agent uuid, party uuid, thread text, channel uuid, chat text, platform_thread text, notice text, code text, in_reply_to text) FROM PUBLIC;

-- ACL FUNCTION send_reminder(due discreet.reminders, body text)
REVOKE ALL ON FUNCTION gate.send_reminder(due discreet.reminders, body text) FROM PUBLIC;

-- ACL FUNCTION session_scope(session uuid)
GRANT ALL ON FUNCTION gate.session_scope(session uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.session_scope(session uuid) FROM PUBLIC;

-- ACL FUNCTION set_time_zone(zone_name text)
GRANT ALL ON FUNCTION gate.set_time_zone(zone_name text) TO discreet_contact;
REVOKE ALL ON FUNCTION gate.set_time_zone(zone_name text) FROM PUBLIC;

-- ACL FUNCTION settle_idempotency_key(token uuid, key_digest bytea, held_lease uuid, result uuid)
GRANT ALL ON FUNCTION gate.settle_idempotency_key(token uuid, key_digest bytea, held_lease uuid, result uuid) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.settle_idempotency_key(token uuid, key_digest bytea, held_lease uuid, result uuid) FROM PUBLIC;

-- ACL FUNCTION show_budgets()
GRANT ALL ON FUNCTION gate.show_budgets() TO discreet_owner;
REVOKE ALL ON FUNCTION gate.show_budgets() FROM PUBLIC;

-- ACL FUNCTION show_limits(contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric)
GRANT ALL ON FUNCTION gate.show_limits(contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.show_limits(contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint, OUT money_a_day numeric) FROM PUBLIC;

-- ACL FUNCTION sign_in(code_digest bytea, session_digest bytea, device text, duration interval)
GRANT ALL ON FUNCTION gate.sign_in(code_digest bytea, session_digest bytea, device text, duration interval) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.sign_in(code_digest bytea, session_digest bytea, device text, duration interval) FROM PUBLIC;

-- ACL FUNCTION single_word(body text)
REVOKE ALL ON FUNCTION gate.single_word(body text) FROM PUBLIC;

-- ACL FUNCTION stop_turn(session uuid)
REVOKE ALL ON FUNCTION gate.stop_turn(session uuid) FROM PUBLIC;

-- ACL FUNCTION store_files(here discreet.sessions, route uuid, message uuid, via uuid, said gate.inbound)
REVOKE ALL ON FUNCTION gate.store_files(here discreet.sessions, route uuid, message uuid, via uuid, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION store_message(row_to_write discreet.messages, via discreet.channels, here discreet.sessions, wake_at timestamp with time zone, is_urgent boolean, said gate.inbound)
REVOKE ALL ON FUNCTION gate.store_message(row_to_write discreet.messages, via discreet.channels, here discreet.sessions, wake_at timestamp with time zone, is_urgent boolean, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION store_tokens(connection uuid, sealed_tokens bytea)
GRANT ALL ON FUNCTION gate.store_tokens(connection uuid, sealed_tokens bytea) TO discreet_contact;
GRANT ALL ON FUNCTION gate.store_tokens(connection uuid, sealed_tokens bytea) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.store_tokens(connection uuid, sealed_tokens bytea) FROM PUBLIC;

-- ACL FUNCTION strip_agent_name(said gate.inbound, agent text)
REVOKE ALL ON FUNCTION gate.strip_agent_name(said gate.inbound, agent text) FROM PUBLIC;

-- ACL FUNCTION sweep(stalled_after interval, workers bigint[], running bigint[], suspects bigint[], keep_expired_for interval, max_purged integer, keep_mcp_sessions_for interval, OUT woken integer, OUT forgotten bigint[], OUT has_quarantined boolean, OUT has_owners boolean, OUT has_webhooks boolean)
GRANT ALL ON FUNCTION gate.sweep(stalled_after interval, workers bigint[], running bigint[], suspects bigint[], keep_expired_for interval, max_purged integer, keep_mcp_sessions_for interval, OUT woken integer, OUT forgotten bigint[], OUT has_quarantined boolean, OUT has_owners boolean, OUT has_webhooks boolean) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.sweep(stalled_after interval, workers bigint[], running bigint[], suspects bigint[], keep_expired_for interval, max_purged integer, keep_mcp_sessions_for interval, OUT woken integer, OUT forgotten bigint[], OUT has_quarantined boolean, OUT has_owners boolean, OUT has_webhooks boolean) FROM PUBLIC;

-- ACL FUNCTION sync_decoys(names text[], facts text[])
GRANT ALL ON FUNCTION gate.sync_decoys(names text[], facts text[]) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.sync_decoys(names text[], facts text[]) FROM PUBLIC;

-- ACL FUNCTION take_expired_sign_ins(max_rows integer)
GRANT ALL ON FUNCTION gate.take_expired_sign_ins(max_rows integer) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.take_expired_sign_ins(max_rows integer) FROM PUBLIC;

-- ACL TABLE procrastinate_jobs
GRANT SELECT,INSERT,DELETE ON TABLE queue.procrastinate_jobs TO discreet_gate;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE queue.procrastinate_jobs TO discreet_worker;

-- ACL FUNCTION take_job(ended bigint[], queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[], worker bigint, OUT job queue.procrastinate_jobs, OUT more boolean, OUT due_in double precision)
GRANT ALL ON FUNCTION gate.take_job(ended bigint[], queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[], worker bigint, OUT job queue.procrastinate_jobs, OUT more boolean, OUT due_in double precision) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.take_job(ended bigint[], queues text[], include_turns boolean, running_queues text[], running_counts integer[], full_queues text[], worker bigint, OUT job queue.procrastinate_jobs, OUT more boolean, OUT due_in double precision) FROM PUBLIC;

-- ACL FUNCTION tell_contact(contact uuid, body text)
GRANT ALL ON FUNCTION gate.tell_contact(contact uuid, body text) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.tell_contact(contact uuid, body text) FROM PUBLIC;

-- ACL FUNCTION tell_contact_blocker(contact uuid)
GRANT ALL ON FUNCTION gate.tell_contact_blocker(contact uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.tell_contact_blocker(contact uuid) FROM PUBLIC;

-- ACL FUNCTION token_scope(token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean)
GRANT ALL ON FUNCTION gate.token_scope(token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.token_scope(token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) FROM PUBLIC;

-- ACL FUNCTION token_scope_with_ticket(ticket text, token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean)
GRANT ALL ON FUNCTION gate.token_scope_with_ticket(ticket text, token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) TO discreet_worker;
REVOKE ALL ON FUNCTION gate.token_scope_with_ticket(ticket text, token_digest bytea, OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean) FROM PUBLIC;

-- ACL FUNCTION transfer_agent_memories(owner uuid, agent uuid, successor uuid)
REVOKE ALL ON FUNCTION gate.transfer_agent_memories(owner uuid, agent uuid, successor uuid) FROM PUBLIC;

-- ACL FUNCTION transfer_agent_rows(owner uuid, agent uuid, successor uuid)
REVOKE ALL ON FUNCTION gate.transfer_agent_rows(owner uuid, agent uuid, successor uuid) FROM PUBLIC;

-- ACL FUNCTION trim_context(session uuid)
REVOKE ALL ON FUNCTION gate.trim_context(session uuid) FROM PUBLIC;

-- ACL FUNCTION try_lock_session(session uuid)
REVOKE ALL ON FUNCTION gate.try_lock_session(session uuid) FROM PUBLIC;

-- ACL FUNCTION undo_link(link uuid)
GRANT ALL ON FUNCTION gate.undo_link(link uuid) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.undo_link(link uuid) FROM PUBLIC;

-- ACL FUNCTION unlink_owner(of_platform text, of_id text)
GRANT ALL ON FUNCTION gate.unlink_owner(of_platform text, of_id text) TO discreet_owner;
REVOKE ALL ON FUNCTION gate.unlink_owner(of_platform text, of_id text) FROM PUBLIC;

-- ACL TABLE addresses
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.addresses TO discreet_gate;

-- ACL FUNCTION update_display_name(address discreet.addresses, display_name text)
REVOKE ALL ON FUNCTION gate.update_display_name(address discreet.addresses, display_name text) FROM PUBLIC;

-- ACL FUNCTION validate_reply_target()
GRANT ALL ON FUNCTION gate.validate_reply_target() TO discreet_schema;
REVOKE ALL ON FUNCTION gate.validate_reply_target() FROM PUBLIC;

-- ACL FUNCTION verify_turn_lease(session uuid, turn uuid)
GRANT ALL ON FUNCTION gate.verify_turn_lease(session uuid, turn uuid) TO discreet_contact;
GRANT ALL ON FUNCTION gate.verify_turn_lease(session uuid, turn uuid) TO discreet_owner;
GRANT ALL ON FUNCTION gate.verify_turn_lease(session uuid, turn uuid) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.verify_turn_lease(session uuid, turn uuid) FROM PUBLIC;

-- ACL FUNCTION waiting_command(said gate.inbound, of_owner boolean)
REVOKE ALL ON FUNCTION gate.waiting_command(said gate.inbound, of_owner boolean) FROM PUBLIC;

-- ACL FUNCTION wake_reminders()
GRANT ALL ON FUNCTION gate.wake_reminders() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.wake_reminders() FROM PUBLIC;

-- ACL FUNCTION wake_route(route uuid, at timestamp with time zone)
GRANT ALL ON FUNCTION gate.wake_route(route uuid, at timestamp with time zone) TO discreet_contact;
GRANT ALL ON FUNCTION gate.wake_route(route uuid, at timestamp with time zone) TO discreet_owner;
GRANT ALL ON FUNCTION gate.wake_route(route uuid, at timestamp with time zone) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.wake_route(route uuid, at timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION wake_session(session uuid, at timestamp with time zone)
GRANT ALL ON FUNCTION gate.wake_session(session uuid, at timestamp with time zone) TO discreet_contact;
GRANT ALL ON FUNCTION gate.wake_session(session uuid, at timestamp with time zone) TO discreet_owner;
GRANT ALL ON FUNCTION gate.wake_session(session uuid, at timestamp with time zone) TO discreet_shared;
REVOKE ALL ON FUNCTION gate.wake_session(session uuid, at timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION wake_stranded()
GRANT ALL ON FUNCTION gate.wake_stranded() TO discreet_worker;
REVOKE ALL ON FUNCTION gate.wake_stranded() FROM PUBLIC;

-- ACL FUNCTION wake_time(via discreet.channels, command text, said gate.inbound)
REVOKE ALL ON FUNCTION gate.wake_time(via discreet.channels, command text, said gate.inbound) FROM PUBLIC;

-- ACL FUNCTION withheld_reason(session uuid, turn uuid)
REVOKE ALL ON FUNCTION gate.withheld_reason(session uuid, turn uuid) FROM PUBLIC;

-- ACL FUNCTION write_messages(unwritten discreet.messages[], wake_at timestamp with time zone[], is_urgent boolean[])
REVOKE ALL ON FUNCTION gate.write_messages(unwritten discreet.messages[], wake_at timestamp with time zone[], is_urgent boolean[]) FROM PUBLIC;

-- ACL FUNCTION currtid2(text, tid)
REVOKE ALL ON FUNCTION pg_catalog.currtid2(text, tid) FROM PUBLIC;

-- ACL FUNCTION lo_close(integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_close(integer) FROM PUBLIC;

-- ACL FUNCTION lo_creat(integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_creat(integer) FROM PUBLIC;

-- ACL FUNCTION lo_create(oid)
REVOKE ALL ON FUNCTION pg_catalog.lo_create(oid) FROM PUBLIC;

-- ACL FUNCTION lo_from_bytea(oid, bytea)
REVOKE ALL ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;

-- ACL FUNCTION lo_get(oid)
REVOKE ALL ON FUNCTION pg_catalog.lo_get(oid) FROM PUBLIC;

-- ACL FUNCTION lo_get(oid, bigint, integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_get(oid, bigint, integer) FROM PUBLIC;

-- ACL FUNCTION lo_lseek(integer, integer, integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_lseek(integer, integer, integer) FROM PUBLIC;

-- ACL FUNCTION lo_lseek64(integer, bigint, integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_lseek64(integer, bigint, integer) FROM PUBLIC;

-- ACL FUNCTION lo_open(oid, integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_open(oid, integer) FROM PUBLIC;

-- ACL FUNCTION lo_put(oid, bigint, bytea)
REVOKE ALL ON FUNCTION pg_catalog.lo_put(oid, bigint, bytea) FROM PUBLIC;

-- ACL FUNCTION lo_tell(integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_tell(integer) FROM PUBLIC;

-- ACL FUNCTION lo_tell64(integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_tell64(integer) FROM PUBLIC;

-- ACL FUNCTION lo_truncate(integer, integer)
REVOKE ALL ON FUNCTION pg_catalog.lo_truncate(integer, integer) FROM PUBLIC;

-- ACL FUNCTION lo_truncate64(integer, bigint)
REVOKE ALL ON FUNCTION pg_catalog.lo_truncate64(integer, bigint) FROM PUBLIC;

-- ACL FUNCTION lo_unlink(oid)
REVOKE ALL ON FUNCTION pg_catalog.lo_unlink(oid) FROM PUBLIC;

-- ACL FUNCTION loread(integer, integer)
REVOKE ALL ON FUNCTION pg_catalog.loread(integer, integer) FROM PUBLIC;

-- ACL FUNCTION lowrite(integer, bytea)
REVOKE ALL ON FUNCTION pg_catalog.lowrite(integer, bytea) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_lock(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_lock(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_lock_shared(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_lock_shared(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_xact_lock(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_xact_lock(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_xact_lock_shared(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_advisory_xact_lock_shared(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) FROM PUBLIC;

-- ACL FUNCTION pg_cancel_backend(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_cancel_backend(integer) FROM PUBLIC;

-- ACL FUNCTION pg_column_toast_chunk_id("any")
REVOKE ALL ON FUNCTION pg_catalog.pg_column_toast_chunk_id("any") FROM PUBLIC;

-- ACL FUNCTION pg_database_size(name)
REVOKE ALL ON FUNCTION pg_catalog.pg_database_size(name) FROM PUBLIC;

-- ACL FUNCTION pg_database_size(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_database_size(oid) FROM PUBLIC;

-- ACL FUNCTION pg_export_snapshot()
REVOKE ALL ON FUNCTION pg_catalog.pg_export_snapshot() FROM PUBLIC;

-- ACL FUNCTION pg_get_multixact_members(multixid xid, OUT xid xid, OUT mode text)
REVOKE ALL ON FUNCTION pg_catalog.pg_get_multixact_members(multixid xid, OUT xid xid, OUT mode text) FROM PUBLIC;

-- ACL FUNCTION pg_indexes_size(regclass)
REVOKE ALL ON FUNCTION pg_catalog.pg_indexes_size(regclass) FROM PUBLIC;

-- ACL FUNCTION pg_isolation_test_session_is_blocked(integer, integer[])
REVOKE ALL ON FUNCTION pg_catalog.pg_isolation_test_session_is_blocked(integer, integer[]) FROM PUBLIC;

-- ACL FUNCTION pg_lock_status(OUT locktype text, OUT database oid, OUT relation oid, OUT page integer, OUT tuple smallint, OUT virtualxid text, OUT transactionid xid, OUT classid oid, OUT objid oid, OUT objsubid smallint, OUT virtualtransaction text, OUT pid integer, OUT mode text, OUT granted boolean, OUT fastpath boolean, OUT waitstart timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_lock_status(OUT locktype text, OUT database oid, OUT relation oid, OUT page integer, OUT tuple smallint, OUT virtualxid text, OUT transactionid xid, OUT classid oid, OUT objid oid, OUT objsubid smallint, OUT virtualtransaction text, OUT pid integer, OUT mode text, OUT granted boolean, OUT fastpath boolean, OUT waitstart timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_logical_emit_message(transactional boolean, prefix text, message bytea, flush boolean)
REVOKE ALL ON FUNCTION pg_catalog.pg_logical_emit_message(transactional boolean, prefix text, message bytea, flush boolean) FROM PUBLIC;

-- ACL FUNCTION pg_logical_emit_message(transactional boolean, prefix text, message text, flush boolean)
REVOKE ALL ON FUNCTION pg_catalog.pg_logical_emit_message(transactional boolean, prefix text, message text, flush boolean) FROM PUBLIC;

-- ACL FUNCTION pg_relation_size(regclass)
REVOKE ALL ON FUNCTION pg_catalog.pg_relation_size(regclass) FROM PUBLIC;

-- ACL FUNCTION pg_relation_size(regclass, text)
REVOKE ALL ON FUNCTION pg_catalog.pg_relation_size(regclass, text) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_activity(pid integer, OUT datid oid, OUT pid integer, OUT usesysid oid, OUT application_name text, OUT state text, OUT query text, OUT wait_event_type text, OUT wait_event text, OUT xact_start timestamp with time zone, OUT query_start timestamp with time zone, OUT backend_start timestamp with time zone, OUT state_change timestamp with time zone, OUT client_addr inet, OUT client_hostname text, OUT client_port integer, OUT backend_xid xid, OUT backend_xmin xid, OUT backend_type text, OUT ssl boolean, OUT sslversion text, OUT sslcipher text, OUT sslbits integer, OUT ssl_client_dn text, OUT ssl_client_serial numeric, OUT ssl_issuer_dn text, OUT gss_auth boolean, OUT gss_princ text, OUT gss_enc boolean, OUT gss_delegation boolean, OUT leader_pid integer, OUT query_id bigint)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_activity(pid integer, OUT datid oid, OUT pid integer, OUT usesysid oid, OUT application_name text, OUT state text, OUT query text, OUT wait_event_type text, OUT wait_event text, OUT xact_start timestamp with time zone, OUT query_start timestamp with time zone, OUT backend_start timestamp with time zone, OUT state_change timestamp with time zone, OUT client_addr inet, OUT client_hostname text, OUT client_port integer, OUT backend_xid xid, OUT backend_xmin xid, OUT backend_type text, OUT ssl boolean, OUT sslversion text, OUT sslcipher text, OUT sslbits integer, OUT ssl_client_dn text, OUT ssl_client_serial numeric, OUT ssl_issuer_dn text, OUT gss_auth boolean, OUT gss_princ text, OUT gss_enc boolean, OUT gss_delegation boolean, OUT leader_pid integer, OUT query_id bigint) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_analyze_count(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_analyze_count(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_archiver(OUT archived_count bigint, OUT last_archived_wal text, OUT last_archived_time timestamp with time zone, OUT failed_count bigint, OUT last_failed_wal text, OUT last_failed_time timestamp with time zone, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_archiver(OUT archived_count bigint, OUT last_archived_wal text, OUT last_archived_time timestamp with time zone, OUT failed_count bigint, OUT last_failed_wal text, OUT last_failed_time timestamp with time zone, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_autoanalyze_count(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_autoanalyze_count(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_autovacuum_count(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_autovacuum_count(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_activity(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_activity(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_activity_start(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_activity_start(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_client_addr(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_client_addr(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_client_port(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_client_port(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_dbid(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_dbid(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_idset()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_idset() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_io(backend_pid integer, OUT backend_type text, OUT object text, OUT context text, OUT reads bigint, OUT read_bytes numeric, OUT read_time double precision, OUT writes bigint, OUT write_bytes numeric, OUT write_time double precision, OUT writebacks bigint, OUT writeback_time double precision, OUT extends bigint, OUT extend_bytes numeric, OUT extend_time double precision, OUT hits bigint, OUT evictions bigint, OUT reuses bigint, OUT fsyncs bigint, OUT fsync_time double precision, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_io(backend_pid integer, OUT backend_type text, OUT object text, OUT context text, OUT reads bigint, OUT read_bytes numeric, OUT read_time double precision, OUT writes bigint, OUT write_bytes numeric, OUT write_time double precision, OUT writebacks bigint, OUT writeback_time double precision, OUT extends bigint, OUT extend_bytes numeric, OUT extend_time double precision, OUT hits bigint, OUT evictions bigint, OUT reuses bigint, OUT fsyncs bigint, OUT fsync_time double precision, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_pid(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_pid(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_start(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_start(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_subxact(bid integer, OUT subxact_count integer, OUT subxact_overflowed boolean)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_subxact(bid integer, OUT subxact_count integer, OUT subxact_overflowed boolean) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_userid(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_userid(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_wait_event(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_wait_event(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_wait_event_type(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_wait_event_type(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_wal(backend_pid integer, OUT wal_records bigint, OUT wal_fpi bigint, OUT wal_bytes numeric, OUT wal_buffers_full bigint, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_wal(backend_pid integer, OUT wal_records bigint, OUT wal_fpi bigint, OUT wal_bytes numeric, OUT wal_buffers_full bigint, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_backend_xact_start(integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_backend_xact_start(integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_bgwriter_buf_written_clean()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_bgwriter_buf_written_clean() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_bgwriter_maxwritten_clean()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_bgwriter_maxwritten_clean() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_bgwriter_stat_reset_time()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_bgwriter_stat_reset_time() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_blocks_fetched(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_blocks_fetched(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_blocks_hit(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_blocks_hit(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_buf_alloc()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_buf_alloc() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_buffers_written()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_buffers_written() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_num_performed()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_num_performed() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_num_requested()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_num_requested() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_num_timed()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_num_timed() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_restartpoints_performed()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_restartpoints_performed() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_restartpoints_requested()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_restartpoints_requested() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_restartpoints_timed()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_restartpoints_timed() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_slru_written()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_slru_written() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_stat_reset_time()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_stat_reset_time() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_sync_time()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_sync_time() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_checkpointer_write_time()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_checkpointer_write_time() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_active_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_active_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_blk_read_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_blk_read_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_blk_write_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_blk_write_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_blocks_fetched(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_blocks_fetched(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_blocks_hit(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_blocks_hit(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_checksum_failures(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_checksum_failures(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_checksum_last_failure(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_checksum_last_failure(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_conflict_all(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_conflict_all(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_conflict_bufferpin(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_conflict_bufferpin(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_conflict_lock(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_conflict_lock(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_conflict_logicalslot(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_conflict_logicalslot(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_conflict_snapshot(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_conflict_snapshot(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_conflict_startup_deadlock(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_conflict_startup_deadlock(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_conflict_tablespace(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_conflict_tablespace(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_deadlocks(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_deadlocks(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_idle_in_transaction_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_idle_in_transaction_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_numbackends(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_numbackends(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_parallel_workers_launched(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_parallel_workers_launched(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_parallel_workers_to_launch(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_parallel_workers_to_launch(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_session_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_session_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_sessions(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_sessions(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_sessions_abandoned(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_sessions_abandoned(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_sessions_fatal(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_sessions_fatal(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_sessions_killed(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_sessions_killed(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_stat_reset_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_stat_reset_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_temp_bytes(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_temp_bytes(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_temp_files(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_temp_files(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_tuples_deleted(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_tuples_deleted(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_tuples_fetched(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_tuples_fetched(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_tuples_inserted(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_tuples_inserted(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_tuples_returned(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_tuples_returned(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_tuples_updated(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_tuples_updated(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_xact_commit(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_xact_commit(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_db_xact_rollback(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_db_xact_rollback(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_dead_tuples(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_dead_tuples(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_function_calls(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_function_calls(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_function_self_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_function_self_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_function_total_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_function_total_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_ins_since_vacuum(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_ins_since_vacuum(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_io(OUT backend_type text, OUT object text, OUT context text, OUT reads bigint, OUT read_bytes numeric, OUT read_time double precision, OUT writes bigint, OUT write_bytes numeric, OUT write_time double precision, OUT writebacks bigint, OUT writeback_time double precision, OUT extends bigint, OUT extend_bytes numeric, OUT extend_time double precision, OUT hits bigint, OUT evictions bigint, OUT reuses bigint, OUT fsyncs bigint, OUT fsync_time double precision, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_io(OUT backend_type text, OUT object text, OUT context text, OUT reads bigint, OUT read_bytes numeric, OUT read_time double precision, OUT writes bigint, OUT write_bytes numeric, OUT write_time double precision, OUT writebacks bigint, OUT writeback_time double precision, OUT extends bigint, OUT extend_bytes numeric, OUT extend_time double precision, OUT hits bigint, OUT evictions bigint, OUT reuses bigint, OUT fsyncs bigint, OUT fsync_time double precision, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_last_analyze_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_last_analyze_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_last_autoanalyze_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_last_autoanalyze_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_last_autovacuum_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_last_autovacuum_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_last_vacuum_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_last_vacuum_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_lastscan(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_lastscan(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_live_tuples(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_live_tuples(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_mod_since_analyze(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_mod_since_analyze(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_numscans(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_numscans(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_progress_info(cmdtype text, OUT pid integer, OUT datid oid, OUT relid oid, OUT param1 bigint, OUT param2 bigint, OUT param3 bigint, OUT param4 bigint, OUT param5 bigint, OUT param6 bigint, OUT param7 bigint, OUT param8 bigint, OUT param9 bigint, OUT param10 bigint, OUT param11 bigint, OUT param12 bigint, OUT param13 bigint, OUT param14 bigint, OUT param15 bigint, OUT param16 bigint, OUT param17 bigint, OUT param18 bigint, OUT param19 bigint, OUT param20 bigint)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_progress_info(cmdtype text, OUT pid integer, OUT datid oid, OUT relid oid, OUT param1 bigint, OUT param2 bigint, OUT param3 bigint, OUT param4 bigint, OUT param5 bigint, OUT param6 bigint, OUT param7 bigint, OUT param8 bigint, OUT param9 bigint, OUT param10 bigint, OUT param11 bigint, OUT param12 bigint, OUT param13 bigint, OUT param14 bigint, OUT param15 bigint, OUT param16 bigint, OUT param17 bigint, OUT param18 bigint, OUT param19 bigint, OUT param20 bigint) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_recovery_prefetch(OUT stats_reset timestamp with time zone, OUT prefetch bigint, OUT hit bigint, OUT skip_init bigint, OUT skip_new bigint, OUT skip_fpw bigint, OUT skip_rep bigint, OUT wal_distance integer, OUT block_distance integer, OUT io_depth integer)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_recovery_prefetch(OUT stats_reset timestamp with time zone, OUT prefetch bigint, OUT hit bigint, OUT skip_init bigint, OUT skip_new bigint, OUT skip_fpw bigint, OUT skip_rep bigint, OUT wal_distance integer, OUT block_distance integer, OUT io_depth integer) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_replication_slot(slot_name text, OUT slot_name text, OUT spill_txns bigint, OUT spill_count bigint, OUT spill_bytes bigint, OUT stream_txns bigint, OUT stream_count bigint, OUT stream_bytes bigint, OUT total_txns bigint, OUT total_bytes bigint, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_replication_slot(slot_name text, OUT slot_name text, OUT spill_txns bigint, OUT spill_count bigint, OUT spill_bytes bigint, OUT stream_txns bigint, OUT stream_count bigint, OUT stream_bytes bigint, OUT total_txns bigint, OUT total_bytes bigint, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_slru(OUT name text, OUT blks_zeroed bigint, OUT blks_hit bigint, OUT blks_read bigint, OUT blks_written bigint, OUT blks_exists bigint, OUT flushes bigint, OUT truncates bigint, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_slru(OUT name text, OUT blks_zeroed bigint, OUT blks_hit bigint, OUT blks_read bigint, OUT blks_written bigint, OUT blks_exists bigint, OUT flushes bigint, OUT truncates bigint, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_snapshot_timestamp()
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_snapshot_timestamp() FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_subscription(subid oid, OUT subid oid, OUT relid oid, OUT pid integer, OUT leader_pid integer, OUT received_lsn pg_lsn, OUT last_msg_send_time timestamp with time zone, OUT last_msg_receipt_time timestamp with time zone, OUT latest_end_lsn pg_lsn, OUT latest_end_time timestamp with time zone, OUT worker_type text)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_subscription(subid oid, OUT subid oid, OUT relid oid, OUT pid integer, OUT leader_pid integer, OUT received_lsn pg_lsn, OUT last_msg_send_time timestamp with time zone, OUT last_msg_receipt_time timestamp with time zone, OUT latest_end_lsn pg_lsn, OUT latest_end_time timestamp with time zone, OUT worker_type text) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_subscription_stats(subid oid, OUT subid oid, OUT apply_error_count bigint, OUT sync_error_count bigint, OUT confl_insert_exists bigint, OUT confl_update_origin_differs bigint, OUT confl_update_exists bigint, OUT confl_update_missing bigint, OUT confl_delete_origin_differs bigint, OUT confl_delete_missing bigint, OUT confl_multiple_unique_conflicts bigint, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_subscription_stats(subid oid, OUT subid oid, OUT apply_error_count bigint, OUT sync_error_count bigint, OUT confl_insert_exists bigint, OUT confl_update_origin_differs bigint, OUT confl_update_exists bigint, OUT confl_update_missing bigint, OUT confl_delete_origin_differs bigint, OUT confl_delete_missing bigint, OUT confl_multiple_unique_conflicts bigint, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_total_analyze_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_total_analyze_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_total_autoanalyze_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_total_autoanalyze_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_total_autovacuum_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_total_autovacuum_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_total_vacuum_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_total_vacuum_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_tuples_deleted(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_tuples_deleted(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_tuples_fetched(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_tuples_fetched(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_tuples_hot_updated(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_tuples_hot_updated(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_tuples_inserted(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_tuples_inserted(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_tuples_newpage_updated(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_tuples_newpage_updated(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_tuples_returned(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_tuples_returned(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_tuples_updated(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_tuples_updated(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_vacuum_count(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_vacuum_count(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_wal(OUT wal_records bigint, OUT wal_fpi bigint, OUT wal_bytes numeric, OUT wal_buffers_full bigint, OUT stats_reset timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_wal(OUT wal_records bigint, OUT wal_fpi bigint, OUT wal_bytes numeric, OUT wal_buffers_full bigint, OUT stats_reset timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_wal_receiver(OUT pid integer, OUT status text, OUT receive_start_lsn pg_lsn, OUT receive_start_tli integer, OUT written_lsn pg_lsn, OUT flushed_lsn pg_lsn, OUT received_tli integer, OUT last_msg_send_time timestamp with time zone, OUT last_msg_receipt_time timestamp with time zone, OUT latest_end_lsn pg_lsn, OUT latest_end_time timestamp with time zone, OUT slot_name text, OUT sender_host text, OUT sender_port integer, OUT conninfo text)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_wal_receiver(OUT pid integer, OUT status text, OUT receive_start_lsn pg_lsn, OUT receive_start_tli integer, OUT written_lsn pg_lsn, OUT flushed_lsn pg_lsn, OUT received_tli integer, OUT last_msg_send_time timestamp with time zone, OUT last_msg_receipt_time timestamp with time zone, OUT latest_end_lsn pg_lsn, OUT latest_end_time timestamp with time zone, OUT slot_name text, OUT sender_host text, OUT sender_port integer, OUT conninfo text) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_wal_senders(OUT pid integer, OUT state text, OUT sent_lsn pg_lsn, OUT write_lsn pg_lsn, OUT flush_lsn pg_lsn, OUT replay_lsn pg_lsn, OUT write_lag interval, OUT flush_lag interval, OUT replay_lag interval, OUT sync_priority integer, OUT sync_state text, OUT reply_time timestamp with time zone)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_wal_senders(OUT pid integer, OUT state text, OUT sent_lsn pg_lsn, OUT write_lsn pg_lsn, OUT flush_lsn pg_lsn, OUT replay_lsn pg_lsn, OUT write_lag interval, OUT flush_lag interval, OUT replay_lag interval, OUT sync_priority integer, OUT sync_state text, OUT reply_time timestamp with time zone) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_blocks_fetched(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_blocks_fetched(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_blocks_hit(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_blocks_hit(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_function_calls(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_function_calls(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_function_self_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_function_self_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_function_total_time(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_function_total_time(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_numscans(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_numscans(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_tuples_deleted(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_tuples_deleted(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_tuples_fetched(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_tuples_fetched(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_tuples_hot_updated(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_tuples_hot_updated(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_tuples_inserted(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_tuples_inserted(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_tuples_newpage_updated(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_tuples_newpage_updated(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_tuples_returned(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_tuples_returned(oid) FROM PUBLIC;

-- ACL FUNCTION pg_stat_get_xact_tuples_updated(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_stat_get_xact_tuples_updated(oid) FROM PUBLIC;

-- ACL FUNCTION pg_table_size(regclass)
REVOKE ALL ON FUNCTION pg_catalog.pg_table_size(regclass) FROM PUBLIC;

-- ACL FUNCTION pg_tablespace_size(name)
REVOKE ALL ON FUNCTION pg_catalog.pg_tablespace_size(name) FROM PUBLIC;

-- ACL FUNCTION pg_tablespace_size(oid)
REVOKE ALL ON FUNCTION pg_catalog.pg_tablespace_size(oid) FROM PUBLIC;

-- ACL FUNCTION pg_terminate_backend(pid integer, timeout bigint)
REVOKE ALL ON FUNCTION pg_catalog.pg_terminate_backend(pid integer, timeout bigint) FROM PUBLIC;

-- ACL FUNCTION pg_total_relation_size(regclass)
REVOKE ALL ON FUNCTION pg_catalog.pg_total_relation_size(regclass) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_lock(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_lock(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_lock_shared(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_lock_shared(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_xact_lock(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_xact_lock(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_xact_lock_shared(bigint)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) FROM PUBLIC;

-- ACL FUNCTION pg_try_advisory_xact_lock_shared(integer, integer)
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO discreet_gate;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO discreet_owner;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO discreet_schema;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO discreet_worker;
REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) FROM PUBLIC;

-- ACL FUNCTION procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean)
GRANT ALL ON FUNCTION queue.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) FROM PUBLIC;

-- ACL FUNCTION procrastinate_defer_jobs_v1(jobs queue.procrastinate_job_to_defer_v1[])
GRANT ALL ON FUNCTION queue.procrastinate_defer_jobs_v1(jobs queue.procrastinate_job_to_defer_v1[]) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_defer_jobs_v1(jobs queue.procrastinate_job_to_defer_v1[]) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_defer_jobs_v1(jobs queue.procrastinate_job_to_defer_v1[]) FROM PUBLIC;

-- ACL FUNCTION procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb)
GRANT ALL ON FUNCTION queue.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) FROM PUBLIC;

-- ACL FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint)
GRANT ALL ON FUNCTION queue.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) FROM PUBLIC;

-- ACL FUNCTION procrastinate_finish_job_v1(job_id bigint, end_status queue.procrastinate_job_status, delete_job boolean)
GRANT ALL ON FUNCTION queue.procrastinate_finish_job_v1(job_id bigint, end_status queue.procrastinate_job_status, delete_job boolean) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_finish_job_v1(job_id bigint, end_status queue.procrastinate_job_status, delete_job boolean) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_finish_job_v1(job_id bigint, end_status queue.procrastinate_job_status, delete_job boolean) FROM PUBLIC;

-- ACL FUNCTION procrastinate_notify_queue_abort_job_v1()
GRANT ALL ON FUNCTION queue.procrastinate_notify_queue_abort_job_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_notify_queue_abort_job_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_notify_queue_abort_job_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_notify_queue_job_inserted_v1()
GRANT ALL ON FUNCTION queue.procrastinate_notify_queue_job_inserted_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_notify_queue_job_inserted_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_notify_queue_job_inserted_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision)
GRANT ALL ON FUNCTION queue.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) FROM PUBLIC;

-- ACL FUNCTION procrastinate_register_worker_v1()
GRANT ALL ON FUNCTION queue.procrastinate_register_worker_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_register_worker_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_register_worker_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying)
GRANT ALL ON FUNCTION queue.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) FROM PUBLIC;

-- ACL FUNCTION procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying)
GRANT ALL ON FUNCTION queue.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) FROM PUBLIC;

-- ACL FUNCTION procrastinate_trigger_abort_requested_events_procedure_v1()
GRANT ALL ON FUNCTION queue.procrastinate_trigger_abort_requested_events_procedure_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_trigger_abort_requested_events_procedure_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_trigger_abort_requested_events_procedure_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_trigger_function_scheduled_events_v1()
GRANT ALL ON FUNCTION queue.procrastinate_trigger_function_scheduled_events_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_trigger_function_scheduled_events_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_trigger_function_scheduled_events_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_trigger_function_status_events_insert_v1()
GRANT ALL ON FUNCTION queue.procrastinate_trigger_function_status_events_insert_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_trigger_function_status_events_insert_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_trigger_function_status_events_insert_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_trigger_function_status_events_update_v1()
GRANT ALL ON FUNCTION queue.procrastinate_trigger_function_status_events_update_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_trigger_function_status_events_update_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_trigger_function_status_events_update_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_unlink_periodic_defers_v1()
GRANT ALL ON FUNCTION queue.procrastinate_unlink_periodic_defers_v1() TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_unlink_periodic_defers_v1() TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_unlink_periodic_defers_v1() FROM PUBLIC;

-- ACL FUNCTION procrastinate_unregister_worker_v1(worker_id bigint)
GRANT ALL ON FUNCTION queue.procrastinate_unregister_worker_v1(worker_id bigint) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_unregister_worker_v1(worker_id bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_unregister_worker_v1(worker_id bigint) FROM PUBLIC;

-- ACL FUNCTION procrastinate_update_heartbeat_v1(worker_id bigint)
GRANT ALL ON FUNCTION queue.procrastinate_update_heartbeat_v1(worker_id bigint) TO discreet_gate;
GRANT ALL ON FUNCTION queue.procrastinate_update_heartbeat_v1(worker_id bigint) TO discreet_worker;
REVOKE ALL ON FUNCTION queue.procrastinate_update_heartbeat_v1(worker_id bigint) FROM PUBLIC;

-- ACL TABLE access_log
GRANT SELECT,INSERT ON TABLE discreet.access_log TO discreet_gate;

-- ACL TABLE admissions
GRANT DELETE ON TABLE discreet.admissions TO discreet_owner;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.admissions TO discreet_gate;

-- ACL TABLE agents
GRANT SELECT,DELETE ON TABLE discreet.agents TO discreet_gate;

-- ACL TABLE attachments
GRANT SELECT,INSERT,DELETE ON TABLE discreet.attachments TO discreet_gate;

-- ACL TABLE budgets
GRANT DELETE ON TABLE discreet.budgets TO discreet_owner;
GRANT SELECT ON TABLE discreet.budgets TO discreet_gate;

-- ACL TABLE channel_secrets
GRANT DELETE ON TABLE discreet.channel_secrets TO discreet_owner;

-- ACL TABLE contact_labels
GRANT DELETE ON TABLE discreet.contact_labels TO discreet_owner;
GRANT SELECT,INSERT,DELETE ON TABLE discreet.contact_labels TO discreet_gate;

-- ACL TABLE contacts
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.contacts TO discreet_gate;

-- ACL TABLE drafts
GRANT DELETE ON TABLE discreet.drafts TO discreet_owner;
GRANT SELECT,DELETE ON TABLE discreet.drafts TO discreet_gate;

-- ACL TABLE early_receipts
GRANT SELECT,INSERT,DELETE ON TABLE discreet.early_receipts TO discreet_gate;

-- ACL TABLE erased_addresses
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.erased_addresses TO discreet_gate;

-- ACL TABLE erasures
GRANT SELECT,INSERT,DELETE ON TABLE discreet.erasures TO discreet_gate;

-- ACL TABLE events
GRANT SELECT,INSERT,DELETE ON TABLE discreet.events TO discreet_gate;

-- ACL TABLE held_answers
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.held_answers TO discreet_gate;

-- ACL TABLE held_messages
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.held_messages TO discreet_gate;

-- ACL TABLE idempotency_keys
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.idempotency_keys TO discreet_gate;

-- ACL TABLE limit_hits
GRANT DELETE ON TABLE discreet.limit_hits TO discreet_owner;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.limit_hits TO discreet_gate;

-- ACL TABLE limits
GRANT DELETE ON TABLE discreet.limits TO discreet_owner;
GRANT SELECT,DELETE ON TABLE discreet.limits TO discreet_gate;

-- ACL TABLE link_requests
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.link_requests TO discreet_gate;

-- ACL TABLE linked_rows
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.linked_rows TO discreet_gate;

-- ACL TABLE links
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.links TO discreet_gate;

-- ACL TABLE mcp_sessions
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.mcp_sessions TO discreet_gate;

-- ACL TABLE memories
GRANT DELETE ON TABLE discreet.memories TO discreet_owner;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.memories TO discreet_gate;

-- ACL TABLE memory_history
GRANT SELECT,INSERT,DELETE ON TABLE discreet.memory_history TO discreet_gate;

-- ACL TABLE owner_links
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.owner_links TO discreet_gate;

-- ACL TABLE owner_notices
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.owner_notices TO discreet_gate;

-- ACL TABLE owner_term_stats
GRANT SELECT,INSERT,DELETE ON TABLE discreet.owner_term_stats TO discreet_gate;

-- ACL TABLE owners
GRANT SELECT,INSERT,DELETE ON TABLE discreet.owners TO discreet_gate;

-- ACL TABLE pairings
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.pairings TO discreet_gate;

-- ACL TABLE passages
GRANT DELETE ON TABLE discreet.passages TO discreet_owner;

-- ACL TABLE person_requests
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.person_requests TO discreet_gate;

-- ACL TABLE quarantine
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.quarantine TO discreet_gate;

-- ACL TABLE retention
GRANT DELETE ON TABLE discreet.retention TO discreet_owner;
GRANT SELECT ON TABLE discreet.retention TO discreet_gate;

-- ACL TABLE retention_runs
GRANT DELETE ON TABLE discreet.retention_runs TO discreet_owner;

-- ACL TABLE self_erasures
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.self_erasures TO discreet_gate;

-- ACL TABLE tokens
GRANT SELECT,INSERT,DELETE ON TABLE discreet.tokens TO discreet_gate;

-- ACL TABLE tool_calls
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.tool_calls TO discreet_gate;

-- ACL TABLE tool_servers
GRANT DELETE ON TABLE discreet.tool_servers TO discreet_owner;

-- ACL TABLE tools
GRANT DELETE ON TABLE discreet.tools TO discreet_owner;
GRANT SELECT ON TABLE discreet.tools TO discreet_gate;

-- ACL TABLE turns
GRANT SELECT,INSERT,DELETE ON TABLE discreet.turns TO discreet_gate;

-- ACL TABLE web_chats
GRANT DELETE ON TABLE discreet.web_chats TO discreet_owner;

-- ACL TABLE webhooks
GRANT DELETE ON TABLE discreet.webhooks TO discreet_owner;

-- ACL TABLE wrong_codes
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE discreet.wrong_codes TO discreet_gate;

-- ACL TABLE pg_locks
REVOKE SELECT ON TABLE pg_catalog.pg_locks FROM PUBLIC;

-- ACL TABLE pg_stat_activity
REVOKE SELECT ON TABLE pg_catalog.pg_stat_activity FROM PUBLIC;

-- ACL TABLE failures
GRANT SELECT,DELETE ON TABLE queue.failures TO discreet_gate;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE queue.failures TO discreet_worker;

-- ACL TABLE leases
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE queue.leases TO discreet_worker;

-- ACL TABLE procrastinate_events
GRANT SELECT,INSERT ON TABLE queue.procrastinate_events TO discreet_gate;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE queue.procrastinate_events TO discreet_worker;

-- ACL SEQUENCE procrastinate_events_id_seq
GRANT USAGE ON SEQUENCE queue.procrastinate_events_id_seq TO discreet_gate;
GRANT USAGE ON SEQUENCE queue.procrastinate_events_id_seq TO discreet_worker;

-- ACL SEQUENCE procrastinate_jobs_id_seq
GRANT USAGE ON SEQUENCE queue.procrastinate_jobs_id_seq TO discreet_gate;
GRANT USAGE ON SEQUENCE queue.procrastinate_jobs_id_seq TO discreet_worker;

-- ACL TABLE procrastinate_periodic_defers
GRANT SELECT ON TABLE queue.procrastinate_periodic_defers TO discreet_gate;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE queue.procrastinate_periodic_defers TO discreet_worker;

-- ACL SEQUENCE procrastinate_periodic_defers_id_seq
GRANT USAGE ON SEQUENCE queue.procrastinate_periodic_defers_id_seq TO discreet_gate;
GRANT USAGE ON SEQUENCE queue.procrastinate_periodic_defers_id_seq TO discreet_worker;

-- ACL TABLE procrastinate_workers
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE queue.procrastinate_workers TO discreet_worker;

-- ACL SEQUENCE procrastinate_workers_id_seq
GRANT USAGE ON SEQUENCE queue.procrastinate_workers_id_seq TO discreet_gate;
GRANT USAGE ON SEQUENCE queue.procrastinate_workers_id_seq TO discreet_worker;

-- ACL COLUMNS OF discreet.access_log
GRANT SELECT (contact_id, did, digest, noted_at, number, owner_id, place) ON discreet.access_log TO
    discreet_owner;

-- ACL COLUMNS OF discreet.addresses
GRANT SELECT (contact_id, created_at, name, of_owner, owner_id, platform, platform_id) ON
    discreet.addresses TO discreet_contact;
GRANT SELECT (contact_id, created_at, name, of_owner, owner_id, owner_key, platform, platform_id,
    scope_key) ON discreet.addresses TO discreet_owner;

-- ACL COLUMNS OF discreet.admissions
GRANT SELECT (agent_id, channel_id, contact_id, created_at, owner_id, owner_key) ON
    discreet.admissions TO discreet_owner;

-- ACL COLUMNS OF discreet.agents
GRANT SELECT (context_tokens, fallback_models, id, instructions, memory_model, model, name, role,
    unknown_reply) ON discreet.agents TO discreet_contact;
GRANT INSERT (context_tokens, fallback_models, holds_answers, instructions, memory_model, model,
    name, person_minutes, role, runs_reminders, unknown_reply, waits_for_person) ON discreet.agents
    TO discreet_owner;
GRANT SELECT (context_tokens, created_at, fallback_models, holds_answers, id, instructions,
    memory_model, model, name, owner_id, owner_key, paused_at, person_minutes, role, runs_reminders,
    scope_key, unknown_reply, updated_at, waits_for_person, xmin) ON discreet.agents TO
    discreet_owner;
GRANT UPDATE (context_tokens, fallback_models, holds_answers, instructions, memory_model, model,
    name, paused_at, person_minutes, role, runs_reminders, unknown_reply, updated_at,
    waits_for_person) ON discreet.agents TO discreet_owner;
GRANT SELECT (context_tokens, fallback_models, id, instructions, memory_model, model, name, role,
    unknown_reply) ON discreet.agents TO discreet_shared;

-- ACL COLUMNS OF discreet.attachments
GRANT SELECT ("position", agent_id, channel_id, chat_id, contact_id, content, created_at, id, kind,
    media_type, message_id, name, owner_id, party, platform_file, platform_message_id, refusal,
    route_id, session_id, shared, size, state) ON discreet.attachments TO discreet_contact;
GRANT UPDATE (content, media_type, refusal, size, state) ON discreet.attachments TO
    discreet_contact;
GRANT UPDATE (agent_id, contact_id) ON discreet.attachments TO discreet_gate;
GRANT SELECT ("position", agent_id, channel_id, chat_id, contact_id, content, created_at, id, kind,
    media_type, message_id, name, owner_id, owner_key, party, platform_file, platform_message_id,
    refusal, route_id, scope_key, session_id, shared, size, state) ON discreet.attachments TO
    discreet_owner;
GRANT UPDATE (content, media_type, refusal, size, state) ON discreet.attachments TO discreet_owner;
GRANT SELECT ("position", agent_id, channel_id, chat_id, contact_id, content, created_at, id, kind,
    media_type, message_id, name, owner_id, party, platform_file, platform_message_id, refusal,
    route_id, session_id, shared, size, state) ON discreet.attachments TO discreet_shared;
GRANT UPDATE (content, media_type, refusal, size, state) ON discreet.attachments TO discreet_shared;

-- ACL COLUMNS OF discreet.budgets
GRANT INSERT (agent_id, money_a_day, tokens_a_day) ON discreet.budgets TO discreet_owner;
GRANT SELECT (agent_id, money_a_day, owner_id, owner_key, tokens_a_day) ON discreet.budgets TO
    discreet_owner;
GRANT UPDATE (money_a_day, tokens_a_day) ON discreet.budgets TO discreet_owner;

-- ACL COLUMNS OF discreet.channel_secrets
GRANT SELECT (account, changed_at, owner_id, platform) ON discreet.channel_secrets TO discreet_gate;
GRANT INSERT (account, platform, sealed) ON discreet.channel_secrets TO discreet_owner;
GRANT SELECT (account, changed_at, owner_id, owner_key, platform, sealed) ON
    discreet.channel_secrets TO discreet_owner;
GRANT UPDATE (changed_at, sealed) ON discreet.channel_secrets TO discreet_owner;

-- ACL COLUMNS OF discreet.channels
GRANT UPDATE (agent_id, closed_at, last_error, only_chat, received_through) ON discreet.channels TO
    discreet_gate;
GRANT INSERT (account, admission, agent_id, name, only_chat, parent_id, platform) ON
    discreet.channels TO discreet_owner;
GRANT SELECT (account, admission, agent_id, closed_at, contact_labels, created_at, debounce, id,
    last_error, name, only_chat, owner_id, owner_key, parent_id, platform, received_through) ON
    discreet.channels TO discreet_owner;
GRANT UPDATE (admission, closed_at, contact_labels, debounce, name) ON discreet.channels TO
    discreet_owner;

-- ACL COLUMNS OF discreet.connections
GRANT SELECT (agent_id, connected_at, contact_id, created_at, expires_at, id, owner_id, party,
    renewing_until, sealed, server_id, state) ON discreet.connections TO discreet_contact;
GRANT SELECT (agent_id, connected_at, contact_id, created_at, expires_at, id, owner_id, owner_key,
    party, renewing_until, scope_key, sealed, server_id, state) ON discreet.connections TO
    discreet_owner;

-- ACL COLUMNS OF discreet.contact_labels
GRANT INSERT (contact_id, label) ON discreet.contact_labels TO discreet_owner;
GRANT SELECT (contact_id, created_at, label, owner_id, owner_key) ON discreet.contact_labels TO
    discreet_owner;

-- ACL COLUMNS OF discreet.contacts
GRANT SELECT (created_at, id, name, owner_id, time_zone, type) ON discreet.contacts TO
    discreet_contact;
GRANT SELECT (aliases, blocked_at, created_at, decoy, holds_answers, id, merged_into, name, note,
    on_hold_at, owner_id, owner_key, scope_key, stopped_at, taken_over_at, time_zone, type, xmin) ON
    discreet.contacts TO discreet_owner;
GRANT UPDATE (aliases, blocked_at, holds_answers, name, note, on_hold_at, taken_over_at) ON
    discreet.contacts TO discreet_owner;

-- ACL COLUMNS OF discreet.drafts
GRANT INSERT (text, turn_id) ON discreet.drafts TO discreet_contact;
GRANT SELECT (agent_id, contact_id, owner_id, party, shared, text, turn_id) ON discreet.drafts TO
    discreet_contact;
GRANT UPDATE (text) ON discreet.drafts TO discreet_contact;
GRANT INSERT (text, turn_id) ON discreet.drafts TO discreet_owner;
GRANT SELECT (agent_id, contact_id, owner_id, owner_key, party, scope_key, shared, text, turn_id) ON
    discreet.drafts TO discreet_owner;
GRANT UPDATE (text) ON discreet.drafts TO discreet_owner;
GRANT INSERT (text, turn_id) ON discreet.drafts TO discreet_shared;
GRANT SELECT (agent_id, contact_id, owner_id, party, shared, text, turn_id) ON discreet.drafts TO
    discreet_shared;
GRANT UPDATE (text) ON discreet.drafts TO discreet_shared;

-- ACL COLUMNS OF discreet.erasures
GRANT SELECT (counts, erased_at, id, owner_id, owner_key) ON discreet.erasures TO discreet_owner;

-- ACL COLUMNS OF discreet.events
GRANT SELECT (agent_id, contact_id, created_at, data, id, kind, message_id, owner_id, party,
    session_id, shared, tx) ON discreet.events TO discreet_contact;
GRANT SELECT (agent_id, contact_id, created_at, data, for_owner, id, kind, message_id, owner_id,
    owner_key, party, scope_key, session_id, shared, tx) ON discreet.events TO discreet_owner;
GRANT SELECT (agent_id, contact_id, created_at, data, id, kind, message_id, owner_id, party,
    session_id, shared, tx) ON discreet.events TO discreet_shared;

-- ACL COLUMNS OF discreet.held_answers
GRANT SELECT (created_at, decided_at, edited, id, owner_id, session_id, state, text, turn_id) ON
    discreet.held_answers TO discreet_owner;

-- ACL COLUMNS OF discreet.held_messages
GRANT SELECT (arrived, channel_id, chat_id, created_at, owner_id, owner_key, pairing_id,
    platform_message) ON discreet.held_messages TO discreet_owner;

-- ACL COLUMNS OF discreet.limit_hits
GRANT SELECT (agent_id, contact_id, kind, owner_id, owner_key, refused, since, until) ON
    discreet.limit_hits TO discreet_owner;

-- ACL COLUMNS OF discreet.limits
GRANT INSERT (contact_id, messages_a_minute, money_a_day, tokens_a_day, waiting) ON discreet.limits
    TO discreet_owner;
GRANT SELECT (contact_id, id, messages_a_minute, money_a_day, owner_id, owner_key, tokens_a_day,
    waiting) ON discreet.limits TO discreet_owner;
GRANT UPDATE (messages_a_minute, money_a_day, tokens_a_day, waiting) ON discreet.limits TO
    discreet_owner;

-- ACL COLUMNS OF discreet.linked_rows
GRANT SELECT (key, kind, link_id, owner_id, owner_key, previous_value) ON discreet.linked_rows TO
    discreet_owner;

-- ACL COLUMNS OF discreet.links
GRANT SELECT (id, linked_at, merged_id, owner_id, owner_key, proof, survivor_id, undone_at) ON
    discreet.links TO discreet_owner;

-- ACL COLUMNS OF discreet.memories
GRANT INSERT (content, embedder, embedding, expires_at, metadata, salience, source, summary, terms,
    tokens, topic_key, topics, turn_id) ON discreet.memories TO discreet_contact;
GRANT SELECT (agent_id, contact_id, content, created_at, digest, embedder, embedding, expires_at,
    id, metadata, owner_id, party, salience, shared, source, summary, terms, tokens, topic_key,
    topics, turn_id, updated_at, used_at, version) ON discreet.memories TO discreet_contact;
GRANT UPDATE (content, embedder, embedding, expires_at, metadata, salience, source, summary, terms,
    tokens, topic_key, topics, turn_id, updated_at, used_at, version) ON discreet.memories TO
    discreet_contact;
GRANT INSERT (agent_id, content, embedder, embedding, expires_at, metadata, salience, source,
    summary, terms, tokens, topic_key, topics, turn_id) ON discreet.memories TO discreet_owner;
GRANT SELECT (agent_id, contact_id, content, created_at, decoy, digest, embedder, embedding,
    expires_at, id, metadata, owner_id, owner_key, party, salience, scope_key, shared, source,
    summary, terms, tokens, topic_key, topics, turn_id, updated_at, used_at, version) ON
    discreet.memories TO discreet_owner;
GRANT UPDATE (content, embedder, embedding, expires_at, metadata, salience, source, summary, terms,
    tokens, topic_key, topics, turn_id, updated_at, used_at, version) ON discreet.memories TO
    discreet_owner;
GRANT INSERT (content, embedder, embedding, expires_at, metadata, salience, source, summary, terms,
    tokens, topic_key, topics, turn_id) ON discreet.memories TO discreet_shared;
GRANT SELECT (agent_id, contact_id, content, created_at, digest, embedder, embedding, expires_at,
    id, metadata, owner_id, party, salience, shared, source, summary, terms, tokens, topic_key,
    topics, turn_id, updated_at, used_at, version) ON discreet.memories TO discreet_shared;
GRANT UPDATE (content, embedder, embedding, expires_at, metadata, salience, source, summary, terms,
    tokens, topic_key, topics, turn_id, updated_at, used_at, version) ON discreet.memories TO
    discreet_shared;

-- ACL COLUMNS OF discreet.memory_history
GRANT SELECT (agent_id, archived_at, change, contact_id, content, created_at, embedder, embedding,
    expires_at, memory_id, metadata, owner_id, party, salience, shared, source, summary, terms,
    tokens, topic_key, topics, turn_id, updated_at, version) ON discreet.memory_history TO
    discreet_contact;
GRANT UPDATE (agent_id, contact_id) ON discreet.memory_history TO discreet_gate;
GRANT SELECT (agent_id, archived_at, change, contact_id, content, created_at, embedder, embedding,
    expires_at, memory_id, metadata, owner_id, owner_key, party, salience, scope_key, shared,
    source, summary, terms, tokens, topic_key, topics, turn_id, updated_at, version) ON
    discreet.memory_history TO discreet_owner;
GRANT SELECT (agent_id, archived_at, change, contact_id, content, created_at, embedder, embedding,
    expires_at, memory_id, metadata, owner_id, party, salience, shared, source, summary, terms,
    tokens, topic_key, topics, turn_id, updated_at, version) ON discreet.memory_history TO
    discreet_shared;

-- ACL COLUMNS OF discreet.messages
GRANT INSERT ("position", command, direction, embedder, embedding, reply_to, route_id, session_id,
    state, terms, text, tokens, turn_id) ON discreet.messages TO discreet_contact;
GRANT SELECT ("position", agent_id, album, attempts, channel_id, chat_id, command, contact_id,
    created_at, details, direction, edited_by, embedder, embedding, id, in_person, not_before,
    owner_id, party, platform_message_id, replies_to, reply_to, restarted, route_id, sender_address,
    sender_contact_id, sender_name, sent_at, session_id, shared, state, terms, text, tokens,
    turn_id) ON discreet.messages TO discreet_contact;
GRANT UPDATE (attempts, embedder, embedding, not_before, state, terms, tokens, turn_id) ON
    discreet.messages TO discreet_contact;
GRANT INSERT ("position", command, direction, embedder, embedding, reply_to, route_id, session_id,
    state, terms, text, tokens, turn_id) ON discreet.messages TO discreet_owner;
GRANT SELECT ("position", agent_id, album, attempts, channel_id, chat_id, command, contact_id,
    created_at, details, direction, edited_by, embedder, embedding, id, in_person, not_before,
    owner_id, owner_key, party, platform_message_id, replies_to, reply_to, restarted, route_id,
    scope_key, sender_address, sender_contact_id, sender_name, sent_at, session_id, shared, state,
    terms, text, tokens, turn_id) ON discreet.messages TO discreet_owner;
GRANT UPDATE (attempts, embedder, embedding, not_before, state, terms, tokens, turn_id) ON
    discreet.messages TO discreet_owner;
GRANT INSERT ("position", command, direction, embedder, embedding, reply_to, route_id, session_id,
    state, terms, text, tokens, turn_id) ON discreet.messages TO discreet_shared;
GRANT SELECT ("position", agent_id, album, attempts, channel_id, chat_id, command, contact_id,
    created_at, details, direction, edited_by, embedder, embedding, id, in_person, not_before,
    owner_id, party, platform_message_id, replies_to, reply_to, restarted, route_id, sender_address,
    sender_contact_id, sender_name, sent_at, session_id, shared, state, terms, text, tokens,
    turn_id) ON discreet.messages TO discreet_shared;
GRANT UPDATE (attempts, embedder, embedding, not_before, state, terms, tokens, turn_id) ON
    discreet.messages TO discreet_shared;

-- ACL COLUMNS OF discreet.outbox
GRANT INSERT (attempts, message_id, parts_sent, platform_messages, route_id, sent_at, session_id,
    state) ON discreet.outbox TO discreet_contact;
GRANT SELECT (agent_id, attempts, contact_id, created_at, delivered_at, error, message_id,
    next_try_at, owner_id, parts_sent, party, platform_messages, read_at, route_id, sent_at,
    session_id, shared, state, uncertain_since) ON discreet.outbox TO discreet_contact;
GRANT UPDATE (attempts, error, next_try_at, parts_sent, platform_messages, sent_at, state,
    uncertain_since) ON discreet.outbox TO discreet_contact;
GRANT UPDATE (agent_id, contact_id, delivered_at, error, read_at, state) ON discreet.outbox TO
    discreet_gate;
GRANT INSERT (attempts, message_id, parts_sent, platform_messages, route_id, sent_at, session_id,
    state) ON discreet.outbox TO discreet_owner;
GRANT SELECT (agent_id, attempts, contact_id, created_at, delivered_at, error, message_id,
    next_try_at, owner_id, owner_key, parts_sent, party, platform_messages, read_at, route_id,
    scope_key, sent_at, session_id, shared, state, uncertain_since) ON discreet.outbox TO
    discreet_owner;
GRANT UPDATE (attempts, error, next_try_at, parts_sent, platform_messages, sent_at, state,
    uncertain_since) ON discreet.outbox TO discreet_owner;
GRANT INSERT (attempts, message_id, parts_sent, platform_messages, route_id, sent_at, session_id,
    state) ON discreet.outbox TO discreet_shared;
GRANT SELECT (agent_id, attempts, contact_id, created_at, delivered_at, error, message_id,
    next_try_at, owner_id, parts_sent, party, platform_messages, read_at, route_id, sent_at,
    session_id, shared, state, uncertain_since) ON discreet.outbox TO discreet_shared;
GRANT UPDATE (attempts, error, next_try_at, parts_sent, platform_messages, sent_at, state,
    uncertain_since) ON discreet.outbox TO discreet_shared;

-- ACL COLUMNS OF discreet.owner_chats
GRANT SELECT (agent_id, channel_id, chat_id, created_at, owner_id, platform, platform_id, used_at)
    ON discreet.owner_chats TO discreet_owner;

-- ACL COLUMNS OF discreet.owner_links
GRANT SELECT (created_at, expires_at, id, owner_id, platform, used_at, used_by) ON
    discreet.owner_links TO discreet_owner;

-- ACL COLUMNS OF discreet.owner_notices
GRANT SELECT (contact_id, key, kind, message_id, owner_id, told_at) ON discreet.owner_notices TO
    discreet_owner;

-- ACL COLUMNS OF discreet.owner_term_stats
GRANT SELECT (document_frequency, owner_id, owner_key, word) ON discreet.owner_term_stats TO
    discreet_owner;

-- ACL COLUMNS OF discreet.owners
GRANT SELECT (created_at, id, name, owner_key, seen_at) ON discreet.owners TO discreet_owner;
GRANT UPDATE (seen_at) ON discreet.owners TO discreet_owner;

-- ACL COLUMNS OF discreet.pairings
GRANT SELECT (agent_id, channel_id, contact_id, created_at, expires_at, id, issued_at, owner_id,
    state) ON discreet.pairings TO discreet_owner;

-- ACL COLUMNS OF discreet.passages
GRANT SELECT ("position", agent_id, content, created_at, embedder, embedding, id, owner_id, terms,
    title, tokens) ON discreet.passages TO discreet_contact;
GRANT INSERT ("position", agent_id, content, embedder, embedding, terms, title, tokens) ON
    discreet.passages TO discreet_owner;
GRANT SELECT ("position", agent_id, content, created_at, embedder, embedding, id, owner_id,
    owner_key, scope_key, terms, title, tokens) ON discreet.passages TO discreet_owner;
GRANT UPDATE (embedder, embedding, terms, tokens) ON discreet.passages TO discreet_owner;
GRANT SELECT ("position", agent_id, content, created_at, embedder, embedding, id, owner_id, terms,
    title, tokens) ON discreet.passages TO discreet_shared;

-- ACL COLUMNS OF discreet.person_requests
GRANT SELECT (answered_at, created_at, ends_at, id, is_awaited, owner_id, reason, session_id,
    turn_id) ON discreet.person_requests TO discreet_owner;

-- ACL COLUMNS OF discreet.quarantine
GRANT SELECT (attempts, channel_id, created_at, dedupe_key, id, inbound, next_try_at, owner_id,
    owner_key, reason, released_at) ON discreet.quarantine TO discreet_owner;

-- ACL COLUMNS OF discreet.reminders
GRANT SELECT (agent_id, contact_id, created_at, due_at, id, owner_id, party, route_id, rule,
    session_id, shared, starts_at, text, zone) ON discreet.reminders TO discreet_contact;
GRANT UPDATE (agent_id, contact_id, due_at) ON discreet.reminders TO discreet_gate;
GRANT SELECT (agent_id, asked_by, contact_id, created_at, due_at, id, owner_id, owner_key, party,
    route_id, rule, scope_key, session_id, shared, starts_at, text, zone) ON discreet.reminders TO
    discreet_owner;
GRANT SELECT (agent_id, contact_id, created_at, due_at, id, owner_id, party, route_id, rule,
    session_id, shared, starts_at, text, zone) ON discreet.reminders TO discreet_shared;

-- ACL COLUMNS OF discreet.retention
GRANT INSERT (agent_id, channel_id, days, kind) ON discreet.retention TO discreet_owner;
GRANT SELECT (agent_id, channel_id, days, kind, owner_id, owner_key) ON discreet.retention TO
    discreet_owner;
GRANT UPDATE (days) ON discreet.retention TO discreet_owner;

-- ACL COLUMNS OF discreet.retention_runs
GRANT INSERT (began_at, counts) ON discreet.retention_runs TO discreet_owner;
GRANT SELECT (began_at, counts, ended_at, id, owner_id, owner_key) ON discreet.retention_runs TO
    discreet_owner;

-- ACL COLUMNS OF discreet.routes
GRANT SELECT (agent_id, channel_id, chat_id, contact_id, draft_at, draft_message, id, owner_id,
    party, session_id, shared, thread_id) ON discreet.routes TO discreet_contact;
GRANT UPDATE (draft_at, draft_message) ON discreet.routes TO discreet_contact;
GRANT UPDATE (agent_id, contact_id) ON discreet.routes TO discreet_gate;
GRANT SELECT (agent_id, channel_id, chat_id, contact_id, draft_at, draft_message, id, owner_id,
    owner_key, party, scope_key, session_id, shared, thread_id) ON discreet.routes TO
    discreet_owner;
GRANT UPDATE (draft_at, draft_message) ON discreet.routes TO discreet_owner;
GRANT SELECT (agent_id, channel_id, chat_id, contact_id, draft_at, draft_message, id, owner_id,
    party, session_id, shared, thread_id) ON discreet.routes TO discreet_shared;
GRANT UPDATE (draft_at, draft_message) ON discreet.routes TO discreet_shared;

-- ACL COLUMNS OF discreet.sessions
GRANT SELECT (agent_id, compacted_to, contact_id, created_at, current_turn, ended_at, id,
    last_message_at, last_position, owner_id, party, shared, summary_id, thread_key) ON
    discreet.sessions TO discreet_contact;
GRANT UPDATE (compacted_to, current_turn, ended_at, last_message_at, last_position, summary_id) ON
    discreet.sessions TO discreet_contact;
GRANT SELECT (active_hour, agent_id, compacted_to, contact_id, created_at, current_turn, ended_at,
    id, last_message_at, last_position, owner_id, owner_key, party, scope_key, seen_at, shared,
    summary_id, takeover_contact_id, thread_key) ON discreet.sessions TO discreet_owner;
GRANT UPDATE (compacted_to, current_turn, ended_at, last_message_at, last_position, seen_at,
    summary_id, takeover_contact_id) ON discreet.sessions TO discreet_owner;
GRANT SELECT (agent_id, compacted_to, contact_id, created_at, current_turn, ended_at, id,
    last_message_at, last_position, owner_id, party, shared, summary_id, thread_key) ON
    discreet.sessions TO discreet_shared;
GRANT UPDATE (compacted_to, current_turn, ended_at, last_message_at, last_position, summary_id) ON
    discreet.sessions TO discreet_shared;

-- ACL COLUMNS OF discreet.tokens
GRANT UPDATE (last_used_at, revoked_at) ON discreet.tokens TO discreet_gate;
GRANT INSERT (agent_id, contact_id, digest, expires_at, name, prefix, purpose) ON discreet.tokens TO
    discreet_owner;
GRANT SELECT (agent_id, contact_id, created_at, expires_at, id, last_used_at, minted_by, name,
    owner_id, prefix, purpose, revoked_at) ON discreet.tokens TO discreet_owner;
GRANT UPDATE (revoked_at) ON discreet.tokens TO discreet_owner;

-- ACL COLUMNS OF discreet.tool_calls
GRANT SELECT (arguments, called, created_at, decided_at, decided_by, decider, expires_at, id,
    owner_id, route_id, server_id, session_id, shown_to, state) ON discreet.tool_calls TO
    discreet_owner;

-- ACL COLUMNS OF discreet.tool_servers
GRANT SELECT (agent_id, id, name, owner_id, owner_key, signs_in, url) ON discreet.tool_servers TO
    discreet_gate;
GRANT INSERT (agent_id, command, name, ports, readable, sealed, shared, signs_in, tells_addresses,
    trusted, url) ON discreet.tool_servers TO discreet_owner;
GRANT SELECT (agent_id, command, created_at, id, last_error, name, offered, owner_id, owner_key,
    ports, readable, sealed, shared, signs_in, tells_addresses, trusted, url) ON
    discreet.tool_servers TO discreet_owner;
GRANT UPDATE (last_error, offered, sealed) ON discreet.tool_servers TO discreet_owner;

-- ACL COLUMNS OF discreet.tools
GRANT INSERT (called, confirm, description, name, reads_only, schema, server_id) ON discreet.tools
    TO discreet_owner;
GRANT SELECT (allowed, approved_at, called, confirm, description, in_groups, labels, name, owner_id,
    owner_key, reads_only, schema, server_id) ON discreet.tools TO discreet_owner;
GRANT UPDATE (allowed, approved_at, called, confirm, description, in_groups, labels, reads_only,
    schema) ON discreet.tools TO discreet_owner;

-- ACL COLUMNS OF discreet.turns
GRANT INSERT (attempt, model, route_id, session_id) ON discreet.turns TO discreet_contact;
GRANT SELECT (acted, agent_id, attempt, contact_id, error, finished_at, id, model, owner_id, party,
    route_id, session_id, shared, started_at, state) ON discreet.turns TO discreet_contact;
GRANT UPDATE (acted, error, finished_at, model, prompt, state, steps, usage) ON discreet.turns TO
    discreet_contact;
GRANT UPDATE (agent_id, contact_id, error, finished_at, prompt, read, state, steps) ON
    discreet.turns TO discreet_gate;
GRANT INSERT (attempt, model, route_id, session_id) ON discreet.turns TO discreet_owner;
GRANT SELECT (acted, agent_id, attempt, contact_id, error, finished_at, id, model, owner_id,
    owner_key, party, prompt, read, route_id, scope_key, session_id, shared, started_at, state,
    steps, usage) ON discreet.turns TO discreet_owner;
GRANT UPDATE (acted, error, finished_at, model, prompt, read, state, steps, usage) ON discreet.turns
    TO discreet_owner;
GRANT INSERT (attempt, model, route_id, session_id) ON discreet.turns TO discreet_shared;
GRANT SELECT (acted, agent_id, attempt, contact_id, error, finished_at, id, model, owner_id, party,
    route_id, session_id, shared, started_at, state) ON discreet.turns TO discreet_shared;
GRANT UPDATE (acted, error, finished_at, model, prompt, state, steps, usage) ON discreet.turns TO
    discreet_shared;

-- ACL COLUMNS OF discreet.web_chats
GRANT INSERT (agent_id, id, minter_id, name, origins, public_key, sealed) ON discreet.web_chats TO
    discreet_owner;
GRANT SELECT (agent_id, created_at, id, minter_id, name, origins, owner_id, owner_key, public_key,
    sealed) ON discreet.web_chats TO discreet_owner;
GRANT UPDATE (agent_id, minter_id) ON discreet.web_chats TO discreet_owner;

-- ACL COLUMNS OF discreet.webhooks
GRANT SELECT (agent_id, claimed_until, disabled_at, id, kinds, last_event_at, last_event_id,
    last_event_tx, next_try_at, owner_id, owner_key) ON discreet.webhooks TO discreet_gate;
GRANT UPDATE (claimed_until) ON discreet.webhooks TO discreet_gate;
GRANT INSERT (agent_id, allow_private, id, kinds, sealed, url) ON discreet.webhooks TO
    discreet_owner;
GRANT SELECT (agent_id, allow_private, attempts, claimed_until, created_at, disabled_at,
    failing_since, id, kinds, last_error, last_event_at, last_event_id, last_event_tx, next_try_at,
    owner_id, owner_key, sealed, url) ON discreet.webhooks TO discreet_owner;
GRANT UPDATE (attempts, claimed_until, disabled_at, failing_since, last_error, last_event_at,
    last_event_id, last_event_tx, next_try_at) ON discreet.webhooks TO discreet_owner;

-- ACL COLUMNS OF discreet.wrong_codes
GRANT SELECT (contact_id, id, owner_id, owner_key, sender, tried_at) ON discreet.wrong_codes TO
    discreet_owner;

-- ACL COLUMNS OF queue.procrastinate_jobs
GRANT UPDATE (priority, scheduled_at) ON queue.procrastinate_jobs TO discreet_gate;

-- ACL COLUMNS OF queue.procrastinate_periodic_defers
GRANT UPDATE (job_id) ON queue.procrastinate_periodic_defers TO discreet_gate;
